//! The polynomial type.

use std::marker::PhantomData;

use crate::kernels::{self, AlignedBuf};
use crate::parallel::for_each;
use crate::params::Params;

mod sealed {
    pub trait Sealed {}
}

/// Marker of a representation.
pub trait Form: sealed::Sealed + Copy + Send + Sync + 'static {}

/// Values at the odd powers of ψ, in the order out\[i\] = a(ψ^(2·bitrev(i)+1)).
#[derive(Clone, Copy, Debug)]
pub enum Ntt {}

/// Coefficients of 1, X, …, X^(N−1).
#[derive(Clone, Copy, Debug)]
pub enum Coeff {}

impl sealed::Sealed for Ntt {}
impl sealed::Sealed for Coeff {}
impl Form for Ntt {}
impl Form for Coeff {}

/// Which primes a polynomial's limbs belong to: the first `q` ciphertext primes, then the first `p` special primes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Basis {
    /// Number of ciphertext primes.
    pub q: usize,
    /// Number of special primes.
    pub p: usize,
}

impl Basis {
    /// The ciphertext primes of a level.
    pub fn at_level(level: usize) -> Self {
        Self { q: level + 1, p: 0 }
    }

    /// Number of limbs.
    pub fn limbs(self) -> usize {
        self.q + self.p
    }
}

/// A polynomial of degree < N with one limb of N residues per prime of its basis, limb after limb.
#[derive(Clone)]
pub struct Poly<F: Form> {
    n: usize,
    basis: Basis,
    data: AlignedBuf,
    form: PhantomData<F>,
}

impl<F: Form> Poly<F> {
    /// The zero polynomial.
    pub fn zero(n: usize, basis: Basis) -> Self {
        Self { n, basis, data: AlignedBuf::zeroed(n * basis.limbs()), form: PhantomData }
    }

    /// A polynomial whose residues are anything at all, until whoever asks for it has written every one of them.
    pub(crate) fn unfilled(n: usize, basis: Basis) -> Self {
        Self { n, basis, data: AlignedBuf::unfilled(n * basis.limbs()), form: PhantomData }
    }

    /// Ring degree.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The primes of the limbs.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// All residues, limb after limb.
    pub fn data(&self) -> &[u64] {
        &self.data
    }

    /// All residues, limb after limb. Whoever writes keeps each below its prime.
    pub fn data_mut(&mut self) -> &mut [u64] {
        &mut self.data
    }

    /// Limb `i`.
    pub fn limb(&self, i: usize) -> &[u64] {
        &self.data[i * self.n..(i + 1) * self.n]
    }

    /// Limb `i`.
    pub fn limb_mut(&mut self, i: usize) -> &mut [u64] {
        &mut self.data[i * self.n..(i + 1) * self.n]
    }

    /// All limbs.
    pub(crate) fn limbs_mut(&mut self) -> impl Iterator<Item = &mut [u64]> {
        self.data.chunks_exact_mut(self.n)
    }

    /// Runs `f(i, limb)` over all limbs in parallel.
    pub(crate) fn for_each_limb(&mut self, f: impl Fn(usize, &mut [u64]) + Sync + Send) {
        for_each(self.limbs_mut().enumerate(), |(i, limb)| f(i, limb));
    }

    /// A copy of the first `limbs` ciphertext limbs, each changed by `f(limb, residues)` while a cache holds it.
    pub(crate) fn changed(&self, limbs: usize, f: impl Fn(usize, &mut [u64]) + Sync + Send) -> Self {
        debug_assert!(limbs <= self.basis.q);
        let mut out = Self::unfilled(self.n, Basis { q: limbs, p: 0 });
        out.for_each_limb(|i, limb| {
            limb.copy_from_slice(self.limb(i));
            f(i, limb);
        });
        out
    }

    /// A copy of the first `q` ciphertext limbs (special limbs are left behind).
    pub fn truncated(&self, q: usize) -> Self {
        debug_assert!(q <= self.basis.q);
        let data = AlignedBuf::from_slice(&self.data[..q * self.n]);
        Self { n: self.n, basis: Basis { q, p: 0 }, data, form: PhantomData }
    }

    /// self += other, which may have more limbs.
    pub(crate) fn add_assign(&mut self, params: &Params, other: &Self) {
        let basis = self.basis;
        self.for_each_limb(|i, a| kernels::add_assign(params.modulus(basis, i), a, other.limb(i)));
    }

