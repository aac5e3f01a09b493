//! The negacyclic number-theoretic transform behind one type.

mod root;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use super::portable::ntt::Twiddles;
use super::{KernelPath, Modulus, active_path};
use crate::error::{Error, Result};

/// Words between what an inverse transform reads from elsewhere and what it asks for: the hardware does not look as far ahead.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 2048;

/// The transform of Z_p\[X\]/(X^N + 1) for one N and one p: coefficients in natural order to the values
/// out\[i\] = a(ψ^(2·bitrev(i)+1)), ψ a primitive 2N-th root of unity, and back.
///
/// ψ is the 2N-th root that repeated square roots of −1 lead to (Tonelli–Shanks with the least non-residue), which is the one
/// that `concrete-ntt` 0.2 uses; files depend on it. Tables of a path are made when it first runs.
pub struct NttTable {
    modulus: Modulus,
    log_n: u32,
    psi: u64,
    portable: OnceLock<Twiddles>,
    concrete: OnceLock<Option<concrete_ntt::prime64::Plan>>,
    #[cfg(target_arch = "x86_64")]
    avx2: OnceLock<super::avx2::ntt::Twiddles>,
    #[cfg(target_arch = "x86_64")]
    ifma: OnceLock<super::ifma::ntt::Twiddles>,
}

impl NttTable {
    /// The transform for N = 2^`log_n`, 1 to 20.
    ///
    /// # Errors
    /// [`Error::InvalidModulus`] if p is not 1 modulo 2N, [`Error::LengthMismatch`] for another `log_n`.
    pub fn new(modulus: Modulus, log_n: u32) -> Result<Self> {
        if !(1..=20).contains(&log_n) {
            return Err(Error::LengthMismatch { what: "log2 of a ring degree", found: log_n as usize, needed: "1 to 20".into() });
        }
        let order = 2u64 << log_n;
        if modulus.value() % order != 1 {
            return Err(Error::InvalidModulus {
                value: modulus.value(),
                reason: format!("it is {} modulo 2N = {order}, a transform of N = 2^{log_n} needs 1", modulus.value() % order),
            });
        }
        Ok(Self::with_root(modulus, log_n, root::primitive_root(&modulus, log_n + 1)))
    }

    /// The transform of the ring of degree 2^`log_n` below this one, with the root ψ^(N/2^`log_n`): that of [`Self::new`], as roots
    /// are reached from −1.
    ///
    /// # Panics
    /// Unless `log_n` is 1 to this ring's.
    pub fn below(&self, log_n: u32) -> Self {
        assert!((1..=self.log_n).contains(&log_n));
        Self::with_root(self.modulus, log_n, self.modulus.pow(self.psi, 1 << (self.log_n - log_n)))
    }

    fn with_root(modulus: Modulus, log_n: u32, psi: u64) -> Self {
        Self {
            psi,
            modulus,
            log_n,
            portable: OnceLock::new(),
            concrete: OnceLock::new(),
            #[cfg(target_arch = "x86_64")]
            avx2: OnceLock::new(),
            #[cfg(target_arch = "x86_64")]
            ifma: OnceLock::new(),
        }
    }

    /// Coefficients to values, in place.
    ///
    /// # Panics
    /// If `a` has not N words.
    pub fn forward(&self, a: &mut [u64]) {
        self.forward_before(a, &[]);
    }

    /// [`NttTable::forward`] during which the memory of `soon`, which is read next, may be fetched.
    ///
    /// # Panics
    /// If `a` has not N words.
    pub fn forward_before(&self, a: &mut [u64], soon: &[&[u64]]) {
        assert_eq!(a.len(), self.n());
        match active_path() {
            #[cfg(target_arch = "x86_64")]
            KernelPath::Ifma if super::ifma::ntt::fits(self.log_n) => self.ifma_forward(a, soon),
            #[cfg(target_arch = "x86_64")]
            KernelPath::Avx2 if super::avx2::ntt::fits(self.log_n) => self.avx2_forward(a),
            KernelPath::ConcreteNtt if self.concrete().is_some() => self.concrete_forward(a),
            _ => self.portable_forward(a),
        }
    }

    /// The values of a polynomial whose coefficients are the representatives of `x` in (−q/2, q/2), for residues x modulo `from` = q:
    /// [`super::centred_residues_into`] and [`NttTable::forward_before`].
    ///
    /// # Panics
    /// If `out` or `x` has not N words.
    pub fn forward_centred(&self, out: &mut [u64], from: &Modulus, x: &[u64], soon: &[&[u64]]) {
        assert!(out.len() == self.n() && x.len() == self.n());
        #[cfg(target_arch = "x86_64")]
        if active_path() == KernelPath::Ifma
            && super::ifma::ntt::fits(self.log_n)
            && self.ifma_forward_centred(out, from, x, soon).is_some()
        {
            return;
        }
        super::centred_residues_into(&self.modulus, out, from, x);
        self.forward_before(out, soon);
    }

    /// The values that belong to `coefficients`, elsewhere. During the transform the memory of `soon` may be fetched.
    ///
    /// # Panics
    /// If `out` or `coefficients` has not N words.
    pub fn forward_of(&self, out: &mut [u64], coefficients: &[u64], soon: &[&[u64]]) {
        assert!(out.len() == self.n() && coefficients.len() == self.n());
        // Centring residues of this very prime adds 0 to some of them.
        #[cfg(target_arch = "x86_64")]
        if active_path() == KernelPath::Ifma
            && super::ifma::ntt::fits(self.log_n)
            && self.ifma_forward_centred(out, &self.modulus, coefficients, soon).is_some()
        {
            return;
        }
        out.copy_from_slice(coefficients);
        self.forward_before(out, soon);
    }

