//! A circuit with bootstraps in it: the same levels everywhere, values and errors as predicted, keys as counted.

use ckks_core::bootstrap::{BootstrapParams, BootstrapParamsLiteral, Bootstrapper, Slots};
use ckks_core::circuits::Arithmetic;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::ring::sampling::Randomness;
use ckks_core::{Error, Result};
use he_tensor::evaluator::{Encryption, Operation};
use he_tensor::{CkksEvaluator, CostCounter, Evaluator, Simulator};
use num_complex::Complex64;

use crate::everywhere::{bits_apart, mean_square};

/// More levels than there are between two bootstraps: x → x² → bootstrap → rotation, product → bootstrap (real parts).
fn circuit<E: Evaluator>(e: &E, x: &E::Vector) -> Result<[E::Vector; 2]> {
    let square = e.square(x)?;
    let fresh = e.bootstrap(&square, Slots::Complex)?;
    let product = e.mul(&e.rotate(&fresh, 1)?, &fresh)?;
    Ok([e.bootstrap(&e.mul_scalar(&product, 0.5)?, Slots::Real)?, fresh])
}

fn input(period: usize) -> Vec<Complex64> {
    (0..period).map(|j| Complex64::from_polar(0.9, j as f64 * 2.4)).collect()
}

#[test]
fn three_evaluators_agree() {
    for log_slots in [9, 6] {
        let params = BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, log_slots, 3)).unwrap();
        let scheme = params.scheme();
        let x = input(params.slots());

        let counter = CostCounter::new(scheme).with_bootstrapping(&params).unwrap();
        let counted = circuit(&counter, &counter.fresh()).unwrap().map(|v| counter.level(&v));
        let report = counter.report();
        assert_eq!(report.count(Operation::Bootstrap), 2);
        assert!(report.operations.iter().any(|o| o.operation == Operation::Bootstrap && o.work.transforms > 1000.0));
        let needed = counter.bootstrap_key_requirements().unwrap();
        assert_eq!(report.key_bytes_in_memory, needed.bytes_in_memory(scheme));

        let simulator = Simulator::new(scheme).with_bootstrapping(&params).unwrap();
        let simulated = circuit(&simulator, &simulator.encrypt(&x, Encryption::Symmetric).unwrap()).unwrap();
        assert_eq!(simulated.each_ref().map(|v| v.level()), counted);

        let mut randomness = Randomness::insecure_from_seed(31);
        let secret = SecretKey::generate(scheme, &mut randomness);
        let weight = params.literal().sparse_weight;
        let keys = KeyGenerator::new(scheme, &secret).unwrap().bootstrap_keys(weight, &needed, &mut randomness, |_, _| ());
        let bootstrapper = Bootstrapper::new(&params, &keys).unwrap();
        let evaluator = CkksEvaluator::with_bootstrapper(&bootstrapper).unwrap();
        let encoder = Encoder::new(scheme).unwrap();
        let level = evaluator.bootstrap_levels().unwrap().output;
        let plaintext = encoder.encode_complex(&x, level, scheme.scale_at(level)).unwrap();
        let ciphertext = encrypt_symmetric(scheme, &secret, &plaintext, &mut randomness).unwrap().expand(scheme);
        let outputs = circuit(&evaluator, &ciphertext).unwrap();
        for (i, (output, simulated)) in outputs.iter().zip(&simulated).enumerate() {
            assert_eq!((output.level(), output.scale()), (counted[i], scheme.scale_at(counted[i])));
            let got = encoder.decode(&decrypt(scheme, &secret, output).unwrap()).unwrap();
            let apart = bits_apart(simulated.mean_variance(), mean_square(&got, simulated.values()));
            assert!(apart.abs() < 2.0, "2^{log_slots}, output {i}: prediction and measurement are {apart:.2} bits apart");
        }
    }
}

#[test]
fn the_simulator_knows_the_bias_and_the_mean_of_copies() {
    let params = BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, 8, 1)).unwrap();
    let simulator = Simulator::new(params.scheme()).with_bootstrapping(&params).unwrap();
    // Values in the first copy only: half of them is what the copies have in common. And a value that the sine bends.
    let mut x = vec![Complex64::new(0.0, 0.0); params.scheme().slots()];
    x[3] = Complex64::new(80.0, 2.0);
    let out = simulator.bootstrap(&simulator.encrypt(&x, Encryption::Symmetric).unwrap(), Slots::Complex).unwrap();
    let turn = std::f64::consts::TAU / params.message_ratio();
    let wanted = Complex64::new((40.0 * turn).sin() / turn, turn.sin() / turn);
    for j in [3, 3 + params.slots()] {
        assert!((out.values()[j] - wanted).norm() < 1e-9, "{} against {wanted}", out.values()[j]);
    }
    assert!((40.0 - wanted.re) > 0.09, "the bias is seen");
    assert_eq!(simulator.ranges()["bootstrap"], 80.0);
}

#[test]
fn bootstrapping_is_refused_where_there_is_none() {
    let params = BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, 9, 1)).unwrap();
    let other = BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, 9, 2)).unwrap();
    let scheme = params.scheme();
    let plain = CostCounter::new(scheme);
    assert!(plain.bootstrap_levels().is_none() && plain.bootstrap_key_requirements().is_none());
    let error = plain.bootstrap(&plain.fresh(), Slots::Real).unwrap_err();
    assert!(matches!(&error, Error::MissingKey { key, .. } if key.contains("bootstrapping")), "{error}");
    assert!(matches!(CostCounter::new(scheme).with_bootstrapping(&other), Err(Error::ParamsMismatch { .. })));
    let counter = CostCounter::new(scheme).with_bootstrapping(&params).unwrap();
    assert!(counter.bootstrap_key_requirements().is_none(), "no bootstrap yet");
    let needed = counter.bootstrap_levels().unwrap().input;
    let low = counter.fresh_at(needed - 1).unwrap();
    let error = counter.bootstrap(&low, Slots::Real).unwrap_err();
    assert!(matches!(error, Error::LevelsExhausted { needed: n, available, .. } if n == needed && available == needed - 1));
    let simulator = Simulator::new(scheme).with_bootstrapping(&params).unwrap();
    let low = simulator.encrypt_at(&input(4), needed - 1, Encryption::Symmetric).unwrap();
    assert!(matches!(simulator.bootstrap(&low, Slots::Real), Err(Error::LevelsExhausted { .. })));
}