    /// self −= other, which may have more limbs.
    #[cfg(feature = "secret")]
    pub(crate) fn sub_assign(&mut self, params: &Params, other: &Self) {
        let basis = self.basis;
        self.for_each_limb(|i, a| kernels::sub_assign(params.modulus(basis, i), a, other.limb(i)));
    }

    fn retyped<G: Form>(self) -> Poly<G> {
        Poly { n: self.n, basis: self.basis, data: self.data, form: PhantomData }
    }

    /// Overwrites all residues with zeros in a way that the compiler keeps.
    pub(crate) fn zeroize(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.data);
    }
}

impl Poly<Coeff> {
    /// A polynomial from signed coefficients, reduced modulo every prime of `basis`.
    pub fn from_signed(params: &Params, basis: Basis, coefficients: &[i64]) -> Self {
        let mut poly = Self::zero(params.n(), basis);
        poly.for_each_limb(|i, limb| {
            let m = params.modulus(basis, i);
            for (out, &c) in limb.iter_mut().zip(coefficients) {
                *out = m.from_i64(c);
            }
        });
        poly
    }

    /// Forward transform of every limb.
    pub fn into_ntt(mut self, params: &Params) -> Poly<Ntt> {
        let basis = self.basis;
        self.for_each_limb(|i, limb| params.ntt(basis, i).forward(limb));
        self.retyped()
    }
}

impl Poly<Ntt> {
    /// Inverse transform of every limb.
    pub fn into_coeff(mut self, params: &Params) -> Poly<Coeff> {
        let basis = self.basis;
        self.for_each_limb(|i, limb| params.ntt(basis, i).inverse(limb));
        self.retyped()
    }

    /// self = self ⊙ other, which may have more limbs.
    #[cfg(feature = "secret")]
    pub(crate) fn mul_assign(&mut self, params: &Params, other: &Self) {
        let basis = self.basis;
        self.for_each_limb(|i, a| kernels::mul_assign(params.modulus(basis, i), a, other.limb(i)));
    }

    /// self += a ⊙ b; both may have more limbs.
    pub(crate) fn mul_add_assign(&mut self, params: &Params, a: &Self, b: &Self) {
        let basis = self.basis;
        self.for_each_limb(|i, acc| kernels::mul_add_assign(params.modulus(basis, i), acc, a.limb(i), b.limb(i)));
    }

    /// a ⊙ b over the limbs of `a`.
    pub(crate) fn product(params: &Params, a: &Self, b: &Self) -> Self {
        let basis = a.basis;
        let mut out = Self::unfilled(a.n, basis);
        out.for_each_limb(|i, limb| kernels::mul_into(params.modulus(basis, i), limb, a.limb(i), b.limb(i)));
        out
    }

    /// Adds the integer `c` (as a constant polynomial, which is `c` at every point).
    pub(crate) fn add_constant(&mut self, params: &Params, c: i128) {
        let basis = self.basis;
        self.for_each_limb(|i, a| {
            let m = params.modulus(basis, i);
            kernels::add_scalar_assign(m, a, residue(m, c));
        });
    }

    /// The image under X → X^g.
    #[cfg(any(test, feature = "secret"))]
    pub(crate) fn automorphism(&self, params: &Params, g: u64) -> Self {
        let table = super::automorphism::ntt_permutation(params.log_n(), g);
        let mut out = Self::unfilled(self.n, self.basis);
        out.for_each_limb(|i, limb| kernels::permute_into(limb, self.limb(i), &table));
        out
    }
}

/// `c` modulo the prime.
pub(crate) fn residue(m: &crate::kernels::Modulus, c: i128) -> u64 {
    let r = m.reduce_u128(c.unsigned_abs());
    if c < 0 { m.neg(r) } else { r }
}

/// Two polynomials filled limb by limb in parallel by one function, which writes every word.
pub(crate) fn fill_pair(
    n: usize,
    basis: Basis,
    f: impl Fn(usize, &mut [u64], &mut [u64]) + Sync + Send,
) -> (Poly<Ntt>, Poly<Ntt>) {
    let mut a = Poly::<Ntt>::unfilled(n, basis);
    let mut b = Poly::<Ntt>::unfilled(n, basis);
    let limbs = a.data_mut().chunks_exact_mut(n).zip(b.data_mut().chunks_exact_mut(n));
    for_each(limbs.enumerate(), |(i, (x, y))| f(i, x, y));
    (a, b)
}
