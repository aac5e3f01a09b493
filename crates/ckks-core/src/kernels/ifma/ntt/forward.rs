//! Coefficients to values. Two forms of the same butterfly (Harvey 2014, arXiv 1205.2926):
//!
//! * `LAZY` (p so small that log2(N) + 1 additions of 2p fit 52 bits): nothing is reduced before the end, and only the lower 52 bits
//!   of a word mean anything, so that products need no masking either;
//! * otherwise words are below 4p < 2^52 after every stage.

use std::arch::x86_64::*;

use super::factor::{Factor, back_factors, broadcast, front_factors, twist_factors};
use super::soon::Soon;
use super::transpose::{exchange_halves, exchange_lanes, exchange_words, transpose};
use super::twiddles::{LOG_CHUNK, LOG_LEAF, Leaf, Root, Roots, Twiddles};
use crate::kernels::Modulus;
use crate::kernels::ifma::vector::{Prime, Row, add, load, load_rows, reduce_once, splat, store, store_rows, sub};

impl Twiddles {
    /// See [`crate::kernels::NttTable::forward`].
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn forward(&self, a: &mut [u64], soon: &[&[u64]]) {
        let log_n = a.len().trailing_zeros();
        let prime = Prime::new(&self.modulus);
        let soon = &mut Soon::new(soon, a.len());
        let rows = a.as_chunks_mut::<8>().0;
        if self.is_lazy(log_n, 0) {
            self.forward_block::<true>(&prime, rows, log_n, 1, soon);
        } else {
            self.forward_block::<false>(&prime, rows, log_n, 1, soon);
        }
    }

    /// See [`crate::kernels::NttTable::forward_centred`]; `None` where words would grow too large.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn forward_centred(&self, out: &mut [u64], from: &Modulus, x: &[u64], soon: &[&[u64]]) -> Option<()> {
        let log_n = out.len().trailing_zeros();
        let (p, q) = (self.modulus.value(), from.value());
        if log_n < LOG_LEAF + 2 {
            return None;
        }
        let prime = Prime::new(&self.modulus);
        let source =
            Centred { rows: x.as_chunks().0, half: splat(q / 2), minus_q: splat(self.modulus.neg(self.modulus.reduce_u64(q))) };
        let soon = &mut Soon::new(soon, out.len());
        let rows = out.as_chunks_mut::<8>().0;
        if self.is_lazy(log_n, q) {
            self.forward_from::<true>(&prime, rows, &source, soon);
        } else if q <= 3 * p && !self.is_lazy(log_n, 0) {
            self.forward_from::<false>(&prime, rows, &source, soon);
        } else {
            return None;
        }
        Some(())
    }

    /// True if words that start below p + `more` and grow by at most 2p a stage need no reduction.
    fn is_lazy(&self, log_n: u32, more: u64) -> bool {
        u64::from(2 * log_n + 1) * self.modulus.value() + more < 1 << 52
    }

    /// All stages, the first two while words are read.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn forward_from<const LAZY: bool>(&self, prime: &Prime, rows: &mut [Row], source: &Centred<'_>, soon: &mut Soon<'_>) {
        let w = [broadcast(self.top[1]), broadcast(self.top[2]), broadcast(self.top[3])];
        let quarter = rows.len() / 4;
        centred_quarters::<LAZY, true>(prime, rows, source, 0..quarter / 2, &w);
        centred_quarters::<LAZY, false>(prime, rows, source, quarter / 2..quarter, &w);
        for (i, rows) in rows.chunks_exact_mut(quarter).enumerate() {
            self.forward_block::<LAZY>(prime, rows, quarter.trailing_zeros() + 3, 4 + i, soon);
        }
    }

    /// The stages of one block, whose root is at place `place` of its stage: depth first down to blocks that the first-level cache
    /// holds, then pass by pass.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn forward_block<const LAZY: bool>(&self, prime: &Prime, rows: &mut [Row], log_len: u32, place: usize, soon: &mut Soon<'_>) {
        if log_len <= LOG_CHUNK {
            return self.forward_chunk::<LAZY>(prime, rows, log_len, place, soon);
        }
        let radix = radix(log_len);
        self.forward_pass::<LAZY>(prime, rows, radix, place);
        let part = rows.len() >> radix;
        for (i, rows) in rows.chunks_exact_mut(part).enumerate() {
            self.forward_block::<LAZY>(prime, rows, log_len - radix, (place << radix) + i, soon);
        }
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn forward_chunk<const LAZY: bool>(
        &self,
        prime: &Prime,
        rows: &mut [Row],
        mut log_len: u32,
        mut place: usize,
        soon: &mut Soon<'_>,
    ) {
        let mut groups = 1;
        while log_len > LOG_LEAF {
            let radix = radix(log_len);
            for (i, rows) in rows.chunks_exact_mut(1 << (log_len - 3)).enumerate() {
                soon.ask();
                self.forward_pass::<LAZY>(prime, rows, radix, place + i);
            }
            place <<= radix;
            groups <<= radix;
            log_len -= radix;
        }
        let first = place - self.leaves.len();
        forward_leaves::<LAZY>(prime, rows.as_chunks_mut().0, &self.leaves[first..first + groups], &self.back, soon);
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn forward_pass<const LAZY: bool>(&self, prime: &Prime, rows: &mut [Row], radix: u32, place: usize) {
        match radix {
            1 => radix_2::<LAZY>(prime, rows, self.top[place]),
            2 => radix_4::<LAZY>(prime, rows, self.top[place], [self.top[2 * place], self.top[2 * place + 1]]),
            _ => radix_8::<LAZY>(prime, rows, &self.top, place),
        }
    }
}

