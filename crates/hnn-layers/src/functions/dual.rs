//! A value with its derivative, for functions that are iterations.

use std::ops::{Add, Mul, Sub};

use ckks_core::circuits::polynomial::ChebyshevPolynomial;

#[derive(Clone, Copy, Debug)]
pub(super) struct Dual {
    pub value: f64,
    pub slope: f64,
}

impl Dual {
    /// The polynomial and its derivative at x.
    pub fn of(polynomial: &ChebyshevPolynomial, derivative: &ChebyshevPolynomial, x: f64) -> Self {
        Self { value: polynomial.eval(x), slope: derivative.eval(x) }
    }

    pub fn constant(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }

    pub fn pair(self) -> (f64, f64) {
        (self.value, self.slope)
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self { value: self.value + o.value, slope: self.slope + o.slope }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self { value: self.value - o.value, slope: self.slope - o.slope }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self { value: self.value * o.value, slope: self.value * o.slope + self.slope * o.value }
    }
}
