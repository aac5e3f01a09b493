//! Values to coefficients: Gentleman–Sande butterflies (x, y) → (x + y, (x − y)/w), words below 2p between stages.
//!
//! The inverses of a stage's roots are their negatives in reverse order, so that (x − y)/w = (y − x)·w′ with w′ read from the other
//! end of the forward transform's table. In a leaf the rows are taken in reverse too, which turns the lanes round for nothing.

use std::arch::x86_64::*;

use super::factor::{Factor, back_factors, broadcast, front_factors};
use super::transpose::transpose;
use super::twiddles::{LOG_CHUNK, LOG_LEAF, Leaf, Root, Twiddles};
use crate::kernels::ifma::vector::{Prime, Row, add, load, load_rows, reduce_once, store, store_rows, sub};

impl Twiddles {
    /// See [`crate::kernels::NttTable::inverse`].
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn inverse(&self, a: &mut [u64]) {
        let log_n = a.len().trailing_zeros();
        let prime = Prime::new(&self.modulus);
        self.inverse_block(&prime, a.as_chunks_mut::<8>().0, log_n, 1);
    }

    /// The stages of one block, whose root in the forward transform is at place `place` of its stage: the mirror image of the forward
    /// transform's order.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn inverse_block(&self, prime: &Prime, rows: &mut [Row], log_len: u32, place: usize) {
        if log_len <= LOG_CHUNK && place > 1 {
            return self.inverse_chunk(prime, rows, log_len, place);
        }
        let radix = radix(log_len);
        let part = rows.len() >> radix;
        for (i, rows) in rows.chunks_exact_mut(part).enumerate() {
            self.inverse_block(prime, rows, log_len - radix, (place << radix) + i);
        }
        self.inverse_pass(prime, rows, radix, place);
    }

    /// Pass by pass: what the first-level cache holds.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn inverse_chunk(&self, prime: &Prime, rows: &mut [Row], log_len: u32, place: usize) {
        let groups = 1 << (log_len - LOG_LEAF);
        // The last place of the groups is the first one seen from the other end.
        let first = mirrored(place * groups + groups - 1) - self.leaves.len();
        inverse_leaves(prime, rows.as_chunks_mut().0, &self.leaves[first..first + groups]);
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
                self.inverse_pass(prime, rows, radix, (place << (log_len - left)) + i);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn inverse_pass(&self, prime: &Prime, rows: &mut [Row], radix: u32, place: usize) {
        let root = |place: usize| self.top[mirrored(place)];
        match (radix, place) {
            (1, 1) => last_radix_2(prime, rows, self.scale, self.scaled_root),
            (1, _) => radix_2(prime, rows, root(place)),
            (_, 1) => last_radix_4(prime, rows, self.scale, self.scaled_root, [root(2), root(3)]),
            (_, _) => radix_4(prime, rows, root(place), [root(2 * place), root(2 * place + 1)]),
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

/// (x, y) → (x + y, (y − x)·w).
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn butterfly(prime: &Prime, x: &mut __m512i, y: &mut __m512i, (w, quotient): Factor) {
    let sum = add(*x, *y);
    let difference = sub(add(*y, prime.two_p), *x);
    *x = reduce_once(sum, prime.two_p);
    *y = prime.times_lazy(difference, w, quotient);
}

/// (x, y) → ((x + y)·s, (x − y)·t), reduced: the last stage with its roots and 1/N in one.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn last_butterfly(prime: &Prime, x: &mut __m512i, y: &mut __m512i, s: Factor, t: Factor) {
    let sum = add(*x, *y);
    let difference = sub(add(*x, prime.two_p), *y);
    *x = prime.times(sum, s.0, s.1);
    *y = prime.times(difference, t.0, t.1);
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn radix_2(prime: &Prime, rows: &mut [Row], root: Root) {
    let w = broadcast(root);
    let (low, high) = rows.split_at_mut(rows.len() / 2);
    for (r0, r1) in low.iter_mut().zip(high) {
        let (mut x0, mut x1) = (load(r0), load(r1));
        butterfly(prime, &mut x0, &mut x1, w);
        store(r0, x0);
        store(r1, x1);
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn last_radix_2(prime: &Prime, rows: &mut [Row], scale: Root, scaled_root: Root) {
    let (s, t) = (broadcast(scale), broadcast(scaled_root));
    let (low, high) = rows.split_at_mut(rows.len() / 2);
    for (r0, r1) in low.iter_mut().zip(high) {
        let (mut x0, mut x1) = (load(r0), load(r1));
        last_butterfly(prime, &mut x0, &mut x1, s, t);
        store(r0, x0);
        store(r1, x1);
    }
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
fn radix_4(prime: &Prime, rows: &mut [Row], root: Root, roots: [Root; 2]) {
    let w = broadcast(root);
    let [w0, w1] = [broadcast(roots[0]), broadcast(roots[1])];
    for_quarters(rows, |[x0, x1, x2, x3]| {
        butterfly(prime, x0, x1, w0);
        butterfly(prime, x2, x3, w1);
        butterfly(prime, x0, x2, w);
        butterfly(prime, x1, x3, w);
    });
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn last_radix_4(prime: &Prime, rows: &mut [Row], scale: Root, scaled_root: Root, roots: [Root; 2]) {
    let (s, t) = (broadcast(scale), broadcast(scaled_root));
    let [w0, w1] = [broadcast(roots[0]), broadcast(roots[1])];
    for_quarters(rows, |[x0, x1, x2, x3]| {
        butterfly(prime, x0, x1, w0);
        butterfly(prime, x2, x3, w1);
        last_butterfly(prime, x0, x2, s, t);
        last_butterfly(prime, x1, x3, s, t);
    });
}

/// Three stages on eight vectors at distances 1, 2, 4, with the forward roots at places 2^s + g of `w`,
/// read mirrored.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn three_stages(prime: &Prime, x: &mut [__m512i; 8], w: &[Factor; 8]) {
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    for (a, b, w) in [(&mut *x0, &mut *x1, w[7]), (x2, x3, w[6]), (x4, x5, w[5]), (x6, x7, w[4])] {
        butterfly(prime, a, b, w);
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    for (a, b, w) in [(&mut *x0, &mut *x2, w[3]), (x1, x3, w[3]), (x4, x6, w[2]), (x5, x7, w[2])] {
        butterfly(prime, a, b, w);
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    for (a, b) in [(&mut *x0, &mut *x4), (x1, x5), (x2, x6), (x3, x7)] {
        butterfly(prime, a, b, w[1]);
    }
}

/// The first six stages of runs of 64 words, with the leaves in reverse. The three stages of a run inside rows stand between the
/// transposition and the last three stages of the run before, so that there are products to compute while words change places.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn inverse_leaves(prime: &Prime, runs: &mut [[Row; 8]], leaves: &[Leaf]) {
    let last = runs.len().min(leaves.len());
    let (Some(first), Some(leaf)) = (runs.first(), leaves.last()) else { return };
    let mut next = leaf_back(prime, first, leaf);
    for i in 0..last {
        let transposed = transpose(next);
        if i + 1 < last {
            next = leaf_back(prime, &runs[i + 1], &leaves[last - 2 - i]);
        }
        leaf_front(prime, &mut runs[i], transposed, &leaves[last - 1 - i]);
    }
}

/// Rows in reverse: lane r then belongs to block 7 − r, whose mirrored root is in lane r of the table.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn leaf_back(prime: &Prime, rows: &[Row; 8], leaf: &Leaf) -> [__m512i; 8] {
    let [x0, x1, x2, x3, x4, x5, x6, x7] = load_rows(rows);
    let mut x = transpose([x7, x6, x5, x4, x3, x2, x1, x0]);
    three_stages(prime, &mut x, &back_factors(prime, leaf));
    x
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn leaf_front(prime: &Prime, rows: &mut [Row; 8], [x7, x6, x5, x4, x3, x2, x1, x0]: [__m512i; 8], leaf: &Leaf) {
    let mut x = [x0, x1, x2, x3, x4, x5, x6, x7];
    three_stages(prime, &mut x, &front_factors(prime, leaf));
    store_rows(rows, x);
}
