//! Text to label through keys, query, inference and answer, under toy parameters.

mod common;

use std::path::Path;

use ckks_core::file::{self, WriteOptions};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use distilbert_he::Error;
use distilbert_he::client::{
    BatchPlan, ClientModel, KeySet, decrypt_answer, decrypt_answers, encrypt_ids, encrypt_text, encrypt_together, keygen,
};
use distilbert_he::message::{Answer, Query};
use distilbert_he::server::{ServerModel, infer};
use distilbert_he::student::SigmoidForm;
use distilbert_he::tokenizer::{LongText, Tokenizer};
use he_tensor::evaluator::{Encryption, Simulator};

struct Setting {
    params: Params,
    client: ClientModel,
    server: ServerModel,
    keys: KeySet,
    randomness: Randomness,
}

fn tokenizer() -> Tokenizer {
    Tokenizer::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny")).unwrap()
}

fn setting(blocks: usize) -> Setting {
    let params = Params::new_insecure(ParamsLiteral::toy(10, 6 + 2 * blocks)).unwrap();
    let client = ClientModel::new(common::student(blocks), tokenizer(), &params).unwrap();
    let server = ServerModel::new(&common::student(blocks), &params).unwrap();
    let mut randomness = Randomness::insecure_from_seed(5);
    let mut seen = 0;
    let keys = keygen(&client, &mut randomness, |done, total| {
        assert!(done <= total);
        seen = done;
    })
    .unwrap();
    assert_eq!(seen, client.compiled().key_requirements().count());
    Setting { params, client, server, keys, randomness }
}

/// Standard deviation of the score's error that the simulator predicts, per slot (real part).
fn predicted_deviation(s: &Setting, ids: &[u32], positions: usize) -> f64 {
    let simulator = Simulator::new(&s.params);
    let compiled = s.client.compiled();
    let slots = common::slots(s.client.student(), compiled, ids, positions);
    let tokens = simulator.encrypt_at(&slots, compiled.input_level(), Encryption::Symmetric).unwrap();
    let score = compiled.circuit(positions).unwrap().run(&simulator, &tokens, &mut |_| ()).unwrap();
    (score.mean_variance() / 2.0).sqrt()
}

#[test]
fn an_encrypted_answer_is_the_plain_one_within_the_predicted_noise() {
    for blocks in [0, 2] {
        let mut s = setting(blocks);
        for ids in common::sentences().into_iter().step_by(4) {
            let (query, positions) = encrypt_ids(&s.client, &s.keys.secret, &ids, &mut s.randomness).unwrap();
            let mut stages = 0;
            let answer = infer(&s.server, &s.keys.evaluation, &query, &mut |p| {
                assert_eq!(p.stage.index, stages);
                stages += 1;
                assert!(stages <= p.stage.total);
            })
            .unwrap();
            assert_eq!(stages, 2 * blocks + 3);
            assert_eq!(answer.score.level(), 0);
            let prediction = decrypt_answer(&s.params, &s.keys.secret, &answer).unwrap();
            let margin = s.client.student().margins(&[&ids]).unwrap()[0];
            let wanted = s.client.student().score(margin, SigmoidForm::Polynomial);
            let deviation = predicted_deviation(&s, &ids, positions);
            // Six standard deviations of a single slot; the prediction counts errors as independent and may be two bits off.
            let bound = 6.0 * 4.0 * deviation;
            assert!((prediction.unrounded - wanted).abs() < bound, "{} against {wanted}, bound {bound:e}", prediction.unrounded);
            assert!(
                (prediction.precision_bits + deviation.log2()).abs() < 2.0,
                "{} bits, predicted {}",
                prediction.precision_bits,
                -deviation.log2()
            );
            let label = if wanted >= 0.5 { "POSITIVE" } else { "NEGATIVE" };
            assert_eq!(prediction.label, label);
            assert!((prediction.score - wanted.max(1.0 - wanted)).abs() < 0.0005 + bound);
        }
    }
}

