//! Fast basis conversion: blocks of columns whose y_i stay in the first-level cache while every target prime's row is summed up.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{Prime, Row, Sum, load, most_terms, prefetch, splat, store};
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
    let targets: Vec<&Target> = converter.to.iter().collect();
    // y_i of the block, source after source.
    let mut scaled: Vec<Row> = vec![[0; 8]; sources * BLOCK];
    for start in (0..total).step_by(BLOCK) {
        let end = (start + BLOCK).min(total);
        for ((f, x), y) in converter.from.iter().zip(input).zip(scaled.chunks_exact_mut(BLOCK)) {
            scale(f, &x.as_chunks::<8>().0[start..end], y);
        }
        let terms: Vec<&[Row]> = scaled.chunks_exact(BLOCK).map(|y| &y[..end - start]).collect();
        all_sums(converter, &targets, &terms, &quotients(converter, &terms), &mut blocks_of(output, start..end), &[]);
    }
    if 8 * total < n {
        portable::convert_columns(converter, input, output, 8 * total..n);
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn sums(converter: &BasisConverter, targets: &[usize], terms: &[&[u64]], outputs: &mut [&mut [u64]]) {
    let n = terms[0].len();
    let total = whole_rows(n);
    let terms_of =
        |start: usize, end: usize| -> Vec<&[Row]> { terms.iter().map(|y| &y.as_chunks::<8>().0[start..end]).collect() };
    let targets_of: Vec<&Target> = targets.iter().map(|&target| &converter.to[target]).collect();
    for start in (0..total).step_by(BLOCK) {
        let end = (start + BLOCK).min(total);
        let next = terms_of(end, (end + BLOCK).min(total));
        let terms = terms_of(start, end);
        all_sums(converter, &targets_of, &terms, &quotients(converter, &terms), &mut blocks_of(outputs, start..end), &next);
    }
    if 8 * total < n {
        portable::sum_columns(converter, targets, terms, outputs, 8 * total..n);
    }
}

/// True if `n` columns are whole tiles.
pub fn fits(n: usize) -> bool {
    8 * whole_rows(n) == n
}

/// [`sums`] of columns that [`fits`], where the terms stand: a block's are copied while v is made of them.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn sums_in_place(converter: &BasisConverter, targets: &[usize], rows: &mut [&mut [u64]]) {
    let total = whole_rows(rows[0].len());
    let sources = converter.from.len();
    let targets_of: Vec<&Target> = targets.iter().map(|&target| &converter.to[target]).collect();
    let mut copies: Vec<Row> = vec![[0; 8]; sources * BLOCK];
    for start in (0..total).step_by(BLOCK) {
        let end = (start + BLOCK).min(total);
        let (mut block, next): (Vec<&mut [Row]>, Vec<&[Row]>) = rows
            .iter_mut()
            .map(|row| {
                let (now, later) = row.as_chunks_mut::<8>().0[start..total].split_at_mut(end - start);
                let count = later.len().min(BLOCK);
                (now, &later[..count])
            })
            .unzip();
        let mut sums = [_mm512_set1_pd(0.5); BLOCK];
        for ((f, copy), row) in converter.from.iter().zip(copies.chunks_exact_mut(BLOCK)).zip(&block) {
            let reciprocal = _mm512_set1_pd(f.reciprocal);
            for ((sum, copy), row) in sums.iter_mut().zip(copy).zip(&**row) {
                let y = load(row);
                store(copy, y);
                *sum = add_quotient(*sum, y, reciprocal);
            }
        }
        let terms: Vec<&[Row]> = copies.chunks_exact(BLOCK).map(|y| &y[..end - start]).collect();
        all_sums(converter, &targets_of, &terms, &truncated(&sums), &mut block[..targets.len()], &next[..sources]);
    }
}

fn blocks_of<'a>(rows: &'a mut [&mut [u64]], block: Range<usize>) -> Vec<&'a mut [Row]> {
    rows.iter_mut().map(|row| &mut row.as_chunks_mut().0[block.clone()]).collect()
}

/// Rows of eight that make whole tiles.
fn whole_rows(n: usize) -> usize {
    n / (8 * TILE) * TILE
}

/// y = x·(F/f)⁻¹ mod f.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn scale(f: &Source, x: &[Row], y: &mut [Row]) {
    let prime = Prime::new(&f.modulus);
    let (w, quotient) = (splat(f.inverse), splat(f.modulus.shoup52(f.inverse)));
    for (x, y) in x.iter().zip(y) {
        store(y, prime.times(load(x), w, quotient));
    }
}

