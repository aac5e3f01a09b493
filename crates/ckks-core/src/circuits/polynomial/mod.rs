//! Polynomials in the Chebyshev basis, plain and on any [`Arithmetic`].
//!
//! A polynomial of degree d costs ⌈log₂(d+1)⌉ levels and about √(2d) + log₂ d products (Paterson and Stockmeyer 1973 in
//! the Chebyshev basis; Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, eprint 2020/1203 §5, for the splitting of the leading
//! part that keeps the depth minimal).
//!
//! **The interval.** A polynomial on [a, b] needs y = (x − c)/h, c the centre and h the half width. The shift is free; the
//! division by h costs
//! * nothing where it can be folded: for h ≤ 2 (and a little above for low degrees) the evaluation uses λₙ·Tₙ(y) instead
//!   of Tₙ(y), where λ₁ = m·h for an integer m and the other λₙ follow, all kept between 1/√2 and 16 by integer factors;
//!   the coefficients absorb them;
//! * one level otherwise. A circuit whose step before is linear saves it by folding [`ChebyshevPolynomial::affine_map`]
//!   into that step and calling [`evaluate_normalised`].

mod at_scale;
mod evaluate;
mod plan;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use at_scale::Sum;
pub use evaluate::{evaluate, evaluate_normalised};
pub use plan::PolynomialPlan;
pub(crate) use weights::Weights;

use serde::{Deserialize, Serialize};

use super::Arithmetic;
use crate::error::{Error, Result};

/// `Σ cₙ·Tₙ(y)` with y = (2x − a − b)/(b − a) for x in [a, b].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ChebyshevPolynomial {
    coefficients: Vec<f64>,
    interval: (f64, f64),
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    coefficients: Vec<f64>,
    interval: (f64, f64),
}

impl TryFrom<Stored> for ChebyshevPolynomial {
    type Error = Error;
    fn try_from(s: Stored) -> Result<Self> {
        Self::new(s.coefficients, s.interval)
    }
}

impl From<ChebyshevPolynomial> for Stored {
    fn from(p: ChebyshevPolynomial) -> Self {
        Self { coefficients: p.coefficients, interval: p.interval }
    }
}

/// Which powers a polynomial has, as a function of y on [−1, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// Only even ones.
    Even,
    /// Only odd ones.
    Odd,
    /// Both.
    Neither,
}

/// Coefficients below this part of the largest one are rounding errors of the fit and count as zero: so the fit of an
/// odd function is evaluated as an odd polynomial.
const NEGLIGIBLE: f64 = 1e-16;

impl ChebyshevPolynomial {
    /// The polynomial with these Chebyshev coefficients, lowest degree first, on the interval [a, b].
    ///
    /// Coefficients below 10⁻¹⁶ of the largest one are set to zero and zeros at the end are cut.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] without coefficients, for NaN and infinities, or unless a < b.
    pub fn new(coefficients: impl Into<Vec<f64>>, interval: (f64, f64)) -> Result<Self> {
        let mut coefficients = coefficients.into();
        let (a, b) = interval;
        if !(a.is_finite() && b.is_finite() && a < b) {
            let what =
                format!("[{a}, {b}] is not an interval for a polynomial: found ends {a} and {b}, needed a < b, both finite");
            return Err(Error::ValueOutOfRange { what });
        }
        if coefficients.is_empty() || coefficients.iter().any(|c| !c.is_finite()) {
            let what = "a polynomial needs at least one coefficient, all of them finite".to_string();
            return Err(Error::ValueOutOfRange { what });
        }
        let largest = coefficients.iter().fold(0.0f64, |m, c| m.max(c.abs()));
        for c in &mut coefficients {
            if c.abs() < largest * NEGLIGIBLE {
                *c = 0.0;
            }
        }
        while coefficients.len() > 1 && coefficients.last() == Some(&0.0) {
            coefficients.pop();
        }
        Ok(Self { coefficients, interval })
    }

    /// Interpolates `f` at the `degree + 1` Chebyshev points of the interval: within a small factor of the best
    /// approximation of that degree for smooth functions (Trefethen, Approximation Theory and Approximation Practice, §15).
    ///
    /// # Errors
    /// As [`ChebyshevPolynomial::new`]; a function that is not finite at a point is refused.
    pub fn interpolate(f: impl Fn(f64) -> f64, degree: usize, interval: (f64, f64)) -> Result<Self> {
        let (a, b) = interval;
        let n = degree + 1;
        let angle = |j: usize| std::f64::consts::PI * (j as f64 + 0.5) / n as f64;
        let values: Vec<f64> = (0..n).map(|j| f(0.5 * (a + b) + 0.5 * (b - a) * angle(j).cos())).collect();
        let coefficient = |k: usize| {
            let sum: f64 = values.iter().enumerate().map(|(j, v)| v * (k as f64 * angle(j)).cos()).sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / n as f64
        };
        Self::new((0..n).map(coefficient).collect::<Vec<_>>(), interval)
    }

