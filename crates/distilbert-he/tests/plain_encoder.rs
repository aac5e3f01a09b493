//! The plain forward against logits of an independent implementation (numpy, f64) on a tiny random checkpoint.

use std::path::{Path, PathBuf};

use distilbert_he::encoder::Encoder;
use distilbert_he::{Error, tokenizer::Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    input_ids: Vec<u32>,
    logits: Vec<f64>,
    cls_after: Vec<Vec<f64>>,
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny")
}

fn expected() -> Vec<Expected> {
    serde_json::from_str(&std::fs::read_to_string(fixture().join("expected.json")).unwrap()).unwrap()
}

#[test]
fn double_precision_agrees_with_the_independent_forward() {
    let encoder = Encoder::<f64>::load(fixture()).unwrap();
    for case in expected() {
        let states = encoder.hidden_states(&case.input_ids).unwrap();
        assert_eq!(states.len(), case.cls_after.len());
        for (state, cls) in states.iter().zip(&case.cls_after) {
            for (found, wanted) in state.row(0).iter().zip(cls) {
                assert!((found - wanted).abs() < 1e-12, "{found} against {wanted}");
            }
        }
        let logits = encoder.logits(&[&case.input_ids]).unwrap();
        for (found, wanted) in logits.iter().zip(&case.logits) {
            assert!((found - wanted).abs() < 1e-12, "{found} against {wanted}");
        }
    }
}

#[test]
fn single_precision_in_one_batch_agrees_to_its_rounding() {
    let encoder = Encoder::<f32>::load(fixture()).unwrap();
    let cases = expected();
    let sentences: Vec<&[u32]> = cases.iter().cycle().take(200).map(|c| c.input_ids.as_slice()).collect();
    let logits = encoder.logits(&sentences).unwrap();
    for (row, case) in logits.rows().into_iter().zip(cases.iter().cycle()) {
        for (found, wanted) in row.iter().zip(&case.logits) {
            assert!((f64::from(*found) - wanted).abs() < 1e-4, "{found} against {wanted}");
        }
    }
}

#[test]
fn sequences_that_do_not_fit_the_model_are_refused() {
    let encoder = Encoder::<f32>::load(fixture()).unwrap();
    let refused = |ids: Vec<u32>| match encoder.logits(&[ids]) {
        Err(e @ Error::TokenIds { .. }) => e.to_string(),
        other => panic!("must be refused, found {other:?}"),
    };
    assert!(refused(vec![]).contains("0 tokens"));
    assert!(refused(vec![2; 17]).contains("1 to 16"));
    assert!(refused(vec![2, 50, 3]).contains("token id 50"));
}

#[test]
fn a_configuration_that_does_not_match_its_weights_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(fixture().join("config.json")).unwrap();
    std::fs::copy(fixture().join("model.safetensors"), dir.path().join("model.safetensors")).unwrap();
    std::fs::write(dir.path().join("config.json"), config.replace("\"hidden_dim\": 16", "\"hidden_dim\": 17")).unwrap();
    let message = Encoder::<f32>::load(dir.path()).err().unwrap().to_string();
    assert!(
        message.contains("layer.0.ffn.lin1.weight") && message.contains("[16, 8]") && message.contains("[17, 8]"),
        "{message}"
    );
}

#[test]
fn the_fixture_vocabulary_has_one_embedding_per_token() {
    assert_eq!(Tokenizer::load(fixture()).unwrap().vocab_size(), Encoder::<f32>::load(fixture()).unwrap().config().vocab_size);
}
