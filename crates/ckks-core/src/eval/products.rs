//! Products of ciphertexts.

use std::borrow::Cow;

use super::Evaluator;
use super::key_switch::Source;
use crate::ciphertext::{Ciphertext, Product};
use crate::error::{Error, Result};
use crate::kernels::{self, Plus};
use crate::parallel::{awake, for_each};
use crate::params::Scale;
use crate::ring::{Basis, Ntt, Poly};

/// Columns of a limb that are multiplied together.
const COLUMNS: usize = 2048;

impl Evaluator<'_> {
    /// a·b before relinearisation; levels are aligned.
    ///
    /// # Errors
    /// Those of [`Evaluator::adjust_to`] where levels differ.
    pub fn tensor(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Product> {
        self.tensor_sum(&[(a, b)])
    }

    /// Σ a_i·b_i before relinearisation, accumulated lazily; all factors are brought to the lowest level among them.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for an empty sum, [`Error::ScaleMismatch`] if the products' scales differ.
    pub fn tensor_sum(&self, terms: &[(&Ciphertext, &Ciphertext)]) -> Result<Product> {
        let lowest = terms.iter().min_by_key(|(a, b)| a.level().min(b.level()));
        let Some((a, b)) = lowest else {
            return Err(Error::LengthMismatch { what: "terms of a sum of products", found: 0, needed: "at least 1".into() });
        };
        let low = if a.level() <= b.level() { *a } else { *b };
        let pairs = terms.iter().map(|(a, b)| Ok((self.lowered(a, low)?, self.lowered(b, low)?))).collect::<Result<Vec<_>>>()?;
        let scale = pairs[0].0.scale.times(pairs[0].1.scale);
        for (a, b) in &pairs {
            let other = a.scale.times(b.scale);
            if !scale.matches(other) {
                return Err(Error::ScaleMismatch { level: low.level(), left: scale.log2(), right: other.log2() });
            }
        }
        let basis = Basis::at_level(low.level());
        let n = self.params.n();
        let mut d = [(); 3].map(|()| Poly::<Ntt>::unfilled(n, basis));
        let [d0, d1, d2] = d.each_mut().map(|d| d.data_mut().chunks_exact_mut(n));
        for_each(d0.zip(d1).zip(d2).enumerate(), |(i, ((d0, d1), d2))| {
            // A few columns at a time: factors come from memory once for all three sums.
            let columns = d0.chunks_mut(COLUMNS).zip(d1.chunks_mut(COLUMNS)).zip(d2.chunks_mut(COLUMNS));
            for (k, ((d0, d1), d2)) in columns.enumerate() {
                let columns = k * COLUMNS..k * COLUMNS + d0.len();
                // Operands of the sums of c0·c0, of c0·c1 + c1·c0 and of c1·c1.
                let mut operands = [(); 3].map(|()| Vec::with_capacity(2 * pairs.len()));
                for (a, b) in &pairs {
                    let [a0, a1, b0, b1] = [&a.c0, &a.c1, &b.c0, &b.c1].map(|c| &c.limb(i)[columns.clone()]);
                    operands[0].push((a0, b0));
                    operands[1].extend([(a0, b1), (a1, b0)]);
                    operands[2].push((a1, b1));
                }
                for (out, operands) in [d0, d1, d2].into_iter().zip(&operands) {
                    kernels::dot_into(self.params.q(i), out, operands);
                }
            }
        });
        Ok(Product { d, scale })
    }

    /// `a` at the level of `low`: as it is, or with the scale of `low`.
    fn lowered<'a>(&self, a: &'a Ciphertext, low: &Ciphertext) -> Result<Cow<'a, Ciphertext>> {
        if a.level() == low.level() { Ok(Cow::Borrowed(a)) } else { self.adjust_to(a, low.level(), low.scale).map(Cow::Owned) }
    }

    /// p + q, at one level and scale.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`] if levels or scales differ.
    pub fn add_products(&self, p: &Product, q: &Product) -> Result<Product> {
        if p.level() != q.level() || !p.scale.matches(q.scale) {
            return Err(Error::ScaleMismatch { level: p.level(), left: p.scale.log2(), right: q.scale.log2() });
        }
        let mut out = p.clone();
        for (x, y) in out.d.iter_mut().zip(&q.d) {
            x.add_assign(&self.params, y);
        }
        Ok(out)
    }

    /// The ciphertext of a product, at the same level.
    ///
    /// # Errors
    /// [`Error::MissingKey`] without a relinearisation key for this level.
    pub fn relinearise(&self, p: &Product) -> Result<Ciphertext> {
        self.relinearise_to(p, p.level())
    }

    /// Relinearisation and rescaling in one: P and the last prime are divided out together.
    ///
    /// # Errors
    /// [`Error::MissingKey`]; [`Error::LevelsExhausted`] at level 0.
    pub fn relinearise_rescale(&self, p: &Product) -> Result<Ciphertext> {
        let level = self.needs_level("a product", p.level(), 1)?;
        self.relinearise_to(p, level - 1)
    }

    /// Relinearisation and as many rescalings as lead to `level`, in one division.
    ///
    /// # Errors
    /// [`Error::MissingKey`]; [`Error::LevelsExhausted`] if the product is below `level`.
    pub(crate) fn relinearise_to(&self, p: &Product, level: usize) -> Result<Ciphertext> {
        let [d0, d1, d2] = &p.d;
        awake(|| self.relinearised(Plus::Halves([Some(d0), Some(d1)]), Source::Poly(d2), p.scale, level))
    }

    /// d0 + d1·s + d2·s² of `scale`, `plus` being d0 and d1, as a ciphertext, with as many rescalings as lead to `level`.
    fn relinearised(&self, plus: Plus<&Poly<Ntt>>, d2: Source<'_>, scale: Scale, level: usize) -> Result<Ciphertext> {
        let top = self.needs_level("a product", d2.level(), level)?;
        let key = self.keys("relinearisation key", top)?.relinearisation(top)?;
        // P·d0 and P·d1 ride along, so that one division serves all.
        let [c0, c1] = self.switch(d2, key, plus)?.divided(level + 1, None)?;
        let scale = (level + 1..=top).fold(scale, |scale, i| scale.over(self.prime_scale(i)));
        Ok(Ciphertext { c0, c1, scale })
    }

    /// a·b, relinearised, not rescaled; levels are aligned.
    ///
    /// # Errors
    /// Those of [`Evaluator::tensor`] and [`Evaluator::relinearise`].
    pub fn mul(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.mul_to(a, b, a.level().min(b.level()))
    }

    /// a·b, relinearised and rescaled: one level.
    ///
    /// # Errors
    /// Those of [`Evaluator::tensor`] and [`Evaluator::relinearise_rescale`].
    pub fn mul_rescale(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        let level = self.needs_level("a product", a.level().min(b.level()), 1)?;
        self.mul_to(a, b, level - 1)
    }

    /// a·b, relinearised, with as many rescalings as lead to `level`. Nothing of the product before relinearisation is written down.
    ///
    /// # Errors
    /// Those of [`Evaluator::tensor`] and [`Evaluator::relinearise_to`].
    pub(crate) fn mul_to(&self, a: &Ciphertext, b: &Ciphertext, level: usize) -> Result<Ciphertext> {
        let low = if a.level() <= b.level() { a } else { b };
        let (a, b) = (self.lowered(a, low)?, self.lowered(b, low)?);
        let plus = Plus::Product { a: [&a.c0, &a.c1], b: [&b.c0, &b.c1] };
        awake(|| self.relinearised(plus, Source::Product(&a.c1, &b.c1), a.scale.times(b.scale), level))
    }

    /// acc += P·d on the ciphertext primes (P is 0 modulo the special ones).
    pub(crate) fn add_times_special(&self, acc: &mut Poly<Ntt>, d: &Poly<Ntt>) {
        let basis = acc.basis();
        acc.for_each_limb(|i, limb| {
            if i < basis.q {
                let m = self.params.q(i);
                let special = (0..basis.p).fold(1, |p, k| m.mul(p, m.reduce_u64(self.params.p(k).value())));
                kernels::mul_scalar_add_assign(m, limb, d.limb(i), special);
            }
        });
    }
}
