//! Values to coefficients: Gentleman–Sande butterflies (x, y) → (x + y, (x − y)/w), words below 2p between stages.
//!
//! The inverses of a stage's roots are their negatives in reverse order, so that (x − y)/w = (y − x)·w′ with w′ read from the other
//! end of the forward transform's table. In a leaf the rows are taken in reverse too, which turns the lanes round for nothing.

use std::arch::x86_64::*;

use super::factor::{Factor, back_factors, broadcast, front_factors};
use super::transpose::transpose;
use super::twiddles::{LOG_LEAF, Leaf, Root, Twiddles};
use crate::kernels::ifma::vector::{Prime, Row, add, load, load_rows, reduce_once, store, store_rows, sub};

impl Twiddles {
    /// See [`crate::kernels::NttTable::inverse`].
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn inverse(&self, a: &mut [u64]) {
        let log_n = a.len().trailing_zeros();
        let prime = Prime::new(&self.modulus);
        self.inverse_block(&prime, a.as_chunks_mut::<8>().0, log_n, 1);
    }

    /// The stages of one block, whose root in the forward transform is at place `place` of its stage.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn inverse_block(&self, prime: &Prime, rows: &mut [Row], log_len: u32, place: usize) {
        // Seen from the other end of its stage.
        let mirrored = |place: usize| 3 * (1 << place.ilog2()) - 1 - place;
        let stages = log_len - LOG_LEAF;
        if stages == 0 {
            let leaf = mirrored(place) - self.leaves.len();
            if let Some(rows) = rows.first_chunk_mut() {
                inverse_leaf(prime, rows, &self.leaves[leaf]);
            }
            return;
        }
        let radix = if stages % 2 == 1 { 1 } else { 2 };
        let part = rows.len() >> radix;
        for (i, rows) in rows.chunks_exact_mut(part).enumerate() {
            self.inverse_block(prime, rows, log_len - radix, (place << radix) + i);
        }
        let root = |place: usize| self.top[mirrored(place)];
        match (radix, place) {
            (1, 1) => last_radix_2(prime, rows, self.scale, self.scaled_root),
            (1, _) => radix_2(prime, rows, root(place)),
            (_, 1) => last_radix_4(prime, rows, self.scale, self.scaled_root, [root(2), root(3)]),
            (_, _) => radix_4(prime, rows, root(place), [root(2 * place), root(2 * place + 1)]),
        }
    }
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

/// The first six stages of 64 words, with the mirrored leaf.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn inverse_leaf(prime: &Prime, rows: &mut [Row; 8], leaf: &Leaf) {
    // Rows in reverse: lane r then belongs to block 7 − r, whose mirrored root is in lane r of the table.
    let [x0, x1, x2, x3, x4, x5, x6, x7] = load_rows(rows);
    let mut x = transpose([x7, x6, x5, x4, x3, x2, x1, x0]);
    three_stages(prime, &mut x, &back_factors(prime, leaf));
    let [x7, x6, x5, x4, x3, x2, x1, x0] = transpose(x);
    let mut x = [x0, x1, x2, x3, x4, x5, x6, x7];
    three_stages(prime, &mut x, &front_factors(prime, leaf));
    store_rows(rows, x);
}
