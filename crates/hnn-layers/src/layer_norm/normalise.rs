//! Normalisation by each token's own statistics: plain pass and gradient, with the exact or the polynomial inverse root.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMutD};

use super::kind;
use crate::functions::{Form, InverseSquareRoot, ScalarFunction};
use crate::parameters::{Parameters, Real, named, named_mut};
use crate::ragged::Ragged;
use crate::{Error, Result};

/// Typical variances; constants, not learned.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct References {
    /// Of the first token of a sentence.
    pub cls: f64,
    /// Of all others.
    pub others: f64,
}

impl References {
    /// Of the token at a position of its sentence.
    #[must_use]
    pub fn at(&self, position: usize) -> f64 {
        [self.cls, self.others][kind(position)]
    }
}

/// Gain and bias, and how the inverse root of the variance is made.
#[derive(Clone, Debug)]
pub struct LayerNorm<T> {
    /// γ: features.
    pub gain: Array1<T>,
    /// β: features.
    pub bias: Array1<T>,
    /// ε, added to the variance.
    pub epsilon: f64,
    /// What variances are divided by before the inverse root.
    pub references: References,
    /// 1/√w of w = (var + ε)/reference.
    pub inverse_root: InverseSquareRoot,
}

/// What a forward pass saw, per row: for the backward pass and for calibration.
#[derive(Clone, Debug)]
pub struct Statistics<T> {
    /// x − mean.
    pub centred: Array2<T>,
    /// w = (var + ε)/reference, the argument of the inverse root.
    pub argument: Array1<f64>,
    /// Reference of each row.
    pub reference: Array1<f64>,
}

impl<T: Real> LayerNorm<T> {
    /// γ = 1, β = 0, ε = 10⁻¹².
    ///
    /// # Errors
    /// [`Error::Value`] for references that are not positive.
    pub fn new(features: usize, references: References, inverse_root: InverseSquareRoot) -> Result<Self> {
        if !(references.cls > 0.0 && references.others > 0.0) {
            let found = format!("{} and {}", references.cls, references.others);
            return Err(Error::Value { what: "reference variance of a normalisation", found, needed: "positive numbers".into() });
        }
        let (gain, bias) = (Array1::from_elem(features, T::one()), Array1::zeros(features));
        Ok(Self { gain, bias, epsilon: 1e-12, references, inverse_root })
    }

    /// The same constants with zeros for γ and β: a gradient to add to.
    #[must_use]
    pub fn zero_gradient(&self) -> Self {
        Self { gain: Array1::zeros(self.gain.len()), bias: Array1::zeros(self.bias.len()), ..self.clone() }
    }

    /// Tokens × features to tokens × features. The first row of each sentence is its \[CLS\].
    pub fn forward(&self, x: ArrayView2<'_, T>, batch: &Ragged, form: Form) -> (Array2<T>, Statistics<T>) {
        let statistics = self.statistics(x, batch);
        let mut y = Array2::zeros(x.dim());
        for (row, mut out) in y.rows_mut().into_iter().enumerate() {
            let root = T::of(self.inverse_root.value(form, statistics.argument[row]).0 / statistics.reference[row].sqrt());
            let parts = ndarray::Zip::from(&mut out).and(statistics.centred.row(row)).and(&self.gain).and(&self.bias);
            parts.for_each(|y, &c, &g, &b| *y = g * c * root + b);
        }
        (y, statistics)
    }

    fn statistics(&self, x: ArrayView2<'_, T>, batch: &Ragged) -> Statistics<T> {
        let d = T::of(x.ncols() as f64);
        let mut centred = x.to_owned();
        let mut argument = Array1::zeros(x.nrows());
        let mut reference = Array1::zeros(x.nrows());
        for sentence in batch.sentences() {
            for row in sentence.rows.clone() {
                let mean = x.row(row).sum() / d;
                let mut c = centred.row_mut(row);
                c.mapv_inplace(|v| v - mean);
                let variance = (c.dot(&c) / d).as_f64();
                reference[row] = self.references.at(row - sentence.rows.start);
                argument[row] = (variance + self.epsilon) / reference[row];
            }
        }
        Statistics { centred, argument, reference }
    }

    /// Gradient of the input; that of γ and β is added to `gradient`.
    ///
    /// `penalty` is the derivative of a further term of the loss by the **normalised** argument of the inverse root, which is
    /// within ±1 where the polynomial is good: a range penalty.
    pub fn backward(
        &self,
        dy: ArrayView2<'_, T>,
        statistics: &Statistics<T>,
        form: Form,
        penalty: &dyn Fn(f64) -> f64,
        gradient: &mut Self,
    ) -> Array2<T> {
        let d = dy.ncols() as f64;
        let interval = self.inverse_root.interval();
        let mut dx = Array2::zeros(dy.dim());
        for (row, mut out) in dx.rows_mut().into_iter().enumerate() {
            let (w, reference) = (statistics.argument[row], statistics.reference[row]);
            let (value, slope) = self.inverse_root.value(form, w);
            let (dy, centred) = (dy.row(row), statistics.centred.row(row));
            let root = T::of(value / reference.sqrt());
            let mut aligned = T::zero();
            for f in 0..dy.len() {
                gradient.gain[f] += dy[f] * centred[f] * root;
                gradient.bias[f] += dy[f];
                aligned += dy[f] * self.gain[f] * centred[f];
            }
            // y = γ·c·g(w)/√ρ with w = (Σc²/d + ε)/ρ.
            let dw = aligned.as_f64() * slope / reference.sqrt() + penalty(interval.normalise(w)) * interval.affine_map().0;
            let along = T::of(2.0 * dw / (d * reference));
            for f in 0..dy.len() {
                out[f] = dy[f] * self.gain[f] * root + along * centred[f];
            }
            let mean = out.sum() / T::of(d);
            out.mapv_inplace(|v| v - mean);
        }
        dx
    }
}

impl<T: Real> Parameters<T> for LayerNorm<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        vec![named("gain", &self.gain), named("bias", &self.bias)]
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        vec![named_mut("gain", &mut self.gain), named_mut("bias", &mut self.bias)]
    }
}
