//! What client and server do for one sentence with the committed student. `cargo bench -p distilbert-he --bench inference`

use std::path::PathBuf;

use ckks_core::ring::sampling::Randomness;
use criterion::{Criterion, criterion_group, criterion_main};
use distilbert_he::client::{ClientModel, decrypt_answer, encrypt_text, keygen};
use distilbert_he::server::{ServerModel, infer, plan};
use distilbert_he::tokenizer::LongText;

const TEXT: &str = "a gorgeous, witty, seductive movie";

fn inference(c: &mut Criterion) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/hnn-fast");
    let client = ClientModel::load(&dir).expect("the committed model");
    let server = ServerModel::load(&dir).expect("the committed model");
    let limit = client.student().config().max_tokens();
    c.bench_function("tokenize/one_sentence", |b| {
        b.iter(|| client.tokenizer().encode(TEXT, limit, LongText::Cut).expect("tokens"))
    });
    let ids = client.tokenizer().encode(TEXT, limit, LongText::Cut).expect("tokens").ids;
    c.bench_function("student/plain/one_sentence", |b| b.iter(|| client.student().margins(&[&ids]).expect("a margin")));
    c.bench_function("load/server_half", |b| b.iter(|| ServerModel::load(&dir).expect("the committed model")));
    c.bench_function("plan/hnn-fast", |b| b.iter(|| plan(&server).expect("a plan")));
    // Keys take seconds to make: only where a row is wanted.
    let rows = ["encrypt/one_sentence", "infer/one_sentence", "decrypt/one_sentence"];
    if std::env::args().skip(1).any(|a| !a.starts_with('-') && !rows.iter().any(|row| row.contains(&a))) {
        return;
    }
    let mut randomness = Randomness::from_os().expect("randomness");
    let keys = keygen(&client, &mut randomness, |_, _| ()).expect("keys");
    c.bench_function(rows[0], |b| {
        b.iter(|| encrypt_text(&client, &keys.secret, TEXT, LongText::Cut, &mut randomness).expect("a query"));
    });
    let (query, _) = encrypt_text(&client, &keys.secret, TEXT, LongText::Cut, &mut randomness).expect("a query");
    c.bench_function(rows[1], |b| b.iter(|| infer(&server, &keys.evaluation, &query, &mut |_| ()).expect("an answer")));
    let answer = infer(&server, &keys.evaluation, &query, &mut |_| ()).expect("an answer");
    c.bench_function(rows[2], |b| b.iter(|| decrypt_answer(client.params(), &keys.secret, &answer).expect("a prediction")));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = inference
}
criterion_main!(benches);
