//! Roots of unity, stored as floor(w·2^52/p) alone where there are many of them: w is one multiplication away, and half the
//! table means half the memory traffic. Both directions share one table, as ψ^−e = −ψ^(N−e).

use crate::kernels::Modulus;
use crate::kernels::portable::ntt::bit_reversed_powers;

/// What 64 words need in the last six stages of the forward transform, quotients only. In row 0 stands at place 2^s + g the root of
/// group g of stage s, s = 0, 1, 2 (distances 32, 16, 8); row 2^s + g has the roots of distances 4, 2, 1, one for each of the
/// eight blocks of eight words.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Leaf(pub [[u64; 8]; 8]);

/// (w, floor(w·2^52/p)).
#[derive(Clone, Copy)]
pub struct Root {
    pub w: u64,
    pub quotient: u64,
}

/// Tables for one N and p.
pub struct Twiddles {
    pub(super) modulus: Modulus,
    /// Roots of all stages before the last six: place 2^s + g for group g of stage s.
    pub(super) top: Vec<Root>,
    pub(super) leaves: Vec<Leaf>,
    /// 1/N.
    pub(super) scale: Root,
    /// 1/N times the inverse root of the first stage.
    pub(super) scaled_root: Root,
}

/// log2 of the words of a leaf.
pub const LOG_LEAF: u32 = 6;

/// log2 of the words of a block whose passes follow each other: 8 KiB, which with its roots the first-level cache holds.
pub const LOG_CHUNK: u32 = 10;

/// True if there is at least one pass above the leaves.
pub fn fits(log_n: u32) -> bool {
    log_n > LOG_LEAF
}

impl Twiddles {
    /// Tables for N = 2^`log_n` > 64.
    pub fn new(m: &Modulus, log_n: u32, psi: u64) -> Self {
        let roots = bit_reversed_powers(m, log_n, psi);
        let root = |w: u64| Root { w, quotient: m.shoup52(w) };
        let leaves = 1usize << (log_n - LOG_LEAF);
        let leaf = |c: usize| {
            let mut rows = [[0; 8]; 8];
            for groups in [1, 2, 4] {
                for g in 0..groups {
                    rows[0][groups + g] = m.shoup52(roots[groups * (leaves + c) + g]);
                    rows[groups + g] = std::array::from_fn(|block| m.shoup52(roots[groups * (8 * (leaves + c) + block) + g]));
                }
            }
            Leaf(rows)
        };
        let scale = m.inv(m.reduce_u64(1 << log_n));
        Self {
            modulus: *m,
            top: roots[..leaves].iter().map(|&w| root(w)).collect(),
            leaves: (0..leaves).map(leaf).collect(),
            scale: root(scale),
            scaled_root: root(m.mul(scale, m.inv(roots[1]))),
        }
    }
}
