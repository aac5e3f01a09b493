//! exp by a polynomial of exp(x/2^k) and k squarings.

use ckks_core::circuits::polynomial::{ChebyshevPolynomial, evaluate_normalised};
use he_tensor::Evaluator;

use super::dual::Dual;
use super::{Form, Interval, ScalarFunction, fit};
use crate::{Error, Result};

/// c·exp(x) on [a, b] as (c^(1/2^k)·p(x))^(2^k), p ≈ exp(x/2^k): a squaring costs one level and halves the exponent that the
/// polynomial has to follow, so that wide intervals take less depth than by a polynomial alone (degree 7 and 2 squarings:
/// 2^-14.7 on [−16, 0], depth 5).
#[derive(Clone, Debug)]
pub struct Exponential {
    polynomial: ChebyshevPolynomial,
    derivative: ChebyshevPolynomial,
    interval: Interval,
    squarings: u32,
    scale: f64,
}

impl Exponential {
    /// scale·exp on the interval, by a polynomial of this degree and `squarings` squarings.
    ///
    /// # Errors
    /// [`Error::Value`] for a scale that is not positive and for more than 6 squarings.
    pub fn new(interval: Interval, degree: usize, squarings: u32, scale: f64) -> Result<Self> {
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::Value {
                what: "factor of an exponential",
                found: scale.to_string(),
                needed: "a positive number".into(),
            });
        }
        if squarings > 6 {
            return Err(Error::Value {
                what: "squarings of an exponential",
                found: squarings.to_string(),
                needed: "at most 6".into(),
            });
        }
        let part = f64::from(1u32 << squarings).recip();
        let polynomial = fit(|x| scale.powf(part) * (x * part).exp(), degree, interval)?;
        Ok(Self { derivative: polynomial.derivative(), polynomial, interval, squarings, scale })
    }

    /// The factor before the exponential.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

impl ScalarFunction for Exponential {
    fn interval(&self) -> Interval {
        self.interval
    }

    fn value(&self, form: Form, x: f64) -> (f64, f64) {
        match form {
            Form::Exact => (self.scale * x.exp(), self.scale * x.exp()),
            Form::Polynomial => (0..self.squarings).fold(Dual::of(&self.polynomial, &self.derivative, x), |v, _| v * v).pair(),
        }
    }

    fn factor(&self) -> f64 {
        1.0
    }

    fn depth(&self) -> usize {
        self.polynomial.depth_normalised() + self.squarings as usize
    }

    fn circuit<E: Evaluator>(&self, e: &E, y: &E::Vector) -> Result<E::Vector> {
        let mut value = evaluate_normalised(e, &self.polynomial, y)?;
        for _ in 0..self.squarings {
            value = e.square(&value)?;
        }
        Ok(value)
    }
}
