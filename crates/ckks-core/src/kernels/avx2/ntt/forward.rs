//! Coefficients to values. `LAZY` (p below 2^47): nothing is reduced before the end. Otherwise what is only added in a pass is reduced
//! at its beginning, so that magnitudes stay below 8p.

use std::arch::x86_64::*;

use super::quarters;
use super::transpose::transpose;
use super::twiddles::{LOG_CHUNK, LOG_LEAF, Twiddles, four};
use crate::kernels::avx2::vector::{Factor, Prime, Row, load, load_doubles, store, store_doubles, to_doubles};

/// Four values: words before the first pass, doubles after it.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn read<const FIRST: bool>(row: &Row) -> __m256d {
    if FIRST { to_doubles(load(row)) } else { load_doubles(row) }
}

/// (x + y·w, x − y·w).
#[inline]
#[target_feature(enable = "avx2,fma")]
fn butterfly(prime: &Prime, x: &mut __m256d, y: &mut __m256d, w: Factor) {
    let t = prime.times(*y, w);
    *y = _mm256_sub_pd(*x, t);
    *x = _mm256_add_pd(*x, t);
}

impl Twiddles {
    /// See [`crate::kernels::NttTable::forward`].
    #[target_feature(enable = "avx2,fma")]
    pub fn forward(&self, a: &mut [u64]) {
        if self.is_lazy() { self.forward_of::<true>(a) } else { self.forward_of::<false>(a) }
    }

    #[target_feature(enable = "avx2,fma")]
    fn forward_of<const LAZY: bool>(&self, a: &mut [u64]) {
        let prime = Prime::new(&self.modulus);
        let log_n = a.len().trailing_zeros();
        let rows = a.as_chunks_mut::<4>().0;
        if (log_n - LOG_LEAF).is_multiple_of(2) {
            self.radix_4::<LAZY, true>(&prime, rows, 1);
            let part = rows.len() / 4;
            rows.chunks_exact_mut(part).zip(4..).for_each(|(rows, place)| self.forward_block::<LAZY>(&prime, rows, place));
        } else {
            self.radix_2_first(&prime, rows);
            let part = rows.len() / 2;
            rows.chunks_exact_mut(part).zip(2..).for_each(|(rows, place)| self.forward_block::<LAZY>(&prime, rows, place));
        }
    }

    /// The stages of one block, whose root is at place `place` of its stage: depth first down to blocks that the first-level cache
    /// holds, then pass by pass.
    #[target_feature(enable = "avx2,fma")]
    fn forward_block<const LAZY: bool>(&self, prime: &Prime, rows: &mut [Row], place: usize) {
        if 4 * rows.len() > 1 << LOG_CHUNK {
            self.radix_4::<LAZY, false>(prime, rows, place);
            let part = rows.len() / 4;
            rows.chunks_exact_mut(part).zip(4 * place..).for_each(|(rows, place)| self.forward_block::<LAZY>(prime, rows, place));
            return;
        }
        let (mut size, mut place) = (rows.len(), place);
        while size > 4 {
            rows.chunks_exact_mut(size).zip(place..).for_each(|(rows, place)| self.radix_4::<LAZY, false>(prime, rows, place));
            size /= 4;
            place *= 4;
        }
        self.forward_leaves::<LAZY>(prime, rows.as_chunks_mut().0, place);
    }

    #[target_feature(enable = "avx2,fma")]
    fn radix_2_first(&self, prime: &Prime, rows: &mut [Row]) {
        let w = self.broadcast(1);
        let (low, high) = rows.split_at_mut(rows.len() / 2);
        for (low, high) in low.iter_mut().zip(high) {
            let (mut x, mut y) = (read::<true>(low), read::<true>(high));
            butterfly(prime, &mut x, &mut y, w);
            store_doubles(low, x);
            store_doubles(high, y);
        }
    }

    /// Two stages.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn radix_4<const LAZY: bool, const FIRST: bool>(&self, prime: &Prime, rows: &mut [Row], place: usize) {
        let w = [self.broadcast(place), self.broadcast(2 * place), self.broadcast(2 * place + 1)];
        let [a, b, c, d] = quarters(rows);
        for ((a, b), (c, d)) in a.iter_mut().zip(b).zip(c.iter_mut().zip(d)) {
            let mut x = [read::<FIRST>(a), read::<FIRST>(b), read::<FIRST>(c), read::<FIRST>(d)];
            two_stages::<LAZY, FIRST>(prime, &mut x, &w);
            store_doubles(a, x[0]);
            store_doubles(b, x[1]);
            store_doubles(c, x[2]);
            store_doubles(d, x[3]);
        }
    }

    /// The last four stages of runs of 16 words, and the residues as words. The first run's root of the first of these stages is at
    /// place `place`.
    #[target_feature(enable = "avx2,fma")]
    fn forward_leaves<const LAZY: bool>(&self, prime: &Prime, runs: &mut [[Row; 4]], place: usize) {
        let first = place - self.leaves.len();
        for (i, (run, leaf)) in runs.iter_mut().zip(&self.leaves[first..]).enumerate() {
            let place = place + i;
            let mut x = [load_doubles(&run[0]), load_doubles(&run[1]), load_doubles(&run[2]), load_doubles(&run[3])];
            let w = [self.broadcast(place), self.broadcast(2 * place), self.broadcast(2 * place + 1)];
            two_stages::<LAZY, false>(prime, &mut x, &w);
            x = transpose(x);
            two_stages::<LAZY, false>(prime, &mut x, &[four(prime, &leaf[0]), four(prime, &leaf[1]), four(prime, &leaf[2])]);
            for k in 0..4 {
                x[k] = _mm256_castsi256_pd(prime.words(prime.reduce(x[k])));
            }
            x = transpose(x);
            for k in 0..4 {
                store(&mut run[k], _mm256_castpd_si256(x[k]));
            }
        }
    }
}

/// Two stages on four vectors: of distance 2 with the first root, of distance 1 with the others. `CLEAN` values are residues, which need
/// no reduction before.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn two_stages<const LAZY: bool, const CLEAN: bool>(prime: &Prime, x: &mut [__m256d; 4], w: &[Factor; 3]) {
    let [x0, x1, x2, x3] = x;
    if !LAZY && !CLEAN {
        *x0 = prime.reduce(*x0);
        *x1 = prime.reduce(*x1);
    }
    butterfly(prime, x0, x2, w[0]);
    butterfly(prime, x1, x3, w[0]);
    butterfly(prime, x0, x1, w[1]);
    butterfly(prime, x2, x3, w[2]);
}
