//! 1. Choose an activation's polynomial from the error that it may have, and see what it costs and how noisy it gets.
//!
//! `cargo run -p hnn-layers --example 01_an_activation_from_a_wanted_error`

use ckks_core::circuits::Arithmetic;
use ckks_core::noise::model::bits;
use ckks_core::params::{Params, ParamsLiteral};
use he_tensor::evaluator::Encryption;
use he_tensor::{CostCounter, Simulator};
use hnn_layers::activation::{Activation, Nonlinearity};
use hnn_layers::functions::Interval;
use num_complex::Complex64;

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let params = Params::new(ParamsLiteral::leveled(13, 45, 4, 30, 1, 45))?;
    println!("GELU on [-4, 4] at N = 2^13, {} levels", params.max_level());
    for wanted in [0.05, 0.01, 0.002] {
        let gelu = Activation::<f64>::fit_to(Nonlinearity::Gelu, wanted, Interval::new(-4.0, 4.0)?)?;
        let polynomial = gelu.polynomial()?;
        let depth = polynomial.depth_normalised();
        println!("wanted {wanted}: degree {}, error {:.4}, {depth} levels", polynomial.degree(), gelu.max_error()?);
        assert!(gelu.max_error()? <= wanted);

        // The layer before folds the interval in: arguments arrive as x/4.
        let arguments: Vec<Complex64> = (0..64).map(|i| (f64::from(i) / 32.0 - 1.0).into()).collect();
        let simulator = Simulator::new(&params);
        let x = simulator.encrypt(&arguments, Encryption::Symmetric)?;
        let y = gelu.circuit_normalised(&simulator, &x)?;
        assert_eq!(params.max_level() - y.level(), depth);
        for (argument, value) in arguments.iter().zip(y.values()) {
            assert!((polynomial.eval_normalised(argument.re) - value.re).abs() < 1e-9);
        }
        let counter = CostCounter::new(&params);
        let counted = gelu.circuit_normalised(&counter, &counter.fresh())?;
        assert_eq!(counter.level(&counted), y.level());
        println!(
            "  {:.1} bits right after encryption noise; keys: {} bytes",
            bits(y.mean_variance()),
            counter.report().key_bytes_in_memory
        );
    }
    // What cannot be had is said, with the error that can.
    let refused = Activation::<f64>::fit_to(Nonlinearity::Relu, 1e-6, Interval::new(-8.0, 8.0)?);
    println!("{}", refused.err().ok_or("degree 63 cannot follow a corner that closely")?);
    Ok(())
}
