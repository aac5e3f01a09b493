//! The circuit of an attention layer for \[CLS\] alone: exact, and all that a classifier's last layer needs.

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::BlockTransform;
use he_tensor::ccmm::{RowScores, RowValues};
use he_tensor::mask::broadcast_token;
use he_tensor::reduce::sum_over_tokens;
use he_tensor::{Evaluator, MatrixProduct, TokenLayout};

use super::circuit::{add_linear, only};
use super::{Attention, AttentionCircuit, Weighting};
use crate::functions::{Form, Interval, ScalarFunction};
use crate::parameters::Real;
use crate::token_mask::TokenMask;
use crate::{Error, Result};

/// An [`Attention`] compiled for its first row.
#[derive(Clone, Debug)]
pub struct ClsAttentionCircuit {
    all: AttentionCircuit,
    query: BlockTransform,
    keys_and_values: BlockTransform,
    scores: RowScores,
    values: RowValues,
}

impl ClsAttentionCircuit {
    /// Compiles the layer for sentences of the layout.
    ///
    /// # Errors
    /// As [`AttentionCircuit::new`].
    pub fn new<T: Real>(layer: &Attention<T>, input: &TokenLayout) -> Result<Self> {
        let mut all = AttentionCircuit::new(layer, input)?;
        let mut query = MatrixProduct::new(input, 1, 1);
        let (rows, columns) = (layer.query.weight.ncols(), layer.query.weight.nrows());
        // [CLS] stands beside every token, so that rotations wrap around within it.
        query.add_matrix_on_common((0, 0), (rows, columns), |r, c| Real::as_f64(layer.query.weight[[c, r]]))?;
        let mut keys_and_values = MatrixProduct::new(input, 1, 2);
        add_linear(&mut keys_and_values, 0, &layer.key, 1.0)?;
        // The inverse's factor rides on the values.
        let factor = match &layer.weighting {
            Weighting::Softmax { reciprocal, .. } => reciprocal.factor().recip(),
            _ => 1.0,
        };
        add_linear(&mut keys_and_values, 1, &layer.value, factor)?;
        all.biases[2].iter_mut().for_each(|b| *b *= factor);
        let scale = layer.weighting.affine_map().0 * layer.score_factor().as_f64();
        all.biases[0] = layer.query.bias.iter().map(|&b| Real::as_f64(b)).collect();
        Ok(Self {
            scores: RowScores::new(&all.heads, scale)?,
            values: RowValues::new(&all.heads),
            query: query.plan()?,
            keys_and_values: keys_and_values.plan()?,
            all,
        })
    }

    /// Levels between input and output: a mask, a matrix, two for the scores, [`Weighting::depth`], a matrix.
    #[must_use]
    pub fn depth(&self) -> usize {
        5 + self.all.weighting.depth()
    }

    /// Row 0 of the layer's output, beside every token. Padding of `x` has to be zero. Needs the relinearisation key and
    /// Galois keys.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &TokenMask<'_, E::Vector>) -> Result<E::Vector> {
        let layout = &self.all.input;
        let cls = broadcast_token(e, layout, x, 0)?;
        let query = only(self.query.apply(e, &[&cls])?)?;
        let query = e.add_plain(&query, &layout.feature_vector(|f| self.all.biases[0][f])?)?;
        let mut both = self.keys_and_values.apply(e, &[x])?.into_iter();
        let (Some(k), Some(v)) = (both.next(), both.next()) else {
            let needed = "keys and values".into();
            return Err(Error::Shape { what: "product of an attention layer", found: "fewer outputs".into(), needed });
        };
        let k = mask.add_row(e, layout, &k, &self.all.biases[1])?;
        let v = mask.add_row(e, layout, &v, &self.all.biases[2])?;
        let scores = self.scores.apply(e, &query, &k)?;
        let numerators = self.all.weighting.numerators(e, &self.all.add_shift(e, &scores)?)?;
        let mut context = self.values.apply(e, &numerators, &v)?;
        if let Weighting::Softmax { exponential, reciprocal } = &self.all.weighting {
            let (alpha, beta) = reciprocal.interval().affine_map();
            // Σ over tokens of the numerators, in the slots of their heads; padding counts with the numerator of s = 0.
            let sum = sum_over_tokens(e, layout, &e.mul_scalar(&numerators, alpha)?)?;
            let padding = |f: usize| self.all.of_feature(f, |c| alpha * exponential.value(Form::Polynomial, c).0);
            let positions = layout.positions() as f64;
            // Beyond the heads stands the polynomial at 0, which nobody uses: it only has to stay in the interval.
            let Interval { low, high } = exponential.interval();
            let outside = alpha * exponential.value(Form::Polynomial, 0.5 * (low + high)).0;
            let inside = |f: usize| f < layout.features();
            let constant = |f: usize| if inside(f) { beta - positions * padding(f) } else { -positions * outside };
            let sum = e.add_plain(&sum, &PlainVector::from_fn(layout.period(), constant)?)?;
            let sum = mask.add_count_times(e, layout, &sum, |f| if inside(f) { padding(f) } else { 0.0 })?;
            e.watch("attention: inverse of the row sum", &sum, 1.0);
            context = e.mul(&context, &reciprocal.circuit(e, &sum)?)?;
        }
        // This row stands everywhere, also where padding stood: the bias belongs everywhere.
        self.all.project(e, &context, &TokenMask::Public(layout.positions()))
    }
}
