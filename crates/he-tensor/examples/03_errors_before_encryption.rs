//! 3. How many bits will be right? Ask the simulator, in two ways.
//!
//! `cargo run -p he-tensor --example 03_errors_before_encryption`
//!
//! The first way adds the variances of all errors as if they knew nothing of each other: one run, a number per slot. The second
//! draws the errors and carries them through the circuit: right even where an error meets itself again.

use ckks_core::circuits::polynomial::{self, ChebyshevPolynomial};
use ckks_core::noise::model::bits;
use ckks_core::params::{Params, ParamsLiteral};
use he_tensor::evaluator::Encryption;
use he_tensor::{Evaluator, Simulator};
use num_complex::Complex64;

/// The logistic function on ±6, from a value that is multiplied by 1/6 on the way in.
fn circuit<E: Evaluator>(e: &E, sigmoid: &ChebyshevPolynomial, x: &E::Vector) -> ckks_core::Result<E::Vector> {
    let (factor, shift) = sigmoid.affine_map();
    let y = e.linear_combination(&[(x, factor)], shift)?;
    e.watch("sigmoid", &y, 1.0);
    polynomial::evaluate_normalised(e, sigmoid, &y)
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let params = Params::new(ParamsLiteral::n14_leveled())?;
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let x: Vec<Complex64> = (0..params.slots()).map(|j| Complex64::new(j as f64 / 1024.0 - 4.0, 0.0)).collect();

    println!("degree  levels  fit of the function  predicted ν  drawn ν");
    for degree in [7, 15, 23] {
        let sigmoid = ChebyshevPolynomial::interpolate(logistic, degree, (-6.0, 6.0))?;
        let fit = (-600..=600).map(|k| f64::from(k) / 100.0).map(|t| (sigmoid.eval(t) - logistic(t)).abs()).fold(0.0, f64::max);

        let simulator = Simulator::new(&params);
        let exact = circuit(&simulator, &sigmoid, &simulator.encrypt(&x, Encryption::Symmetric)?)?;
        let noisy = Simulator::with_noise(&params, 1);
        let drawn = circuit(&noisy, &sigmoid, &noisy.encrypt(&x, Encryption::Symmetric)?)?;
        let differences = drawn.values().iter().zip(exact.values()).map(|(a, b)| (a - b).norm_sqr());
        let drawn = bits(differences.sum::<f64>() / x.len() as f64);
        let predicted = bits(exact.mean_variance());
        let levels = params.max_level() - exact.level();
        println!("{degree:>6}  {levels:>6}  {:>19}  {predicted:>11.2}  {drawn:>7.2}", format!("2^{:.1}", fit.log2()));
        assert!((predicted - drawn).abs() < 2.0);
        assert!(simulator.ranges()["sigmoid"] <= 1.0, "no value left the interval");
    }
    Ok(())
}
