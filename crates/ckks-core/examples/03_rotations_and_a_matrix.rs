//! 3. Rotate encrypted vectors and multiply them by a public matrix.
//!
//! `cargo run -p ckks-core --example 03_rotations_and_a_matrix`

use std::time::Instant;

use ckks_core::circuits::linear_transform::LinearTransform;
use ckks_core::circuits::{Arithmetic, CkksEvaluator};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::noise::Precision;
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;

/// Runs the example.
pub fn main() -> ckks_core::Result<()> {
    const SIZE: usize = 64;
    let params = Params::new(ParamsLiteral::leveled(13, 45, 3, 35, 1, 50))?;
    let top = params.max_level();

    // A matrix product is a sum of rotated copies of the vector, each times a diagonal of the matrix. Baby and giant steps need
    // about 2·√64 rotations instead of 64.
    let matrix: Vec<Vec<f64>> =
        (0..SIZE).map(|i| (0..SIZE).map(|k| ((i * SIZE + k) as f64 * 0.7).sin() / 8.0).collect()).collect();
    let transform = LinearTransform::from_matrix(SIZE, |i, k| matrix[i][k])?;

    // Which keys the circuit needs, and at which level, is known before any key exists: nobody makes keys "to be safe".
    let mut needed = transform.key_requirements(&params, top)?;
    needed.need_rotation(&params, 1, top);
    println!("{SIZE} × {SIZE} matrix: {} rotation keys, {:.1} MB", needed.count(), needed.bytes_in_memory(&params) as f64 / 1e6);
    assert!(needed.count() < SIZE / 2);
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&needed, &mut randomness, |_, _| ());

    // A vector of 64 values fills 4096 slots by repetition. So rotations turn it in itself, and its plaintexts are short.
    let x: Vec<f64> = (0..SIZE).map(|j| (j as f64 - 31.5) / 32.0).collect();
    let encoder = Encoder::new(&params)?;
    let plaintext = encoder.encode(&x, top, params.scale_at(top))?;
    let encrypted = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?.expand(&params);

    let evaluator = CkksEvaluator::new(&params, &keys)?;
    let rotated = evaluator.rotate(&encrypted, 1)?;
    let start = Instant::now();
    let product = transform.apply(&evaluator, &encrypted)?;
    println!("matrix product: {:.1} ms, level {} → {}", start.elapsed().as_secs_f64() * 1e3, encrypted.level(), product.level());
    assert_eq!((rotated.level(), product.level()), (top, top - 1));

    // Slot j of a rotation by 1 is slot j + 1 of the original.
    let decoded = encoder.decode(&decrypt(&params, &secret, &rotated)?)?;
    let left: Vec<f64> = (0..params.slots()).map(|j| x[(j + 1) % SIZE]).collect();
    let precision = Precision::measure_real(&left, &decoded)?;
    println!("\nrotation\n{precision}");
    // Scale 2^35, N = 2^13: fresh and key-switching noise leave 24 bits in the mean and 21 in the worst of 4096 slots.
    assert!(precision.real.min > 19.0);

    // One period is enough to look at: decoding only that averages the 64 copies, and with them the noise.
    let decoded = encoder.decode_period(&decrypt(&params, &secret, &product)?, SIZE)?;
    let wanted: Vec<f64> = matrix.iter().map(|row| row.iter().zip(&x).map(|(m, v)| m * v).sum()).collect();
    let precision = Precision::measure_real(&wanted, &decoded)?;
    println!("\nmatrix product, mean of the copies\n{precision}");
    assert!(precision.real.min > 19.0);

    // A rotation whose key was not made is refused, not computed wrongly.
    let refused = evaluator.rotate(&encrypted, 100).err();
    println!("\nrotation by 100: {}", refused.as_ref().map_or("accepted?".into(), ToString::to_string));
    assert!(matches!(refused, Some(ckks_core::Error::MissingKey { .. })));
    Ok(())
}
