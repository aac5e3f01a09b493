//! Polynomials for functions that CKKS does not have: from a wanted error to a degree.
//!
//! [`chebyshev`] interpolates and raises the degree until the measured error is small enough; [`remez`] finds the best
//! polynomial of a degree; [`composite`] joins a low polynomial with squarings or Newton steps where that is shallower.

pub mod chebyshev;
pub mod composite;
pub mod remez;

use ckks_core::circuits::polynomial::ChebyshevPolynomial;

/// Points per degree at which an error is measured: between two neighbours an extremum of the error, a polynomial of
/// about that degree, is missed by less than (π/2/32)²/2 ≈ 0.1 % of its height.
const POINTS_PER_DEGREE: usize = 32;

/// A polynomial and how far it is from its function.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The polynomial, on its interval.
    pub polynomial: ChebyshevPolynomial,
    /// Largest absolute error measured on the interval.
    pub error: f64,
}

impl Fit {
    /// Measures a polynomial against its function.
    pub fn measure(polynomial: ChebyshevPolynomial, f: &dyn Fn(f64) -> f64) -> Fit {
        let error = max_error(polynomial.interval(), polynomial.degree(), &|x| polynomial.eval(x) - f(x));
        Fit { polynomial, error }
    }

    /// −log2 of the error.
    pub fn bits(&self) -> f64 {
        -self.error.log2()
    }
}

/// Largest |difference| over points that crowd towards the ends like Chebyshev points. NaN counts as infinite.
pub(crate) fn max_error((low, high): (f64, f64), degree: usize, difference: &dyn Fn(f64) -> f64) -> f64 {
    let n = POINTS_PER_DEGREE * (degree + 2);
    (0..=n)
        .map(|j| {
            let y = (std::f64::consts::PI * j as f64 / n as f64).cos();
            let e = difference(0.5 * (low + high) + 0.5 * (high - low) * y).abs();
            if e.is_nan() { f64::INFINITY } else { e }
        })
        .fold(0.0, f64::max)
}

/// The interval [−b, b] for values seen during calibration: b is their largest absolute value times `margin`.
///
/// # Errors
/// No values, or none that is finite and not zero; a margin below 1.
pub fn symmetric_interval(values: impl IntoIterator<Item = f64>, margin: f64) -> crate::Result<(f64, f64)> {
    let largest = values.into_iter().map(f64::abs).fold(0.0, f64::max);
    let refuse =
        |what, found: f64, needed: &str| Err(crate::Error::Value { what, found: found.to_string(), needed: needed.to_string() });
    if !(largest > 0.0 && largest.is_finite()) {
        return refuse("largest value of a calibration", largest, "a finite number above 0");
    }
    if !(1.0..=1e6).contains(&margin) {
        return refuse("margin of an interval", margin, "1 to 1e6");
    }
    Ok((-margin * largest, margin * largest))
}
