//! The noise model against measured errors, operation by operation, for parameters of several shapes.
#![cfg(feature = "secret")]

use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::{encrypt_public, encrypt_symmetric};
use ckks_core::eval::Evaluator;
use ckks_core::keys::{KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::noise::NoiseModel;
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use num_complex::Complex64;

/// A mean over 2^10 slots has a standard error of 2^-5; the secret's weight in a slot varies too and is the same in all slots of
/// a run, on average over the slots by about as much. A tenth of a bit of deviation is 0.15 of the variance: four and more of them.
const BITS: f64 = 0.15;

#[track_caller]
fn check(what: &str, predicted: f64, measured: f64) {
    let apart = 0.5 * (predicted / measured).log2();
    println!("{what:<34} predicted 2^{:.2}, {apart:+.3} bits", predicted.log2() / 2.0);
    assert!(apart.abs() < BITS, "{what}: predicted {apart:+.3} bits above the measured error");
}

#[test]
fn every_operation_is_as_noisy_as_predicted() {
    let shapes = [
        ParamsLiteral::toy(11, 4),
        // One special prime and a digit for each of five primes; three special primes, digits of three primes.
        ParamsLiteral::leveled(11, 45, 4, 30, 1, 50),
        ParamsLiteral::leveled(12, 50, 5, 40, 3, 50),
        // A first prime that is larger than P allows for: the key switch is felt.
        ParamsLiteral::leveled(11, 50, 3, 30, 1, 50),
    ];
    for literal in shapes {
        println!("{literal:?}");
        one_shape(literal);
    }
}

fn one_shape(literal: ParamsLiteral) {
    let params = Params::new_insecure(literal).unwrap();
    let model = NoiseModel::new(&params);
    let mut randomness = Randomness::insecure_from_seed(17);
    let secret = SecretKey::generate(&params, &mut randomness);
    let generator = KeyGenerator::new(&params, &secret).unwrap();
    let top = params.max_level();
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(top);
    needed.need_rotation(&params, 3, top);
    let keys = generator.evaluation_keys(&needed, &mut randomness, |_, _| ());
    let public = generator.public_key(&mut randomness);
    let evaluator = Evaluator::new(&params, &keys).unwrap();
    let encoder = Encoder::new(&params).unwrap();

    let wave = |j: usize, f: f64| (j as f64 * f + 0.3).sin();
    let x: Vec<Complex64> = (0..params.slots()).map(|j| Complex64::new(wave(j, 0.7), wave(j, 1.3))).collect();
    let scale = params.scale_at(top);
    let plaintext = encoder.encode_complex(&x, top, scale).unwrap();
    let decode = |c: &Ciphertext| encoder.decode(&decrypt(&params, &secret, c).unwrap()).unwrap();
    let error = |got: &[Complex64], wanted: &dyn Fn(usize) -> Complex64| {
        got.iter().enumerate().map(|(j, a)| (a - wanted(j)).norm_sqr()).sum::<f64>() / got.len() as f64
    };

    let encoding = model.encoding(params.slots(), scale);
    check("encoding", encoding, error(&encoder.decode(&plaintext).unwrap(), &|j| x[j]));
    let ciphertext = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness).unwrap().expand(&params);
    let fresh = model.fresh_symmetric(top) + encoding;
    let slots = decode(&ciphertext);
    check("encryption with the secret key", fresh, error(&slots, &|j| x[j]));
    let with_public = decode(&encrypt_public(&params, &public, &plaintext, &mut randomness));
    check("encryption with the public key", model.fresh_public(top) + encoding, error(&with_public, &|j| x[j]));

    // What an operation adds: the difference to what it should have made of the slots that were there.
    let rotated = decode(&evaluator.rotate(&ciphertext, 3).unwrap());
    check("rotation", model.key_switching(top, top), error(&rotated, &|j| slots[(j + 3) % slots.len()]));
    let product = decode(&evaluator.mul_rescale(&ciphertext, &ciphertext).unwrap());
    check("relinearisation and rescaling", model.relinearised_rescaling(top, top), error(&product, &|j| slots[j] * slots[j]));
    // And with the errors that were there: |2xε + ε²|².
    let message = x.iter().map(Complex64::norm_sqr).sum::<f64>() / x.len() as f64;
    let square = NoiseModel::square(message, fresh) + model.relinearised_rescaling(top, top);
    check("square of a fresh ciphertext", square, error(&product, &|j| x[j] * x[j]));

    let factor = model.plaintext_scale(top).unwrap();
    let constant = evaluator.rescale(&evaluator.mul_constant(&ciphertext, 0.3, factor).unwrap()).unwrap();
    let rounding = model.rounding(top - 1) + message * model.encoding_constant(factor);
    check("product with a constant", rounding, error(&decode(&constant), &|j| slots[j] * 0.3));
    let weights: Vec<f64> = (0..64).map(|j| wave(j, 0.4)).collect();
    let weights_encoded = encoder.encode_subring(&weights, top, factor).unwrap();
    let weighted = decode(&evaluator.rescale(&evaluator.mul_subring(&ciphertext, &weights_encoded).unwrap()).unwrap());
    let rounding = model.rounding(top - 1) + message * model.encoding(64, factor);
    check("product with a plaintext", rounding, error(&weighted, &|j| slots[j] * weights[j % 64]));
    let lower = decode(&evaluator.adjust_to(&ciphertext, 1, params.scale_at(1)).unwrap());
    check("bringing down to level 1", model.level_drop(top, 1, message), error(&lower, &|j| slots[j]));
}

#[test]
fn digits_beyond_an_f64_squared_are_counted() {
    // Eleven primes of 50 bits: a digit and P have 540 and 550 bits.
    let params = Params::new(ParamsLiteral::n16_leveled()).unwrap();
    let model = NoiseModel::new(&params);
    for level in 1..=params.max_level() {
        let switched = model.switched(level, level);
        assert!(switched.is_finite() && switched > 0.0, "level {level}: {switched}");
    }
}
