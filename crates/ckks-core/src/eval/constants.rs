//! Constants and monomials: no transform needed.

use num_complex::Complex64;

use super::Evaluator;
use crate::ciphertext::{Ciphertext, Product};
use crate::error::{Error, Result};
use crate::kernels;
use crate::params::Scale;
use crate::ring::{Ntt, Poly, residue};

impl Evaluator<'_> {
    /// c·a with c encoded at `scale`; the scales multiply.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] if c·scale is no integer below 2^126.
    pub fn mul_constant(&self, a: &Ciphertext, c: f64, scale: Scale) -> Result<Ciphertext> {
        self.mul_constant_at(a, a.level(), c, scale)
    }

    /// The same at a level that `a` has; what is above it is not multiplied.
    pub(super) fn mul_constant_at(&self, a: &Ciphertext, level: usize, c: f64, scale: Scale) -> Result<Ciphertext> {
        let mut out = self.mul_big_integer(a, level, encoded(c, scale)?);
        out.scale = a.scale.times(scale);
        Ok(out)
    }

    /// k·a; the scale stays: no level is used.
    pub fn mul_integer(&self, a: &Ciphertext, k: i64) -> Ciphertext {
        self.mul_big_integer(a, a.level(), i128::from(k))
    }

    fn mul_big_integer(&self, a: &Ciphertext, level: usize, k: i128) -> Ciphertext {
        let part = |part: &Poly<Ntt>| {
            part.changed(level + 1, |i, limb| {
                let m = self.params.q(i);
                kernels::mul_scalar_assign(m, limb, residue(m, k));
            })
        };
        Ciphertext { c0: part(&a.c0), c1: part(&a.c1), scale: a.scale }
    }

    /// acc += c·a with c encoded so that the sum's scale is right.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`]; [`Error::ScaleMismatch`] if the levels differ.
    pub fn mul_constant_add(&self, acc: &mut Ciphertext, a: &Ciphertext, c: f64) -> Result<()> {
        if acc.level() > a.level() {
            return Err(Error::LevelsExhausted { operation: "adding a multiple", needed: acc.level(), available: a.level() });
        }
        let k = encoded(c, acc.scale.over(a.scale))?;
        for (out, part) in [(&mut acc.c0, &a.c0), (&mut acc.c1, &a.c1)] {
            out.for_each_limb(|i, limb| {
                let m = self.params.q(i);
                kernels::mul_scalar_add_assign(m, limb, part.limb(i), residue(m, k));
            });
        }
        Ok(())
    }

    /// p += c·a before relinearisation, with c encoded so that the sum's scale is right.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`]; [`Error::LevelsExhausted`] if `a` has fewer levels.
    pub(crate) fn add_multiple_to_product(&self, p: &mut Product, a: &Ciphertext, c: f64) -> Result<()> {
        if p.level() > a.level() {
            return Err(Error::LevelsExhausted { operation: "adding a multiple", needed: p.level(), available: a.level() });
        }
        let k = encoded(c, p.scale.over(a.scale))?;
        for (out, part) in p.d.iter_mut().zip([&a.c0, &a.c1]) {
            out.for_each_limb(|i, limb| {
                let m = self.params.q(i);
                kernels::mul_scalar_add_assign(m, limb, part.limb(i), residue(m, k));
            });
        }
        Ok(())
    }

    /// a + c in every slot.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] if c times the scale is no integer below 2^126.
    pub fn add_constant(&self, a: &Ciphertext, c: Complex64) -> Result<Ciphertext> {
        let mut out = a.clone();
        self.add_constant_assign(&mut out, c)?;
        Ok(out)
    }

    /// a += c in every slot.
    ///
    /// # Errors
    /// As [`Evaluator::add_constant`].
    pub(crate) fn add_constant_assign(&self, a: &mut Ciphertext, c: Complex64) -> Result<()> {
        let (re, im) = (encoded(c.re, a.scale)?, encoded(c.im, a.scale)?);
        if re != 0 {
            a.c0.add_constant(&self.params, re);
        }
        if im != 0 {
            // i is X^(N/2) in every slot.
            let mut imaginary = Poly::<Ntt>::zero(a.c0.n(), a.c0.basis());
            imaginary.add_constant(&self.params, im);
            self.multiply_poly_by_monomial(&mut imaginary, self.params.n() / 2);
            a.c0.add_assign(&self.params, &imaginary);
        }
        Ok(())
    }

    /// i·a in every slot: a product with the monomial X^(N/2). No level, no noise.
    pub fn mul_by_i(&self, a: &Ciphertext) -> Ciphertext {
        self.multiply_monomial(a, self.params.n() / 2)
    }

    /// X^`exponent`·a (exponent modulo 2N). No level, no noise.
    pub fn multiply_monomial(&self, a: &Ciphertext, exponent: usize) -> Ciphertext {
        let mut out = a.clone();
        self.multiply_poly_by_monomial(&mut out.c0, exponent);
        self.multiply_poly_by_monomial(&mut out.c1, exponent);
        out
    }

    /// In NTT form X^k is ψ^(k·(2·bitrev(i)+1)): constant on N/gcd(k, N) runs of neighbours.
    fn multiply_poly_by_monomial(&self, poly: &mut Poly<Ntt>, exponent: usize) {
        let n = self.params.n();
        let exponent = exponent % (2 * n);
        if exponent == 0 {
            return;
        }
        let blocks = n >> exponent.trailing_zeros().min(n.trailing_zeros());
        let log_blocks = blocks.trailing_zeros();
        poly.for_each_limb(|i, limb| {
            let table = self.params.ntt_q(i);
            let m = table.modulus();
            let first = m.pow(table.psi(), exponent as u64);
            let step = m.mul(first, first);
            let mut words = vec![0; blocks];
            let mut power = first;
            for k in 0..blocks {
                let place = if log_blocks == 0 { 0 } else { k.reverse_bits() >> (usize::BITS - log_blocks) };
                words[place] = power;
                power = m.mul(power, step);
            }
            kernels::mul_blocks_assign(m, limb, &words);
        });
    }
}

fn encoded(c: f64, scale: Scale) -> Result<i128> {
    scale.scaled_integer(c).ok_or_else(|| Error::ValueOutOfRange {
        what: format!("the constant {c:e} at scale {scale} is not below 2^126; use a smaller constant or scale"),
    })
}
