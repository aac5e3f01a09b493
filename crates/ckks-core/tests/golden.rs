//! Files of earlier format versions stay readable: what a user stored a year ago has to open, compute and decrypt.
//!
//! `tests/golden/v1/` was written once, from fixed randomness, by this test with `CKKS_WRITE_GOLDEN=1`. A new format version gets
//! a new directory; an old one is never written again.

use std::path::PathBuf;

use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::{encrypt_public, encrypt_symmetric};
use ckks_core::eval::Evaluator;
use ckks_core::file::{self, Storable, WriteOptions};
use ckks_core::keys::{EvaluationKeys, KeyGenerator, KeyRequirements, PublicKey, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;

fn at(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name)
}

/// Insecure and small: two primes on both sides of 2^32, so that words of both lengths are there.
fn literal() -> ParamsLiteral {
    ParamsLiteral::leveled(10, 33, 1, 25, 1, 34)
}

fn message() -> Vec<f64> {
    (0..16).map(|j| f64::from(j - 8) / 8.0).collect()
}

fn write_all() {
    let params = Params::new_insecure(literal()).unwrap();
    let mut randomness = Randomness::insecure_from_seed(20_250_101);
    let secret = SecretKey::generate(&params, &mut randomness);
    let generator = KeyGenerator::new(&params, &secret).unwrap();
    let public = generator.public_key(&mut randomness);
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(1);
    needed.need_rotation(&params, 3, 0);
    let keys = generator.evaluation_keys(&needed, &mut randomness, |_, _| ());
    let plaintext = Encoder::new(&params).unwrap().encode(&message(), 1, params.scale_at(1)).unwrap();
    let seeded = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness).unwrap();
    let ciphertext = encrypt_public(&params, &public, &plaintext, &mut randomness);
    let mut options = WriteOptions::default();
    options.extra.insert("note".into(), "golden".into());
    std::fs::create_dir_all(at("")).unwrap();
    file::write(at("parameters"), &literal(), &params, &options).unwrap();
    file::write(at("secret.key"), &secret, &params, &options).unwrap();
    file::write(at("public.key"), &public, &params, &options).unwrap();
    file::write(at("evaluation.keys"), &keys, &params, &options).unwrap();
    file::write(at("seeded.ct"), &seeded, &params, &options).unwrap();
    file::write(at("ciphertext.ct"), &ciphertext, &params, &options).unwrap();
}

/// Reads a golden file and checks that writing it again gives the same bytes.
fn golden<T: Storable>(name: &str, params: &Params) -> T {
    let (value, extra) = file::read_with_extra(at(name), params).unwrap();
    assert_eq!(extra["note"], "golden");
    let mut bytes = Vec::new();
    file::write_to(&mut bytes, &value, params, &extra).unwrap();
    assert!(bytes == std::fs::read(at(name)).unwrap(), "{name} is written differently today");
    value
}

#[test]
fn version_one_files_open_compute_and_decrypt() {
    if std::env::var_os("CKKS_WRITE_GOLDEN").is_some() {
        write_all();
    }
    let params = Params::new_insecure(file::inspect(at("parameters")).unwrap().parameters).unwrap();
    assert_eq!(golden::<ParamsLiteral>("parameters", &params), literal());
    let secret: SecretKey = golden("secret.key", &params);
    let public: PublicKey = golden("public.key", &params);
    let keys: EvaluationKeys = golden("evaluation.keys", &params);
    let seeded: SeededCiphertext = golden("seeded.ct", &params);
    let ciphertext: Ciphertext = golden("ciphertext.ct", &params);
    assert_eq!([public.id(), keys.id()], [secret.id(); 2]);

    let encoder = Encoder::new(&params).unwrap();
    let evaluator = Evaluator::new(&params, &keys).unwrap();
    let message = message();
    // 2^-25 per unit of coefficient noise: public-key encryption at N = 2^10 has a standard deviation of
    // σ·√(4N/3 + 1) ≈ 118 per coefficient, times √N in a slot: 2^-13. Eight of those.
    let tolerance = 2f64.powi(-10);
    let check = |what: &str, ct: &Ciphertext, wanted: &dyn Fn(usize) -> f64| {
        let got = encoder.decode(&decrypt(&params, &secret, ct).unwrap()).unwrap();
        for (j, z) in got.iter().enumerate() {
            assert!((z.re - wanted(j % 16)).abs() < tolerance, "{what}, slot {j}: {z}, wanted {}", wanted(j % 16));
        }
    };
    check("seeded", &seeded.expand(&params), &|j| message[j]);
    check("ciphertext", &ciphertext, &|j| message[j]);
    let low = evaluator.drop_to_level(&ciphertext, 0).unwrap();
    check("rotated", &evaluator.rotate(&low, 3).unwrap(), &|j| message[(j + 3) % 16]);
    check("product", &evaluator.mul_rescale(&ciphertext, &seeded.expand(&params)).unwrap(), &|j| message[j] * message[j]);
    let fresh = encoder.encode(&message, 1, params.scale_at(1)).unwrap();
    let fresh = encrypt_public(&params, &public, &fresh, &mut Randomness::insecure_from_seed(1));
    check("public key", &fresh, &|j| message[j]);
}