/// v of a block of y_i.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn quotients(converter: &BasisConverter, terms: &[&[Row]]) -> [Row; BLOCK] {
    let mut sums = [_mm512_set1_pd(0.5); BLOCK];
    for (f, rows) in converter.from.iter().zip(terms) {
        let reciprocal = _mm512_set1_pd(f.reciprocal);
        for (sum, row) in sums.iter_mut().zip(*rows) {
            *sum = add_quotient(*sum, load(row), reciprocal);
        }
    }
    truncated(&sums)
}

/// Σ y_i/f_i so far, and one more.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn add_quotient(sum: __m512d, y: __m512i, reciprocal: __m512d) -> __m512d {
    // Two roundings, as in the other paths.
    _mm512_add_pd(sum, _mm512_mul_pd(_mm512_cvtepu64_pd(y), reciprocal))
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn truncated(sums: &[__m512d; BLOCK]) -> [Row; BLOCK] {
    let mut out = [[0; 8]; BLOCK];
    for (row, sum) in out.iter_mut().zip(sums) {
        store(row, _mm512_cvttpd_epu64(*sum));
    }
    out
}

/// The sums of all targets, two at a time, in a block of the outputs, from y_i. `next` is what the next block's terms will be, if
/// they come from memory.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn all_sums(
    converter: &BasisConverter,
    targets: &[&Target],
    terms: &[&[Row]],
    quotients: &[Row; BLOCK],
    outputs: &mut [&mut [Row]],
    next: &[&[Row]],
) {
    let terms: Vec<&[Row]> = terms.iter().copied().chain([&quotients[..terms[0].len()]]).collect();
    let mut rows = outputs;
    let passes = targets.len().div_ceil(2);
    for (k, targets) in targets.chunks(2).enumerate() {
        let (outs, later) = rows.split_at_mut(targets.len().min(rows.len()));
        rows = later;
        // Each pass asks for its share.
        let next = &next[k * next.len() / passes..(k + 1) * next.len() / passes];
        match (targets, outs) {
            (&[a, b], [out_a, out_b]) => sum(converter, [a, b], &terms, [out_a, out_b], next, rows),
            (&[a], [out]) => sum(converter, [a], &terms, [out], next, rows),
            _ => {}
        }
    }
}

/// Σ terms ⊙ weights of `T` targets. Meanwhile lines of `next` and of the first two rows of `later`, which is written next, are asked for.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn sum<const T: usize>(
    converter: &BasisConverter,
    targets: [&Target; T],
    terms: &[&[Row]],
    outs: [&mut [Row]; T],
    next: &[&[Row]],
    later: &[&mut [Row]],
) {
    let mut primes = [Prime::new(&targets[0].modulus); T];
    let mut most = usize::MAX;
    for k in 0..T {
        primes[k] = Prime::new(&targets[k].modulus);
        most = most.min(most_terms(converter.largest, targets[k].modulus.value()));
    }
    for t in 0..outs[0].len() / TILE {
        let mut sums = [[Sum::from(splat(0)); TILE]; T];
        for start in (0..terms.len()).step_by(most) {
            let end = terms.len().min(start.saturating_add(most));
            if start > 0 {
                for k in 0..T {
                    for u in 0..TILE {
                        sums[k][u] = Sum::from(sums[k][u].reduce(&primes[k]));
                    }
                }
            }
            for i in start..end {
                if let Some(lines) = next.get(i).and_then(|row| row.as_chunks::<TILE>().0.get(t)) {
                    lines.iter().for_each(prefetch);
                }
                let y = &terms[i].as_chunks::<TILE>().0[t];
                let mut weights = [splat(0); T];
                for k in 0..T {
                    weights[k] = splat(targets[k].weights[i]);
                }
                for u in 0..TILE {
                    let y = load(&y[u]);
                    for k in 0..T {
                        sums[k][u].add_product(y, weights[k]);
                    }
                }
            }
        }
        for row in later.iter().take(2) {
            row[t * TILE..][..TILE].iter().for_each(prefetch);
        }
        for k in 0..T {
            let out = &mut outs[k].as_chunks_mut::<TILE>().0[t];
            for u in 0..TILE {
                store(&mut out[u], sums[k][u].reduce(&primes[k]));
            }
        }
    }
}
