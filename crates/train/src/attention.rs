//! Power attention with a residual, in the form that needs no masks: y = x + W·Σ_t (q·k_t/√b)^p / R · v_t.
//!
//! Biases of queries, keys and values are their matrices' rows for the mask feature, which is 1 on tokens and 0 on padding: padded
//! tokens then have zero queries, so zero weights and a zero change, at no level. A shift of the scores is a product of two such
//! biases, so the layer's own shift stays 0. W has nothing for the mask feature, so y carries it on.

use hnn_layers::attention::{Attention, Trace, Weighting};
use hnn_layers::functions::Form;
use hnn_layers::linear::Linear;
use hnn_layers::parameters::{Parameters, Real};
use hnn_layers::ragged::Ragged;
use ndarray::{Array2, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD};

use crate::Result;
use crate::config::AttentionShape;

/// The layer's four matrices; biases and shift stay zero.
#[derive(Clone, Debug)]
pub struct AttentionBlock<T> {
    layer: Attention<T>,
}

impl<T: Real> AttentionBlock<T> {
    /// All zero.
    ///
    /// # Errors
    /// A shape that the layer refuses.
    pub fn zeros(features: usize, shape: &AttentionShape) -> Result<Self> {
        let weighting = Weighting::power(shape.exponent, shape.divisor)?;
        Ok(Self { layer: Attention::zeros(features, shape.heads, weighting)? })
    }

    /// The same shape with zeros: a gradient to add to.
    pub fn zero_gradient(&self) -> Self {
        Self { layer: self.layer.zero_gradient() }
    }

    /// Random weights for features of root mean square 1/(`per_feature`·√features): scores near 1 ± 1, so that the layer starts near a mean
    /// over all tokens.
    pub fn randomise(&mut self, per_feature: f64, output: f64, fill: &mut dyn FnMut(ArrayViewMut2<'_, T>, f64)) {
        let layer = &mut self.layer;
        for linear in [&mut layer.query, &mut layer.key, &mut layer.value] {
            fill(linear.weight.view_mut(), per_feature);
        }
        fill(layer.output.weight.view_mut(), output);
        let width = layer.width();
        let mask = layer.query.weight.nrows() - 1;
        for linear in [&mut layer.query, &mut layer.key] {
            for (f, v) in linear.weight.row_mut(mask).iter_mut().enumerate() {
                *v = if f % width == 0 { T::of((width as f64).powf(0.25)) } else { T::zero() };
            }
        }
        layer.value.weight.row_mut(mask).fill(T::zero());
        layer.output.weight.column_mut(mask).fill(T::zero());
    }

    /// The layer without the residual, for its circuit.
    pub fn layer(&self) -> &Attention<T> {
        &self.layer
    }

    /// The change of x, tokens × features, to which the caller adds x.
    pub fn forward(&self, x: ArrayView2<'_, T>, batch: &Ragged) -> (Array2<T>, Trace<T>) {
        self.layer.forward(x, batch, Form::Polynomial)
    }

    /// Gradient of x, residual included; the layer's is added to `gradient`.
    pub fn backward(
        &self,
        x: ArrayView2<'_, T>,
        batch: &Ragged,
        trace: &Trace<T>,
        dy: &Array2<T>,
        gradient: &mut Self,
    ) -> Array2<T> {
        let mut dx = self.layer.backward(x, batch, trace, dy.view(), &|_| 0.0, &mut gradient.layer);
        let g = &mut gradient.layer;
        for linear in [&mut g.query, &mut g.key, &mut g.value, &mut g.output] {
            linear.bias.fill(T::zero());
        }
        g.shift.fill(T::zero());
        let mask = g.output.weight.ncols() - 1;
        g.output.weight.column_mut(mask).fill(T::zero());
        dx += dy;
        dx
    }
}

impl<T: Real> Parameters<T> for AttentionBlock<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        let l = &self.layer;
        let list: [(_, &Linear<T>); 4] = [("query", &l.query), ("key", &l.key), ("value", &l.value), ("output", &l.output)];
        list.into_iter().map(|(name, linear)| (name.to_string(), linear.weight.view().into_dyn())).collect()
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        let l = &mut self.layer;
        let list = [("query", &mut l.query), ("key", &mut l.key), ("value", &mut l.value), ("output", &mut l.output)];
        list.into_iter().map(|(name, linear)| (name.to_string(), linear.weight.view_mut().into_dyn())).collect()
    }
}