#[test]
fn sentences_that_share_a_ciphertext_get_their_own_scores() {
    let mut s = setting(2);
    let sentences: Vec<Vec<u32>> = common::sentences().into_iter().filter(|ids| ids.len() > 8).collect();
    let margins = s.client.student().margins(&sentences).unwrap();
    let wanted: Vec<f64> = margins.iter().map(|&m| s.client.student().score(m, SigmoidForm::Polynomial)).collect();
    let bound = 6.0 * 4.0 * predicted_deviation(&s, &sentences[0], 16);
    assert!(bound < 1.0 / 128.0, "the bound {bound} is no stricter than what is promised");
    // Each in other company and another place: a neighbour that leaked in would move the score by far more than the bound.
    for members in [vec![0, 1, 2, 3], vec![3, 2, 7], vec![5, 0], vec![4], vec![6, 6, 6, 1]] {
        let ids: Vec<&[u32]> = members.iter().map(|&i| sentences[i].as_slice()).collect();
        let query = encrypt_together(&s.client, &s.keys.secret, &ids, 16, &mut s.randomness).unwrap();
        assert_eq!(query.sentences, members.len());
        let answer = infer(&s.server, &s.keys.evaluation, &query, &mut |_| ()).unwrap();
        assert_eq!((answer.sentences, answer.places), (members.len(), 4));
        let found = decrypt_answers(&s.params, &s.keys.secret, &answer).unwrap();
        assert_eq!(found.len(), members.len());
        for (prediction, &i) in found.iter().zip(&members) {
            let off = (prediction.unrounded - wanted[i]).abs();
            assert!(off < bound, "sentence {i} in {members:?}: off by {off:e}, bound {bound:e}");
        }
        if members.len() > 1 {
            let message = decrypt_answer(&s.params, &s.keys.secret, &answer).unwrap_err().to_string();
            assert!(message.contains("number of sentences"), "{message}");
        }
    }
    let five: Vec<&[u32]> = sentences.iter().take(5).map(Vec::as_slice).collect();
    let message = encrypt_together(&s.client, &s.keys.secret, &five, 16, &mut s.randomness).err().unwrap().to_string();
    assert!(message.contains("5 sentences") && message.contains("1 to 4"), "{message}");
}

#[test]
fn a_batch_is_grouped_by_class_and_fills_its_ciphertexts() {
    let s = setting(0);
    // Classes of 4, 8 and 16 positions hold 16, 8 and 4 sentences.
    let lengths = [16, 3, 5, 16, 4, 12, 8, 9, 16].into_iter().enumerate();
    let plan = BatchPlan::new(&s.client, lengths.map(|(i, n)| (10 * i, n))).unwrap();
    let queries: Vec<_> = plan.queries.iter().map(|q| (q.positions, q.members.as_slice())).collect();
    assert_eq!(queries, [(4, &[10, 40][..]), (8, &[20, 60][..]), (16, &[0, 30, 50, 70][..]), (16, &[80][..])]);
    let groups: Vec<_> = plan.groups.iter().map(|g| (g.positions, g.sentences, g.queries)).collect();
    assert_eq!(groups, [(4, 2, 1), (8, 2, 1), (16, 5, 2)]);
    assert!(BatchPlan::new(&s.client, [(0, 17)]).is_err());
}

#[test]
fn texts_go_in_with_a_report_of_what_was_kept() {
    let mut s = setting(0);
    let text = "A gorgeous, witty, seductive movie!";
    let (query, report) = encrypt_text(&s.client, &s.keys.secret, text, LongText::Refuse, &mut s.randomness).unwrap();
    assert_eq!((report.tokens, report.cut_tokens, report.positions, query.positions), (11, 0, 16, 16));
    let long = "movie ".repeat(40);
    let (_, report) = encrypt_text(&s.client, &s.keys.secret, &long, LongText::Cut, &mut s.randomness).unwrap();
    assert_eq!((report.tokens, report.cut_tokens), (16, 26));
    assert!(matches!(
        encrypt_text(&s.client, &s.keys.secret, &long, LongText::Refuse, &mut s.randomness),
        Err(Error::TextTooLong { found: 42, limit: 16 })
    ));
}

#[test]
fn queries_of_one_length_class_differ_only_in_random_fields() {
    let mut s = setting(0);
    let mut header = |ids: &[u32]| {
        let (query, _) = encrypt_ids(&s.client, &s.keys.secret, ids, &mut s.randomness).unwrap();
        let mut bytes = Vec::new();
        file::write_to(&mut bytes, &query, &s.params, &serde_json::Map::new()).unwrap();
        let info = file::inspect_from(&mut bytes.as_slice(), bytes.len() as u64).unwrap();
        let mut content = info.content;
        let random = [content["query_id"].take(), content["tokens"]["seed"].take()];
        assert!(random.iter().all(|v| v.is_string()));
        (bytes.len(), content, random)
    };
    let (short, long) = (header(&[2, 7, 8, 9, 10, 11, 12, 13, 3]), header(&[2; 16]));
    assert_eq!((short.0, &short.1), (long.0, &long.1));
    assert_ne!(short.2[0], long.2[0]);
    assert_ne!(short.2[1], long.2[1]);
    let other = header(&[2, 7, 3]);
    assert_ne!(other.1, long.1);
    assert_eq!(other.1["positions"], 4);
}

