//! The heads of an attention layer inside a token's features.

use std::collections::BTreeMap;

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::{BlockTransform, Diagonals};
use ckks_core::{Error, Result};

use crate::layout::TokenLayout;

/// A layout whose features are `heads` heads of equal width, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLayout {
    tokens: TokenLayout,
    heads: usize,
}

impl HeadLayout {
    /// `heads` heads over the features of `tokens`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless the heads divide the features and a sentence stands in the real parts of one vector on
    /// its own (products of two vectors mix real and imaginary parts, and token offsets wrap around within the sentence).
    pub fn new(tokens: TokenLayout, heads: usize) -> Result<Self> {
        if heads == 0 || !tokens.features().is_multiple_of(heads) {
            let needed = format!("a divisor of {}, the number of features", tokens.features());
            return Err(Error::LengthMismatch { what: "heads of an attention layer", found: heads, needed });
        }
        if tokens.positions() > tokens.positions_per_vector() {
            let (found, most) = (tokens.positions(), tokens.positions_per_vector());
            let needed = format!("at most {most}: {} slots hold no more tokens of {} slots", tokens.slots(), tokens.period());
            return Err(Error::LengthMismatch { what: "positions of an attention layer", found, needed });
        }
        if tokens.rotation_period() != tokens.pattern() {
            let needed = format!("{}: one sentence in a vector, not a batch", tokens.pattern());
            return Err(Error::LengthMismatch { what: "slots of a sentence", found: tokens.rotation_period(), needed });
        }
        Ok(Self { tokens, heads })
    }

    /// Where tokens and features stand.
    #[must_use]
    pub fn tokens(&self) -> &TokenLayout {
        &self.tokens
    }

    /// Number of heads.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Features of a head, b.
    #[must_use]
    pub fn width(&self) -> usize {
        self.tokens.features() / self.heads
    }

    /// Vectors that the scores take: ⌈T/b⌉.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.tokens.positions().div_ceil(self.width())
    }

    /// The same rotation with the least number of slots: between −pattern/2 and pattern/2, so that equal ones share a key.
    pub(super) fn step(&self, slots: i64) -> i64 {
        let order = self.tokens.rotation_period() as i64;
        let positive = slots.rem_euclid(order);
        if positive > order / 2 { positive - order } else { positive }
    }

    /// Token offset modulo T of the score at position `j` of a head in group `group`, for j < b; `None` if that offset
    /// is beyond T (the score is then a repetition of an earlier one, and is not used).
    #[must_use]
    pub fn offset(&self, group: usize, j: usize) -> Option<usize> {
        let offset = group * self.width() + j;
        (j < self.width() && offset < self.tokens.positions()).then_some(offset)
    }

    /// A plaintext of period p: `value(h, j)` at position j of head h, zero beyond the heads.
    ///
    /// # Errors
    /// Values that are not finite.
    pub fn head_vector(&self, value: impl Fn(usize, usize) -> f64) -> Result<PlainVector> {
        let b = self.width();
        self.tokens.feature_vector(|f| value(f / b, f % b))
    }

    /// The transform v[t,h,j] ↦ v[t+j, h, j]: b diagonals, steps p·j. One level.
    pub(super) fn alignment(&self) -> Result<BlockTransform> {
        let p = self.tokens.period() as i64;
        let order = self.tokens.rotation_period() as i64;
        let mut diagonals = Diagonals::new();
        let positions = self.width().min(self.tokens.positions());
        for first in 0..positions {
            // Positions that are equal modulo T have the same step.
            let mask = self.head_vector(|_, j| f64::from(u8::from(j % self.tokens.positions() == first)))?;
            diagonals.insert((p * first as i64).rem_euclid(order), mask);
        }
        BlockTransform::new(self.tokens.rotation_period(), vec![vec![diagonals]])
    }

    /// The transform that puts `Σ_j w(j)·v[t,h,j]` at every position of head h: 2b − 1 diagonals. One level.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] if all weights are zero or one is not finite.
    pub fn sum_over_head(&self, weight: impl Fn(usize) -> f64) -> Result<BlockTransform> {
        let b = self.width() as i64;
        let order = self.tokens.rotation_period() as i64;
        let mut diagonals: Diagonals = BTreeMap::new();
        let mut values: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for e in 1 - b..b {
            let entry = values.entry(e.rem_euclid(order)).or_insert_with(|| vec![0.0; self.tokens.period()]);
            for f in 0..self.tokens.features() {
                let source = f as i64 % b + e;
                if (0..b).contains(&source) {
                    entry[f] += weight(source as usize);
                }
            }
        }
        for (step, v) in values {
            diagonals.insert(step, PlainVector::new(v)?);
        }
        BlockTransform::new(self.tokens.rotation_period(), vec![vec![diagonals]])
    }
}
