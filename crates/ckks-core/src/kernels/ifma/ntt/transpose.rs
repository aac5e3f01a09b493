//! Eight vectors as an 8×8 matrix.

use std::arch::x86_64::*;

/// Lane r of vector k becomes lane k of vector r.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn transpose(v: [__m512i; 8]) -> [__m512i; 8] {
    exchange_halves(exchange_lanes(exchange_words(v)))
}

// The three steps of a transposition, for callers that compute something else in between.

/// Pairs of words: vector 2k + e holds, in its 128-bit lane l, word 2l + e of vectors 2k and 2k + 1.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn exchange_words(v: [__m512i; 8]) -> [__m512i; 8] {
    let mut w = v;
    for k in 0..4 {
        w[2 * k] = _mm512_unpacklo_epi64(v[2 * k], v[2 * k + 1]);
        w[2 * k + 1] = _mm512_unpackhi_epi64(v[2 * k], v[2 * k + 1]);
    }
    w
}

/// Pairs of 128-bit lanes: vector 4k + 2h + e holds lanes (0, 2) for h = 0 and (1, 3) for h = 1, of vectors 4k + e and then of 4k + 2 + e.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn exchange_lanes(w: [__m512i; 8]) -> [__m512i; 8] {
    let mut x = w;
    for k in 0..2 {
        for e in 0..2 {
            let (low, high) = (w[4 * k + e], w[4 * k + 2 + e]);
            x[4 * k + e] = _mm512_shuffle_i64x2::<0b10_00_10_00>(low, high);
            x[4 * k + 2 + e] = _mm512_shuffle_i64x2::<0b11_01_11_01>(low, high);
        }
    }
    x
}

/// Halves.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn exchange_halves(x: [__m512i; 8]) -> [__m512i; 8] {
    let mut y = x;
    for h in 0..2 {
        for e in 0..2 {
            let (low, high) = (x[2 * h + e], x[4 + 2 * h + e]);
            y[2 * h + e] = _mm512_shuffle_i64x2::<0b10_00_10_00>(low, high);
            y[4 + 2 * h + e] = _mm512_shuffle_i64x2::<0b11_01_11_01>(low, high);
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::KernelPath;
    use crate::kernels::ifma::vector::{load_rows, store_rows};

    #[test]
    fn transposes() {
        #[target_feature(enable = "avx512f")]
        fn run(m: &mut [[u64; 8]; 8]) {
            store_rows(m, transpose(load_rows(m)));
        }
        if KernelPath::Ifma.is_available() {
            let mut m = std::array::from_fn(|r| std::array::from_fn(|k| (8 * r + k) as u64));
            // SAFETY: the path is available, so the CPU has AVX-512 F.
            unsafe { run(&mut m) };
            assert_eq!(m, std::array::from_fn(|r| std::array::from_fn(|k| (8 * k + r) as u64)));
        }
    }
}
