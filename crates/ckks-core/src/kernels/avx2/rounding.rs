//! Rounding and reduction of coefficients, four at a time.

use std::arch::x86_64::*;

use super::vector::{Prime, round, splat, splat_double, store, zero};
use crate::kernels::Modulus;
use crate::kernels::portable::rounding as portable;

/// Integers up to here are reduced at once.
const SMALL: f64 = 4_503_599_627_370_496.0; // 2^52
/// Integers below this are two digits of 52 bits.
const TWO_DIGITS: f64 = SMALL * SMALL;

#[target_feature(enable = "avx2,fma")]
pub fn scale_and_round(values: &mut [f64], factor: f64) -> f64 {
    let (factors, magnitude) = (splat_double(factor), splat(u64::MAX >> 1));
    let mut largest = zero();
    let (rows, rest) = values.as_chunks_mut::<4>();
    for row in rows {
        let x = round(_mm256_mul_pd(doubles(row), factors));
        let bits = _mm256_and_si256(_mm256_castpd_si256(x), magnitude);
        largest = _mm256_blendv_epi8(largest, bits, _mm256_cmpgt_epi64(bits, largest));
        // SAFETY: both types are 32 bytes of which every pattern is valid.
        *row = unsafe { std::mem::transmute::<__m256d, [f64; 4]>(x) };
    }
    let mut lanes = [0; 4];
    store(&mut lanes, largest);
    let rest = portable::magnitude_bits(portable::scale_and_round(rest, factor));
    portable::magnitude_of(lanes.into_iter().fold(rest, u64::max))
}

#[target_feature(enable = "avx2,fma")]
pub fn integer_residues_into(m: &Modulus, out: &mut [u64], values: &[f64], largest: f64) {
    let (rows, rest) = values.as_chunks::<4>();
    let (outs, out_rest) = out.as_chunks_mut();
    let prime = Prime::new(m);
    if largest <= SMALL {
        for (out, row) in outs.iter_mut().zip(rows) {
            store(out, prime.words(prime.reduce(doubles(row))));
        }
    } else if largest < TWO_DIGITS {
        let (digit, inverse) = (splat_double(SMALL), splat_double(1.0 / SMALL));
        for (out, row) in outs.iter_mut().zip(rows) {
            let x = doubles(row);
            let magnitude = _mm256_andnot_pd(splat_double(-0.0), x);
            // Both digits are exact: at most 53 bits are not zero, and powers of two only move them.
            let high = _mm256_round_pd::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(_mm256_mul_pd(magnitude, inverse));
            let low = _mm256_sub_pd(magnitude, _mm256_mul_pd(high, digit));
            let sign = _mm256_and_pd(x, splat_double(-0.0));
            store(out, prime.words(_mm256_xor_pd(prime.reduce_digits(high, low), sign)));
        }
    } else {
        for (out, row) in outs.iter_mut().zip(rows) {
            portable::integer_residues_into(m, out, row, largest);
        }
    }
    portable::integer_residues_into(m, out_rest, rest, largest);
}

/// Four neighbouring doubles.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn doubles(row: &[f64; 4]) -> __m256d {
    // SAFETY: both types are 32 bytes of which every pattern is valid.
    unsafe { std::mem::transmute::<[f64; 4], __m256d>(*row) }
}
