//! Roots of unity as doubles: representatives of least magnitude. Both directions share one table, as ψ^−e = −ψ^(N−e).

use std::arch::x86_64::*;

use crate::kernels::Modulus;
use crate::kernels::avx2::rounding::doubles;
use crate::kernels::avx2::vector::{Factor, Prime, factor_of, splat_double};
use crate::kernels::portable::ntt::bit_reversed_powers;

/// Tables for one N and p.
pub struct Twiddles {
    pub(super) modulus: Modulus,
    /// (w, w/p) of all stages before the last two: place 2^s + g for group g of stage s.
    pub(super) top: Vec<(f64, f64)>,
    /// w of the last two stages, for every 16 words: the four of distance 2; of the eight of distance 1 those at even places, then
    /// those at odd ones.
    pub(super) leaves: Vec<[[f64; 4]; 3]>,
    /// 1/N.
    pub(super) scale: u64,
    /// 1/N times the inverse root of the first stage.
    pub(super) scaled_root: u64,
}

/// log2 of the words of a leaf.
pub const LOG_LEAF: u32 = 4;

/// log2 of the words of a block whose passes follow each other: 8 KiB, which with its roots the first-level cache holds.
pub const LOG_CHUNK: u32 = 10;

/// Primes below this are so small that the values of a forward transform need no reduction on the way (`NOTES.md`).
const LAZY: u64 = 1 << 47;

/// True if there is at least one pass above the leaves.
pub fn fits(log_n: u32) -> bool {
    log_n > LOG_LEAF
}

impl Twiddles {
    /// Tables for N = 2^`log_n` > 16.
    pub fn new(m: &Modulus, log_n: u32, psi: u64) -> Self {
        let roots = bit_reversed_powers(m, log_n, psi);
        let n = roots.len();
        let root = |k: usize| factor_of(m, roots[k]).0;
        let leaf = |c: usize| {
            let last = |parity: usize| std::array::from_fn(|i| root(n / 2 + 8 * c + 2 * i + parity));
            [std::array::from_fn(|i| root(n / 4 + 4 * c + i)), last(0), last(1)]
        };
        let scale = m.inv(m.reduce_u64(1 << log_n));
        Self {
            modulus: *m,
            top: roots[..n / 4].iter().map(|&w| factor_of(m, w)).collect(),
            leaves: (0..n >> LOG_LEAF).map(leaf).collect(),
            scale,
            scaled_root: m.mul(scale, m.inv(roots[1])),
        }
    }

    /// True if a forward transform reduces nothing before its end.
    pub(super) fn is_lazy(&self) -> bool {
        self.modulus.value() < LAZY
    }

    /// The root at place `k` of the stages before the last two, in all lanes.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn broadcast(&self, k: usize) -> Factor {
        let (w, quotient) = self.top[k];
        Factor { w: splat_double(w), quotient: splat_double(quotient) }
    }
}

/// Four roots of the last stages.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn four(prime: &Prime, roots: &[f64; 4]) -> Factor {
    prime.factor(doubles(roots))
}

/// The same in reverse.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn four_reversed(prime: &Prime, roots: &[f64; 4]) -> Factor {
    let Factor { w, quotient } = four(prime, roots);
    let reverse = _mm256_permute4x64_pd::<0b00_01_10_11>;
    Factor { w: reverse(w), quotient: reverse(quotient) }
}
