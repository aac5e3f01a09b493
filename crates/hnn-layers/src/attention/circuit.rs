//! The circuit of an attention layer for all tokens.

use ckks_core::circuits::block_transform::BlockTransform;
use he_tensor::ccmm::{ScoreProduct, ValueProduct};
use he_tensor::{Evaluator, HeadLayout, MatrixProduct, TokenLayout};

use super::{Attention, Weighting};
use crate::functions::{Form, ScalarFunction};
use crate::linear::Linear;
use crate::parameters::Real;
use crate::token_mask::TokenMask;
use crate::{Error, Result};

/// An [`Attention`] compiled for a layout.
#[derive(Clone, Debug)]
pub struct AttentionCircuit {
    pub(super) heads: HeadLayout,
    pub(super) input: TokenLayout,
    pub(super) biases: [Vec<f64>; 3],
    pub(super) output: BlockTransform,
    pub(super) output_bias: Vec<f64>,
    pub(super) weighting: Weighting,
    pub(super) shift: Vec<f64>,
    projections: BlockTransform,
    scores: ScoreProduct,
    values: ValueProduct,
    sums: Option<RowSums>,
}

/// Sums of a row's numerators over the positions of a head, times the inverse's 2/(b − a).
#[derive(Clone, Debug)]
struct RowSums {
    /// For groups whose offsets are all below T.
    full: Option<BlockTransform>,
    /// For a last group with fewer.
    partial: Option<BlockTransform>,
}

impl AttentionCircuit {
    /// Compiles the layer for sentences of the layout.
    ///
    /// # Errors
    /// [`Error::Shape`] for shapes that do not belong together or a layout of another width; [`Error::Value`] for a shift for
    /// which padding would leave the polynomial's interval; a sentence that takes more than the real parts of one vector.
    pub fn new<T: Real>(layer: &Attention<T>, input: &TokenLayout) -> Result<Self> {
        layer.check()?;
        let features = layer.query.weight.nrows();
        let inner = layer.query.weight.ncols();
        if input.features() != features {
            let (found, needed) = (format!("{} features", input.features()), format!("{features}, those of the layer"));
            return Err(Error::Shape { what: "layout of an attention layer", found, needed });
        }
        if inner != features {
            let (found, needed) = (format!("{inner} features"), format!("{features}, as many as the layer's input"));
            return Err(Error::Shape { what: "queries of an attention layer", found, needed });
        }
        let heads = HeadLayout::new(*input, layer.heads())?;
        let shift: Vec<f64> = layer.shift.iter().map(|&c| Real::as_f64(c)).collect();
        shift.iter().try_for_each(|&c| layer.weighting.check_shift(c))?;

        let factors = [layer.weighting.affine_map().0 * layer.score_factor().as_f64(), 1.0, 1.0];
        let linears = [&layer.query, &layer.key, &layer.value];
        let mut product = MatrixProduct::new(input, 1, 3);
        for (o, (linear, factor)) in linears.iter().zip(factors).enumerate() {
            add_linear(&mut product, o, linear, factor)?;
        }
        let bias = |l: &Linear<T>, factor: f64| l.bias.iter().map(|&b| factor * Real::as_f64(b)).collect();
        let mut output = MatrixProduct::new(input, 1, 1);
        add_linear(&mut output, 0, &layer.output, 1.0)?;

        let (sums, value_factor) = match &layer.weighting {
            Weighting::Softmax { reciprocal, .. } => {
                (Some(RowSums::new(&heads, reciprocal.interval().affine_map().0)?), reciprocal.factor().recip())
            }
            _ => (None, 1.0),
        };
        Ok(Self {
            heads,
            input: *input,
            biases: [bias(&layer.query, factors[0]), bias(&layer.key, 1.0), bias(&layer.value, 1.0)],
            projections: product.plan()?,
            scores: ScoreProduct::new(&heads)?,
            weighting: layer.weighting.clone(),
            shift,
            values: ValueProduct::new(&heads, value_factor)?,
            sums,
            output: output.plan()?,
            output_bias: bias(&layer.output, 1.0),
        })
    }

    /// Levels between input and output: a matrix, two for the scores, [`Weighting::depth`], a matrix.
    #[must_use]
    pub fn depth(&self) -> usize {
        4 + self.weighting.depth()
    }