/// log2 of the radix of the next pass over blocks of 2^`log_len` words.
fn radix(log_len: u32) -> u32 {
    match log_len - LOG_LEAF {
        1 => 1,
        stages if stages % 2 == 1 => 3,
        _ => 2,
    }
}

/// (x, y) → (x + w·y, x − w·y). Words that the next stage only multiplies need not be `CLEAN` above 52 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn butterfly<const LAZY: bool, const CLEAN: bool>(prime: &Prime, x: &mut __m512i, y: &mut __m512i, w: Factor) {
    if !LAZY {
        *x = reduce_once(*x, prime.two_p);
    }
    butterfly_below_2p::<LAZY, CLEAN>(prime, x, y, w);
}

/// [`butterfly`] for x below 2p, or lazy.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn butterfly_below_2p<const LAZY: bool, const CLEAN: bool>(
    prime: &Prime,
    x: &mut __m512i,
    y: &mut __m512i,
    (w, quotient): Factor,
) {
    let t = if LAZY || !CLEAN { prime.times_unmasked(*y, w, quotient) } else { prime.times_lazy(*y, w, quotient) };
    *y = sub(add(*x, prime.two_p), t);
    *x = add(*x, t);
}

/// A pass over a block: the first half of each part is added to in the next stage and has to be clean, the second is multiplied.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn radix_2<const LAZY: bool>(prime: &Prime, rows: &mut [Row], root: Root) {
    let w = broadcast(root);
    let half = rows.len() / 2;
    let (low, high) = rows.split_at_mut(half);
    for (i, (r0, r1)) in low.iter_mut().zip(high).enumerate() {
        let (mut x0, mut x1) = (load(r0), load(r1));
        if i < half / 2 {
            butterfly::<LAZY, true>(prime, &mut x0, &mut x1, w);
        } else {
            butterfly::<LAZY, false>(prime, &mut x0, &mut x1, w);
        }
        store(r0, x0);
        store(r1, x1);
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn radix_4<const LAZY: bool>(prime: &Prime, rows: &mut [Row], root: Root, roots: [Root; 2]) {
    let w = [broadcast(root), broadcast(roots[0]), broadcast(roots[1])];
    let quarter = rows.len() / 4;
    let (low, high) = rows.split_at_mut(2 * quarter);
    let (q0, q1) = low.split_at_mut(quarter);
    let (q2, q3) = high.split_at_mut(quarter);
    let (a0, b0) = q0.split_at_mut(quarter / 2);
    let (a1, b1) = q1.split_at_mut(quarter / 2);
    let (a2, b2) = q2.split_at_mut(quarter / 2);
    let (a3, b3) = q3.split_at_mut(quarter / 2);
    quarters::<LAZY, true>(prime, [a0, a1, a2, a3], &w);
    quarters::<LAZY, false>(prime, [b0, b1, b2, b3], &w);
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn quarters<const LAZY: bool, const CLEAN: bool>(prime: &Prime, [q0, q1, q2, q3]: [&mut [Row]; 4], w: &[Factor; 3]) {
    for (((r0, r1), r2), r3) in q0.iter_mut().zip(q1).zip(q2).zip(q3) {
        let mut x = [load(r0), load(r1), load(r2), load(r3)];
        two_stages::<LAZY, CLEAN>(prime, &mut x, w);
        store(r0, x[0]);
        store(r1, x[1]);
        store(r2, x[2]);
        store(r3, x[3]);
    }
}

/// Two stages on four vectors at distances 2, 1.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn two_stages<const LAZY: bool, const CLEAN: bool>(prime: &Prime, [x0, x1, x2, x3]: &mut [__m512i; 4], w: &[Factor; 3]) {
    butterfly::<LAZY, true>(prime, x0, x2, w[0]);
    butterfly::<LAZY, false>(prime, x1, x3, w[0]);
    butterfly::<LAZY, CLEAN>(prime, x0, x1, w[1]);
    butterfly::<LAZY, CLEAN>(prime, x2, x3, w[2]);
}

/// Residues modulo q that are read centred.
struct Centred<'a> {
    rows: &'a [Row],
    /// ⌊q/2⌋.
    half: __m512i,
    /// −q mod p.
    minus_q: __m512i,
}

