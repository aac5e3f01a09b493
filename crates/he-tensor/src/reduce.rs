//! Sums and means over tokens and over features, by rotations.
//!
//! A sum over 2^k entries takes k rotations, each on the sum so far (no hoisting: every step needs the one before).

use ckks_core::circuits::PlainVector;
use ckks_core::{Error, Result};

use crate::Evaluator;
use crate::layout::TokenLayout;

/// `Σ_{i < count} rot_{i·stride}(v)` for a power of two `count`: no level, log₂ count rotations.
///
/// # Errors
/// [`Error::LengthMismatch`] unless `count` is a power of two; as said at [`ckks_core::circuits::Arithmetic`].
pub fn sum_of_strided<E: Evaluator>(e: &E, v: &E::Vector, stride: i64, count: usize) -> Result<E::Vector> {
    if !count.is_power_of_two() {
        return Err(Error::LengthMismatch { what: "terms of a sum by rotations", found: count, needed: "a power of two".into() });
    }
    let mut sum = v.clone();
    let mut done = 1;
    while done < count {
        sum = e.add(&sum, &e.rotate(&sum, stride * done as i64)?)?;
        done *= 2;
    }
    Ok(sum)
}

/// The sum of all tokens, in the place of every token: no level, log₂ T rotations by p, 2p, 4p, ….
///
/// In a batched layout the rotations run into the next sentence, and only the first token of each sentence holds the sentence's
/// sum. Of a sentence that takes several vectors each vector is summed for itself.
///
/// # Errors
/// As said at [`ckks_core::circuits::Arithmetic`].
pub fn sum_over_tokens<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector) -> Result<E::Vector> {
    sum_of_strided(e, v, layout.period() as i64, layout.positions_per_vector())
}

/// The mean of the tokens with a public `divisor`, in the place of every token: one level. Where a matrix follows, fold the
/// division into it and take [`sum_over_tokens`], which costs none.
///
/// # Errors
/// [`Error::ValueOutOfRange`] for a divisor of zero; as said at [`ckks_core::circuits::Arithmetic`].
pub fn mean_over_tokens<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector, divisor: f64) -> Result<E::Vector> {
    let factor = reciprocal(divisor)?;
    e.mul_scalar(&sum_over_tokens(e, layout, v)?, factor)
}

/// The mean of the first `tokens` tokens, whatever stands in the padding: one level, because mask and division are one
/// plaintext.
///
/// # Errors
/// [`Error::ValueOutOfRange`] for no tokens; as said at [`ckks_core::circuits::Arithmetic`].
pub fn masked_mean_over_tokens<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector, tokens: usize) -> Result<E::Vector> {
    let factor = reciprocal(tokens as f64)?;
    let mask = layout.token_mask(0..tokens)?;
    let weights = PlainVector::from_fn(mask.period(), |j| mask.get(j).re * factor)?;
    sum_over_tokens(e, layout, &e.mul_plain(v, &weights)?)
}

/// The sum of the p features of each token, in the slot of its feature 0: no level, log₂ p rotations by 1, 2, 4, …. The slots of
/// the other features hold partial sums with those of the next token.
///
/// # Errors
/// As said at [`ckks_core::circuits::Arithmetic`].
pub fn sum_over_features_into_first<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector) -> Result<E::Vector> {
    sum_of_strided(e, v, 1, layout.period())
}

/// The sum of the features of each token, in all its slots: one level (a mask in between), 2·log₂ p rotations.
///
/// # Errors
/// As said at [`ckks_core::circuits::Arithmetic`].
pub fn sum_over_features<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector) -> Result<E::Vector> {
    let first = e.mul_plain(&sum_over_features_into_first(e, layout, v)?, &layout.feature_mask(0..1)?)?;
    sum_of_strided(e, &first, -1, layout.period())
}

/// The sum of the features of a vector that is the same for all tokens, in all slots: no level, log₂ p rotations, which wrap
/// around within the token.
///
/// # Errors
/// As said at [`ckks_core::circuits::Arithmetic`].
pub fn sum_over_common_features<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector) -> Result<E::Vector> {
    sum_of_strided(e, v, 1, layout.period())
}

/// `Σ_{s in from..from+count} x[t + s]`: the sum of a window of tokens beside each token, for a power of two `count`: no level,
/// log₂ count + 1 rotations. Shifts are cyclic.
///
/// # Errors
/// As [`sum_of_strided`].
pub fn window_sum<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector, from: i64, count: usize) -> Result<E::Vector> {
    let p = layout.period() as i64;
    let sum = sum_of_strided(e, v, p, count)?;
    e.rotate(&sum, p * from)
}

fn reciprocal(divisor: f64) -> Result<f64> {
    let factor = divisor.recip();
    if factor.is_finite() && factor != 0.0 {
        Ok(factor)
    } else {
        Err(Error::ValueOutOfRange { what: format!("a mean divided by {divisor}; the divisor has to be finite and not zero") })
    }
}
