//! 1/x by a polynomial and Goldschmidt's iteration.

use ckks_core::circuits::polynomial::{ChebyshevPolynomial, evaluate_normalised};
use he_tensor::Evaluator;

use super::dual::Dual;
use super::{Form, Interval, ScalarFunction, fit};
use crate::{Error, Result};

/// 1/x on [a, b], 0 < a: a polynomial r₀, then r ← r·(2 − x·r), which squares the relative error.
///
/// In Goldschmidt's form (Goldschmidt 1964; Cheon, Kim, Kim, Lee, Lee, eprint 2019/417, §3.2, for CKKS) the product x·r is
/// carried along, t ← t·(2 − t), so that an iteration costs one level and not two; the first needs one more for t₀ = x·r₀.
#[derive(Clone, Debug)]
pub struct Reciprocal {
    /// ≈ h/x, h the half width.
    polynomial: ChebyshevPolynomial,
    derivative: ChebyshevPolynomial,
    interval: Interval,
    iterations: u32,
}

impl Reciprocal {
    /// A polynomial of this degree and some iterations.
    ///
    /// # Errors
    /// [`Error::Value`] unless 0 < a < b, for more than 8 iterations, and where the iterations would not converge because the
    /// polynomial is off by 100 % or more somewhere.
    pub fn new(interval: Interval, degree: usize, iterations: u32) -> Result<Self> {
        let interval = Interval::positive(interval.low, interval.high)?;
        if iterations > 8 {
            return Err(Error::Value {
                what: "iterations of an inverse",
                found: iterations.to_string(),
                needed: "at most 8".into(),
            });
        }
        let half = interval.half_width();
        let polynomial = fit(|x| half / x, degree, interval)?;
        let derivative = polynomial.derivative();
        let start = Self { polynomial, derivative, interval, iterations: 0 };
        let error = start.max_relative_error();
        if iterations > 0 && error >= 1.0 {
            return Err(diverges("1/x", interval, degree, error));
        }
        Ok(Self { iterations, ..start })
    }
}

/// A start that an iteration cannot improve.
pub(super) fn diverges(function: &str, interval: Interval, degree: usize, error: f64) -> Error {
    Error::Approximation { function: function.into(), low: interval.low, high: interval.high, degree, error, wanted: 1.0 }
}

impl ScalarFunction for Reciprocal {
    fn interval(&self) -> Interval {
        self.interval
    }

    fn value(&self, form: Form, x: f64) -> (f64, f64) {
        if form == Form::Exact {
            return (1.0 / x, -1.0 / (x * x));
        }
        let half = self.interval.half_width();
        let two = Dual::constant(2.0);
        let mut r = Dual::of(&self.polynomial, &self.derivative, x);
        if self.iterations > 0 {
            let mut t = Dual { value: x / half, slope: 1.0 / half } * r;
            for _ in 0..self.iterations {
                r = r * (two - t);
                t = t * (two - t);
            }
        }
        (r.value / half, r.slope / half)
    }

    fn factor(&self) -> f64 {
        self.interval.half_width()
    }

    fn depth(&self) -> usize {
        self.polynomial.depth_normalised() + if self.iterations > 0 { self.iterations as usize + 1 } else { 0 }
    }

    fn circuit<E: Evaluator>(&self, e: &E, y: &E::Vector) -> Result<E::Vector> {
        let mut r = evaluate_normalised(e, &self.polynomial, y)?;
        if self.iterations == 0 {
            return Ok(r);
        }
        // x/h = y + (a + b)/(b − a).
        let mut t = e.mul(&e.add_scalar(y, -self.interval.affine_map().1)?, &r)?;
        for left in (0..self.iterations).rev() {
            let correction = e.add_scalar(&e.negate(&t)?, 2.0)?;
            r = e.mul(&r, &correction)?;
            if left > 0 {
                t = e.mul(&t, &correction)?;
            }
        }
        Ok(r)
    }
}
