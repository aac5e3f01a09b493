//! The Differentiable Soft-Argmax layer: SA_β(x) = Σᵢ i·softmax(βx)ᵢ, β = 1/T learned (Florencio, Alencar, Lima 2025).
//!
//! For two classes SA_β(x) = σ(β·(x₁ − x₀)): with the difference of the logits as *margin*, one polynomial ([`SoftArgmax`]).
//! K classes are [`crate::class_soft_argmax`].

mod clean;

pub use clean::{cubic_clean, cubic_clean_circuit};

use ckks_core::circuits::polynomial::{self, ChebyshevPolynomial};
use he_tensor::Evaluator;

use crate::approx::{Fit, remez};
use crate::{Error, Result};

/// σ(x) = 1/(1 + e^−x).
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { 1.0 - 1.0 / (1.0 + x.exp()) }
}

/// Two classes: margin to score.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftArgmax {
    beta: f64,
    /// σ(β·m) − 1/2 as an odd polynomial of the margin m.
    polynomial: ChebyshevPolynomial,
    error: f64,
}

impl SoftArgmax {
    /// The layer with inverse temperature `beta` for |β·margin| ≤ `bound`, with the best odd polynomial of `degree`.
    /// β is folded into the polynomial's interval and costs no level.
    ///
    /// # Errors
    /// [`Error::Value`] unless β and bound are positive and the degree odd.
    pub fn new(beta: f64, bound: f64, degree: usize) -> Result<SoftArgmax> {
        let refuse = |what, found: String, needed: &str| Err(Error::Value { what, found, needed: needed.into() });
        if !(beta > 0.0 && beta.is_finite()) {
            return refuse("β of a Soft-Argmax layer", beta.to_string(), "a positive number");
        }
        if !(bound > 0.0 && bound.is_finite()) {
            return refuse("bound of a Soft-Argmax layer", bound.to_string(), "a positive number");
        }
        if degree.is_multiple_of(2) {
            return refuse("degree of a Soft-Argmax layer", degree.to_string(), "an odd number, because σ − 1/2 is odd");
        }
        let f = |m: f64| 0.5 * (0.5 * beta * m).tanh();
        let interval = (-bound / beta, bound / beta);
        let fit = remez::minimax("σ − 1/2", &f, degree, interval)?;
        // The best polynomial of an odd function is odd: what is even is rounding.
        let odd: Vec<f64> =
            fit.polynomial.coefficients().iter().enumerate().map(|(n, &c)| if n % 2 == 1 { c } else { 0.0 }).collect();
        let fit = Fit::measure(ChebyshevPolynomial::new(odd, interval)?, &f);
        Ok(SoftArgmax { beta, polynomial: fit.polynomial, error: fit.error })
    }

    /// β.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// σ(β·m) − 1/2 as a polynomial of the margin m.
    pub fn polynomial(&self) -> &ChebyshevPolynomial {
        &self.polynomial
    }

    /// Largest error of the score inside the interval.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// Exact score of a margin.
    pub fn exact(&self, margin: f64) -> f64 {
        sigmoid(self.beta * margin)
    }

    /// Score by the polynomial.
    pub fn score(&self, margin: f64) -> f64 {
        0.5 + self.polynomial.eval(margin)
    }

    /// Derivatives of the exact score by margin and by β.
    pub fn derivatives(&self, margin: f64) -> (f64, f64) {
        let s = self.exact(margin);
        (self.beta * s * (1.0 - s), margin * s * (1.0 - s))
    }

    /// Scores of encrypted margins; [`ChebyshevPolynomial::depth`] levels.
    ///
    /// # Errors
    /// Levels or keys that do not suffice.
    pub fn circuit<E: Evaluator>(&self, e: &E, margin: &E::Vector) -> Result<E::Vector> {
        e.watch("soft-argmax", margin, self.polynomial.interval().1);
        Ok(e.add_scalar(&polynomial::evaluate(e, &self.polynomial, margin)?, 0.5)?)
    }
}

/// Entropy in bits of a two-class answer with score `p`; 0 for a score outside (0, 1).
pub fn entropy(p: f64) -> f64 {
    let term = |q: f64| if q > 0.0 { -q * q.log2() } else { 0.0 };
    if (0.0..=1.0).contains(&p) { term(p) + term(1.0 - p) } else { 0.0 }
}
