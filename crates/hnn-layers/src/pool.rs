//! Sum over a sentence's tokens, divided by the public constant of its length class.

use ndarray::{Array2, ArrayView2, Axis, s};

use crate::parameters::Real;
use crate::ragged::Ragged;

/// Tokens × features to sentences × features. Padding is zero and adds nothing; the true number of tokens is not used,
/// because a server that divided by it would have to know it.
pub fn mean<T: Real>(x: ArrayView2<'_, T>, batch: &Ragged) -> Array2<T> {
    let mut out = Array2::zeros((batch.sentences().len(), x.ncols()));
    for (mut row, sentence) in out.axis_iter_mut(Axis(0)).zip(batch.sentences()) {
        for token in x.slice(s![sentence.rows.clone(), ..]).axis_iter(Axis(0)) {
            row += &token;
        }
        row *= T::of(1.0 / sentence.divisor);
    }
    out
}

/// Adds the gradient of [`mean`]'s input to `dx`.
pub fn mean_backward<T: Real>(dy: ArrayView2<'_, T>, batch: &Ragged, dx: &mut Array2<T>) {
    for (row, sentence) in dy.axis_iter(Axis(0)).zip(batch.sentences()) {
        let scaled = &row * T::of(1.0 / sentence.divisor);
        let mut tokens = dx.slice_mut(s![sentence.rows.clone(), ..]);
        tokens += &scaled;
    }
}
