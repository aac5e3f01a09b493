//! Sums and plaintext products.

use rayon::prelude::*;

use super::Evaluator;
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::kernels;
use crate::plaintext::{Plaintext, SubringPlaintext};
use crate::ring::{Basis, Ntt, Poly};

impl Evaluator<'_> {
    /// a + b; levels are aligned.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`] for unequal scales at one level.
    pub fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        let (a, b) = self.aligned(a, b)?;
        let mut out = a.into_owned();
        out.c0.add_assign(&self.params, &b.c0);
        out.c1.add_assign(&self.params, &b.c1);
        Ok(out)
    }

    /// a − b; levels are aligned.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`] for unequal scales at one level.
    pub fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        let (a, b) = self.aligned(a, b)?;
        let mut out = a.into_owned();
        out.c0.sub_assign(&self.params, &b.c0);
        out.c1.sub_assign(&self.params, &b.c1);
        Ok(out)
    }

    /// −a.
    pub fn negate(&self, a: &Ciphertext) -> Ciphertext {
        let mut out = a.clone();
        out.c0.negate(&self.params);
        out.c1.negate(&self.params);
        out
    }

    /// a + b for a plaintext of the same scale and at least the same level.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`], [`Error::LevelsExhausted`].
    pub fn add_plain(&self, a: &Ciphertext, b: &Plaintext) -> Result<Ciphertext> {
        self.check_plain(a.level(), b.level())?;
        if !a.scale.matches(b.scale) {
            return Err(Error::ScaleMismatch { level: a.level(), left: a.scale.log2(), right: b.scale.log2() });
        }
        let mut out = a.clone();
        out.c0.add_assign(&self.params, &b.poly);
        Ok(out)
    }

    /// a − b for a plaintext of the same scale and at least the same level.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`], [`Error::LevelsExhausted`].
    pub fn sub_plain(&self, a: &Ciphertext, b: &Plaintext) -> Result<Ciphertext> {
        let negated = self.negate(a);
        Ok(self.negate(&self.add_plain(&negated, b)?))
    }

    /// a ⊙ b; the scales multiply, nothing is rescaled.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if the plaintext has fewer limbs.
    pub fn mul_plain(&self, a: &Ciphertext, b: &Plaintext) -> Result<Ciphertext> {
        self.check_plain(a.level(), b.level())?;
        let c0 = Poly::product(&self.params, &a.c0, &b.poly);
        let c1 = Poly::product(&self.params, &a.c1, &b.poly);
        Ok(Ciphertext { c0, c1, scale: a.scale.times(b.scale) })
    }

    /// Σ a_i ⊙ b_i with lazy accumulation; all products must have one scale and all ciphertexts one level.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for an empty sum, [`Error::ScaleMismatch`], [`Error::LevelsExhausted`].
    pub fn dot_plain(&self, terms: &[(&Ciphertext, &Plaintext)]) -> Result<Ciphertext> {
        let scales = terms.iter().map(|(a, b)| (a.level(), b.level(), a.scale.times(b.scale)));
        let (basis, scale) = self.common_shape(scales)?;
        let half = |part: fn(&Ciphertext) -> &Poly<Ntt>| {
            let mut out = Poly::<Ntt>::unfilled(self.params.n(), basis);
            out.for_each_limb(|i, limb| {
                let pairs: Vec<_> = terms.iter().map(|(a, b)| (part(a).limb(i), b.poly.limb(i))).collect();
                kernels::dot_into(self.params.q(i), limb, &pairs);
            });
            out
        };
        Ok(Ciphertext { c0: half(|c| &c.c0), c1: half(|c| &c.c1), scale })
    }

    /// a ⊙ b for a plaintext of small period; nothing is rescaled.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if the plaintext has fewer limbs.
    pub fn mul_subring(&self, a: &Ciphertext, b: &SubringPlaintext) -> Result<Ciphertext> {
        self.dot_subring(&[(a, b)])
    }

    /// Σ a_i ⊙ b_i for plaintexts of small period; all products must have one scale and all ciphertexts one level.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for an empty sum, [`Error::ScaleMismatch`], [`Error::LevelsExhausted`].
    pub fn dot_subring(&self, terms: &[(&Ciphertext, &SubringPlaintext)]) -> Result<Ciphertext> {
        let scales = terms.iter().map(|(a, b)| (a.level(), b.level(), a.scale.times(b.scale)));
        let (basis, scale) = self.common_shape(scales)?;
        let half = |part: fn(&Ciphertext) -> &Poly<Ntt>| {
            let mut out = Poly::<Ntt>::zero(self.params.n(), basis);
            out.for_each_limb(|i, limb| {
                for (a, b) in terms {
                    kernels::mul_blocks_add_assign(self.params.q(i), limb, part(a).limb(i), b.limb(i));
                }
            });
            out
        };
        Ok(Ciphertext { c0: half(|c| &c.c0), c1: half(|c| &c.c1), scale })
    }

    fn common_shape(
        &self,
        mut terms: impl Iterator<Item = (usize, usize, crate::params::Scale)>,
    ) -> Result<(Basis, crate::params::Scale)> {
        let Some((level, plain_level, scale)) = terms.next() else {
            return Err(Error::LengthMismatch { what: "terms of a sum of products", found: 0, needed: "at least 1".into() });
        };
        self.check_plain(level, plain_level)?;
        for (other, plain_level, other_scale) in terms {
            self.check_plain(level, plain_level)?;
            if other != level || !scale.matches(other_scale) {
                return Err(Error::ScaleMismatch { level, left: scale.log2(), right: other_scale.log2() });
            }
        }
        Ok((Basis::at_level(level), scale))
    }

    fn check_plain(&self, level: usize, plain_level: usize) -> Result<()> {
        self.needs_level("an operation with a plaintext", plain_level, level).map(|_| ())
    }
}

/// Two polynomials filled limb by limb in parallel by one function, which writes every word.
pub(super) fn fill_pair(
    n: usize,
    basis: Basis,
    f: impl Fn(usize, &mut [u64], &mut [u64]) + Sync + Send,
) -> (Poly<Ntt>, Poly<Ntt>) {
    let mut a = Poly::<Ntt>::unfilled(n, basis);
    let mut b = Poly::<Ntt>::unfilled(n, basis);
    let limbs = a.data_mut().par_chunks_exact_mut(n).zip(b.data_mut().par_chunks_exact_mut(n));
    limbs.enumerate().for_each(|(i, (x, y))| f(i, x, y));
    (a, b)
}
