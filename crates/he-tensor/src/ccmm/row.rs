//! Attention of one query alone: in the last layer only \[CLS\] is needed, and that is far cheaper.
//!
//! The query stands beside every token, so that one product and a sum over each head's features gives all its scores, and one
//! product and a sum over the tokens its context: two relinearisations instead of eight, and about a quarter of the rotations.

use ckks_core::Result;
use ckks_core::circuits::block_transform::BlockTransform;

use super::HeadLayout;
use super::scores::single;
use crate::Evaluator;
use crate::reduce::sum_over_tokens;

/// Scores of one query.
#[derive(Clone, Debug)]
pub struct RowScores {
    sum: BlockTransform,
}

impl RowScores {
    /// Plans the sums, with scores multiplied by `factor` at no cost.
    ///
    /// # Errors
    /// A factor that is zero or not finite.
    pub fn new(heads: &HeadLayout, factor: f64) -> Result<Self> {
        Ok(Self { sum: heads.sum_over_head(|_| factor)? })
    }

    /// `factor·Σ_d q[h,d]·k[t,h,d]` in all slots of head h of token t, from a query that stands beside every token
    /// ([`crate::mask::broadcast_token`]) and the keys: two levels.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, query: &E::Vector, keys: &E::Vector) -> Result<E::Vector> {
        single(self.sum.apply(e, &[&e.mul(query, keys)?])?)
    }
}

/// The context of one query.
#[derive(Clone, Copy, Debug)]
pub struct RowValues {
    heads: HeadLayout,
}

impl RowValues {
    /// For these heads.
    #[must_use]
    pub fn new(heads: &HeadLayout) -> Self {
        Self { heads: *heads }
    }

    /// `Σ_t w[t,h]·v[t,h,d]` beside every token, from weights that stand in all slots of their head: one level.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, weights: &E::Vector, values: &E::Vector) -> Result<E::Vector> {
        sum_over_tokens(e, self.heads.tokens(), &e.mul(weights, values)?)
    }
}
