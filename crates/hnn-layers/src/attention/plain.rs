//! Plain pass and gradient of attention, exact or as the circuit computes it.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use super::Attention;
use crate::functions::Form;
use crate::parameters::Real;
use crate::ragged::Ragged;

/// What the backward pass needs of the forward pass, and what calibration wants to know.
#[derive(Clone, Debug)]
pub struct Trace<T> {
    form: Form,
    query: Array2<T>,
    key: Array2<T>,
    value: Array2<T>,
    context: Array2<T>,
    /// Lowest and highest s + c.
    pub argument_range: (f64, f64),
    /// Lowest and highest row sum of numerators.
    pub sum_range: (f64, f64),
}

/// One head of one sentence.
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
    head: usize,
}

impl Block {
    fn of<'a, T>(&self, a: &'a Array2<T>) -> ArrayView2<'a, T> {
        a.slice(s![self.rows.clone(), self.columns.clone()])
    }

    fn of_mut<'a, T>(&self, a: &'a mut Array2<T>) -> ArrayViewMut2<'a, T> {
        a.slice_mut(s![self.rows.clone(), self.columns.clone()])
    }
}

/// Arguments, numerators with their derivatives, and per row the normaliser with its derivative and the sum.
struct Weights<T> {
    arguments: Array2<T>,
    numerators: Array2<T>,
    slopes: Array2<T>,
    normalisers: Vec<(T, T)>,
    sums: Vec<f64>,
}

impl<T: Real> Attention<T> {
    /// Tokens × features to tokens × features; every sentence attends to its own tokens.
    pub fn forward(&self, x: ArrayView2<'_, T>, batch: &Ragged, form: Form) -> (Array2<T>, Trace<T>) {
        let (query, key, value) = (self.query.forward(x), self.key.forward(x), self.value.forward(x));
        let mut context = Array2::zeros(value.dim());
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut argument_range, mut sum_range) = (none, none);
        for block in self.blocks(batch) {
            let weights = self.weights(block.of(&query), block.of(&key), block.head, form);
            weights.arguments.iter().for_each(|&a| widen(&mut argument_range, Real::as_f64(a)));
            weights.sums.iter().for_each(|&s| widen(&mut sum_range, s));
            let mut out = weights.numerators.dot(&block.of(&value));
            for (mut row, n) in out.rows_mut().into_iter().zip(&weights.normalisers) {
                row *= n.0;
            }
            block.of_mut(&mut context).assign(&out);
        }
        let y = self.output.forward(context.view());
        (y, Trace { form, query, key, value, context, argument_range, sum_range })
    }

    /// Gradient of the input, in the form of the forward pass; the layer's is added to `gradient`.
    ///
    /// `penalty` is the derivative of a further term of the loss by each **normalised** polynomial argument (within ±1 where
    /// the polynomial is good): the exponential's and the inverse's. Power attention has none.
    pub fn backward(
        &self,
        x: ArrayView2<'_, T>,
        batch: &Ragged,
        trace: &Trace<T>,
        dy: ArrayView2<'_, T>,
        penalty: &dyn Fn(f64) -> f64,
        gradient: &mut Self,
    ) -> Array2<T> {
        let dcontext = self.output.backward(trace.context.view(), dy, &mut gradient.output);
        let zeros = || Array2::zeros(trace.query.dim());
        let (mut dq, mut dk, mut dv) = (zeros(), zeros(), zeros());
        let scale = self.score_factor();
        for block in self.blocks(batch) {
            let (q, k, v) = (block.of(&trace.query), block.of(&trace.key), block.of(&trace.value));
            let dc = block.of(&dcontext);
            let w = self.weights(q, k, block.head, trace.form);
            // context = n(Σe)·Σ e·v: the derivative by e is n·dc·v, and by the sum n′·dc·Σ e·v for every e of the row.
            let mut de = dc.dot(&v.t());
            let unscaled = w.numerators.dot(&v);
            let mut scaled = w.numerators.clone();
            for i in 0..de.nrows() {
                let (n, slope) = w.normalisers[i];
                let mut by_sum = slope * dc.row(i).dot(&unscaled.row(i));
                if let Some(interval) = self.weighting.sum_interval() {
                    by_sum += T::of(penalty(interval.normalise(w.sums[i])) * interval.affine_map().0);
                }
                de.row_mut(i).mapv_inplace(|d| n * d + by_sum);
                scaled.row_mut(i).mapv_inplace(|e| n * e);
            }
            let mut dz = de * &w.slopes;
            if let Some(interval) = self.weighting.argument_interval() {
                let alpha = interval.affine_map().0;
                dz.zip_mut_with(&w.arguments, |d, z| *d += T::of(alpha * penalty(interval.normalise(Real::as_f64(*z)))));
            }
            gradient.shift[block.head] += dz.sum();
            dz *= scale;
            block.of_mut(&mut dq).assign(&dz.dot(&k));
            block.of_mut(&mut dk).assign(&dz.t().dot(&q));
            block.of_mut(&mut dv).assign(&scaled.t().dot(&dc));
        }
        let mut dx = self.query.backward(x, dq.view(), &mut gradient.query);
        dx += &self.key.backward(x, dk.view(), &mut gradient.key);
        dx += &self.value.backward(x, dv.view(), &mut gradient.value);
        dx
    }

    /// 1/√b.
    pub(super) fn score_factor(&self) -> T {
        T::one() / T::of(self.width() as f64).sqrt()
    }

    fn blocks(&self, batch: &Ragged) -> Vec<Block> {
        let b = self.width();
        let of_sentence = |rows: &Range<usize>| {
            let rows = rows.clone();
            (0..self.heads()).map(move |head| Block { rows: rows.clone(), columns: head * b..(head + 1) * b, head })
        };
        batch.sentences().iter().flat_map(|s| of_sentence(&s.rows)).collect()
    }

    fn weights(&self, q: ArrayView2<'_, T>, k: ArrayView2<'_, T>, head: usize, form: Form) -> Weights<T> {
        let arguments = q.dot(&k.t()) * self.score_factor() + self.shift[head];
        let mut slopes = Array2::zeros(arguments.dim());
        let mut numerators = arguments.clone();
        ndarray::Zip::from(&mut numerators).and(&mut slopes).for_each(|n, s| {
            let (value, slope) = self.weighting.numerator(form, n.as_f64());
            (*n, *s) = (T::of(value), T::of(slope));
        });
        let sums: Vec<f64> = numerators.rows().into_iter().map(|row| row.sum().as_f64()).collect();
        let normaliser = |&sum: &f64| match self.weighting.normaliser(form, sum) {
            Some((value, slope)) => (T::of(value), T::of(slope)),
            None => (T::one(), T::zero()),
        };
        let normalisers = sums.iter().map(normaliser).collect();
        Weights { arguments, numerators, slopes, normalisers, sums }
    }
}

fn widen(range: &mut (f64, f64), x: f64) {
    *range = (range.0.min(x), range.1.max(x));
}
