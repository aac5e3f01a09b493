//! Transforms of slots, eight complex numbers at a time: radix-4 passes, depth first, down to lengths of eight; the three stages
//! below are done together with the bit reversal.
//!
//! A place is h·s/8 + 8m + k with three bits h, three bits k; bit reversal turns it into k′·s/8 + 8m′ + h′. The eight vectors with
//! one m are therefore a matrix that is transposed, whose rows and columns change places by reversed bits, and that belongs at m′.
//! Between the transposition and memory its columns k are whole vectors: the stages of length 2, 4 and 8 run there.

use std::arch::x86_64::*;

use super::doubles::{Doubles as Row, load, store};
use super::ntt::transpose::transpose;
use crate::kernels::portable::special_fft as portable;
use crate::kernels::special_fft::ComplexRoots;

/// Below this length the portable form runs: a matrix of eight vectors is the least.
const SHORTEST: usize = 64;

/// Real and imaginary parts of eight complex numbers.
#[derive(Clone, Copy)]
struct Complex {
    re: __m512d,
    im: __m512d,
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_complex(re: &Row, im: &Row) -> Complex {
    Complex { re: load(re), im: load(im) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_complex(re: &mut Row, im: &mut Row, x: Complex) {
    store(re, x.re);
    store(im, x.im);
}

/// (a, b) → (a + w·b, a − w·b).
#[inline]
#[target_feature(enable = "avx512f")]
fn embed_pair(a: &mut Complex, b: &mut Complex, w: Complex) {
    let t_re = _mm512_sub_pd(_mm512_mul_pd(b.re, w.re), _mm512_mul_pd(b.im, w.im));
    let t_im = _mm512_add_pd(_mm512_mul_pd(b.re, w.im), _mm512_mul_pd(b.im, w.re));
    *b = Complex { re: _mm512_sub_pd(a.re, t_re), im: _mm512_sub_pd(a.im, t_im) };
    *a = Complex { re: _mm512_add_pd(a.re, t_re), im: _mm512_add_pd(a.im, t_im) };
}

/// (a, b) → (a + b, (a − b)·w̄).
#[inline]
#[target_feature(enable = "avx512f")]
fn unembed_pair(a: &mut Complex, b: &mut Complex, w: Complex) {
    let d = Complex { re: _mm512_sub_pd(a.re, b.re), im: _mm512_sub_pd(a.im, b.im) };
    *a = Complex { re: _mm512_add_pd(a.re, b.re), im: _mm512_add_pd(a.im, b.im) };
    b.re = _mm512_add_pd(_mm512_mul_pd(d.re, w.re), _mm512_mul_pd(d.im, w.im));
    b.im = _mm512_sub_pd(_mm512_mul_pd(d.im, w.re), _mm512_mul_pd(d.re, w.im));
}

#[target_feature(enable = "avx512f,avx512dq")]
pub fn embed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    if re.len() < SHORTEST {
        return portable::embed(roots, re, im);
    }
    let (re, im) = (re.as_chunks_mut().0, im.as_chunks_mut().0);
    let w = first_roots(roots);
    let places = re.len() / 8;
    for_place_pairs(places, |m, reversed| {
        let x = embed_tile(re, im, m, &w);
        if m == reversed {
            store_tile(re, im, m, &x);
        } else {
            let y = embed_tile(re, im, reversed, &w);
            store_tile(re, im, reversed, &x);
            store_tile(re, im, m, &y);
        }
    });
    embed_block(roots, re, im);
}

#[target_feature(enable = "avx512f,avx512dq")]
pub fn unembed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    if re.len() < SHORTEST {
        return portable::unembed(roots, re, im);
    }
    let factor = _mm512_set1_pd(1.0 / re.len() as f64);
    let (re, im) = (re.as_chunks_mut().0, im.as_chunks_mut().0);
    unembed_block(roots, re, im);
    let w = first_roots(roots);
    let places = re.len() / 8;
    for_place_pairs(places, |m, reversed| {
        let x = unembed_tile(re, im, m, &w, factor);
        if m == reversed {
            store_tile(re, im, m, &x);
        } else {
            let y = unembed_tile(re, im, reversed, &w, factor);
            store_tile(re, im, reversed, &x);
            store_tile(re, im, m, &y);
        }
    });
}

/// Runs `f` once for each pair of a place and the place with its bits reversed.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn for_place_pairs(places: usize, mut f: impl FnMut(usize, usize)) {
    for m in 0..places {
        let reversed = if places == 1 { 0 } else { m.reverse_bits() >> (usize::BITS - places.ilog2()) };
        if m <= reversed {
            f(m, reversed);
        }
    }
}

/// The roots of the stages of length 2, 4 and 8 at places half + j, each in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn first_roots(roots: &ComplexRoots) -> [Complex; 8] {
    let (re, im) = roots.parts();
    let mut w = [Complex { re: _mm512_setzero_pd(), im: _mm512_setzero_pd() }; 8];
    for (k, w) in w.iter_mut().enumerate().skip(1) {
        *w = Complex { re: _mm512_set1_pd(re[k]), im: _mm512_set1_pd(im[k]) };
    }
    w
}