/// [`quarters`] of what is read from `source`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn centred_quarters<const LAZY: bool, const CLEAN: bool>(
    prime: &Prime,
    rows: &mut [Row],
    source: &Centred<'_>,
    range: std::ops::Range<usize>,
    w: &[Factor; 3],
) {
    let quarter = rows.len() / 4;
    for i in range {
        let mut x = [_mm512_setzero_si512(); 4];
        for k in 0..4 {
            let word = load(&source.rows[k * quarter + i]);
            let above = _mm512_cmpgt_epu64_mask(word, source.half);
            x[k] = _mm512_mask_add_epi64(word, above, word, source.minus_q);
        }
        two_stages::<LAZY, CLEAN>(prime, &mut x, w);
        for k in 0..4 {
            store(&mut rows[k * quarter + i], x[k]);
        }
    }
}

/// Three stages on eight vectors at distances 4, 2, 1, with the roots at places 2^s + g of `w`. `beside` is transposed meanwhile.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn three_stages<const LAZY: bool, const CLEAN: bool>(
    prime: &Prime,
    x: &mut [__m512i; 8],
    w: &[Factor; 8],
    beside: &mut [__m512i; 8],
) {
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    butterfly::<LAZY, true>(prime, x0, x4, w[1]);
    butterfly::<LAZY, true>(prime, x1, x5, w[1]);
    butterfly::<LAZY, false>(prime, x2, x6, w[1]);
    butterfly::<LAZY, false>(prime, x3, x7, w[1]);
    two_more_stages::<LAZY, CLEAN>(prime, x, w, beside);
}

