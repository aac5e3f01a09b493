//! 1/√x by a polynomial and Newton's iteration.

use ckks_core::circuits::polynomial::{ChebyshevPolynomial, evaluate_normalised};
use he_tensor::Evaluator;

use super::dual::Dual;
use super::reciprocal::diverges;
use super::{Form, Interval, ScalarFunction, fit};
use crate::{Error, Result};

/// 1/√x on [a, b], 0 < a: a polynomial s₀, then s ← s·(3 − x·s²)/2, which leaves 3/2·ε² of a relative error ε.
///
/// An iteration costs two levels: s² and (−x/2)·s side by side, their product beside 3/2·s.
#[derive(Clone, Debug)]
pub struct InverseSquareRoot {
    /// ≈ √(h/x), h the half width.
    polynomial: ChebyshevPolynomial,
    derivative: ChebyshevPolynomial,
    interval: Interval,
    iterations: u32,
}

impl InverseSquareRoot {
    /// A polynomial of this degree and some iterations.
    ///
    /// # Errors
    /// [`Error::Value`] unless 0 < a < b, for more than 4 iterations, and where the iterations would not converge because the
    /// polynomial is off by 73 % (√3 − 1) or more somewhere.
    pub fn new(interval: Interval, degree: usize, iterations: u32) -> Result<Self> {
        let interval = Interval::positive(interval.low, interval.high)?;
        if iterations > 4 {
            let found = iterations.to_string();
            return Err(Error::Value { what: "iterations of an inverse square root", found, needed: "at most 4".into() });
        }
        let half = interval.half_width();
        let polynomial = fit(|x| (half / x).sqrt(), degree, interval)?;
        let derivative = polynomial.derivative();
        let start = Self { polynomial, derivative, interval, iterations: 0 };
        let error = start.max_relative_error();
        if iterations > 0 && error >= 3f64.sqrt() - 1.0 {
            return Err(diverges("1/sqrt(x)", interval, degree, error));
        }
        Ok(Self { iterations, ..start })
    }
}

impl ScalarFunction for InverseSquareRoot {
    fn interval(&self) -> Interval {
        self.interval
    }

    fn value(&self, form: Form, x: f64) -> (f64, f64) {
        if form == Form::Exact {
            return (x.sqrt().recip(), -0.5 / (x * x.sqrt()));
        }
        let half = self.interval.half_width();
        let argument = Dual { value: x / half, slope: 1.0 / half };
        let start = Dual::of(&self.polynomial, &self.derivative, x);
        let step = |s: Dual| Dual::constant(1.5) * s + Dual::constant(-0.5) * argument * s * s * s;
        let s = (0..self.iterations).fold(start, |s, _| step(s));
        (s.value / half.sqrt(), s.slope / half.sqrt())
    }

    fn factor(&self) -> f64 {
        self.interval.half_width().sqrt()
    }

    fn depth(&self) -> usize {
        self.polynomial.depth_normalised().max(usize::from(self.iterations > 0)) + 2 * self.iterations as usize
    }

    fn circuit<E: Evaluator>(&self, e: &E, y: &E::Vector) -> Result<E::Vector> {
        let mut s = evaluate_normalised(e, &self.polynomial, y)?;
        if self.iterations == 0 {
            return Ok(s);
        }
        // −x/(2h) = −(y + (a + b)/(b − a))/2: a level at the top, where the polynomial takes its own.
        let minus_half = e.linear_combination(&[(y, -0.5)], 0.5 * self.interval.affine_map().1)?;
        for _ in 0..self.iterations {
            let product = e.mul(&e.square(&s)?, &e.mul(&minus_half, &s)?)?;
            s = e.add(&product, &e.mul_scalar(&s, 1.5)?)?;
        }
        Ok(s)
    }
}
