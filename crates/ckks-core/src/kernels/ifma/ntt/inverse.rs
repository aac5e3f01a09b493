//! Values to coefficients: Gentleman–Sande butterflies (x, y) → (x + y, (x − y)/w). Words are below 2p between stages, or, `LAZY` (64·p is
//! below 2^52), sums grow: only the first word of every pass, which is a sum in each of its stages, is reduced behind it, and as in the
//! forward transform only the lower 52 bits of a word mean anything.
//!
//! The inverses of a stage's roots are their negatives in reverse order, so that (x − y)/w = (y − x)·w′ with w′ read from the other
//! end of the forward transform's table. In a leaf the rows are taken in reverse too, which turns the lanes round for nothing.

use std::arch::x86_64::*;

use super::factor::{Factor, back_factors, broadcast, front_factors, twist_factors};
use super::soon::Soon;
use super::transpose::{exchange_halves, exchange_lanes, exchange_words, transpose};
use super::twiddles::{LOG_CHUNK, LOG_LEAF, Leaf, Root, Roots, Twiddles};
use crate::kernels::ifma::vector::{Prime, Row, add, load, load_rows, reduce_once, store, store_rows, sub};

impl Twiddles {
    /// See [`crate::kernels::NttTable::inverse_times`]; the values are those of `source` where there is one.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn inverse(&self, a: &mut [u64], source: Option<&[u64]>, factor: u64, soon: &[&[u64]]) {
        let log_n = a.len().trailing_zeros();
        let prime = Prime::new(&self.modulus);
        let soon = &mut Soon::new(soon, a.len());
        let rows = a.as_chunks_mut::<8>().0;
        let source = source.map(|values| values.as_chunks::<8>().0);
        if MOST * self.modulus.value() < 1 << 52 {
            self.inverse_all::<true>(&prime, (rows, source), log_n, factor, soon);
        } else {
            self.inverse_all::<false>(&prime, (rows, source), log_n, factor, soon);
        }
    }

    /// All stages; `factor` is part of what the last one multiplies by.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn inverse_all<const LAZY: bool>(
        &self,
        prime: &Prime,
        (rows, source): (&mut [Row], Option<&[Row]>),
        log_n: u32,
        factor: u64,
        soon: &mut Soon<'_>,
    ) {
        let radix = radix(log_n);
        self.inverse_parts::<LAZY>(prime, (rows, source), log_n - radix, 1 << radix, soon);
        let m = &self.modulus;
        let [s, t] = [self.scale, self.scaled_root].map(|root| {
            let w = m.mul(root.w, factor);
            Root { w, quotient: m.shoup52(w) }
        });
        if radix == 1 {
            last_radix_2::<LAZY>(prime, rows, s, t);
        } else {
            last_radix_4::<LAZY>(prime, rows, s, t, [2, 3].map(|place| self.top[mirrored(place)]));
        }
    }

    /// The blocks of 2^`log_len` words that `rows` consists of, the first at `place`.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn inverse_parts<const LAZY: bool>(
        &self,
        prime: &Prime,
        (rows, source): (&mut [Row], Option<&[Row]>),
        log_len: u32,
        place: usize,
        soon: &mut Soon<'_>,
    ) {
        let part = 1 << (log_len - 3);
        for (i, rows) in rows.chunks_exact_mut(part).enumerate() {
            let source = source.map(|source| &source[i * part..][..part]);
            self.inverse_block::<LAZY>(prime, (rows, source), log_len, place + i, soon);
        }
    }

    /// The stages of one block, whose root in the forward transform is at place `place` of its stage: the mirror image of the forward
    /// transform's order.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn inverse_block<const LAZY: bool>(
        &self,
        prime: &Prime,
        (rows, source): (&mut [Row], Option<&[Row]>),
        log_len: u32,
        place: usize,
        soon: &mut Soon<'_>,
    ) {
        if log_len <= LOG_CHUNK {
            if let Some(source) = source {
                rows.copy_from_slice(source);
            }
            return self.inverse_chunk::<LAZY>(prime, rows, log_len, place, soon);
        }
        let radix = radix(log_len);
        self.inverse_parts::<LAZY>(prime, (rows, source), log_len - radix, place << radix, soon);
        self.inverse_pass::<LAZY>(prime, rows, radix, place);
    }

    /// Pass by pass: what the first-level cache holds.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn inverse_chunk<const LAZY: bool>(&self, prime: &Prime, rows: &mut [Row], log_len: u32, place: usize, soon: &mut Soon<'_>) {
        let groups = 1 << (log_len - LOG_LEAF);
        // The last place of the groups is the first one seen from the other end.
        let first = mirrored(place * groups + groups - 1) - self.leaves.len();
        inverse_leaves::<LAZY>(prime, rows.as_chunks_mut().0, &self.leaves[first..first + groups], &self.back, soon);
        let mut radices = [0; LOG_CHUNK as usize];
        let mut passes = 0;
        let mut left = log_len;
        while left > LOG_LEAF {
            radices[passes] = radix(left);
            left -= radices[passes];
            passes += 1;
        }
        for &radix in radices[..passes].iter().rev() {
            left += radix;
            for (i, rows) in rows.chunks_exact_mut(1 << (left - 3)).enumerate() {
                soon.ask();
                self.inverse_pass::<LAZY>(prime, rows, radix, (place << (log_len - left)) + i);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn inverse_pass<const LAZY: bool>(&self, prime: &Prime, rows: &mut [Row], radix: u32, place: usize) {
        let root = |place: usize| self.top[mirrored(place)];
        match radix {
            1 => radix_2::<LAZY>(prime, rows, root(place)),
            _ => radix_4::<LAZY>(prime, rows, root(place), [root(2 * place), root(2 * place + 1)]),
        }
    }
}

/// log2 of the radix of the last pass over blocks of 2^`log_len` words.
fn radix(log_len: u32) -> u32 {
    if (log_len - LOG_LEAF) % 2 == 1 { 1 } else { 2 }
}

/// A place seen from the other end of its stage.
fn mirrored(place: usize) -> usize {
    3 * (1 << place.ilog2()) - 1 - place
}

/// What lazy words stay below, in multiples of p: behind the three stages inside rows and behind every pass above them, and during the
/// three stages between rows, which are the most in a row.
const BEHIND: u64 = 8;
const MOST: u64 = 8 * BEHIND;

/// (x, y) → (x + y, (y − x)·w), x below `bound` where words are lazy.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn butterfly<const LAZY: bool>(prime: &Prime, bound: __m512i, x: &mut __m512i, y: &mut __m512i, (w, quotient): Factor) {
    let sum = add(*x, *y);
    if LAZY {
        let difference = sub(add(*y, bound), *x);
        *x = sum;
        *y = prime.times_unmasked(difference, w, quotient);
    } else {
        let difference = sub(add(*y, prime.two_p), *x);
        *x = reduce_once(sum, prime.two_p);
        *y = prime.times_lazy(difference, w, quotient);
    }
}

