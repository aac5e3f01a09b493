//! Scalar functions in two forms: the exact one, and the polynomial circuit that stands for it over a calibrated interval.
//!
//! All of them take their argument **normalised** in the circuit: y = (2x − a − b)/(b − a) for x in [a, b], which costs
//! nothing because the layer folds it into the matrix or the sum that makes x ([`Interval::affine_map`]). Plain forms take x.
//!
//! Outside its interval a polynomial is wrong at once and large soon after; every evaluation reports how far the arguments
//! came ([`he_tensor::Evaluator::watch`]).

mod dual;
mod exponential;
mod inverse_square_root;
mod reciprocal;

pub use exponential::Exponential;
pub use inverse_square_root::InverseSquareRoot;
pub use reciprocal::Reciprocal;

use ckks_core::circuits::polynomial::ChebyshevPolynomial;
use he_tensor::Evaluator;

use crate::{Error, Result};

/// Which form of a layer a plain pass computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The function itself.
    Exact,
    /// What the circuit computes, without its noise.
    Polynomial,
}

/// Where a polynomial is good: a < b.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Lower end a.
    pub low: f64,
    /// Upper end b.
    pub high: f64,
}

impl Interval {
    /// [a, b].
    ///
    /// # Errors
    /// [`Error::Value`] unless a < b, both finite.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        if low.is_finite() && high.is_finite() && low < high {
            return Ok(Self { low, high });
        }
        Err(Error::Value {
            what: "interval of a polynomial",
            found: format!("[{low}, {high}]"),
            needed: "finite ends, the lower one first".into(),
        })
    }

    /// [a, b] with 0 < a.
    ///
    /// # Errors
    /// [`Error::Value`] unless 0 < a < b, both finite.
    pub fn positive(low: f64, high: f64) -> Result<Self> {
        let interval = Self::new(low, high)?;
        if low > 0.0 {
            return Ok(interval);
        }
        Err(Error::Value {
            what: "interval of an inverse",
            found: format!("[{low}, {high}]"),
            needed: "a lower end above 0".into(),
        })
    }

    /// (α, β) with y = α·x + β in [−1, 1].
    #[must_use]
    pub fn affine_map(&self) -> (f64, f64) {
        let width = self.high - self.low;
        (2.0 / width, -(self.low + self.high) / width)
    }

    /// The normalised argument: within ±1 inside the interval.
    #[must_use]
    pub fn normalise(&self, x: f64) -> f64 {
        let (alpha, beta) = self.affine_map();
        alpha * x + beta
    }

    /// Half of b − a.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        0.5 * (self.high - self.low)
    }

    /// True for a ≤ x ≤ b.
    #[must_use]
    pub fn contains(&self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// `count` + 1 points from a to b.
    fn points(self, count: usize) -> impl Iterator<Item = f64> {
        (0..=count).map(move |i| self.low + (self.high - self.low) * i as f64 / count as f64)
    }
}

/// A function, its polynomial and the circuit of that.
pub trait ScalarFunction {
    /// Where the polynomial is good.
    fn interval(&self) -> Interval;

    /// f(x) and f′(x) in the given form.
    fn value(&self, form: Form, x: f64) -> (f64, f64);

    /// What [`ScalarFunction::circuit`] gives is this times f: a constant to fold into what follows.
    fn factor(&self) -> f64;

    /// Levels of [`ScalarFunction::circuit`].
    fn depth(&self) -> usize;

    /// factor·f from the normalised argument. Needs the relinearisation key.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    fn circuit<E: Evaluator>(&self, e: &E, y: &E::Vector) -> Result<E::Vector>;

    /// Largest |polynomial − function|/|function| on a fine grid of the interval.
    fn max_relative_error(&self) -> f64 {
        let error = |x: f64| {
            let exact = self.value(Form::Exact, x).0;
            ((self.value(Form::Polynomial, x).0 - exact) / exact).abs()
        };
        self.interval().points(4000).map(error).fold(0.0, f64::max)
    }
}

/// Interpolates on an interval; constants count as degree 0.
fn fit(f: impl Fn(f64) -> f64, degree: usize, interval: Interval) -> Result<ChebyshevPolynomial> {
    Ok(ChebyshevPolynomial::interpolate(f, degree, (interval.low, interval.high))?)
}
