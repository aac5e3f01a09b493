//! Rescaling, dropping levels, bringing operands together.

use std::borrow::Cow;

use super::Evaluator;
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::params::Scale;
use crate::ring::{divide_pair, rescaled_pair};

/// The constant that adjusts a scale is rounded to an integer; below this many bits the rounding would be felt.
const LEAST_ADJUSTMENT_BITS: f64 = 10.0;

impl Evaluator<'_> {
    /// Divides by the last prime of the level: scale S becomes S/q, the level falls by one.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] at level 0.
    pub fn rescale(&self, ct: &Ciphertext) -> Result<Ciphertext> {
        let level = self.needs_level("rescaling", ct.level(), 1)?;
        let scale = ct.scale.over(self.prime_scale(level));
        let (c0, c1) = rescaled_pair(&self.params, level, &ct.c0, &ct.c1);
        Ok(Ciphertext { c0, c1, scale })
    }

    /// As many rescalings as lead to `level`, in one division.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if the ciphertext is below `level`.
    pub(crate) fn rescale_to(&self, ct: &Ciphertext, level: usize) -> Result<Ciphertext> {
        self.needs_level("rescaling", ct.level(), level)?;
        let scale = (level + 1..=ct.level()).fold(ct.scale, |s, i| s.over(self.prime_scale(i)));
        let [c0, c1] = divide_pair(&self.params, [ct.c0.clone(), ct.c1.clone()], level + 1)?;
        Ok(Ciphertext { c0, c1, scale })
    }

    /// Forgets the limbs above `level`; the scale stays. Free.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if the ciphertext is below `level` already.
    pub fn drop_to_level(&self, ct: &Ciphertext, level: usize) -> Result<Ciphertext> {
        if ct.level() < level {
            return Err(Error::LevelsExhausted { operation: "dropping to a level", needed: level, available: ct.level() });
        }
        Ok(Ciphertext { c0: ct.c0.truncated(level + 1), c1: ct.c1.truncated(level + 1), scale: ct.scale })
    }

    /// The same message at `level` with exactly `scale`: one product with a constant and one rescaling, both at the target.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] from below; [`Error::ScaleMismatch`] at the same level with another scale, or if the
    /// scale would have to fall by more than the prime between the levels.
    pub fn adjust_to(&self, ct: &Ciphertext, level: usize, scale: Scale) -> Result<Ciphertext> {
        let mismatch = || Error::ScaleMismatch { level: ct.level(), left: ct.scale.log2(), right: scale.log2() };
        if ct.level() == level {
            return if ct.scale.matches(scale) { Ok(ct.clone()) } else { Err(mismatch()) };
        }
        if ct.level() > level && ct.scale.matches(scale) {
            return self.drop_to_level(ct, level);
        }
        self.needs_level("dropping to a level", ct.level(), level + 1)?;
        let factor = scale.times(self.prime_scale(level + 1)).over(ct.scale);
        if factor.log2() < LEAST_ADJUSTMENT_BITS {
            return Err(mismatch());
        }
        let mut out = self.rescale(&self.mul_constant_at(ct, level + 1, 1.0, factor)?)?;
        // scale·q/S·S/q: the same number but for the last bits of the mantissa.
        out.scale = scale;
        Ok(out)
    }

    /// Both operands at the lower of their levels, with one scale.
    pub(super) fn aligned<'a>(
        &self,
        a: Cow<'a, Ciphertext>,
        b: &'a Ciphertext,
    ) -> Result<(Cow<'a, Ciphertext>, Cow<'a, Ciphertext>)> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match a.level().cmp(&b.level()) {
            Equal if a.scale.matches(b.scale) => Ok((a, Cow::Borrowed(b))),
            Equal => Err(Error::ScaleMismatch { level: a.level(), left: a.scale.log2(), right: b.scale.log2() }),
            Greater => Ok((Cow::Owned(self.adjust_to(&a, b.level(), b.scale)?), Cow::Borrowed(b))),
            Less => {
                let b = self.adjust_to(b, a.level(), a.scale)?;
                Ok((a, Cow::Owned(b)))
            }
        }
    }

    /// The prime that a rescaling from `level` divides by, as a scale.
    pub fn prime_scale(&self, level: usize) -> Scale {
        Scale::from_u64(self.params.q(level).value()).unwrap_or(Scale::power_of_two(0))
    }

    pub(super) fn needs_level(&self, operation: &'static str, available: usize, needed: usize) -> Result<usize> {
        if available < needed { Err(Error::LevelsExhausted { operation, needed, available }) } else { Ok(available) }
    }
}
