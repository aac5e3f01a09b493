//! Normalisation by learned statistics: an affine map per kind of token.

use ckks_core::circuits::PlainVector;
use he_tensor::{Evaluator, TokenLayout};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMutD};

use super::circuit::check_layout;
use super::kind;
use crate::Result;
use crate::parameters::{Parameters, Real, named, named_mut};
use crate::ragged::Ragged;
use crate::token_mask::TokenMask;

/// y = γ·(x − m)·r + β; m and r have one number for \[CLS\] and one for the other tokens. Exact and polynomial form are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct AffineNorm<T> {
    /// γ: features.
    pub gain: Array1<T>,
    /// β: features.
    pub bias: Array1<T>,
    /// m: \[CLS\], others.
    pub mean: Array1<T>,
    /// r, the inverse standard deviation: \[CLS\], others.
    pub inverse_deviation: Array1<T>,
}

impl<T: Real> AffineNorm<T> {
    /// γ = 1, β = 0, m = 0, r = 1.
    #[must_use]
    pub fn new(features: usize) -> Self {
        let ones = |n| Array1::from_elem(n, T::one());
        Self { gain: ones(features), bias: Array1::zeros(features), mean: Array1::zeros(2), inverse_deviation: ones(2) }
    }

    /// All zero: a gradient to add to.
    #[must_use]
    pub fn zeros(features: usize) -> Self {
        let zeros = Array1::zeros;
        Self { gain: zeros(features), bias: zeros(features), mean: zeros(2), inverse_deviation: zeros(2) }
    }

    /// Tokens × features to tokens × features. The first row of each sentence is its \[CLS\].
    pub fn forward(&self, x: ArrayView2<'_, T>, batch: &Ragged) -> Array2<T> {
        let mut y = x.to_owned();
        for sentence in batch.sentences() {
            for row in sentence.rows.clone() {
                let k = kind(row - sentence.rows.start);
                let (m, r) = (self.mean[k], self.inverse_deviation[k]);
                let mut out = y.row_mut(row);
                ndarray::Zip::from(&mut out).and(&self.gain).and(&self.bias).for_each(|y, &g, &b| *y = g * (*y - m) * r + b);
            }
        }
        y
    }

    /// Gradient of the input; the layer's is added to `gradient`.
    pub fn backward(&self, x: ArrayView2<'_, T>, dy: ArrayView2<'_, T>, batch: &Ragged, gradient: &mut Self) -> Array2<T> {
        let mut dx = dy.to_owned();
        for sentence in batch.sentences() {
            for row in sentence.rows.clone() {
                let k = kind(row - sentence.rows.start);
                let (m, r) = (self.mean[k], self.inverse_deviation[k]);
                for f in 0..x.ncols() {
                    let (centred, scaled) = (x[[row, f]] - m, dy[[row, f]] * self.gain[f]);
                    gradient.gain[f] += dy[[row, f]] * centred * r;
                    gradient.bias[f] += dy[[row, f]];
                    gradient.mean[k] -= scaled * r;
                    gradient.inverse_deviation[k] += scaled * centred;
                    dx[[row, f]] = scaled * r;
                }
            }
        }
        dx
    }
}

impl<T: Real> Parameters<T> for AffineNorm<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        let arrays =
            [("gain", &self.gain), ("bias", &self.bias), ("mean", &self.mean), ("inverse_deviation", &self.inverse_deviation)];
        arrays.map(|(name, a)| named(name, a)).into()
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        vec![
            named_mut("gain", &mut self.gain),
            named_mut("bias", &mut self.bias),
            named_mut("mean", &mut self.mean),
            named_mut("inverse_deviation", &mut self.inverse_deviation),
        ]
    }
}

/// An [`AffineNorm`] compiled for a layout: one product with a plaintext, one level.
#[derive(Clone, Debug)]
pub struct AffineNormCircuit {
    layout: TokenLayout,
    factor: PlainVector,
    /// β − γ·m·r for \[CLS\] and for the others.
    shift: [Vec<f64>; 2],
}

impl AffineNormCircuit {
    /// Compiles the layer.
    ///
    /// # Errors
    /// As [`super::LayerNormCircuit::new`]; weights that are not finite.
    pub fn new<T: Real>(layer: &AffineNorm<T>, layout: &TokenLayout) -> Result<Self> {
        check_layout(layout, layer.gain.len())?;
        let p = layout.period();
        let row = |k: usize| (layer.mean[k].as_f64(), layer.inverse_deviation[k].as_f64());
        let gain = |f: usize| layer.gain.get(f).map_or(0.0, |&g| Real::as_f64(g));
        let factor = PlainVector::from_fn(layout.pattern(), |j| gain(j % p) * row(kind(j / p)).1)?;
        let shift = [0, 1].map(|k| {
            let (m, r) = row(k);
            (0..layer.gain.len()).map(|f| layer.bias[f].as_f64() - gain(f) * m * r).collect()
        });
        Ok(Self { layout: *layout, factor, shift })
    }

    /// Levels between input and output.
    #[must_use]
    pub fn depth(&self) -> usize {
        1
    }

    /// The normalised rows; padding stays as it is (zero, if it was). No keys.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &TokenMask<'_, E::Vector>) -> Result<E::Vector> {
        let scaled = e.mul_plain(x, &self.factor)?;
        let [cls, others] = &self.shift;
        let shifted = mask.add_row(e, &self.layout, &scaled, others)?;
        // [CLS] is always a token: its difference needs no mask.
        let p = self.layout.period();
        let features = self.layout.features();
        let difference =
            PlainVector::from_fn(self.layout.pattern(), |j| if j < features.min(p) { cls[j] - others[j] } else { 0.0 })?;
        Ok(if difference.is_zero() { shifted } else { e.add_plain(&shifted, &difference)? })
    }
}
