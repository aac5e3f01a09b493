//! Values to coefficients, with 1/N and what else they are multiplied by in the last stage. Sums are reduced once a pass, products are
//! small by themselves: magnitudes stay below 8p.

use std::arch::x86_64::*;

use super::quarters;
use super::transpose::transpose;
use super::twiddles::{LOG_CHUNK, LOG_LEAF, Twiddles, four_reversed};
use crate::kernels::avx2::vector::{Factor, Prime, Row, load, load_doubles, store, store_doubles, to_doubles};

/// What the last stage multiplies with: sums by 1/N and a factor, differences by these and an inverse root.
#[derive(Clone, Copy)]
struct Scale {
    sum: Factor,
    difference: Factor,
}

impl Twiddles {
    /// See [`crate::kernels::NttTable::inverse_times`].
    #[target_feature(enable = "avx2,fma")]
    pub fn inverse(&self, a: &mut [u64], factor: u64) {
        let prime = Prime::new(&self.modulus);
        let log_n = a.len().trailing_zeros();
        let rows = a.as_chunks_mut::<4>().0;
        let times = |w: u64| Factor::new(&self.modulus, self.modulus.mul(w, factor));
        let scale = Scale { sum: times(self.scale), difference: times(self.scaled_root) };
        if (log_n - LOG_LEAF).is_multiple_of(2) {
            let part = rows.len() / 4;
            rows.chunks_exact_mut(part).zip(4..).for_each(|(rows, place)| self.inverse_block(&prime, rows, place));
            self.radix_4_last(&prime, rows, scale);
        } else {
            let part = rows.len() / 2;
            rows.chunks_exact_mut(part).zip(2..).for_each(|(rows, place)| self.inverse_block(&prime, rows, place));
            radix_2_last(&prime, rows, scale);
        }
    }

    /// The stages of one block, whose last one has the root at place `place`.
    #[target_feature(enable = "avx2,fma")]
    fn inverse_block(&self, prime: &Prime, rows: &mut [Row], place: usize) {
        if 4 * rows.len() > 1 << LOG_CHUNK {
            let part = rows.len() / 4;
            rows.chunks_exact_mut(part).zip(4 * place..).for_each(|(rows, place)| self.inverse_block(prime, rows, place));
            return self.inverse_radix_4(prime, rows, place);
        }
        let leaves = rows.len() / 4;
        self.inverse_leaves(prime, rows.as_chunks_mut().0, place * leaves);
        let mut size = 16;
        while size <= rows.len() {
            let first = place * (rows.len() / size);
            rows.chunks_exact_mut(size).zip(first..).for_each(|(rows, place)| self.inverse_radix_4(prime, rows, place));
            size *= 4;
        }
    }

    /// The negative of the inverse root at place `k`: that at the mirrored place of the same stage.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn mirrored(&self, k: usize) -> Factor {
        self.broadcast((3 << k.ilog2()) - 1 - k)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn inverse_radix_4(&self, prime: &Prime, rows: &mut [Row], place: usize) {
        let w = [self.mirrored(2 * place), self.mirrored(2 * place + 1), self.mirrored(place)];
        let [a, b, c, d] = quarters(rows);
        for ((a, b), (c, d)) in a.iter_mut().zip(b).zip(c.iter_mut().zip(d)) {
            let mut x = [load_doubles(a), load_doubles(b), load_doubles(c), load_doubles(d)];
            two_stages(prime, &mut x, &w);
            store_doubles(a, x[0]);
            store_doubles(b, x[1]);
            store_doubles(c, x[2]);
            store_doubles(d, x[3]);
        }
    }

    /// The last two stages of all.
    #[target_feature(enable = "avx2,fma")]
    fn radix_4_last(&self, prime: &Prime, rows: &mut [Row], scale: Scale) {
        let w = [self.mirrored(2), self.mirrored(3)];
        let [a, b, c, d] = quarters(rows);
        for ((a, b), (c, d)) in a.iter_mut().zip(b).zip(c.iter_mut().zip(d)) {
            let [x0, x1, x2, x3] = [load_doubles(a), load_doubles(b), load_doubles(c), load_doubles(d)];
            let (s0, s2) = (_mm256_add_pd(x0, x1), _mm256_add_pd(x2, x3));
            let (d1, d3) = (prime.times(_mm256_sub_pd(x1, x0), w[0]), prime.times(_mm256_sub_pd(x3, x2), w[1]));
            last(prime, (a, c), s0, s2, scale);
            last(prime, (b, d), d1, d3, scale);
        }
    }

    /// The first four stages on runs of 16 words. The first run's root of the last of these stages is at place `place`.
    #[target_feature(enable = "avx2,fma")]
    fn inverse_leaves(&self, prime: &Prime, runs: &mut [[Row; 4]], place: usize) {
        let first = place - self.leaves.len();
        for (i, run) in runs.iter_mut().enumerate() {
            let place = place + i;
            let [two, even, odd] = &self.leaves[self.leaves.len() - 1 - first - i];
            let mut x = [_mm256_setzero_pd(); 4];
            for k in 0..4 {
                x[k] = _mm256_castsi256_pd(load(&run[k]));
            }
            x = transpose(x);
            for k in 0..4 {
                x[k] = to_doubles(_mm256_castpd_si256(x[k]));
            }
            two_stages(prime, &mut x, &[four_reversed(prime, odd), four_reversed(prime, even), four_reversed(prime, two)]);
            x = transpose(x);
            two_stages(prime, &mut x, &[self.mirrored(2 * place), self.mirrored(2 * place + 1), self.mirrored(place)]);
            for k in 0..4 {
                store_doubles(&mut run[k], x[k]);
            }
        }
    }
}

/// Two stages on four vectors: of distance 1 with the negatives of the first two inverse roots, of distance 2 with that of the third.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn two_stages(prime: &Prime, x: &mut [__m256d; 4], w: &[Factor; 3]) {
    let [x0, x1, x2, x3] = *x;
    let (s0, s2) = (_mm256_add_pd(x0, x1), _mm256_add_pd(x2, x3));
    let (d1, d3) = (prime.times(_mm256_sub_pd(x1, x0), w[0]), prime.times(_mm256_sub_pd(x3, x2), w[1]));
    *x = [
        prime.reduce(_mm256_add_pd(s0, s2)),
        prime.reduce(_mm256_add_pd(d1, d3)),
        prime.times(_mm256_sub_pd(s2, s0), w[2]),
        prime.times(_mm256_sub_pd(d3, d1), w[2]),
    ];
}

#[target_feature(enable = "avx2,fma")]
fn radix_2_last(prime: &Prime, rows: &mut [Row], scale: Scale) {
    let (low, high) = rows.split_at_mut(rows.len() / 2);
    for (low, high) in low.iter_mut().zip(high) {
        let (x, y) = (load_doubles(low), load_doubles(high));
        last(prime, (low, high), x, y, scale);
    }
}

/// The last stage of two vectors, and the residues as words.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn last(prime: &Prime, (low, high): (&mut Row, &mut Row), x: __m256d, y: __m256d, scale: Scale) {
    let residues = |x: __m256d| prime.words(prime.reduce(x));
    store(low, residues(prime.times(_mm256_add_pd(x, y), scale.sum)));
    store(high, residues(prime.times(_mm256_sub_pd(x, y), scale.difference)));
}