    /// The layer on `x`, whose padding has to be zero. Rows of padding come out as finite numbers without meaning. Needs the
    /// relinearisation and the conjugation key and Galois keys.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &TokenMask<'_, E::Vector>) -> Result<E::Vector> {
        let projected = self.projections.apply(e, &[x])?;
        let mut projected = projected.iter().zip(&self.biases).map(|(v, b)| mask.add_row(e, &self.input, v, b));
        let (Some(q), Some(k), Some(v)) = (projected.next(), projected.next(), projected.next()) else {
            let needed = "queries, keys and values".into();
            return Err(Error::Shape { what: "product of an attention layer", found: "fewer outputs".into(), needed });
        };
        let (q, k, v) = (q?, k?, v?);
        let scores = self.scores.apply(e, &q, &k)?;
        let arguments = scores.iter().map(|s| self.add_shift(e, s)).collect::<Result<Vec<_>>>()?;
        let numerators = arguments.iter().map(|u| self.weighting.numerators(e, u)).collect::<Result<Vec<_>>>()?;
        let mut context = self.values.apply(e, &numerators, &v)?;
        if let (Weighting::Softmax { exponential, reciprocal }, Some(sums)) = (&self.weighting, &self.sums) {
            let sum = sums.apply(e, &self.heads, &numerators)?;
            // T − n numerators of padding are in the sum: the polynomial's value at s = 0.
            let (alpha, beta) = reciprocal.interval().affine_map();
            let padding = |f: usize| self.of_feature(f, |c| alpha * exponential.value(Form::Polynomial, c).0);
            let positions = self.input.positions() as f64;
            let constant = self.input.feature_vector(|f| beta - positions * padding(f))?;
            let sum = mask.add_count_times(e, &self.input, &e.add_plain(&sum, &constant)?, padding)?;
            e.watch("attention: inverse of the row sum", &sum, 1.0);
            context = e.mul(&context, &reciprocal.circuit(e, &sum)?)?;
        }
        self.project(e, &context, mask)
    }

    /// u = (α·s) + α·c + β, in the slots of the heads.
    pub(super) fn add_shift<E: Evaluator>(&self, e: &E, scaled_score: &E::Vector) -> Result<E::Vector> {
        let (alpha, beta) = self.weighting.affine_map();
        let plain = self.input.feature_vector(|f| self.of_feature(f, |c| alpha * c + beta))?;
        Ok(e.add_plain(scaled_score, &plain)?)
    }

    /// A function of the shift of the head that feature f belongs to.
    pub(super) fn of_feature(&self, f: usize, value: impl Fn(f64) -> f64) -> f64 {
        self.shift.get(f / self.heads.width()).map_or(0.0, |&c| value(c))
    }

    /// The output matrix and its bias.
    pub(super) fn project<E: Evaluator>(&self, e: &E, context: &E::Vector, mask: &TokenMask<'_, E::Vector>) -> Result<E::Vector> {
        let out = only(self.output.apply(e, &[context])?)?;
        mask.add_row(e, &self.input, &out, &self.output_bias)
    }
}

impl RowSums {
    fn new(heads: &HeadLayout, factor: f64) -> Result<Self> {
        let full = heads.tokens().positions() / heads.width();
        let plan = |group: usize| heads.sum_over_head(|j| if heads.offset(group, j).is_some() { factor } else { 0.0 });
        Ok(Self {
            full: if full > 0 { Some(plan(0)?) } else { None },
            partial: if full < heads.groups() { Some(plan(full)?) } else { None },
        })
    }

    fn apply<E: Evaluator>(&self, e: &E, heads: &HeadLayout, numerators: &[E::Vector]) -> Result<E::Vector> {
        let full = heads.tokens().positions() / heads.width();
        let mut sum = None;
        if let Some(((first, rest), transform)) = numerators[..full.min(numerators.len())].split_first().zip(self.full.as_ref()) {
            let added = rest.iter().try_fold(first.clone(), |sum, v| e.add(&sum, v))?;
            sum = Some(only(transform.apply(e, &[&added])?)?);
        }
        if let Some((last, transform)) = numerators.get(full).zip(self.partial.as_ref()) {
            let partial = only(transform.apply(e, &[last])?)?;
            sum = Some(match sum {
                Some(sum) => e.add(&sum, &partial)?,
                None => partial,
            });
        }
        sum.ok_or_else(|| Error::Shape {
            what: "scores of an attention layer",
            found: "no vectors".into(),
            needed: "at least one".into(),
        })
    }
}

/// Output o is factor·W: row r, column c of the slots' matrix is the weight from input c to output r.
pub(super) fn add_linear<T: Real>(product: &mut MatrixProduct, o: usize, linear: &Linear<T>, factor: f64) -> Result<()> {
    let (inputs, outputs) = linear.weight.dim();
    product.add_matrix((o, 0), 0, (outputs, inputs), |r, c| factor * Real::as_f64(linear.weight[[c, r]]))?;
    Ok(())
}

/// The only output of a transform with one.
pub(super) fn only<V>(outputs: Vec<V>) -> Result<V> {
    let found = format!("{} outputs", outputs.len());
    outputs.into_iter().next().ok_or_else(|| Error::Shape { what: "transform of a layer", found, needed: "one".into() })
}
