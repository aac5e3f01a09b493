//! Which positions hold tokens: public, or encrypted so that the number of tokens stays hidden.

use ckks_core::circuits::PlainVector;
use he_tensor::reduce::sum_over_tokens;
use he_tensor::{Evaluator, TokenLayout};

use crate::Result;

/// Tokens stand at positions 0 … n − 1 of a layout, padding behind them is zero.
///
/// Layers keep padding at zero where they can do so at no level: biases are added under the mask, and the mask itself, a
/// fresh vector, is multiplied by plaintexts on levels that nobody waits for.
#[derive(Clone, Copy, Debug)]
pub enum TokenMask<'a, V> {
    /// The number of tokens n is known.
    Public(usize),
    /// A vector that is 1 in **all** p slots of every token (also those beyond its features) and 0 in those of padding.
    Secret(&'a V),
}

impl<V: Clone + Send + Sync> TokenMask<'_, V> {
    /// `v` + `row` on tokens, `v` on padding: no level of `v`. `row` has one value per feature.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`]; a row that is longer than the layout's features is cut.
    pub fn add_row<E: Evaluator<Vector = V>>(&self, e: &E, layout: &TokenLayout, v: &V, row: &[f64]) -> Result<V> {
        self.add(e, layout, v, |t, f| if t { row.get(f).copied().unwrap_or(0.0) } else { 0.0 })
    }

    /// `v` + `on(f)` in slot f of tokens, + `off(f)` in slot f of padding, for all p slots: no level of `v`.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn add<E: Evaluator<Vector = V>>(
        &self,
        e: &E,
        layout: &TokenLayout,
        v: &V,
        value: impl Fn(bool, usize) -> f64,
    ) -> Result<V> {
        let p = layout.period();
        match self {
            Self::Public(tokens) => {
                let plain = PlainVector::from_fn(layout.pattern(), |j| value(j / p < *tokens, j % p))?;
                Ok(if plain.is_zero() { v.clone() } else { e.add_plain(v, &plain)? })
            }
            Self::Secret(mask) => {
                let off = PlainVector::from_fn(p, |f| value(false, f))?;
                let difference = PlainVector::from_fn(p, |f| value(true, f) - value(false, f))?;
                let mut sum = if off.is_zero() { v.clone() } else { e.add_plain(v, &off)? };
                if !difference.is_zero() {
                    // The mask only has to reach the level of `v`.
                    let lowest = (e.level(v) + 1).min(e.level(mask));
                    sum = e.add(&sum, &e.mul_plain(&e.drop_to_level(mask, lowest)?, &difference)?)?;
                }
                Ok(sum)
            }
        }
    }

    /// `v` + n·`row` in every position, n the number of tokens: no level of `v`.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn add_count_times<E: Evaluator<Vector = V>>(
        &self,
        e: &E,
        layout: &TokenLayout,
        v: &V,
        row: impl Fn(usize) -> f64,
    ) -> Result<V> {
        match self {
            Self::Public(tokens) => Ok(e.add_plain(v, &PlainVector::from_fn(layout.period(), |f| *tokens as f64 * row(f))?)?),
            Self::Secret(mask) => {
                let plain = PlainVector::from_fn(layout.period(), row)?;
                let lowest = (e.level(v) + 1).min(e.level(mask));
                let weighted = e.mul_plain(&e.drop_to_level(mask, lowest)?, &plain)?;
                Ok(e.add(v, &sum_over_tokens(e, layout, &weighted)?)?)
            }
        }
    }

    /// `v` on tokens, zero on padding: one level.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator<Vector = V>>(&self, e: &E, layout: &TokenLayout, v: &V) -> Result<V> {
        match self {
            Self::Public(tokens) => Ok(e.mul_plain(v, &layout.token_mask(0..*tokens)?)?),
            Self::Secret(mask) => Ok(e.mul(v, mask)?),
        }
    }
}
