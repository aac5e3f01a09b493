//! 4. A function that is no polynomial: the logistic function on encrypted numbers.
//!
//! `cargo run -p ckks-core --example 04_a_polynomial`

use std::time::Instant;

use ckks_core::circuits::CkksEvaluator;
use ckks_core::circuits::polynomial::{ChebyshevPolynomial, evaluate};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::noise::Precision;
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;

/// Runs the example.
pub fn main() -> ckks_core::Result<()> {
    // Ciphertexts can be added and multiplied, so a function becomes a polynomial on the interval where its arguments lie.
    // Outside it the polynomial runs away: know the range.
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    println!("degree  levels  largest error of the fit on [-8, 8]");
    for degree in [7, 15, 23, 31] {
        let fit = ChebyshevPolynomial::interpolate(logistic, degree, (-8.0, 8.0))?;
        println!("{degree:>6}  {:>6}  2^{:.1}", fit.depth(), fit_error(&fit, logistic).log2());
    }
    let polynomial = ChebyshevPolynomial::interpolate(logistic, 23, (-8.0, 8.0))?;
    let (error, depth) = (fit_error(&polynomial, logistic), polynomial.depth());
    assert!(error < 2f64.powi(-13));

    // The set that the fast sentiment student uses: 11 levels of 30 bits at N = 2^14, 128-bit.
    let params = Params::new(ParamsLiteral::n14_leveled())?;
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(depth); // evaluation starts at this level, so no larger key is needed
    let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&needed, &mut randomness, |_, _| ());

    // 8192 arguments at once, encrypted with no more levels than will be used: that is smaller and faster.
    let x: Vec<f64> = (0..params.slots()).map(|j| 16.0 * j as f64 / params.slots() as f64 - 8.0).collect();
    let encoder = Encoder::new(&params)?;
    let plaintext = encoder.encode(&x, depth, params.scale_at(depth))?;
    let encrypted = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?.expand(&params);

    // Paterson–Stockmeyer in the Chebyshev basis: ⌈log2(degree + 1)⌉ levels, and one that maps the interval to [-1, 1] where
    // its width cannot be folded into the powers.
    let evaluator = CkksEvaluator::new(&params, &keys)?;
    let start = Instant::now();
    let result = evaluate(&evaluator, &polynomial, &encrypted)?;
    println!(
        "\ndegree {}: {:.0} ms for {} values, level {depth} → {}",
        polynomial.degree(),
        start.elapsed().as_secs_f64() * 1e3,
        x.len(),
        result.level()
    );
    assert_eq!(result.level(), 0);

    let got = encoder.decode(&decrypt(&params, &secret, &result)?)?;
    let of_polynomial: Vec<f64> = x.iter().map(|&v| polynomial.eval(v)).collect();
    let of_function: Vec<f64> = x.iter().map(|&v| logistic(v)).collect();
    let noise = Precision::measure_real(&of_polynomial, &got)?;
    let total = Precision::measure_real(&of_function, &got)?;
    println!("\nagainst the polynomial (noise only)\n{noise}\n\nagainst the logistic function\n{total}");
    // The two parts of the error add up at most.
    assert!(total.max_error <= noise.max_error + error);
    // A rescaling at this scale leaves 2^-18 in a slot; five levels of squarings and the sum of the terms cost a few bits.
    assert!(noise.real.rms > 12.0);
    Ok(())
}

/// Largest |p − f| on a fine grid of the interval.
fn fit_error(p: &ChebyshevPolynomial, f: impl Fn(f64) -> f64) -> f64 {
    (0..=10_000).map(|k| f64::from(k) * 0.0016 - 8.0).map(|x| (p.eval(x) - f(x)).abs()).fold(0.0, f64::max)
}
