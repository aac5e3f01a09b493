//! One circuit on plain numbers, in the simulator, in the counter and on ciphertexts.

use ckks_core::Result;
use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use he_tensor::evaluator::{CostReport, Encryption, SimulatedVector};
use he_tensor::{CkksEvaluator, CostCounter, Evaluator, Simulator};
use num_complex::Complex64;

/// A circuit that is written once, and what it computes.
pub trait Circuit {
    fn run<E: Evaluator>(&self, e: &E, inputs: &[E::Vector]) -> Result<Vec<E::Vector>>;
    fn plain(&self, inputs: &[Vec<Complex64>]) -> Vec<Vec<Complex64>>;
}

/// Small insecure parameters of two shapes: 40-bit levels with two special primes, 30-bit levels with one.
pub fn literals() -> Vec<ParamsLiteral> {
    vec![ParamsLiteral::toy(10, 5), ParamsLiteral::leveled(11, 45, 5, 30, 1, 50)]
}

pub fn params(literal: ParamsLiteral) -> Params {
    Params::new_insecure(literal).unwrap()
}

/// Complex numbers within the unit square, different for every seed.
pub fn input(params: &Params, seed: usize) -> Vec<Complex64> {
    let wave = |j: usize, f: f64| ((j * (2 * seed + 3) + seed) as f64 * f).sin();
    (0..params.slots()).map(|j| Complex64::new(wave(j, 0.7), wave(j, 1.3))).collect()
}

pub fn count<C: Circuit>(circuit: &C, params: &Params, inputs: usize) -> (Vec<usize>, CostReport) {
    let counter = CostCounter::new(params);
    let outputs = circuit.run(&counter, &vec![counter.fresh(); inputs]).unwrap();
    (outputs.iter().map(|v| counter_level(&counter, v)).collect(), counter.report())
}

fn counter_level<E: Evaluator>(e: &E, v: &E::Vector) -> usize {
    e.level(v)
}

pub fn simulate<C: Circuit>(circuit: &C, simulator: &Simulator, inputs: &[Vec<Complex64>]) -> Vec<SimulatedVector> {
    let vectors: Vec<_> = inputs.iter().map(|x| simulator.encrypt(x, Encryption::Symmetric).unwrap()).collect();
    circuit.run(simulator, &vectors).unwrap()
}

/// Outputs on ciphertexts with exactly the keys that the counter asked for: levels and slots.
pub fn encrypted<C: Circuit>(
    circuit: &C,
    params: &Params,
    keys: &KeyRequirements,
    inputs: &[Vec<Complex64>],
    seed: u64,
) -> Vec<(usize, Vec<Complex64>)> {
    let mut randomness = Randomness::insecure_from_seed(seed);
    let secret = SecretKey::generate(params, &mut randomness);
    let keys = KeyGenerator::new(params, &secret).unwrap().evaluation_keys(keys, &mut randomness, |_, _| ());
    let evaluator = CkksEvaluator::new(params, &keys).unwrap();
    let encoder = Encoder::new(params).unwrap();
    let level = params.max_level();
    let mut encrypt = |x: &Vec<Complex64>| -> Ciphertext {
        let plaintext = encoder.encode_complex(x, level, params.scale_at(level)).unwrap();
        encrypt_symmetric(params, &secret, &plaintext, &mut randomness).unwrap().expand(params)
    };
    let vectors: Vec<_> = inputs.iter().map(&mut encrypt).collect();
    let outputs = circuit.run(&evaluator, &vectors).unwrap();
    let decode = |v: &Ciphertext| encoder.decode(&decrypt(params, &secret, v).unwrap()).unwrap();
    outputs.iter().map(|v| (v.level(), decode(v))).collect()
}

/// Mean squared difference.
pub fn mean_square(a: &[Complex64], b: &[Complex64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).norm_sqr()).sum::<f64>() / a.len() as f64
}

/// Bits between a predicted and a measured variance, as standard deviations.
pub fn bits_apart(predicted: f64, measured: f64) -> f64 {
    0.5 * (predicted / measured).log2()
}

pub fn rotated(v: &[Complex64], k: i64) -> Vec<Complex64> {
    let n = v.len() as i64;
    (0..n).map(|j| v[(j + k).rem_euclid(n) as usize]).collect()
}