/// The stages inside rows, for vectors that stand transposed: vector k is multiplied by power k of `twist` before. The results are reduced to
/// [0, p). `beside` is transposed meanwhile.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn twisted_stages<const LAZY: bool>(
    prime: &Prime,
    x: &mut [__m512i; 8],
    twist: &[Factor; 8],
    w: &[Factor; 8],
    beside: &mut [__m512i; 8],
) {
    if !LAZY {
        x[0] = _mm512_and_si512(x[0], prime.mask);
    }
    for k in 1..8 {
        let (s, quotient) = twist[k];
        // The second half is only multiplied.
        x[k] = if LAZY || k >= 4 { prime.times_unmasked(x[k], s, quotient) } else { prime.times_lazy(x[k], s, quotient) };
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    butterfly::<LAZY, true>(prime, x0, x4, w[1]);
    butterfly_below_2p::<LAZY, true>(prime, x1, x5, w[1]);
    butterfly_below_2p::<LAZY, false>(prime, x2, x6, w[1]);
    butterfly_below_2p::<LAZY, false>(prime, x3, x7, w[1]);
    two_more_stages::<LAZY, true>(prime, x, w, beside);
    for k in 0..8 {
        x[k] = reduce::<LAZY>(prime, x[k]);
    }
}

/// The second and the third stage, and the transposition of `beside`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn two_more_stages<const LAZY: bool, const CLEAN: bool>(
    prime: &Prime,
    [x0, x1, x2, x3, x4, x5, x6, x7]: &mut [__m512i; 8],
    w: &[Factor; 8],
    beside: &mut [__m512i; 8],
) {
    *beside = exchange_words(*beside);
    butterfly::<LAZY, true>(prime, x0, x2, w[2]);
    butterfly::<LAZY, false>(prime, x1, x3, w[2]);
    butterfly::<LAZY, true>(prime, x4, x6, w[3]);
    butterfly::<LAZY, false>(prime, x5, x7, w[3]);
    *beside = exchange_lanes(*beside);
    butterfly::<LAZY, CLEAN>(prime, x0, x1, w[4]);
    butterfly::<LAZY, CLEAN>(prime, x2, x3, w[5]);
    butterfly::<LAZY, CLEAN>(prime, x4, x5, w[6]);
    butterfly::<LAZY, CLEAN>(prime, x6, x7, w[7]);
    *beside = exchange_halves(*beside);
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn radix_8<const LAZY: bool>(prime: &Prime, rows: &mut [Row], top: &[Root], place: usize) {
    let mut w = [broadcast(top[place]); 8];
    for k in 0..2 {
        w[2 + k] = broadcast(top[2 * place + k]);
    }
    for k in 0..4 {
        w[4 + k] = broadcast(top[4 * place + k]);
    }
    let eighth = rows.len() / 8;
    eighths::<LAZY, true>(prime, rows, 0..eighth / 2, &w);
    eighths::<LAZY, false>(prime, rows, eighth / 2..eighth, &w);
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn eighths<const LAZY: bool, const CLEAN: bool>(prime: &Prime, rows: &mut [Row], range: std::ops::Range<usize>, w: &[Factor; 8]) {
    let eighth = rows.len() / 8;
    for i in range {
        let mut x = [_mm512_setzero_si512(); 8];
        for k in 0..8 {
            x[k] = load(&rows[k * eighth + i]);
        }
        three_stages::<LAZY, CLEAN>(prime, &mut x, w, &mut [_mm512_setzero_si512(); 8]);
        for k in 0..8 {
            store(&mut rows[k * eighth + i], x[k]);
        }
    }
}

/// The last six stages of runs of 64 words, and the reduction to [0, p). Between the two halves of its stages and behind them a run is
/// transposed, beside three stages of another run, so that there are products to compute while words change places.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn forward_leaves<const LAZY: bool>(
    prime: &Prime,
    runs: &mut [[Row; 8]],
    leaves: &[Leaf],
    back: &[Roots; 8],
    soon: &mut Soon<'_>,
) {
    let count = runs.len().min(leaves.len());
    // Runs i − 2, i − 1 and i.
    let mut now = [_mm512_setzero_si512(); 8];
    let mut next = now;
    for i in 0..count + 2 {
        if i >= 2 {
            let twist = twist_factors(prime, &leaves[i - 2]);
            twisted_stages::<LAZY>(prime, &mut now, &twist, &back_factors(back), &mut next);
        } else {
            next = transpose(next);
        }
        let mut after = now;
        if i < count {
            soon.ask();
            after = load_rows(&runs[i]);
            // Of every run's words one in eight is not multiplied next.
            three_stages::<LAZY, false>(prime, &mut after, &front_factors(prime, &leaves[i]), &mut now);
        } else {
            now = transpose(now);
        }
        if i >= 2 {
            store_rows(&mut runs[i - 2], now);
        }
        now = next;
        next = after;
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn reduce<const LAZY: bool>(prime: &Prime, x: __m512i) -> __m512i {
    let reduced = if LAZY { prime.reduce_lazy(x) } else { reduce_once(x, prime.two_p) };
    reduce_once(reduced, prime.p)
}
