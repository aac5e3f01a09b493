//! Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762, §3.2) in three forms that a circuit can compute.
//!
//! With s = q·k/√b, b features a head, and a learned shift c per head:
//!
//! | form | weight of a token | levels from s to weights | what it needs |
//! |---|---|---|---|
//! | power | (s + c)^p / R | log₂ p | training with it; R is a public constant |
//! | CGF | exp(s + c)/n, c = −μ − σ²/2 | those of exp | logits with a standard deviation of about 1 or less: then Σ exp(s) is close to n·exp(μ + σ²/2), the mean by the cumulant generating function |
//! | softmax | exp(s + c)/Σ exp(s + c) | those of exp, and of an inverse beside the product with the values | nothing: exact up to the polynomials |
//!
//! **Padding** needs no mask on scores. Keys and values have their biases added under the token mask, so they are zero on
//! padding: padded tokens get weight, but of a value that is zero. Softmax's denominator counts T − n times the weight of s = 0
//! too much, a known number, which is subtracted. Rows of padded queries come out as something finite that nobody may use;
//! [`crate::token_mask::TokenMask::apply`] clears them for one level where the next layer cannot.
//!
//! The circuit folds 1/√b, the polynomial's interval, R and the inverse's factor into matrices, masks and constants.

mod circuit;
mod plain;
mod row;
mod weighting;

pub use circuit::AttentionCircuit;
pub use plain::Trace;
pub use row::ClsAttentionCircuit;
pub use weighting::Weighting;

use ndarray::{Array1, ArrayViewD, ArrayViewMutD};

use crate::linear::Linear;
use crate::parameters::{Parameters, Real, named, named_mut, prefixed};
use crate::{Error, Result};

/// One attention layer without the residual around it.
#[derive(Clone, Debug)]
pub struct Attention<T> {
    /// Features to heads·b.
    pub query: Linear<T>,
    /// Features to heads·b.
    pub key: Linear<T>,
    /// Features to heads·b.
    pub value: Linear<T>,
    /// heads·b to features.
    pub output: Linear<T>,
    /// c: one per head.
    pub shift: Array1<T>,
    /// The form.
    pub weighting: Weighting,
}

impl<T: Real> Attention<T> {
    /// All zero, `features` wide throughout.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the heads divide the features.
    pub fn zeros(features: usize, heads: usize, weighting: Weighting) -> Result<Self> {
        let linear = || Linear::zeros(features, features);
        let shift = Array1::zeros(heads);
        let layer = Self { query: linear(), key: linear(), value: linear(), output: linear(), shift, weighting };
        layer.check()?;
        Ok(layer)
    }

    /// The same form with zeros: a gradient to add to.
    #[must_use]
    pub fn zero_gradient(&self) -> Self {
        let zeros = |l: &Linear<T>| Linear::zeros(l.weight.nrows(), l.weight.ncols());
        Self {
            query: zeros(&self.query),
            key: zeros(&self.key),
            value: zeros(&self.value),
            output: zeros(&self.output),
            shift: Array1::zeros(self.shift.len()),
            weighting: self.weighting.clone(),
        }
    }

    /// Number of heads.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.shift.len()
    }

    /// Features of a head, b.
    #[must_use]
    pub fn width(&self) -> usize {
        self.query.weight.ncols() / self.heads().max(1)
    }

    /// Shapes that belong together.
    ///
    /// # Errors
    /// [`Error::Shape`] with what was found.
    pub fn check(&self) -> Result<()> {
        let inner = self.query.weight.ncols();
        if self.heads() == 0 || !inner.is_multiple_of(self.heads()) {
            let needed = format!("a divisor of {inner}, the queries' features");
            return Err(Error::Shape { what: "heads of an attention layer", found: self.heads().to_string(), needed });
        }
        let features = self.query.weight.nrows();
        let all = [
            ("queries of an attention layer", &self.query, (features, inner)),
            ("keys of an attention layer", &self.key, (features, inner)),
            ("values of an attention layer", &self.value, (features, inner)),
            ("output of an attention layer", &self.output, (inner, features)),
        ];
        for (what, linear, (rows, columns)) in all {
            if linear.weight.dim() != (rows, columns) || linear.bias.len() != columns {
                let found = format!("{:?} weights and {} biases", linear.weight.dim(), linear.bias.len());
                return Err(Error::Shape { what, found, needed: format!("{:?} and {columns}", (rows, columns)) });
            }
        }
        Ok(())
    }
}

impl<T: Real> Parameters<T> for Attention<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        let linears = [("query", &self.query), ("key", &self.key), ("value", &self.value), ("output", &self.output)];
        let mut list: Vec<_> = linears.into_iter().flat_map(|(name, l)| prefixed(name, l.parameters())).collect();
        list.push(named("shift", &self.shift));
        list
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        let linears =
            [("query", &mut self.query), ("key", &mut self.key), ("value", &mut self.value), ("output", &mut self.output)];
        let mut list: Vec<_> = linears.into_iter().flat_map(|(name, l)| prefixed(name, l.parameters_mut())).collect();
        list.push(named_mut("shift", &mut self.shift));
        list
    }
}
