//! 3. From a wanted error to a polynomial: interpolation, the best polynomial, and composites.
//!
//! `cargo run -p hnn-layers --example 03_polynomials_for_functions`

use ckks_core::circuits::polynomial::ChebyshevPolynomial;
use hnn_layers::approx::{Fit, chebyshev, composite, remez};
use hnn_layers::functions::{Interval, ScalarFunction};

/// Runs the example.
pub fn main() -> hnn_layers::Result<()> {
    // A wider interval costs degree, and every doubling of the degree costs a level: ranges are depth.
    let sigmoid = |x: f64| 0.5 * (0.5 * x).tanh();
    println!("σ − 1/2 within 2^-8:");
    let mut last = 0;
    for bound in [4.0, 8.0, 12.0, 16.0] {
        let fit = chebyshev::fit("sigmoid", &sigmoid, (-bound, bound), 2f64.powi(-8), 63)?;
        println!("  ±{bound:<4} degree {:>2}, {} levels", fit.polynomial.degree(), fit.polynomial.depth_normalised());
        assert!(fit.polynomial.degree() > last);
        last = fit.polynomial.degree();
    }

    // Interpolation is good everywhere; the best polynomial spreads its error evenly and gains a fraction of a bit.
    println!("σ − 1/2 on ±12, degree 31:");
    let interpolated = Fit::measure(ChebyshevPolynomial::interpolate(sigmoid, 31, (-12.0, 12.0))?, &sigmoid);
    let best = remez::minimax("sigmoid", &sigmoid, 31, (-12.0, 12.0))?;
    println!("  interpolated 2^-{:.2}, best 2^-{:.2}", interpolated.bits(), best.bits());
    assert!(best.bits() > interpolated.bits());

    // Some functions need no high degree, but a low one and steps that square the error or double the range.
    println!("composites:");
    let exp = composite::exponential(Interval::new(-16.0, 0.0)?, 1.0, 2f64.powi(-12), 31)?;
    let inverse = composite::reciprocal(Interval::positive(1.0, 100.0)?, 2f64.powi(-10), 31)?;
    let root = composite::inverse_square_root(Interval::positive(1.0, 20.0)?, 2f64.powi(-10), 31)?;
    println!("  exp on [-16, 0] within 2^-12: {} levels", exp.depth());
    println!(
        "  1/x on [1, 100] within 2^-10 of itself: {} levels, measured 2^{:.1}",
        inverse.depth(),
        inverse.max_relative_error().log2()
    );
    println!(
        "  1/√x on [1, 20] within 2^-10 of itself: {} levels, measured 2^{:.1}",
        root.depth(),
        root.max_relative_error().log2()
    );
    assert!(inverse.max_relative_error() <= 2f64.powi(-10) && root.max_relative_error() <= 2f64.powi(-10));

    // What cannot be had is refused with the best that could.
    let refused = chebyshev::fit("sigmoid", &sigmoid, (-40.0, 40.0), 1e-6, 31);
    println!("refused: {}", refused.err().map(|e| e.to_string()).unwrap_or_default());
    Ok(())
}
