//! Fast basis conversion: blocks of columns whose y_i stay in the first-level cache while every target prime's row is summed up.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{
    Factor, NARROW, Prime, Row, Sum, add, load, most_narrow_terms, most_terms, mul_u32, reduce_words, splat, store, to_doubles,
    to_words, zero,
};
use crate::kernels::basis_conversion::{BasisConverter, Source, Target};
use crate::kernels::portable::basis_conversion as portable;

/// Rows of four columns in a block: 2 KiB a source prime.
const BLOCK: usize = 64;
/// Targets that are summed up together: eight half sums are half of the registers.
const TARGETS: usize = 4;

#[target_feature(enable = "avx2,fma")]
pub fn convert(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]]) {
    let n = input[0].len();
    let total = n / 4;
    let targets: Vec<&Target> = converter.to.iter().collect();
    // y_i of the block, source after source.
    let mut scaled: Vec<Row> = vec![[0; 4]; converter.from.len() * BLOCK];
    for start in (0..total).step_by(BLOCK) {
        let end = (start + BLOCK).min(total);
        for ((f, x), y) in converter.from.iter().zip(input).zip(scaled.chunks_exact_mut(BLOCK)) {
            scale(f, &x.as_chunks::<4>().0[start..end], y);
        }
        let terms: Vec<&[Row]> = scaled.chunks_exact(BLOCK).map(|y| &y[..end - start]).collect();
        all_sums(converter, &targets, &terms, output, start..end);
    }
    if 4 * total < n {
        portable::convert_columns(converter, input, output, 4 * total..n);
    }
}

#[target_feature(enable = "avx2,fma")]
pub fn sums(converter: &BasisConverter, targets: &[usize], terms: &[&[u64]], outputs: &mut [&mut [u64]]) {
    let n = terms[0].len();
    let total = n / 4;
    let targets_of: Vec<&Target> = targets.iter().map(|&target| &converter.to[target]).collect();
    for start in (0..total).step_by(BLOCK) {
        let end = (start + BLOCK).min(total);
        let terms: Vec<&[Row]> = terms.iter().map(|y| &y.as_chunks::<4>().0[start..end]).collect();
        all_sums(converter, &targets_of, &terms, outputs, start..end);
    }
    if 4 * total < n {
        portable::sum_columns(converter, targets, terms, outputs, 4 * total..n);
    }
}

/// y = x·(F/f)⁻¹ mod f.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn scale(f: &Source, x: &[Row], y: &mut [Row]) {
    let (prime, inverse) = (Prime::new(&f.modulus), Factor::new(&f.modulus, f.inverse));
    for (x, y) in x.iter().zip(y) {
        store(y, to_words(prime.lift(prime.times(to_doubles(load(x)), inverse))));
    }
}

/// v of a block of y_i: at most the number of source primes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn quotients(converter: &BasisConverter, terms: &[&[Row]]) -> [Row; BLOCK] {
    let mut sums = [_mm256_set1_pd(0.5); BLOCK];
    for (f, rows) in converter.from.iter().zip(terms) {
        let reciprocal = _mm256_set1_pd(f.reciprocal);
        for (sum, row) in sums.iter_mut().zip(*rows) {
            // Two roundings, as in the other paths.
            *sum = _mm256_add_pd(*sum, _mm256_mul_pd(to_doubles(load(row)), reciprocal));
        }
    }
    let mut out = [[0; 4]; BLOCK];
    for (row, sum) in out.iter_mut().zip(&sums) {
        store(row, _mm256_cvtepi32_epi64(_mm256_cvttpd_epi32(*sum)));
    }
    out
}

/// The sums of all targets in the rows `block` of the outputs, from y_i.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn all_sums(converter: &BasisConverter, targets: &[&Target], terms: &[&[Row]], outputs: &mut [&mut [u64]], block: Range<usize>) {
    let quotients = quotients(converter, terms);
    let terms: Vec<&[Row]> = terms.iter().copied().chain([&quotients[..block.len()]]).collect();
    for (targets, outputs) in targets.chunks(TARGETS).zip(outputs.chunks_mut(TARGETS)) {
        let mut primes = [Prime::new(&targets[0].modulus); TARGETS];
        let mut weights = vec![[0; TARGETS]; terms.len()];
        let mut most = [usize::MAX; 2];
        for (k, target) in targets.iter().enumerate() {
            let p = target.modulus.value();
            primes[k] = Prime::new(&target.modulus);
            weights.iter_mut().zip(&target.weights).for_each(|(row, &w)| row[k] = w);
            most = [most[0].min(most_terms(converter.largest, p)), most[1].min(most_narrow_terms(converter.largest, p))];
        }
        let mut rows: Vec<&mut [Row]> = outputs.iter_mut().map(|out| &mut out.as_chunks_mut().0[block.clone()]).collect();
        if converter.largest < NARROW && targets.iter().all(|t| t.modulus.value() < NARROW) {
            sum::<true>(&primes, &weights, &terms, &mut rows, most[1]);
        } else {
            weights.as_flattened_mut().iter_mut().for_each(|w| *w = (*w as f64).to_bits());
            sum::<false>(&primes, &weights, &terms, &mut rows, most[0]);
        }
    }
}

/// Σ terms ⊙ weights of a few targets, `most` terms before a reduction. Weights are words where they are narrow, else bits of doubles.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn sum<const IS_NARROW: bool>(
    primes: &[Prime; TARGETS],
    weights: &[[u64; TARGETS]],
    terms: &[&[Row]],
    outs: &mut [&mut [Row]],
    most: usize,
) {
    for t in 0..outs[0].len() {
        let mut totals = [_mm256_setzero_pd(); TARGETS];
        for (part, (terms, weights)) in terms.chunks(most).zip(weights.chunks(most)).enumerate() {
            let mut words = [zero(); TARGETS];
            let mut sums = [Sum::zero(); TARGETS];
            for (y, w) in terms.iter().zip(weights) {
                let y = load(&y[t]);
                let double = to_doubles(y);
                for k in 0..TARGETS {
                    let w = splat(w[k]);
                    if IS_NARROW {
                        words[k] = add(words[k], mul_u32(y, w));
                    } else {
                        sums[k].add_product(double, _mm256_castsi256_pd(w));
                    }
                }
            }
            for k in 0..TARGETS {
                let prime = &primes[k];
                let sum = if IS_NARROW { reduce_words(prime, words[k]) } else { sums[k].reduce(prime, terms.len()) };
                totals[k] = if part == 0 { sum } else { prime.reduce(_mm256_add_pd(totals[k], sum)) };
            }
        }
        for k in 0..outs.len() {
            store(&mut outs[k][t], primes[k].words(totals[k]));
        }
    }
}
