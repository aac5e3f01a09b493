//! Products with plaintexts that are constant on runs of a multiple of four words; shorter runs go word by word.

use std::arch::x86_64::*;

use super::pointwise;
use super::vector::{
    NARROW, Prime, Row, Sum, add, doubles_in_place, load, load_doubles, most_narrow_terms, most_terms, mul_u32, reduce_words,
    splat, store, zero,
};
use crate::kernels::Modulus;
use crate::kernels::portable::blocks as portable;

#[target_feature(enable = "avx2,fma")]
pub fn mul_blocks_assign(m: &Modulus, a: &mut [u64], w: &[u64], run: usize) {
    if run == 1 {
        return pointwise::mul_assign(m, a, w);
    }
    a.chunks_exact_mut(run.max(1)).zip(w).for_each(|(a, &w)| pointwise::mul_scalar_assign(m, a, w));
}

#[target_feature(enable = "avx2,fma")]
pub fn mul_blocks_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], w: &[u64], run: usize) {
    if run == 1 {
        return pointwise::mul_add_assign(m, acc, a, w);
    }
    let run = run.max(1);
    let parts = acc.chunks_exact_mut(run).zip(a.chunks_exact(run)).zip(w);
    parts.for_each(|((acc, a), &w)| pointwise::mul_scalar_add_assign(m, acc, a, w));
}

/// Runs whose weights are packed at a time: a few cache lines of each row.
const RUNS: usize = 16;

/// Vectors of a run in a register tile.
const ROWS: usize = 2;

type Column = [Row; ROWS];

/// A register tile is two vectors of one run for a few outputs: eight sums of one word are half of the registers, as are four of two
/// halves.
#[target_feature(enable = "avx2,fma")]
pub fn gemm_blocks(m: &Modulus, outs: &mut [&mut [u64]], inputs: &[&[u64]], weights: &[&[u64]], run: usize) {
    match (inputs.is_empty() || run == 0 || !run.is_multiple_of(4 * ROWS), m.value() < NARROW) {
        (true, _) => portable::gemm_blocks(m, outs, inputs, weights, run),
        (false, true) => gemm_tiles::<4, true>(m, outs, inputs, weights, run),
        (false, false) => gemm_tiles::<2, false>(m, outs, inputs, weights, run),
    }
}

/// As [`gemm_blocks`] for runs of whole columns, with tiles of OUTS outputs.
#[target_feature(enable = "avx2,fma")]
fn gemm_tiles<const OUTS: usize, const IS_NARROW: bool>(
    m: &Modulus,
    outs: &mut [&mut [u64]],
    inputs: &[&[u64]],
    weights: &[&[u64]],
    run: usize,
) {
    let prime = Prime::new(m);
    let p = m.value();
    let most = if IS_NARROW { most_narrow_terms(p, p) } else { most_terms(p, p) };
    let columns_per_run = run / (4 * ROWS);
    let inputs: Vec<&[Column]> = inputs.iter().map(|x| x.as_chunks::<4>().0.as_chunks().0).collect();
    // The weights of a few runs, one run after the other: output group after output group, the group's outputs side by side for
    // each input. Rows of weights and of inputs often lie a power of two apart, in the same few cache sets: each line is read once.
    let words = outs.len().div_ceil(OUTS) * inputs.len();
    let mut packed: Vec<[u64; OUTS]> = vec![[0; OUTS]; RUNS * words];
    let mut columns: Vec<Column> = vec![[[0; 4]; ROWS]; inputs.len()];
    for at in 0..inputs[0].len() {
        for (column, input) in columns.iter_mut().zip(&inputs) {
            *column = input[at];
            if !IS_NARROW {
                for row in column {
                    doubles_in_place(row);
                }
            }
        }
        let c = at / columns_per_run;
        if at.is_multiple_of(columns_per_run * RUNS) {
            for (g, row) in weights.chunks_exact(inputs.len()).enumerate() {
                for (b, w) in row.iter().enumerate() {
                    let place = g / OUTS * inputs.len() + b;
                    let w = w.get(c..w.len().min(c + RUNS)).unwrap_or(&[]);
                    for (packed, &w) in packed[place..].iter_mut().step_by(words).zip(w) {
                        packed[g % OUTS] = if IS_NARROW { w } else { (w as f64).to_bits() };
                    }
                }
            }
        }
        let weights = &packed[c % RUNS * words..][..words];
        for (group, weights) in outs.chunks_mut(OUTS).zip(weights.chunks_exact(inputs.len())) {
            let products = tile::<OUTS, IS_NARROW>(&prime, most, &columns, weights);
            for (out, products) in group.iter_mut().zip(&products) {
                let out = &mut out.as_chunks_mut::<4>().0.as_chunks_mut::<ROWS>().0[at];
                for u in 0..ROWS {
                    store(&mut out[u], prime.words(products[u]));
                }
            }
        }
    }
}

/// The sums of one tile, of magnitude below p; inputs and weights are words where they are narrow, else bits of doubles.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn tile<const OUTS: usize, const IS_NARROW: bool>(
    prime: &Prime,
    most: usize,
    columns: &[Column],
    weights: &[[u64; OUTS]],
) -> [[__m256d; ROWS]; OUTS] {
    let mut totals = [[_mm256_setzero_pd(); ROWS]; OUTS];
    for (k, (columns, weights)) in columns.chunks(most).zip(weights.chunks(most)).enumerate() {
        let mut words = [[zero(); ROWS]; OUTS];
        let mut sums = [[Sum::zero(); ROWS]; OUTS];
        for (x, w) in columns.iter().zip(weights) {
            for g in 0..OUTS {
                let w = splat(w[g]);
                for u in 0..ROWS {
                    if IS_NARROW {
                        words[g][u] = add(words[g][u], mul_u32(load(&x[u]), w));
                    } else {
                        sums[g][u].add_product(load_doubles(&x[u]), _mm256_castsi256_pd(w));
                    }
                }
            }
        }
        for g in 0..OUTS {
            for u in 0..ROWS {
                let sum = if IS_NARROW { reduce_words(prime, words[g][u]) } else { sums[g][u].reduce(prime, columns.len()) };
                totals[g][u] = if k == 0 { sum } else { prime.reduce(_mm256_add_pd(totals[g][u], sum)) };
            }
        }
    }
    totals
}
