//! What a token sees of its neighbours, side by side, and the way back for gradients.

use ndarray::{Array2, ArrayView2, s};

use crate::parameters::Real;
use crate::ragged::Ragged;

/// Taps of v: left, centre, right neighbour, right box, left box.
pub const TAPS: usize = 5;

/// A box sums the tokens at distances 2 to this.
pub const BOX_REACH: i64 = 9;

/// Box sums are divided by this.
pub const BOX_DIVISOR: f64 = 4.0;

/// Signed distances of each tap's tokens and the tap's weight.
fn tap<T: Real>(index: usize) -> (std::ops::RangeInclusive<i64>, T) {
    let inverse = T::of(1.0 / BOX_DIVISOR);
    match index {
        0 => (-1..=-1, T::one()),
        1 => (0..=0, T::one()),
        2 => (1..=1, T::one()),
        3 => (2..=BOX_REACH, inverse),
        _ => (-BOX_REACH..=-2, inverse),
    }
}

/// Tokens × features to tokens × (5·features).
pub fn gather<T: Real>(x: ArrayView2<'_, T>, batch: &Ragged) -> Array2<T> {
    let d = x.ncols();
    let mut out = Array2::zeros((x.nrows(), TAPS * d));
    for sentence in batch.sentences() {
        for row in sentence.rows.clone() {
            for k in 0..TAPS {
                let (shifts, weight) = tap::<T>(k);
                let mut target = out.slice_mut(s![row, k * d..(k + 1) * d]);
                for other in shifts.filter_map(|shift| sentence.neighbour(row, shift)) {
                    target += &x.row(other);
                }
                if weight != T::one() {
                    target *= weight;
                }
            }
        }
    }
    out
}

/// Adds the gradient of [`gather`]'s input to `dx`.
pub fn scatter<T: Real>(dy: ArrayView2<'_, T>, batch: &Ragged, dx: &mut Array2<T>) {
    let d = dx.ncols();
    for sentence in batch.sentences() {
        for row in sentence.rows.clone() {
            for k in 0..TAPS {
                let (shifts, weight) = tap::<T>(k);
                let source = dy.slice(s![row, k * d..(k + 1) * d]);
                for other in shifts.filter_map(|shift| sentence.neighbour(row, shift)) {
                    dx.row_mut(other).scaled_add(weight, &source);
                }
            }
        }
    }
}
