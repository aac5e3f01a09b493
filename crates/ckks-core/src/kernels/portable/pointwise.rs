//! See [`crate::kernels`]'s functions of the same names.

use crate::kernels::Modulus;

#[inline(always)]
pub fn add_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(x, &y)| *x = m.add(*x, y));
}

#[inline(always)]
pub fn sub_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(x, &y)| *x = m.sub(*x, y));
}

#[inline(always)]
pub fn neg_assign(m: &Modulus, a: &mut [u64]) {
    a.iter_mut().for_each(|x| *x = m.neg(*x));
}

#[inline(always)]
pub fn add_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    a.iter_mut().for_each(|x| *x = m.add(*x, s));
}

pub fn mul_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    a.iter_mut().zip(b).for_each(|(x, &y)| *x = m.mul(*x, y));
}

pub fn mul_into(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
    out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&x, &y))| *o = m.mul(x, y));
}

pub fn mul_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], b: &[u64]) {
    acc.iter_mut()
        .zip(a.iter().zip(b))
        .for_each(|(o, (&x, &y))| *o = m.reduce_u128(u128::from(*o) + u128::from(x) * u128::from(y)));
}

pub fn mul_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    let factor = Shoup::new(m, s);
    a.iter_mut().for_each(|x| *x = factor.times(m, *x));
}

pub fn mul_scalar_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], s: u64) {
    let factor = Shoup::new(m, s);
    acc.iter_mut().zip(a).for_each(|(o, &x)| *o = m.add(*o, factor.times(m, x)));
}

pub fn sub_mul_scalar_from(m: &Modulus, out: &mut [u64], a: &[u64], s: u64) {
    let factor = Shoup::new(m, s);
    out.iter_mut().zip(a).for_each(|(o, &x)| *o = factor.times(m, m.sub(x, *o)));
}

pub fn sub_mul_scalar_from_product(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64], s: u64) {
    let factor = Shoup::new(m, s);
    out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&x, &y))| *o = factor.times(m, m.sub(m.mul(x, y), *o)));
}

pub fn centred_residues_into(m: &Modulus, out: &mut [u64], from: &Modulus, a: &[u64]) {
    // What the upper half of the residues stands for is q less.
    let (half, minus_q) = (from.value() / 2, m.neg(m.reduce_u64(from.value())));
    out.iter_mut().zip(a).for_each(|(o, &x)| *o = m.reduce_u64(x + if x > half { minus_q } else { 0 }));
}

/// A factor w with floor(w·2^64/p).
#[derive(Clone, Copy)]
pub struct Shoup {
    pub w: u64,
    pub quotient: u64,
}

impl Shoup {
    pub fn new(m: &Modulus, w: u64) -> Self {
        Self { w, quotient: m.shoup64(w) }
    }

    /// x·w in [0, 2p), for any x: the quotient's error is below x/2^64 + 1 < 2.
    #[inline(always)]
    pub fn times_lazy(self, p: u64, x: u64) -> u64 {
        let q = ((u128::from(x) * u128::from(self.quotient)) >> 64) as u64;
        x.wrapping_mul(self.w).wrapping_sub(q.wrapping_mul(p))
    }

    /// x·w mod p.
    #[inline(always)]
    pub fn times(self, m: &Modulus, x: u64) -> u64 {
        let r = self.times_lazy(m.value(), x);
        r.min(r.wrapping_sub(m.value()))
    }
}
