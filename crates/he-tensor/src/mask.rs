//! Masks: public ones as plaintexts, secret ones as ciphertexts.
//!
//! A mask costs a level wherever it is applied. Often it can be left out: with an input channel that is 1 on tokens and 0 on
//! padding a linear layer without bias keeps padding at zero by itself.

use ckks_core::Result;
use ckks_core::circuits::PlainVector;

use crate::Evaluator;
use crate::layout::TokenLayout;
use crate::reduce::sum_over_tokens;

impl TokenLayout {
    /// 1 on all features of the tokens `from..to`, 0 elsewhere, for sentences that take one vector; the pattern repeats.
    ///
    /// # Errors
    /// None for a layout that exists.
    pub fn token_mask(&self, tokens: std::ops::Range<usize>) -> Result<PlainVector> {
        let (p, features) = (self.period(), self.features());
        PlainVector::from_fn(self.pattern(), |j| f64::from(u8::from(tokens.contains(&(j / p)) && j % p < features)))
    }

    /// 1 on the features `features` of every token, 0 elsewhere: a plaintext of period p.
    ///
    /// # Errors
    /// None for a layout that exists.
    pub fn feature_mask(&self, features: std::ops::Range<usize>) -> Result<PlainVector> {
        PlainVector::from_fn(self.period(), |f| f64::from(u8::from(features.contains(&f))))
    }
}

/// The row of token `t` in the place of every token (t = 0 is \[CLS\]): one level, log₂ T rotations one level down. For layouts
/// that are not batched.
///
/// # Errors
/// As said at [`ckks_core::circuits::Arithmetic`].
pub fn broadcast_token<E: Evaluator>(e: &E, layout: &TokenLayout, v: &E::Vector, t: usize) -> Result<E::Vector> {
    let row = e.mul_plain(v, &layout.token_mask(t..t + 1)?)?;
    sum_over_tokens(e, layout, &row)
}

/// `v` where the encrypted `mask` is 1, zero where it is 0: one level and the relinearisation key. The mask has to be 1 on all
/// features of a token or on none.
///
/// # Errors
/// As said at [`ckks_core::circuits::Arithmetic`].
pub fn apply_secret_mask<E: Evaluator>(e: &E, v: &E::Vector, mask: &E::Vector) -> Result<E::Vector> {
    e.mul(v, mask)
}
