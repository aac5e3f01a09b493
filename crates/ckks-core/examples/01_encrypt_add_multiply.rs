//! 1. Encrypt two vectors, add and multiply them without the key, decrypt.
//!
//! `cargo run -p ckks-core --example 01_encrypt_add_multiply`

use ckks_core::circuits::{Arithmetic, CkksEvaluator};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::noise::{NoiseModel, Precision, model};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use num_complex::Complex64;

/// Runs the example.
pub fn main() -> ckks_core::Result<()> {
    // A parameter set is data: ring degree N = 2^13, ciphertext primes of 45, 35, 35 and 35 bits, one special prime of 50, and
    // numbers are scaled by 2^35. `Params::new` builds it only if the security table allows 128 bits for it.
    let params = Params::new(ParamsLiteral::leveled(13, 45, 3, 35, 1, 50))?;
    let security = params.security();
    println!("N = 2^{}, {} slots, log2(QP) = {:.0}, {}-bit", params.log_n(), params.slots(), security.log_qp, security.bits);
    assert_eq!(security.bits, 128);

    // The secret key stays with whoever decrypts. Multiplication needs a relinearisation key, which reveals nothing: it may be
    // given to the computing side. Keys are made for the level at which they are used; here the highest.
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(params.max_level());
    let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&needed, &mut randomness, |_, _| ());
    println!("evaluation keys: {:.1} MB in memory", keys.bytes_in_memory(&params) as f64 / 1e6);

    // Encode (slots to a polynomial at the level's scale) and encrypt. A ciphertext holds N/2 complex numbers at once. A fresh
    // one is small: half of it is stored as a seed.
    let encoder = Encoder::new(&params)?;
    let top = params.max_level();
    let x: Vec<Complex64> = (0..params.slots()).map(|j| Complex64::new((j as f64).sin(), 0.0)).collect();
    let y: Vec<Complex64> = (0..params.slots()).map(|j| Complex64::new((0.3 * j as f64).cos(), 0.0)).collect();
    let mut encrypt = |values: &[Complex64]| -> ckks_core::Result<_> {
        let plaintext = encoder.encode_complex(values, top, params.scale_at(top))?;
        Ok(encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?.expand(&params))
    };
    let (encrypted_x, encrypted_y) = (encrypt(&x)?, encrypt(&y)?);

    // The computing side: no secret from here on.
    let evaluator = CkksEvaluator::new(&params, &keys)?;
    let encrypted_sum = evaluator.add(&encrypted_x, &encrypted_y)?;
    let encrypted_product = evaluator.mul(&encrypted_x, &encrypted_y)?;
    println!("levels: fresh {}, sum {}, product {}", encrypted_x.level(), encrypted_sum.level(), encrypted_product.level());
    assert_eq!((encrypted_sum.level(), encrypted_product.level()), (top, top - 1));

    // Back to whoever has the key. Arithmetic is approximate: every operation leaves noise, and how much is known beforehand.
    let sum = encoder.decode(&decrypt(&params, &secret, &encrypted_sum)?)?;
    let product = encoder.decode(&decrypt(&params, &secret, &encrypted_product)?)?;
    let noise = NoiseModel::new(&params);
    let fresh = noise.fresh_symmetric(top) + noise.encoding(params.slots(), params.scale_at(top));
    let mean_square = 0.5; // of sines and cosines
    let predicted_product = NoiseModel::product(mean_square, fresh, mean_square, fresh) + noise.relinearised_rescaling(top, top);

    for (name, got, wanted, predicted) in [
        ("sum", sum, x.iter().zip(&y).map(|(a, b)| a + b).collect::<Vec<_>>(), 2.0 * fresh),
        ("product", product, x.iter().zip(&y).map(|(a, b)| a * b).collect(), predicted_product),
    ] {
        let precision = Precision::measure(&wanted, &got)?;
        println!("\n{name}: predicted {:.1} bits\n{precision}", model::bits(predicted));
        assert!((precision.complex.rms - model::bits(predicted)).abs() < 1.0, "the prediction is off by more than a bit");
    }
    Ok(())
}