/// Three bits in reverse.
const REVERSED: [usize; 8] = [0, 4, 2, 6, 1, 5, 3, 7];

/// The vectors with middle bits `m`, in the order of reversed bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_tile(rows: &[Row], m: usize) -> [__m512d; 8] {
    let places = rows.len() / 8;
    let mut x = [_mm512_setzero_pd(); 8];
    for j in 0..8 {
        x[j] = load(&rows[REVERSED[j] * places + m]);
    }
    x
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_tile(re: &mut [Row], im: &mut [Row], m: usize, x: &[Complex; 8]) {
    let places = re.len() / 8;
    for j in 0..8 {
        let place = REVERSED[j] * places + m;
        store_complex(&mut re[place], &mut im[place], x[j]);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_doubles(x: [__m512d; 8]) -> [__m512d; 8] {
    let mut words = [_mm512_setzero_si512(); 8];
    for k in 0..8 {
        words[k] = _mm512_castpd_si512(x[k]);
    }
    let words = transpose(words);
    let mut y = x;
    for k in 0..8 {
        y[k] = _mm512_castsi512_pd(words[k]);
    }
    y
}

#[inline]
#[target_feature(enable = "avx512f")]
fn joined(re: [__m512d; 8], im: [__m512d; 8]) -> [Complex; 8] {
    let mut x = [Complex { re: re[0], im: im[0] }; 8];
    for k in 1..8 {
        x[k] = Complex { re: re[k], im: im[k] };
    }
    x
}

/// Bit reversal's first half and the first three stages of one matrix.
#[inline]
#[target_feature(enable = "avx512f")]
fn embed_tile(re: &[Row], im: &[Row], m: usize, w: &[Complex; 8]) -> [Complex; 8] {
    // Vector k holds in lane j what bit reversal brings to j′·s/8 + 8m′ + k: columns need no transposition before the stages.
    let mut x = joined(load_tile(re, m), load_tile(im, m));
    let [x0, x1, x2, x3, x4, x5, x6, x7] = &mut x;
    for (a, b) in [(&mut *x0, &mut *x1), (x2, x3), (x4, x5), (x6, x7)] {
        embed_pair(a, b, w[1]);
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = &mut x;
    for (a, b, w) in [(&mut *x0, &mut *x2, w[2]), (x1, x3, w[3]), (x4, x6, w[2]), (x5, x7, w[3])] {
        embed_pair(a, b, w);
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = &mut x;
    for (a, b, w) in [(&mut *x0, &mut *x4, w[4]), (x1, x5, w[5]), (x2, x6, w[6]), (x3, x7, w[7])] {
        embed_pair(a, b, w);
    }
    transposed(&x)
}

/// The last three stages of one matrix, bit reversal's first half, and the factor.
#[inline]
#[target_feature(enable = "avx512f")]
fn unembed_tile(re: &[Row], im: &[Row], m: usize, w: &[Complex; 8], factor: __m512d) -> [Complex; 8] {
    let mut x = joined(transpose_doubles(load_tile(re, m)), transpose_doubles(load_tile(im, m)));
    let [x0, x1, x2, x3, x4, x5, x6, x7] = &mut x;
    for (a, b, w) in [(&mut *x0, &mut *x4, w[4]), (x1, x5, w[5]), (x2, x6, w[6]), (x3, x7, w[7])] {
        unembed_pair(a, b, w);
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = &mut x;
    for (a, b, w) in [(&mut *x0, &mut *x2, w[2]), (x1, x3, w[3]), (x4, x6, w[2]), (x5, x7, w[3])] {
        unembed_pair(a, b, w);
    }
    let [x0, x1, x2, x3, x4, x5, x6, x7] = &mut x;
    for (a, b) in [(&mut *x0, &mut *x1), (x2, x3), (x4, x5), (x6, x7)] {
        unembed_pair(a, b, w[1]);
    }
    for x in &mut x {
        *x = Complex { re: _mm512_mul_pd(x.re, factor), im: _mm512_mul_pd(x.im, factor) };
    }
    x
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(x: &[Complex; 8]) -> [Complex; 8] {
    let (mut re, mut im) = ([x[0].re; 8], [x[0].im; 8]);
    for k in 1..8 {
        (re[k], im[k]) = (x[k].re, x[k].im);
    }
    joined(transpose_doubles(re), transpose_doubles(im))
}

/// The stages of length 16 and more of one block.
#[target_feature(enable = "avx512f")]
fn embed_block(roots: &ComplexRoots, re: &mut [Row], im: &mut [Row]) {
    let rows = re.len();
    match rows.ilog2() {
        0 => {}
        stages if stages % 2 == 1 => {
            let half = rows / 2;
            for (re, im) in re.chunks_exact_mut(half).zip(im.chunks_exact_mut(half)) {
                embed_block(roots, re, im);
            }
            let [w] = stage_roots(roots, half);
            let ([r0, r1], [i0, i1]) = (parts(re), parts(im));
            for i in 0..half {
                let (mut x0, mut x1) = (load_complex(&r0[i], &i0[i]), load_complex(&r1[i], &i1[i]));
                embed_pair(&mut x0, &mut x1, load_complex(&w.0[i], &w.1[i]));
                store_complex(&mut r0[i], &mut i0[i], x0);
                store_complex(&mut r1[i], &mut i1[i], x1);
            }
        }
        _ => {
            let quarter = rows / 4;
            for (re, im) in re.chunks_exact_mut(quarter).zip(im.chunks_exact_mut(quarter)) {
                embed_block(roots, re, im);
            }
            let ([inner], [low, high]) = (stage_roots(roots, quarter), stage_roots(roots, 2 * quarter));
            let ([r0, r1, r2, r3], [i0, i1, i2, i3]) = (parts(re), parts(im));
            for i in 0..quarter {
                let (mut x0, mut x1) = (load_complex(&r0[i], &i0[i]), load_complex(&r1[i], &i1[i]));
                let (mut x2, mut x3) = (load_complex(&r2[i], &i2[i]), load_complex(&r3[i], &i3[i]));
                let w = load_complex(&inner.0[i], &inner.1[i]);
                embed_pair(&mut x0, &mut x1, w);
                embed_pair(&mut x2, &mut x3, w);
                embed_pair(&mut x0, &mut x2, load_complex(&low.0[i], &low.1[i]));
                embed_pair(&mut x1, &mut x3, load_complex(&high.0[i], &high.1[i]));
                store_complex(&mut r0[i], &mut i0[i], x0);
                store_complex(&mut r1[i], &mut i1[i], x1);
                store_complex(&mut r2[i], &mut i2[i], x2);
                store_complex(&mut r3[i], &mut i3[i], x3);
            }
        }
    }
}

/// The stages of length 16 and more of one block.
#[target_feature(enable = "avx512f")]
fn unembed_block(roots: &ComplexRoots, re: &mut [Row], im: &mut [Row]) {
    let rows = re.len();
    match rows.ilog2() {
        0 => {}
        stages if stages % 2 == 1 => {
            let half = rows / 2;
            {
                let [w] = stage_roots(roots, half);
                let ([r0, r1], [i0, i1]) = (parts(re), parts(im));
                for i in 0..half {
                    let (mut x0, mut x1) = (load_complex(&r0[i], &i0[i]), load_complex(&r1[i], &i1[i]));
                    unembed_pair(&mut x0, &mut x1, load_complex(&w.0[i], &w.1[i]));
                    store_complex(&mut r0[i], &mut i0[i], x0);
                    store_complex(&mut r1[i], &mut i1[i], x1);
                }
            }
            for (re, im) in re.chunks_exact_mut(half).zip(im.chunks_exact_mut(half)) {
                unembed_block(roots, re, im);
            }
        }
        _ => {
            let quarter = rows / 4;
            {
                let ([inner], [low, high]) = (stage_roots(roots, quarter), stage_roots(roots, 2 * quarter));
                let ([r0, r1, r2, r3], [i0, i1, i2, i3]) = (parts(re), parts(im));
                for i in 0..quarter {
                    let (mut x0, mut x1) = (load_complex(&r0[i], &i0[i]), load_complex(&r1[i], &i1[i]));
                    let (mut x2, mut x3) = (load_complex(&r2[i], &i2[i]), load_complex(&r3[i], &i3[i]));
                    unembed_pair(&mut x0, &mut x2, load_complex(&low.0[i], &low.1[i]));
                    unembed_pair(&mut x1, &mut x3, load_complex(&high.0[i], &high.1[i]));
                    let w = load_complex(&inner.0[i], &inner.1[i]);
                    unembed_pair(&mut x0, &mut x1, w);
                    unembed_pair(&mut x2, &mut x3, w);
                    store_complex(&mut r0[i], &mut i0[i], x0);
                    store_complex(&mut r1[i], &mut i1[i], x1);
                    store_complex(&mut r2[i], &mut i2[i], x2);
                    store_complex(&mut r3[i], &mut i3[i], x3);
                }
            }
            for (re, im) in re.chunks_exact_mut(quarter).zip(im.chunks_exact_mut(quarter)) {
                unembed_block(roots, re, im);
            }
        }
    }
}

/// The roots of the stage whose halves have `half` rows, in as many equal parts as are asked for.
#[inline]
#[target_feature(enable = "avx512f")]
fn stage_roots<const PARTS: usize>(roots: &ComplexRoots, half: usize) -> [(&[Row], &[Row]); PARTS] {
    let (re, im) = roots.parts();
    let (re, im) = (&re.as_chunks().0[half..2 * half], &im.as_chunks().0[half..2 * half]);
    let part = half / PARTS;
    std::array::from_fn(|k| (&re[k * part..(k + 1) * part], &im[k * part..(k + 1) * part]))
}

/// A block in equal parts.
#[inline]
#[target_feature(enable = "avx512f")]
fn parts<const PARTS: usize>(rows: &mut [Row]) -> [&mut [Row]; PARTS] {
    let part = rows.len() / PARTS;
    let mut rest = rows;
    std::array::from_fn(|_| {
        let (first, others) = std::mem::take(&mut rest).split_at_mut(part);
        rest = others;
        first
    })
}
