//! Sums and plaintext products.

use std::borrow::Cow;

use super::Evaluator;
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::kernels::{self, Modulus};
use crate::parallel::for_each;
use crate::params::Scale;
use crate::plaintext::{Plaintext, SubringPlaintext};
use crate::ring::{Basis, Ntt, Poly, ProductOf, rescaled_pair};

impl Evaluator<'_> {
    /// a + b; levels are aligned.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`] for unequal scales at one level.
    pub fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.combined(Cow::Borrowed(a), b, kernels::add_assign)
    }

    /// [`Evaluator::add`] where `a` is needed no more.
    pub(crate) fn add_to(&self, a: Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.combined(Cow::Owned(a), b, kernels::add_assign)
    }

    /// The residues of `a` changed by those of `b`, levels aligned: in place where they belong to nobody else.
    fn combined(&self, a: Cow<'_, Ciphertext>, b: &Ciphertext, change: fn(&Modulus, &mut [u64], &[u64])) -> Result<Ciphertext> {
        let (a, b) = self.aligned(a, b)?;
        let part = |a: &Poly<Ntt>, b: &Poly<Ntt>| a.changed(a.basis().q, |i, limb| change(self.params.q(i), limb, b.limb(i)));
        Ok(match a {
            Cow::Borrowed(a) => Ciphertext { c0: part(&a.c0, &b.c0), c1: part(&a.c1, &b.c1), scale: a.scale },
            Cow::Owned(mut a) => {
                for (a, b) in [(&mut a.c0, &b.c0), (&mut a.c1, &b.c1)] {
                    a.for_each_limb(|i, limb| change(self.params.q(i), limb, b.limb(i)));
                }
                a
            }
        })
    }

    /// a − b; levels are aligned.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`] for unequal scales at one level.
    pub fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.combined(Cow::Borrowed(a), b, kernels::sub_assign)
    }

    /// −a.
    pub fn negate(&self, a: &Ciphertext) -> Ciphertext {
        let part = |a: &Poly<Ntt>| a.changed(a.basis().q, |i, limb| kernels::neg_assign(self.params.q(i), limb));
        Ciphertext { c0: part(&a.c0), c1: part(&a.c1), scale: a.scale }
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

    /// a += b for a plaintext of small period, of the same scale and at least the same level.
    ///
    /// # Errors
    /// As [`Evaluator::add_plain`].
    pub(crate) fn add_subring_assign(&self, a: &mut Ciphertext, b: &SubringPlaintext) -> Result<()> {
        self.check_plain(a.level(), b.level())?;
        if !a.scale.matches(b.scale) {
            return Err(Error::ScaleMismatch { level: a.level(), left: a.scale.log2(), right: b.scale.log2() });
        }
        let run = self.params.n() / b.blocks;
        a.c0.for_each_limb(|i, limb| {
            let runs = limb.chunks_exact_mut(run).zip(b.limb(i));
            runs.for_each(|(words, &w)| kernels::add_scalar_assign(self.params.q(i), words, w));
        });
        Ok(())
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

    /// a ⊙ b, rescaled: one level. The product itself is never written down.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if the plaintext has fewer limbs, and at level 0.
    pub fn mul_plain_rescale(&self, a: &Ciphertext, b: &Plaintext) -> Result<Ciphertext> {
        self.check_plain(a.level(), b.level())?;
        let level = self.needs_level("a product with a plaintext", a.level(), 1)?;
        let (c0, c1) = rescaled_pair(&self.params, level, ProductOf(&a.c0, &b.poly), ProductOf(&a.c1, &b.poly));
        Ok(Ciphertext { c0, c1, scale: a.scale.times(b.scale).over(self.prime_scale(level)) })
    }

    /// Σ a_i ⊙ b_i with lazy accumulation, at the lowest level among the a_i; all products must have one scale.
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

    /// out += a ⊙ b for the two parts of a ciphertext or product, whose level is that of b or lower.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if an operand has fewer limbs than `out`.
    pub(crate) fn mul_subring_add(&self, out: [&mut Poly<Ntt>; 2], a: &Ciphertext, b: &SubringPlaintext) -> Result<()> {
        for (out, part) in out.into_iter().zip([&a.c0, &a.c1]) {
            let level = out.basis().q - 1;
            self.check_plain(level, b.level())?;
            self.needs_level("adding a multiple", a.level(), level)?;
            out.for_each_limb(|i, limb| kernels::mul_blocks_add_assign(self.params.q(i), limb, part.limb(i), b.limb(i)));
        }
        Ok(())
    }

    /// Σ a_i ⊙ b_i for plaintexts of small period, at the lowest level among the a_i; all products must have one scale.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for an empty sum, [`Error::ScaleMismatch`], [`Error::LevelsExhausted`].
    pub fn dot_subring(&self, terms: &[(&Ciphertext, &SubringPlaintext)]) -> Result<Ciphertext> {
        let inputs: Vec<&Ciphertext> = terms.iter().map(|t| t.0).collect();
        let row = terms.iter().enumerate().map(|(i, t)| (i, t.1)).collect();
        Ok(self.matrix_subring(&inputs, &[row])?.swap_remove(0))
    }

    /// For every row Σ inputs\[i\] ⊙ p over its (i, p), at the lowest level among the inputs: one small matrix product per run of
    /// equal words. All products must have one scale; an input may occur once in a row.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for an empty row, for an input that does not exist or occurs twice, [`Error::ScaleMismatch`],
    /// [`Error::LevelsExhausted`].
    pub fn matrix_subring(&self, inputs: &[&Ciphertext], rows: &[Vec<(usize, &SubringPlaintext)>]) -> Result<Vec<Ciphertext>> {
        let mut pairs = Vec::new();
        for row in rows {
            let mut seen = vec![false; inputs.len()];
            for (i, plain) in row {
                let Some(seen) = seen.get_mut(*i).filter(|seen| !**seen) else {
                    let needed = format!("each at most once, and below {}", inputs.len());
                    return Err(Error::LengthMismatch { what: "input of a row of a matrix product", found: *i, needed });
                };
                *seen = true;
                pairs.push((inputs[*i], *plain));
            }
            if row.is_empty() {
                return Err(Error::LengthMismatch { what: "terms of a sum of products", found: 0, needed: "at least 1".into() });
            }
        }
        let Some(runs) = pairs.iter().map(|(_, p)| p.blocks).max() else { return Ok(Vec::new()) };
        let (basis, scale) = self.common_shape(pairs.iter().map(|(a, p)| (a.level(), p.level(), a.scale.times(p.scale))))?;
        let n = self.params.n();
        let half = |part: fn(&Ciphertext) -> &Poly<Ntt>| {
            let mut polys: Vec<_> = rows.iter().map(|_| Poly::<Ntt>::unfilled(n, basis)).collect();
            let mut by_limb: Vec<Vec<&mut [u64]>> = (0..basis.limbs()).map(|_| Vec::with_capacity(rows.len())).collect();
            for poly in &mut polys {
                by_limb.iter_mut().zip(poly.data_mut().chunks_exact_mut(n)).for_each(|(limbs, limb)| limbs.push(limb));
            }
            for_each(by_limb.iter_mut().enumerate(), |(i, outs)| {
                let words: Vec<_> = rows.iter().map(|row| words_of_row(row, inputs.len(), i, runs)).collect();
                let weights: Vec<&[u64]> = words.iter().flatten().map(|w| w.as_ref()).collect();
                let limbs: Vec<&[u64]> = inputs.iter().map(|c| part(c).limb(i)).collect();
                kernels::gemm_blocks(self.params.q(i), outs, &limbs, &weights);
            });
            polys
        };
        let (c0, c1) = (half(|c| &c.c0), half(|c| &c.c1));
        Ok(c0.into_iter().zip(c1).map(|(c0, c1)| Ciphertext { c0, c1, scale }).collect())
    }

    /// The lowest level of (ciphertext's level, plaintext's level, product's scale), and the scale.
    fn common_shape(&self, terms: impl Iterator<Item = (usize, usize, Scale)> + Clone) -> Result<(Basis, Scale)> {
        let Some((level, _, scale)) = terms.clone().min_by_key(|term| term.0) else {
            return Err(Error::LengthMismatch { what: "terms of a sum of products", found: 0, needed: "at least 1".into() });
        };
        for (_, plain_level, other_scale) in terms {
            self.check_plain(level, plain_level)?;
            if !scale.matches(other_scale) {
                return Err(Error::ScaleMismatch { level, left: scale.log2(), right: other_scale.log2() });
            }
        }
        Ok((Basis::at_level(level), scale))
    }

    fn check_plain(&self, level: usize, plain_level: usize) -> Result<()> {
        self.needs_level("an operation with a plaintext", plain_level, level).map(|_| ())
    }
}

/// Limb `i` of a row's plaintexts by input, each with `runs` words; empty where the row has none.
fn words_of_row<'p>(row: &[(usize, &'p SubringPlaintext)], inputs: usize, i: usize, runs: usize) -> Vec<Cow<'p, [u64]>> {
    let mut words = vec![Cow::Borrowed(&[][..]); inputs];
    for (input, plain) in row {
        let limb = plain.limb(i);
        words[*input] = if plain.blocks == runs {
            Cow::Borrowed(limb)
        } else {
            // A shorter period has longer runs: each is several of the others.
            Cow::Owned(limb.iter().flat_map(|&w| std::iter::repeat_n(w, runs / plain.blocks)).collect())
        };
    }
    words
}
