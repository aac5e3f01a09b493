//! Roots of unity, stored as floor(w·2^52/p) alone where there are many of them: w is one multiplication away, and half the
//! table means half the memory traffic. Both directions share one table, as ψ^−e = −ψ^(N−e).

use crate::kernels::Modulus;
use crate::kernels::portable::ntt::bit_reversed_powers;

/// What 64 words need in the last six stages of the forward transform, quotients only. The roots of the last three would be 56 words,
/// but of leaf c they are powers of one number s = ψ^(2·rev(c)) times those of leaf 0: with word k of every eight multiplied by s^k,
/// all leaves share those of leaf 0, [`Twiddles::back`].
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Leaf {
    /// At place 2^s + g the root of group g of stage s, s = 0, 1, 2 (distances 32, 16, 8).
    pub front: [u64; 8],
    /// s^k at place k.
    pub twist: [u64; 8],
}

/// Eight roots and their quotients.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Roots {
    pub w: [u64; 8],
    pub quotients: [u64; 8],
}

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
    /// Roots of distances 4, 2, 1 in leaf 0, at place 2^s + g for group g of stage s, one for each of the eight blocks of eight words.
    pub(super) back: [Roots; 8],
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
        let front = |c: usize| {
            let mut row = [0; 8];
            for groups in [1, 2, 4] {
                for g in 0..groups {
                    row[groups + g] = m.shoup52(roots[groups * (leaves + c) + g]);
                }
            }
            row
        };
        let mut back = [Roots { w: [0; 8], quotients: [0; 8] }; 8];
        for groups in [1, 2, 4] {
            for g in 0..groups {
                let w = std::array::from_fn(|block| roots[groups * (8 * leaves + block) + g]);
                back[groups + g] = Roots { w, quotients: w.map(|w| m.shoup52(w)) };
            }
        }
        let twist = |s: u64| std::array::from_fn(|k| m.shoup52(m.pow(s, k as u64)));
        let square = m.mul(psi, psi);
        let leaf = |c: usize| {
            // Bits of c in reverse.
            let e = c.reverse_bits() >> (usize::BITS - (log_n - LOG_LEAF));
            Leaf { front: front(c), twist: twist(m.pow(square, e as u64)) }
        };
        let scale = m.inv(m.reduce_u64(1 << log_n));
        Self {
            modulus: *m,
            top: roots[..leaves].iter().map(|&w| root(w)).collect(),
            leaves: (0..leaves).map(leaf).collect(),
            back,
            scale: root(scale),
            scaled_root: root(m.mul(scale, m.inv(roots[1]))),
        }
    }
}