#[test]
fn foreign_queries_keys_and_answers_are_refused() {
    let mut s = setting(0);
    let ids = [2, 15, 14, 3];
    let (query, _) = encrypt_ids(&s.client, &s.keys.secret, &ids, &mut s.randomness).unwrap();
    let mut silent = |_| ();

    let other_model = ServerModel::new(&common::student_with(common::config(0), 2), &s.params).unwrap();
    let message = infer(&other_model, &s.keys.evaluation, &query, &mut silent).err().unwrap().to_string();
    assert!(message.contains("does not belong to this model"), "{message}");

    let others = keygen(&s.client, &mut s.randomness, |_, _| ()).unwrap();
    let message = infer(&s.server, &others.evaluation, &query, &mut silent).err().unwrap().to_string();
    assert!(message.contains("evaluation keys") && message.contains("key id"), "{message}");

    let answer = infer(&s.server, &s.keys.evaluation, &query, &mut silent).unwrap();
    let message = decrypt_answer(&s.params, &others.secret, &answer).unwrap_err().to_string();
    assert!(message.contains("does not belong to this secret key"), "{message}");

    // Someone who forges the identifier still gets no noise for an answer.
    let forged = Answer { key_id: others.secret.id(), ..answer };
    let message = decrypt_answer(&s.params, &others.secret, &forged).unwrap_err();
    assert!(matches!(message, Error::DamagedAnswer { .. }), "{message}");
}

#[test]
fn queries_that_contradict_the_model_are_refused() {
    let mut s = setting(0);
    let (query, _) = encrypt_ids(&s.client, &s.keys.secret, &[2, 15, 3], &mut s.randomness).unwrap();
    let refused = |query: Query| infer(&s.server, &s.keys.evaluation, &query, &mut |_| ()).err().unwrap().to_string();
    let message = refused(Query { positions: 32, ..query.clone() });
    assert!(message.contains("number of positions is 32"), "{message}");
    let message = refused(Query { sentences: 17, ..query.clone() });
    assert!(message.contains("number of sentences is 17") && message.contains("1 to 16"), "{message}");

    let deeper = Params::new_insecure(ParamsLiteral::toy(10, 7)).unwrap();
    let client = ClientModel::new(common::student(0), tokenizer(), &deeper).unwrap();
    let keys = keygen(&client, &mut s.randomness, |_, _| ()).unwrap();
    let (foreign, _) = encrypt_ids(&client, &keys.secret, &[2, 15, 3], &mut s.randomness).unwrap();
    let message = refused(Query { key_id: query.key_id, ..foreign });
    assert!(message.contains("scale"), "{message}");

    let message = infer(&s.server, &keys.evaluation, &Query { key_id: keys.secret.id(), ..query }, &mut |_| ()).err().unwrap();
    assert!(matches!(message, Error::Ckks(ckks_core::Error::ParamsMismatch { .. })), "{message}");
}

#[test]
fn an_answer_outside_the_range_of_a_score_counts_as_damaged() {
    let mut s = setting(0);
    let (query, _) = encrypt_ids(&s.client, &s.keys.secret, &[2, 15, 3], &mut s.randomness).unwrap();
    let answer = infer(&s.server, &s.keys.evaluation, &query, &mut |_| ()).unwrap();
    let evaluator = ckks_core::eval::Evaluator::without_keys(&s.params);
    let shifted = Answer { score: evaluator.add_constant(&answer.score, 1.5.into()).unwrap(), ..answer.clone() };
    let message = decrypt_answer(&s.params, &s.keys.secret, &shifted).unwrap_err().to_string();
    assert!(message.contains("damaged") && message.contains("a score of"), "{message}");
    let imaginary =
        Answer { score: evaluator.add_constant(&answer.score, num_complex::Complex64::new(0.0, 0.1)).unwrap(), ..answer };
    let message = decrypt_answer(&s.params, &s.keys.secret, &imaginary).unwrap_err().to_string();
    assert!(message.contains("imaginary parts 1.00e-1"), "{message}");
}

