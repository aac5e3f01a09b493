//! 2. Scales and levels: what multiplications use up, and what the library does about it.
//!
//! `cargo run -p ckks-core --example 02_scales_and_levels`

use ckks_core::Error;
use ckks_core::circuits::{Arithmetic, CkksEvaluator};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::eval::Evaluator;
use ckks_core::keys::{KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;

/// Runs the example.
pub fn main() -> ckks_core::Result<()> {
    let params = Params::new(ParamsLiteral::leveled(13, 45, 3, 35, 1, 50))?;
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(params.max_level());
    let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&needed, &mut randomness, |_, _| ());
    let encoder = Encoder::new(&params)?;
    let decode = |ct: &_| -> ckks_core::Result<f64> { Ok(encoder.decode(&decrypt(&params, &secret, ct)?)?[0].re) };

    // A number is stored as an integer: value × scale. A product has both scales, so it is divided ("rescaled") by one prime
    // of about the scale's size, and that prime is gone: one level less. Primes are not powers of two, so the exact scale
    // differs from level to level. The *canonical* scales below are what products of canonical operands get by themselves.
    println!("level  log2(prime)  canonical scale");
    for level in (0..=params.max_level()).rev() {
        println!("{level:>5}  {:>11.6}  {}", (params.q(level).value() as f64).log2(), params.scale_at(level));
    }

    // The high-level evaluator keeps every ciphertext at the canonical scale of its level. Nobody sets a scale by hand.
    let top = params.max_level();
    let x = 0.9;
    let plaintext = encoder.encode(&[x], top, params.scale_at(top))?; // one value: repeated in all slots
    let fresh = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?.expand(&params);
    let evaluator = CkksEvaluator::new(&params, &keys)?;
    let mut power = fresh.clone();
    let mut wanted = x;
    println!("\nsquaring until the levels are used up:");
    while power.level() > 0 {
        power = evaluator.square(&power)?;
        wanted *= wanted;
        let got = decode(&power)?;
        println!("  level {}: {got:.7}, wanted {wanted:.7}, scale {}", power.level(), power.scale());
        assert!(power.scale().matches(params.scale_at(power.level())));
        // At a 35-bit scale and N = 2^13 a slot's noise is about 2^-24; three squarings at most multiply it by 8.
        assert!((got - wanted).abs() < 2f64.powi(-18));
    }

    // One more does not fit, and the error says so.
    let refused = evaluator.square(&power).err();
    println!("\none more squaring: {}", refused.as_ref().map_or("accepted?".into(), Error::to_string));
    assert!(matches!(refused, Some(Error::LevelsExhausted { .. })));

    // Operands at different levels are aligned exactly: the higher one is brought down to the lower one's level *and scale*.
    let sum = evaluator.add(&fresh, &power)?;
    println!("x at level {top} + x^8 at level 0 = {:.7}", decode(&sum)?);
    assert!((decode(&sum)? - (x + wanted)).abs() < 2f64.powi(-17));

    // One floor below, `eval::Evaluator` does single steps. A product that was not rescaled yet has another scale; adding it to
    // x would mean adding numbers in different units, and is refused with both figures.
    let steps = Evaluator::new(&params, &keys)?;
    let unscaled = steps.mul(&fresh, &fresh)?;
    let refused = steps.add(&fresh, &unscaled).err();
    println!("\nx + x² before rescaling: {}", refused.as_ref().map_or("accepted?".into(), Error::to_string));
    assert!(matches!(refused, Some(Error::ScaleMismatch { .. })));
    let rescaled = steps.rescale(&unscaled)?;
    println!(
        "x² before rescaling: level {}, scale {}; after: level {}, scale {}",
        unscaled.level(),
        unscaled.scale(),
        rescaled.level(),
        rescaled.scale()
    );
    let sum = steps.add(&fresh, &rescaled)?;
    assert!((decode(&sum)? - (x + x * x)).abs() < 2f64.powi(-17));
    Ok(())
}
