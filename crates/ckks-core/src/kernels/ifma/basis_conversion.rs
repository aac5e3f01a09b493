//! Fast basis conversion: blocks of columns whose y_i stay in the first-level cache while every target prime's row is summed up.

use std::arch::x86_64::*;

use super::vector::{Prime, Row, Sum, load, most_terms, splat, store};
use crate::kernels::basis_conversion::{BasisConverter, Source, Target};
use crate::kernels::portable::basis_conversion as portable;

/// Rows of eight columns in a block: 2 KiB a source prime.
const BLOCK: usize = 32;
/// Rows that are summed up together.
const TILE: usize = 4;

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn convert(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]]) {
    let sources = converter.from.len();
    let n = input[0].len();
    let total = whole_rows(n);
    // y_i of the block, source after source, and v behind them.
    let mut scaled: Vec<Row> = vec![[0; 8]; (sources + 1) * BLOCK];
    let mut start = 0;
    while start < total {
        let rows = BLOCK.min(total - start);
        let mut quotients = [_mm512_set1_pd(0.5); BLOCK];
        for ((f, x), y) in converter.from.iter().zip(input).zip(scaled.chunks_exact_mut(BLOCK)) {
            y[..rows].copy_from_slice(&x.as_chunks::<8>().0[start..start + rows]);
            scale(f, &mut y[..rows], &mut quotients);
        }
        store_quotients(&mut scaled[sources * BLOCK..][..rows], &quotients);
        let terms: Vec<&[Row]> = scaled.chunks_exact(BLOCK).map(|y| &y[..rows]).collect();
        for (target, out) in converter.to.iter().zip(output.iter_mut()) {
            sum(converter, target, &terms, &mut out.as_chunks_mut::<8>().0[start..start + rows]);
        }
        start += rows;
    }
    if 8 * total < n {
        portable::convert_columns(converter, input, output, 8 * total..n);
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn prepare(converter: &BasisConverter, rows: &mut [&mut [u64]], quotients: &mut [u64]) {
    let n = quotients.len();
    let total = whole_rows(n);
    for start in (0..total).step_by(BLOCK) {
        let end = (start + BLOCK).min(total);
        let mut sums = [_mm512_set1_pd(0.5); BLOCK];
        for (f, row) in converter.from.iter().zip(rows.iter_mut()) {
            scale(f, &mut row.as_chunks_mut::<8>().0[start..end], &mut sums);
        }
        store_quotients(&mut quotients.as_chunks_mut::<8>().0[start..end], &sums);
    }
    if 8 * total < n {
        portable::prepare_columns(converter, rows, quotients, 8 * total..n);
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn sums(converter: &BasisConverter, targets: &[usize], terms: &[&[u64]], outputs: &mut [&mut [u64]]) {
    let n = terms[0].len();
    let total = whole_rows(n);
    for start in (0..total).step_by(BLOCK) {
        let end = (start + BLOCK).min(total);
        let terms: Vec<&[Row]> = terms.iter().map(|y| &y.as_chunks::<8>().0[start..end]).collect();
        for (&target, out) in targets.iter().zip(outputs.iter_mut()) {
            sum(converter, &converter.to[target], &terms, &mut out.as_chunks_mut::<8>().0[start..end]);
        }
    }
    if 8 * total < n {
        portable::sum_columns(converter, targets, terms, outputs, 8 * total..n);
    }
}

/// Rows of eight that make whole tiles.
fn whole_rows(n: usize) -> usize {
    n / (8 * TILE) * TILE
}

/// x becomes y = x·(F/f)⁻¹ mod f; y/f is added to the quotients.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn scale(f: &Source, rows: &mut [Row], quotients: &mut [__m512d; BLOCK]) {
    let prime = Prime::new(&f.modulus);
    let (w, quotient) = (splat(f.inverse), splat(f.modulus.shoup52(f.inverse)));
    let reciprocal = _mm512_set1_pd(f.reciprocal);
    for (row, sum) in rows.iter_mut().zip(quotients) {
        let y = prime.times(load(row), w, quotient);
        store(row, y);
        // Two roundings, as in the other paths.
        *sum = _mm512_add_pd(*sum, _mm512_mul_pd(_mm512_cvtepu64_pd(y), reciprocal));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn store_quotients(rows: &mut [Row], sums: &[__m512d; BLOCK]) {
    for (row, sum) in rows.iter_mut().zip(sums) {
        store(row, _mm512_cvttpd_epu64(*sum));
    }
}

/// Σ terms ⊙ weights of the target.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn sum(converter: &BasisConverter, target: &Target, terms: &[&[Row]], out: &mut [Row]) {
    let prime = Prime::new(&target.modulus);
    let most = most_terms(converter.largest, target.modulus.value());
    for (t, out) in out.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
        let mut sums = [Sum::from(splat(0)); TILE];
        for (k, (weights, terms)) in target.weights.chunks(most).zip(terms.chunks(most)).enumerate() {
            if k > 0 {
                for u in 0..TILE {
                    sums[u] = Sum::from(sums[u].reduce(&prime));
                }
            }
            for (&w, y) in weights.iter().zip(terms) {
                let w = splat(w);
                let y = &y.as_chunks::<TILE>().0[t];
                for u in 0..TILE {
                    sums[u].add_product(load(&y[u]), w);
                }
            }
        }
        for u in 0..TILE {
            store(&mut out[u], sums[u].reduce(&prime));
        }
    }
}