/// (x, y) → ((x + y)·s, (x − y)·t), reduced: the last stage with its roots and 1/N in one.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn last_butterfly<const LAZY: bool>(prime: &Prime, bound: __m512i, x: &mut __m512i, y: &mut __m512i, s: Factor, t: Factor) {
    let sum = add(*x, *y);
    let difference = sub(add(*x, if LAZY { bound } else { prime.two_p }), *y);
    *x = prime.times(sum, s.0, s.1);
    *y = prime.times(difference, t.0, t.1);
}

/// Bounds of words at the first, second and third stage of a pass, whose words are below `first`·p.
#[inline]
#[target_feature(enable = "avx512f")]
fn bounds(prime: &Prime, first: u64) -> [__m512i; 3] {
    let mut bound = prime.p;
    for _ in 0..first.ilog2() {
        bound = add(bound, bound);
    }
    let twice = add(bound, bound);
    [bound, twice, add(twice, twice)]
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn radix_2<const LAZY: bool>(prime: &Prime, rows: &mut [Row], root: Root) {
    let w = broadcast(root);
    let [bound, ..] = bounds(prime, BEHIND);
    let (low, high) = rows.split_at_mut(rows.len() / 2);
    for (r0, r1) in low.iter_mut().zip(high) {
        let (mut x0, mut x1) = (load(r0), load(r1));
        butterfly::<LAZY>(prime, bound, &mut x0, &mut x1, w);
        store(r0, reduced::<LAZY>(prime, x0));
        store(r1, x1);
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn last_radix_2<const LAZY: bool>(prime: &Prime, rows: &mut [Row], scale: Root, scaled_root: Root) {
    let (s, t) = (broadcast(scale), broadcast(scaled_root));
    let [bound, ..] = bounds(prime, BEHIND);
    let (low, high) = rows.split_at_mut(rows.len() / 2);
    for (r0, r1) in low.iter_mut().zip(high) {
        let (mut x0, mut x1) = (load(r0), load(r1));
        last_butterfly::<LAZY>(prime, bound, &mut x0, &mut x1, s, t);
        store(r0, x0);
        store(r1, x1);
    }
}

/// A word that was a sum in every stage of a pass, below 2p again.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn reduced<const LAZY: bool>(prime: &Prime, x: __m512i) -> __m512i {
    if LAZY { prime.reduce_unmasked(x) } else { x }
}

/// Runs `f` on the four vectors at each place of the quarters.
#[inline]
#[target_feature(enable = "avx512f")]
fn for_quarters(rows: &mut [Row], mut f: impl FnMut(&mut [__m512i; 4])) {
    let quarter = rows.len() / 4;
    let (low, high) = rows.split_at_mut(2 * quarter);
    let (q0, q1) = low.split_at_mut(quarter);
    let (q2, q3) = high.split_at_mut(quarter);
    for (((r0, r1), r2), r3) in q0.iter_mut().zip(q1).zip(q2).zip(q3) {
        let mut x = [load(r0), load(r1), load(r2), load(r3)];
        f(&mut x);
        store(r0, x[0]);
        store(r1, x[1]);
        store(r2, x[2]);
        store(r3, x[3]);
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn radix_4<const LAZY: bool>(prime: &Prime, rows: &mut [Row], root: Root, roots: [Root; 2]) {
    let w = broadcast(root);
    let [w0, w1] = [broadcast(roots[0]), broadcast(roots[1])];
    let [first, second, _] = bounds(prime, BEHIND);
    for_quarters(rows, |[x0, x1, x2, x3]| {
        butterfly::<LAZY>(prime, first, x0, x1, w0);
        butterfly::<LAZY>(prime, first, x2, x3, w1);
        butterfly::<LAZY>(prime, second, x0, x2, w);
        butterfly::<LAZY>(prime, second, x1, x3, w);
        *x0 = reduced::<LAZY>(prime, *x0);
    });
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn last_radix_4<const LAZY: bool>(prime: &Prime, rows: &mut [Row], scale: Root, scaled_root: Root, roots: [Root; 2]) {
    let (s, t) = (broadcast(scale), broadcast(scaled_root));
    let [w0, w1] = [broadcast(roots[0]), broadcast(roots[1])];
    let [first, second, _] = bounds(prime, BEHIND);
    for_quarters(rows, |[x0, x1, x2, x3]| {
        butterfly::<LAZY>(prime, first, x0, x1, w0);
        butterfly::<LAZY>(prime, first, x2, x3, w1);
        last_butterfly::<LAZY>(prime, second, x0, x2, s, t);
        last_butterfly::<LAZY>(prime, second, x1, x3, s, t);
    });
}

/// Three stages on eight vectors of words below `first`·p at distances 1, 2, 4, with the forward roots at places 2^s + g of `w`,
/// read mirrored. `beside` is transposed meanwhile.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn three_stages<const LAZY: bool>(prime: &Prime, first: u64, x: &mut [__m512i; 8], w: &[Factor; 8], beside: &mut [__m512i; 8]) {
    let third = two_stages::<LAZY>(prime, first, x, w, beside);
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    butterfly::<LAZY>(prime, third, x0, x4, w[1]);
    butterfly::<LAZY>(prime, third, x1, x5, w[1]);
    butterfly::<LAZY>(prime, third, x2, x6, w[1]);
    butterfly::<LAZY>(prime, third, x3, x7, w[1]);
    *beside = exchange_halves(*beside);
}

/// The stages inside rows, from residues; then vector k is multiplied by power k of `twist`, except the first one. `beside` is transposed
/// meanwhile.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn twisted_stages<const LAZY: bool>(
    prime: &Prime,
    x: &mut [__m512i; 8],
    twist: &[Factor; 8],
    w: &[Factor; 8],
    beside: &mut [__m512i; 8],
) {
    let third = two_stages::<LAZY>(prime, 1, x, w, beside);
    for k in 0..4 {
        let (sum, difference) = (add(x[k], x[k + 4]), sub(add(x[k + 4], if LAZY { third } else { prime.two_p }), x[k]));
        // What is multiplied next need not be reduced.
        x[k] = if LAZY || k > 0 { sum } else { reduce_once(sum, prime.two_p) };
        x[k + 4] = prime.times_unmasked(difference, w[1].0, w[1].1);
    }
    *beside = exchange_halves(*beside);
    for k in 1..8 {
        let (s, quotient) = twist[k];
        x[k] = if LAZY { prime.times_unmasked(x[k], s, quotient) } else { prime.times_lazy(x[k], s, quotient) };
    }
}

/// The first two stages and two thirds of the transposition of `beside`; returns the bound of words at the third stage.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn two_stages<const LAZY: bool>(
    prime: &Prime,
    first: u64,
    [x0, x1, x2, x3, x4, x5, x6, x7]: &mut [__m512i; 8],
    w: &[Factor; 8],
    beside: &mut [__m512i; 8],
) -> __m512i {
    let [first, second, third] = bounds(prime, first);
    butterfly::<LAZY>(prime, first, x0, x1, w[7]);
    butterfly::<LAZY>(prime, first, x2, x3, w[6]);
    butterfly::<LAZY>(prime, first, x4, x5, w[5]);
    butterfly::<LAZY>(prime, first, x6, x7, w[4]);
    *beside = exchange_words(*beside);
    butterfly::<LAZY>(prime, second, x0, x2, w[3]);
    butterfly::<LAZY>(prime, second, x1, x3, w[3]);
    butterfly::<LAZY>(prime, second, x4, x6, w[2]);
    butterfly::<LAZY>(prime, second, x5, x7, w[2]);
    *beside = exchange_lanes(*beside);
    third
}

/// The first six stages of runs of 64 words, with the leaves in reverse. Before and between the two halves of its stages a run is
/// transposed, beside three stages of another run, so that there are products to compute while words change places.
///
/// Rows are taken in reverse: lane r then belongs to block 7 − r, whose mirrored root is in lane r of the table.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn inverse_leaves<const LAZY: bool>(
    prime: &Prime,
    runs: &mut [[Row; 8]],
    leaves: &[Leaf],
    back: &[Roots; 8],
    soon: &mut Soon<'_>,
) {
    let count = runs.len().min(leaves.len());
    let leaf = |i: usize| &leaves[count - 1 - i];
    // Runs i − 2, i − 1 and i.
    let mut now = [_mm512_setzero_si512(); 8];
    let mut next = now;
    for i in 0..count + 2 {
        let mut after = now;
        if i < count {
            soon.ask();
            after = in_reverse(load_rows(&runs[i]));
        }
        if (1..=count).contains(&i) {
            let twist = twist_factors(prime, leaf(i - 1));
            twisted_stages::<LAZY>(prime, &mut next, &twist, &back_factors(back), &mut after);
        } else {
            after = transpose(after);
        }
        if i >= 2 {
            now = in_reverse(now);
            three_stages::<LAZY>(prime, BEHIND, &mut now, &front_factors(prime, leaf(i - 2)), &mut next);
            now[0] = reduced::<LAZY>(prime, now[0]);
            store_rows(&mut runs[i - 2], now);
        } else {
            next = transpose(next);
        }
        now = next;
        next = after;
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn in_reverse([x0, x1, x2, x3, x4, x5, x6, x7]: [__m512i; 8]) -> [__m512i; 8] {
    [x7, x6, x5, x4, x3, x2, x1, x0]
}
