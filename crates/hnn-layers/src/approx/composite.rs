//! A low polynomial followed by squarings or Newton steps: the search for the shallowest form with a wanted error.
//!
//! The forms themselves are [`Exponential`], [`Reciprocal`] and [`InverseSquareRoot`]; here degree and number of steps are
//! chosen: least depth first, then the lowest degree, which costs fewer products.

use super::max_error;
use crate::functions::{Exponential, Form, Interval, InverseSquareRoot, Reciprocal, ScalarFunction};
use crate::{Error, Result};

/// Most squarings or Newton steps that are tried; every form accepts as many.
const MOST_STEPS: u32 = 4;

/// scale·e^x on `interval` with absolute error ≤ `wanted`, by a polynomial of at most `max_degree`.
///
/// # Errors
/// [`Error::Approximation`] with the best error if nothing suffices; [`Error::Value`] for a scale that is not positive.
pub fn exponential(interval: Interval, scale: f64, wanted: f64, max_degree: usize) -> Result<Exponential> {
    let make = |degree, steps| Exponential::new(interval, degree, steps, scale);
    search("exp", interval, wanted, max_degree, make, |found, exact| found - exact)
}

/// 1/x on a positive `interval` with relative error ≤ `wanted`.
///
/// # Errors
/// [`Error::Approximation`] with the best error if nothing suffices; [`Error::Value`] for an interval that is not positive.
pub fn reciprocal(interval: Interval, wanted: f64, max_degree: usize) -> Result<Reciprocal> {
    let make = |degree, steps| Reciprocal::new(interval, degree, steps);
    search("1/x", interval, wanted, max_degree, make, |found, exact| found / exact - 1.0)
}

/// 1/√x on a positive `interval` with relative error ≤ `wanted`.
///
/// # Errors
/// As [`reciprocal`].
pub fn inverse_square_root(interval: Interval, wanted: f64, max_degree: usize) -> Result<InverseSquareRoot> {
    let make = |degree, steps| InverseSquareRoot::new(interval, degree, steps);
    search("1/√x", interval, wanted, max_degree, make, |found, exact| found / exact - 1.0)
}

fn search<F: ScalarFunction>(
    name: &str,
    interval: Interval,
    wanted: f64,
    max_degree: usize,
    make: impl Fn(usize, u32) -> Result<F>,
    difference: impl Fn(f64, f64) -> f64,
) -> Result<F> {
    let mut best: Option<(usize, usize, F)> = None;
    let mut least = f64::INFINITY;
    for steps in 0..=MOST_STEPS {
        for degree in 1..=max_degree {
            let form = match make(degree, steps) {
                // This start is too rough for Newton's steps: a higher degree may not be.
                Err(Error::Approximation { error, .. }) => {
                    least = least.min(error);
                    continue;
                }
                other => other?,
            };
            if best.as_ref().is_some_and(|(depth, ..)| form.depth() > *depth) {
                break;
            }
            let exact = |x| form.value(Form::Exact, x).0;
            let composed = degree << steps.min(4);
            let error =
                max_error((interval.low, interval.high), composed, &|x| difference(form.value(Form::Polynomial, x).0, exact(x)));
            least = least.min(error);
            if error <= wanted {
                let key = (form.depth(), degree);
                if best.as_ref().is_none_or(|(depth, degree, _)| key < (*depth, *degree)) {
                    best = Some((key.0, key.1, form));
                }
                break;
            }
        }
    }
    best.map(|(.., form)| form).ok_or_else(|| Error::Approximation {
        function: name.into(),
        low: interval.low,
        high: interval.high,
        degree: max_degree,
        error: least,
        wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_of_the_table() -> Result<()> {
        // DESIGN's measured entry: degree 7 and two squarings leave 2^-14.7 on [−16, 0], depth 5.
        let found = exponential(Interval::new(-16.0, 0.0)?, 1.0, 2f64.powf(-14.6), 31)?;
        assert!(found.depth() <= 5);
        let wide = exponential(Interval::new(-200.0, 0.0)?, 1.0, 2f64.powi(-12), 31)?;
        for i in 0..=500 {
            let x = -200.0 * f64::from(i) / 500.0;
            let error = wide.value(Form::Polynomial, x).0 - x.exp();
            assert!(error.abs() <= 2f64.powi(-12), "at {x}: {error}");
        }
        Ok(())
    }

    #[test]
    fn inverses_keep_their_relative_error() -> Result<()> {
        for ratio in [4.0, 20.0, 100.0] {
            let (interval, wanted) = (Interval::positive(1.0, ratio)?, 2f64.powi(-10));
            assert!(reciprocal(interval, wanted, 31)?.max_relative_error() <= wanted);
            assert!(inverse_square_root(interval, wanted, 31)?.max_relative_error() <= wanted);
        }
        assert!(matches!(reciprocal(Interval::new(-1.0, 1.0)?, 1e-3, 31), Err(Error::Value { .. })));
        assert!(matches!(reciprocal(Interval::positive(1.0, 1e6)?, 1e-9, 3), Err(Error::Approximation { .. })));
        Ok(())
    }
}