    /// Chebyshev coefficients, lowest degree first.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The interval [a, b] on which the polynomial is meant to be used. Outside it grows fast.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        self.interval
    }

    /// The degree d.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.coefficients.len() - 1
    }

    /// (α, β) with y = α·x + β in [−1, 1] for x in the interval.
    #[must_use]
    pub fn affine_map(&self) -> (f64, f64) {
        let (a, b) = self.interval;
        (2.0 / (b - a), -(a + b) / (b - a))
    }

    /// The value at x, by Clenshaw's recurrence.
    #[must_use]
    pub fn eval(&self, x: f64) -> f64 {
        let (a, b) = self.interval;
        self.eval_normalised((2.0 * x - a - b) / (b - a))
    }

    /// The value at the normalised argument y, which is in [−1, 1] where the polynomial is meant to be used.
    #[must_use]
    pub fn eval_normalised(&self, y: f64) -> f64 {
        let (mut next, mut after) = (0.0, 0.0);
        for &c in self.coefficients[1..].iter().rev() {
            (next, after) = (c + 2.0 * y * next - after, next);
        }
        self.coefficients[0] + y * next - after
    }

    /// The derivative with respect to x, on the same interval.
    #[must_use]
    pub fn derivative(&self) -> Self {
        let d = self.degree();
        let (alpha, _) = self.affine_map();
        let mut out = vec![0.0; d.max(1) + 2];
        for n in (1..=d).rev() {
            out[n - 1] = out[n + 1] + 2.0 * n as f64 * self.coefficients[n];
        }
        out[0] *= 0.5;
        out.truncate(d.max(1));
        out.iter_mut().for_each(|c| *c *= alpha);
        Self { coefficients: out, interval: self.interval }
    }

    /// Which powers occur.
    #[must_use]
    pub fn parity(&self) -> Parity {
        let has = |odd: usize| self.coefficients.iter().skip(odd).step_by(2).any(|&c| c != 0.0);
        match (has(0), has(1)) {
            (true, true) => Parity::Neither,
            (false, true) => Parity::Odd,
            _ => Parity::Even,
        }
    }

    /// Levels that [`evaluate_normalised`] uses: exactly ⌈log₂(d+1)⌉.
    #[must_use]
    pub fn depth_normalised(&self) -> usize {
        plan::ceil_log2(self.degree() + 1)
    }

    /// Levels that [`evaluate`] uses: those of [`ChebyshevPolynomial::depth_normalised`], and one more where the
    /// division by the half width cannot be folded (see the module).
    #[must_use]
    pub fn depth(&self) -> usize {
        PolynomialPlan::on_interval(self).depth()
    }
}

#[cfg(test)]
mod plain_tests {
    use super::*;

    #[test]
    fn clenshaw_agrees_with_cosines() {
        let p = ChebyshevPolynomial::new(vec![0.3, -1.0, 0.5, 0.25, -0.125], (-3.0, 5.0)).unwrap();
        for i in 0..=40 {
            let x = -3.0 + 0.2 * f64::from(i);
            let t = ((x - 1.0) / 4.0).clamp(-1.0, 1.0).acos();
            let direct: f64 = p.coefficients().iter().enumerate().map(|(n, c)| c * (n as f64 * t).cos()).sum();
            assert!((p.eval(x) - direct).abs() < 1e-14);
        }
    }

    #[test]
    fn interpolation_reproduces_polynomials_and_derivatives() {
        let f = |x: f64| 1.0 - 2.0 * x + 0.5 * x.powi(3);
        let p = ChebyshevPolynomial::interpolate(f, 3, (-1.0, 4.0)).unwrap();
        let d = p.derivative();
        for i in 0..=50 {
            let x = -1.0 + 0.1 * f64::from(i);
            assert!((p.eval(x) - f(x)).abs() < 1e-12);
            assert!((d.eval(x) - (-2.0 + 1.5 * x * x)).abs() < 1e-12);
        }
        let constant = ChebyshevPolynomial::new(vec![3.0], (0.0, 1.0)).unwrap();
        assert_eq!(constant.derivative().eval(0.3), 0.0);
    }

    #[test]
    fn parity_survives_rounding_of_the_fit() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp()) - 0.5;
        let p = ChebyshevPolynomial::interpolate(sigmoid, 23, (-8.0, 8.0)).unwrap();
        let odd_part: Vec<f64> =
            p.coefficients().iter().enumerate().map(|(n, &c)| if n % 2 == 1 { c } else { c * 0.1 }).collect();
        assert_eq!(ChebyshevPolynomial::new(odd_part, (-8.0, 8.0)).unwrap().parity(), Parity::Odd);
        assert_eq!(ChebyshevPolynomial::new(vec![1.0, 0.0, 1.0], (-1.0, 1.0)).unwrap().parity(), Parity::Even);
        assert_eq!(ChebyshevPolynomial::new(vec![1.0, 2.0], (-1.0, 1.0)).unwrap().parity(), Parity::Neither);
    }

    #[test]
    fn refuses_what_is_no_polynomial() {
        assert!(ChebyshevPolynomial::new(Vec::new(), (0.0, 1.0)).is_err());
        assert!(ChebyshevPolynomial::new(vec![f64::NAN], (0.0, 1.0)).is_err());
        assert!(ChebyshevPolynomial::new(vec![1.0], (1.0, 1.0)).unwrap_err().to_string().contains("[1, 1]"));
        assert!(ChebyshevPolynomial::new(vec![1.0], (0.0, f64::INFINITY)).is_err());
        assert!(ChebyshevPolynomial::interpolate(f64::ln, 2, (-1.0, 1.0)).is_err());
    }
}
