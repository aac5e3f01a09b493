//! 4. Know keys, bytes and seconds of a circuit before making a key; then check the prediction.
//!
//! `cargo run -p he-tensor --example 04_cost_before_keys`
//!
//! The circuit is a bilinear step on 32 tokens of 128 features at N = 2^13 (128-bit security): two factors, one from each token
//! itself and one from its neighbours, a window of eight tokens and the sum of all tokens, multiplied slot by slot.

use std::time::Instant;

use ckks_core::circuits::block_transform::BlockTransform;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::noise::model::bits;
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use he_tensor::evaluator::{CostTable, Encryption, Operation};
use he_tensor::{CkksEvaluator, CostCounter, Evaluator, MatrixProduct, Simulator, TokenLayout, reduce};

const FEATURES: usize = 128;
const TOKENS: usize = 32;

/// The circuit, written once.
fn step<E: Evaluator>(e: &E, layout: &TokenLayout, product: &BlockTransform, x: &E::Vector) -> ckks_core::Result<E::Vector> {
    let window = reduce::window_sum(e, layout, x, 2, 8)?;
    let total = reduce::sum_over_tokens(e, layout, x)?;
    let factors = product.apply(e, &[x, &window, &total])?;
    e.mul(&factors[0], &factors[1])
}

/// Weights that look random and keep the values near 1.
fn weight(seed: usize) -> impl Fn(usize, usize) -> f64 {
    move |r, c| (((r * 131 + c * 37 + seed * 17 + r * c) % 101) as f64 / 101.0 - 0.5) / 8.0
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let params = Params::new(ParamsLiteral::leveled(13, 45, 3, 30, 1, 50))?;
    let layout = TokenLayout::new(FEATURES, TOKENS, params.slots())?;
    let size = (FEATURES, FEATURES);

    // Matrices are collected first, so that all of them share their rotations.
    let mut product = MatrixProduct::new(&layout, 3, 2);
    product.add_matrix((0, 0), 0, size, weight(1))?;
    product.add_matrix((1, 0), -1, size, weight(2))?;
    product.add_matrix((1, 0), 1, size, weight(3))?;
    product.add_matrix((1, 1), 0, size, weight(4))?;
    product.add_matrix_on_common((1, 2), size, weight(5))?;
    let product = product.plan()?;
    println!("products with plaintexts {:>6}", product.plain_products());

    // The counter runs the circuit on levels alone.
    let counter = CostCounter::new(&params);
    step(&counter, &layout, &product, &counter.fresh())?;
    let cost = counter.report();
    let predicted = cost.seconds(&CostTable::measure(&params)?);
    println!("levels used              {:>6}", cost.levels_used);
    println!("rotations                {:>6}", cost.count(Operation::Rotation));
    println!("keys                     {:>6}, {:.0} MB in memory", cost.keys.count(), cost.key_bytes_in_memory as f64 / 1e6);
    println!("predicted, one thread    {predicted:>6.2} s");

    // The simulator runs it on plain numbers and predicts the error.
    let value = |t: usize, f: usize| (((t * 29 + f * 7 + t * f) % 41) as f64 / 41.0 - 0.5) / 2.0;
    let packed = layout.pack(TOKENS, value)?.remove(0);
    let simulator = Simulator::new(&params);
    let expected = step(&simulator, &layout, &product, &simulator.encrypt(&packed, Encryption::Symmetric)?)?;

    // And the same on ciphertexts, with exactly the keys that were counted.
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let start = Instant::now();
    let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&cost.keys, &mut randomness, |_, _| ());
    println!("key generation           {:>6.2} s", start.elapsed().as_secs_f64());
    let (encoder, top) = (Encoder::new(&params)?, params.max_level());
    let plaintext = encoder.encode_complex(&packed, top, params.scale_at(top))?;
    let x = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?.expand(&params);
    let evaluator = CkksEvaluator::new(&params, &keys)?;
    let start = Instant::now();
    let y = step(&evaluator, &layout, &product, &x)?;
    println!("measured                 {:>6.2} s", start.elapsed().as_secs_f64());

    let slots = encoder.decode(&decrypt(&params, &secret, &y)?)?;
    let differences = slots.iter().zip(expected.values()).map(|(a, b)| (a - b).norm_sqr());
    let measured = bits(differences.sum::<f64>() / slots.len() as f64);
    let predicted = bits(expected.mean_variance());
    println!("bits behind the point    {measured:>6.2}, predicted {predicted:.2}");
    assert_eq!(y.level(), expected.level());
    assert!((measured - predicted).abs() < 2.0);
    Ok(())
}
