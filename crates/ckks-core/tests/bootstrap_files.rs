//! Bootstrapping keys on disk: they work after reading, and what is damaged, forged or missing is refused.

use ckks_core::Error;
use ckks_core::bootstrap::{BootstrapKeys, BootstrapParams, BootstrapParamsLiteral, Bootstrapper, Slots};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::file::{self, WriteOptions};
use ckks_core::keys::{EvaluationKeys, KeyGenerator, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use num_complex::Complex64;
use serde_json::{Value, json};

mod file_set;
use file_set::*;

/// Few keys: vectors of four slots.
fn params() -> BootstrapParams {
    BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, 2, 1)).unwrap()
}

fn keys(params: &BootstrapParams, weight: u32) -> (SecretKey, BootstrapKeys) {
    let mut randomness = Randomness::insecure_from_seed(21);
    let secret = SecretKey::generate(params.scheme(), &mut randomness);
    let generator = KeyGenerator::new(params.scheme(), &secret).unwrap();
    let keys = generator.bootstrap_keys(weight, &params.key_requirements(), &mut randomness, |_, _| ());
    (secret, keys)
}

#[test]
fn a_server_bootstraps_with_keys_from_a_file() {
    let params = params();
    let scheme = params.scheme();
    let (secret, keys) = keys(&params, 32);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bootstrap.keys");
    let written = file::write(&path, &keys, scheme, &WriteOptions::default()).unwrap();
    // One half of every key, eight bytes a residue and four where primes are short; in memory both halves, four to eight bytes a
    // residue. The header is small.
    let memory = params.key_requirements().bytes_in_memory(scheme);
    assert!(written < memory / 12 * 8 + 20_000 && written > memory / 3, "{written} against {memory} in memory");
    let info = file::verify(&path).unwrap();
    assert_eq!((info.type_name.as_str(), info.file_bytes), ("bootstrapping keys", written));

    let read: BootstrapKeys = file::read(&path, scheme).unwrap();
    assert_eq!(bytes_of(&read, scheme), bytes_of(&keys, scheme));
    let bootstrapper = Bootstrapper::new(&params, &read).unwrap();
    let encoder = Encoder::new(scheme).unwrap();
    let x = [0.5, -0.25, 0.75, -1.0].map(|re| Complex64::new(re, 0.25 - 0.5 * re));
    let level = params.input_level();
    let plaintext = encoder.encode_complex(&x, level, scheme.scale_at(level)).unwrap();
    let mut randomness = Randomness::insecure_from_seed(22);
    let ciphertext = encrypt_symmetric(scheme, &secret, &plaintext, &mut randomness).unwrap().expand(scheme);
    let out = bootstrapper.bootstrap(&ciphertext, Slots::Complex).unwrap();
    let got = encoder.decode(&decrypt(scheme, &secret, &out).unwrap()).unwrap();
    let bound = 6.0 * params.predicted_error(Slots::Complex).unwrap().total().sqrt();
    for (j, z) in x.iter().enumerate() {
        assert!((got[j] - z).norm() < bound, "slot {j}: {} against {z}", got[j]);
    }
    let low = bootstrapper.bootstrap_to(&ciphertext, Slots::Complex, level).unwrap();
    assert_eq!((low.level(), low.scale()), (level, scheme.scale_at(level)));
    assert!(matches!(
        bootstrapper.bootstrap_to(&ciphertext, Slots::Complex, params.output_level() + 1),
        Err(Error::LevelsExhausted { .. })
    ));
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let params = params();
    let scheme = params.scheme();
    let (_, keys) = keys(&params, 32);
    let mut bytes = bytes_of(&keys, scheme);
    let start = payload_start(&bytes);
    let step = (bytes.len() - start) / 40;
    for place in (0..start).step_by(7).chain((start..bytes.len()).step_by(step)).chain([bytes.len() - 1]) {
        bytes[place] ^= 4;
        assert!(parse::<BootstrapKeys>(&bytes, scheme).is_err(), "byte {place} was not noticed");
        bytes[place] ^= 4;
    }
    for cut in [0, 63, start - 1, start + 64, bytes.len() - 1] {
        assert!(parse::<BootstrapKeys>(&bytes[..cut], scheme).is_err(), "cut at {cut}");
    }
    let error = parse::<EvaluationKeys>(&bytes, scheme).err().unwrap().to_string();
    assert!(error.contains("bootstrapping keys") && error.contains("needed: evaluation keys"), "{error}");
    let other = Params::new_insecure(ParamsLiteral::toy(10, 2)).unwrap();
    assert!(matches!(parse::<BootstrapKeys>(&bytes, &other), Err(Error::ParamsMismatch { .. })));
}

#[test]
fn absurd_headers_are_refused() {
    let params = params();
    let scheme = params.scheme();
    let good = bytes_of(&keys(&params, 32).1, scheme);
    let edits: [fn(&mut Value); 7] = [
        |h| h["content"]["from_sparse"][0]["level"] = json!(1000),
        |h| h["content"]["from_sparse"][0]["step"] = json!(-1),
        |h| h["content"]["from_sparse"][1]["step"] = json!(1u64 << 40),
        |h| h["content"]["from_sparse"][1] = h["content"]["from_sparse"][0].clone(),
        |h| h["content"]["sparse_weight"] = json!(1 << 20),
        |h| h["content"]["evaluation"][0]["special"] = json!(0),
        |h| h["content"]["slots_to_coeffs"][0]["level"] = json!(u64::MAX),
    ];
    for (k, edit) in edits.into_iter().enumerate() {
        let error = parse::<BootstrapKeys>(&forged(&good, edit, |_| ()), scheme).err().unwrap();
        assert!(matches!(error, Error::FileHeader { .. }), "edit {k}: {error}");
    }
    let shorter = forged(&good, |h| h["content"]["from_sparse"][0]["level"] = json!(3), |_| ());
    assert!(matches!(parse::<BootstrapKeys>(&shorter, scheme), Err(Error::FileLength { .. })));
}

#[test]
fn keys_of_another_circuit_are_named() {
    let params = params();
    let light = keys(&params, 16).1;
    let error = Bootstrapper::new(&params, &light).err().unwrap().to_string();
    assert!(error.contains("weight 16") && error.contains("32"), "{error}");
    // The same scheme, longer vectors: other rotations.
    let longer = params.with_slots(6).unwrap();
    let short = keys(&params, 32).1;
    let error = Bootstrapper::new(&longer, &short).err().unwrap().to_string();
    assert!(error.contains("rotation by"), "{error}");
    // Both from one set of keys.
    let mut needed = params.key_requirements();
    needed.merge_bootstrap(&longer.key_requirements());
    let mut randomness = Randomness::insecure_from_seed(23);
    let secret = SecretKey::generate(params.scheme(), &mut randomness);
    let both = KeyGenerator::new(params.scheme(), &secret).unwrap().bootstrap_keys(32, &needed, &mut randomness, |_, _| ());
    assert!(Bootstrapper::new(&params, &both).is_ok() && Bootstrapper::new(&longer, &both).is_ok());
}
