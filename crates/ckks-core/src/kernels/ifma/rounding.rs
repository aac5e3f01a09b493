//! Rounding and reduction of coefficients, eight at a time.

use std::arch::x86_64::*;

use super::doubles::{load as load_doubles, store as store_doubles};
use super::vector::{Prime, Row, add, reduce_once, splat, store, sub};
use crate::kernels::Modulus;
use crate::kernels::portable::rounding as portable;

/// Integers up to here are reduced with one multiple of p added.
const SMALL: f64 = 1_125_899_906_842_624.0; // 2^50
/// Integers below this are two digits of 52 bits.
const TWO_DIGITS: f64 = 20_282_409_603_651_670_423_947_251_286_016.0; // 2^104
const DIGIT: f64 = 4_503_599_627_370_496.0; // 2^52

#[target_feature(enable = "avx512f,avx512dq")]
pub fn scale_and_round(values: &mut [f64], factor: f64) -> f64 {
    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    let (factors, magnitude) = (_mm512_set1_pd(factor), splat(u64::MAX >> 1));
    let mut largest = splat(0);
    let (rows, rest) = values.as_chunks_mut();
    for row in rows {
        let x = _mm512_roundscale_pd::<NEAREST>(_mm512_mul_pd(load_doubles(row), factors));
        largest = _mm512_max_epu64(largest, _mm512_and_si512(_mm512_castpd_si512(x), magnitude));
        store_doubles(row, x);
    }
    let mut lanes: Row = [0; 8];
    store(&mut lanes, largest);
    let rest = portable::magnitude_bits(portable::scale_and_round(rest, factor));
    portable::magnitude_of(lanes.into_iter().fold(rest, u64::max))
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn integer_residues_into(m: &Modulus, out: &mut [u64], values: &[f64], largest: f64) {
    let (rows, rest) = values.as_chunks();
    let (outs, out_rest) = out.as_chunks_mut();
    let pairs = outs.iter_mut().zip(rows);
    let prime = Prime::new(m);
    if largest <= SMALL {
        // A multiple of p that makes everything positive: x + c < 2^50 + 2^50 + p < 2^52.
        let c = splat((1u64 << 50).div_ceil(m.value()) * m.value());
        let one = splat(1);
        for (out, row) in pairs {
            let x = add(_mm512_cvtpd_epi64(load_doubles(row)), c);
            store(out, prime.times(x, one, prime.ratio));
        }
    } else if largest < TWO_DIGITS {
        let (digit, inverse) = (_mm512_set1_pd(DIGIT), _mm512_set1_pd(1.0 / DIGIT));
        for (out, row) in pairs {
            let x = load_doubles(row);
            let magnitude = _mm512_abs_pd(x);
            // Both digits are exact: at most 53 bits are not zero, and powers of two only move them.
            let high = _mm512_roundscale_pd::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(_mm512_mul_pd(magnitude, inverse));
            let low = _mm512_sub_pd(magnitude, _mm512_mul_pd(high, digit));
            let r = prime.reduce_wide(_mm512_cvtpd_epu64(high), _mm512_cvtpd_epu64(low));
            let negative = _mm512_movepi64_mask(_mm512_castpd_si512(x));
            store(out, _mm512_mask_mov_epi64(r, negative, reduce_once(sub(prime.p, r), prime.p)));
        }
    } else {
        for (out, row) in pairs {
            portable::integer_residues_into(m, out, row, largest);
        }
    }
    portable::integer_residues_into(m, out_rest, rest, largest);
}