    /// Values to coefficients, in place, with the factor 1/N.
    ///
    /// # Panics
    /// If `a` has not N words.
    pub fn inverse(&self, a: &mut [u64]) {
        self.inverse_times(a, 1, &[]);
    }

    /// [`NttTable::inverse`] with another `factor` behind it, a residue; with vector kernels it costs nothing. Meanwhile the memory of
    /// `soon` may be fetched.
    ///
    /// # Panics
    /// If `a` has not N words, or `factor` is no residue.
    pub fn inverse_times(&self, a: &mut [u64], factor: u64, soon: &[&[u64]]) {
        assert!(a.len() == self.n() && factor < self.modulus.value());
        match active_path() {
            #[cfg(target_arch = "x86_64")]
            KernelPath::Ifma if super::ifma::ntt::fits(self.log_n) => return self.ifma_inverse(a, None, factor, soon),
            #[cfg(target_arch = "x86_64")]
            KernelPath::Avx2 if super::avx2::ntt::fits(self.log_n) => return self.avx2_inverse(a, factor),
            KernelPath::ConcreteNtt if self.concrete().is_some() => self.concrete_inverse(a),
            _ => self.portable_inverse(a),
        }
        if factor != 1 {
            super::mul_scalar_assign(&self.modulus, a, factor);
        }
    }

    /// The coefficients that belong to `values`, times `factor`.
    ///
    /// # Panics
    /// If `out` or `values` has not N words, or `factor` is no residue.
    pub fn inverse_of(&self, out: &mut [u64], values: &[u64], factor: u64) {
        assert!(out.len() == self.n() && values.len() == self.n() && factor < self.modulus.value());
        #[cfg(target_arch = "x86_64")]
        if active_path() == KernelPath::Ifma && super::ifma::ntt::fits(self.log_n) {
            return self.ifma_inverse(out, Some(values), factor, &[values.get(AHEAD..).unwrap_or_default()]);
        }
        out.copy_from_slice(values);
        self.inverse_times(out, factor, &[]);
    }

    /// The 2N-th root of unity.
    pub fn psi(&self) -> u64 {
        self.psi
    }

    /// The prime.
    pub fn modulus(&self) -> &Modulus {
        &self.modulus
    }

    /// Ring degree N.
    pub fn n(&self) -> usize {
        1 << self.log_n
    }

    fn portable(&self) -> &Twiddles {
        self.portable.get_or_init(|| Twiddles::new(&self.modulus, self.log_n, self.psi))
    }

    fn portable_forward(&self, a: &mut [u64]) {
        self.portable().forward(&self.modulus, a);
    }

    fn portable_inverse(&self, a: &mut [u64]) {
        self.portable().inverse(&self.modulus, a);
    }

    /// `None` where that crate has no transform: N below 16.
    fn concrete(&self) -> Option<&concrete_ntt::prime64::Plan> {
        let plan = || concrete_ntt::prime64::Plan::try_new(self.n(), self.modulus.value());
        self.concrete.get_or_init(plan).as_ref()
    }

    fn concrete_forward(&self, a: &mut [u64]) {
        if let Some(plan) = self.concrete() {
            plan.fwd(a);
        }
    }

    fn concrete_inverse(&self, a: &mut [u64]) {
        if let Some(plan) = self.concrete() {
            plan.inv(a);
            plan.normalize(a);
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2(&self) -> &super::avx2::ntt::Twiddles {
        self.avx2.get_or_init(|| super::avx2::ntt::Twiddles::new(&self.modulus, self.log_n, self.psi))
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2_forward(&self, a: &mut [u64]) {
        // SAFETY: called only on the AVX2 path, which is active only where the CPU has AVX2 and FMA.
        unsafe { self.avx2().forward(a) }
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2_inverse(&self, a: &mut [u64], factor: u64) {
        // SAFETY: as in `avx2_forward`.
        unsafe { self.avx2().inverse(a, factor) }
    }

    #[cfg(target_arch = "x86_64")]
    fn ifma(&self) -> &super::ifma::ntt::Twiddles {
        self.ifma.get_or_init(|| super::ifma::ntt::Twiddles::new(&self.modulus, self.log_n, self.psi))
    }

    #[cfg(target_arch = "x86_64")]
    fn ifma_forward(&self, a: &mut [u64], soon: &[&[u64]]) {
        // SAFETY: called only on the IFMA path, which is active only where the CPU has AVX-512 F, BW, DQ, IFMA and VBMI.
        unsafe { self.ifma().forward(a, soon) }
    }

    #[cfg(target_arch = "x86_64")]
    fn ifma_forward_centred(&self, out: &mut [u64], from: &Modulus, x: &[u64], soon: &[&[u64]]) -> Option<()> {
        // SAFETY: as in `ifma_forward`.
        unsafe { self.ifma().forward_centred(out, from, x, soon) }
    }

    #[cfg(target_arch = "x86_64")]
    fn ifma_inverse(&self, a: &mut [u64], source: Option<&[u64]>, factor: u64, soon: &[&[u64]]) {
        // SAFETY: as in `ifma_forward`.
        unsafe { self.ifma().inverse(a, source, factor, soon) }
    }
}
