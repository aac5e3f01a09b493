//! 1. One circuit on ciphertexts, in the simulator and in the counter.
//!
//! `cargo run -p he-tensor --example 01_one_circuit_three_evaluators`

use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::noise::model::bits;
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use he_tensor::evaluator::Encryption;
use he_tensor::{CkksEvaluator, CostCounter, Evaluator, Simulator};
use num_complex::Complex64;

/// x² + x/2 − 1, plus its neighbour's: generic over the evaluator, so it is written once.
fn circuit<E: Evaluator>(e: &E, x: &E::Vector) -> ckks_core::Result<E::Vector> {
    let y = e.add(&e.square(x)?, &e.linear_combination(&[(x, 0.5)], -1.0)?)?;
    e.add(&y, &e.rotate(&y, 1)?)
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 128 bits of security at N = 2^13, two levels of 30 bits.
    let params = Params::new(ParamsLiteral::leveled(13, 45, 2, 30, 1, 50))?;

    // The counter says what it will take, before there is any key.
    let counter = CostCounter::new(&params);
    circuit(&counter, &counter.fresh())?;
    let cost = counter.report();
    println!("levels:      {} of {} used", cost.levels_used, params.max_level());
    println!("keys needed: {:?}", cost.keys);

    // The simulator says what will come out, and with which error.
    let x: Vec<Complex64> = (0..params.slots()).map(|j| Complex64::new((j as f64 * 0.01).sin(), 0.0)).collect();
    let simulator = Simulator::new(&params);
    let simulated = circuit(&simulator, &simulator.encrypt(&x, Encryption::Symmetric)?)?;
    println!("slot 3:      {:.6} wanted, with {:.1} bits predicted", simulated.values()[3].re, bits(simulated.mean_variance()));

    // Ciphertexts, with exactly the keys that were counted.
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&cost.keys, &mut randomness, |_, _| ());
    let (encoder, top) = (Encoder::new(&params)?, params.max_level());
    let plaintext = encoder.encode_complex(&x, top, params.scale_at(top))?;
    let ciphertext = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?.expand(&params);
    let answer = circuit(&CkksEvaluator::new(&params, &keys)?, &ciphertext)?;
    let slots = encoder.decode(&decrypt(&params, &secret, &answer)?)?;
    let error = slots.iter().zip(simulated.values()).map(|(a, b)| (a - b).norm_sqr()).sum::<f64>() / slots.len() as f64;
    println!("slot 3:      {:.6} decrypted, with {:.1} bits measured", slots[3].re, bits(error));

    assert_eq!(
        (answer.level(), simulated.level()),
        (params.max_level() - cost.levels_used, params.max_level() - cost.levels_used)
    );
    assert!((bits(error) - bits(simulated.mean_variance())).abs() < 2.0);
    Ok(())
}