#[test]
fn queries_and_answers_survive_their_files() {
    let mut s = setting(0);
    let dir = tempfile::tempdir().unwrap();
    let (query, _) = encrypt_ids(&s.client, &s.keys.secret, &[2, 15, 14, 3], &mut s.randomness).unwrap();
    let path = dir.path().join("q.ct");
    file::write(&path, &query, &s.params, &WriteOptions::default()).unwrap();
    let read: Query = file::read(&path, &s.params).unwrap();
    let answer = infer(&s.server, &s.keys.evaluation, &read, &mut |_| ()).unwrap();
    let answer_path = dir.path().join("r.ct");
    file::write(&answer_path, &answer, &s.params, &WriteOptions::default()).unwrap();
    let stored: Answer = file::read(&answer_path, &s.params).unwrap();
    assert_eq!(
        decrypt_answer(&s.params, &s.keys.secret, &stored).unwrap(),
        decrypt_answer(&s.params, &s.keys.secret, &answer).unwrap()
    );
    let message = file::read::<Answer>(&path, &s.params).err().unwrap().to_string();
    assert!(message.contains("query") && message.contains("answer"), "{message}");
    // The sizes are those that the plan announces, beside header and digest.
    let plan = s.server.compiled().plan().unwrap();
    assert_eq!(file::inspect(&path).unwrap().payload_bytes, plan.query_bytes);
    assert_eq!(file::inspect(&answer_path).unwrap().payload_bytes, plan.answer_bytes);
    let keys_path = dir.path().join("eval.keys");
    file::write(&keys_path, &s.keys.evaluation, &s.params, &WriteOptions::default()).unwrap();
    assert_eq!(file::inspect(&keys_path).unwrap().payload_bytes, plan.key_file_bytes);
}

#[test]
fn damaged_query_and_answer_files_are_refused() {
    let mut s = setting(0);
    let (query, _) = encrypt_ids(&s.client, &s.keys.secret, &[2, 15, 14, 3], &mut s.randomness).unwrap();
    let answer = infer(&s.server, &s.keys.evaluation, &query, &mut |_| ()).unwrap();
    let extra = serde_json::Map::new();
    let (mut query_file, mut answer_file) = (Vec::new(), Vec::new());
    file::write_to(&mut query_file, &query, &s.params, &extra).unwrap();
    file::write_to(&mut answer_file, &answer, &s.params, &extra).unwrap();
    let reads = |bytes: &[u8], is_query: bool| {
        let length = bytes.len() as u64;
        match is_query {
            true => file::read_from::<Query>(&mut &bytes[..], length, &s.params).is_ok(),
            false => file::read_from::<Answer>(&mut &bytes[..], length, &s.params).is_ok(),
        }
    };
    for (bytes, is_query) in [(query_file, true), (answer_file, false)] {
        assert!(reads(&bytes, is_query), "the undamaged file is the control");
        // Every byte of prefix and header, then one in 997.
        for at in (0..1200).chain((1200..bytes.len()).step_by(997)) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(!reads(&changed, is_query), "byte {at} flipped");
            assert!(!reads(&bytes[..at], is_query), "cut to {at} bytes");
        }
        assert!(!reads(&[bytes.as_slice(), &[0]].concat(), is_query), "one byte too many");
    }
}

#[test]
fn headers_that_claim_absurd_things_are_refused_before_anything_is_allocated() {
    use ckks_core::file::Storable;
    let mut s = setting(0);
    let (query, _) = encrypt_ids(&s.client, &s.keys.secret, &[2, 15, 3], &mut s.randomness).unwrap();
    let answer = infer(&s.server, &s.keys.evaluation, &query, &mut |_| ()).unwrap();
    let mut header = query.header(&s.params).unwrap();
    header.positions = usize::MAX;
    assert!(Query::payload_len(&header, &s.params).unwrap_err().to_string().contains("positions"));
    header.positions = 4;
    header.tokens.level = usize::MAX;
    assert!(Query::payload_len(&header, &s.params).is_err());
    let mut header = answer.header(&s.params).unwrap();
    header.labels[1] = "\u{1b}[31mPOSITIVE".to_owned();
    assert!(Answer::payload_len(&header, &s.params).unwrap_err().to_string().contains("control characters"));
    header.labels[1] = "x".repeat(257);
    assert!(Answer::payload_len(&header, &s.params).unwrap_err().to_string().contains("257 bytes"));
}
