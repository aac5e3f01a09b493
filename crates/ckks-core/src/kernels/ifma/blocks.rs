//! Products with plaintexts that are constant on runs of a multiple of eight words; shorter runs go word by word.

use std::arch::x86_64::*;

use super::pointwise;
use super::vector::{Prime, Row, Sum, add, load, most_narrow_terms, most_terms, prefetch, reduce_once, splat, store};
use crate::kernels::Modulus;
use crate::kernels::portable::blocks as portable;

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn mul_blocks_assign(m: &Modulus, a: &mut [u64], w: &[u64], run: usize) {
    if run == 1 {
        return pointwise::mul_assign(m, a, w);
    }
    if !run.is_multiple_of(8) {
        return portable::mul_blocks_assign(m, a, w, run);
    }
    let prime = Prime::new(m);
    for (rows, &w) in a.as_chunks_mut::<8>().0.chunks_exact_mut((run / 8).max(1)).zip(w) {
        let w = splat(w);
        for x in rows {
            store(x, prime.mul(load(x), w));
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn mul_blocks_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], w: &[u64], run: usize) {
    if run == 1 {
        return pointwise::mul_add_assign(m, acc, a, w);
    }
    if !run.is_multiple_of(8) {
        return portable::mul_blocks_add_assign(m, acc, a, w, run);
    }
    let prime = Prime::new(m);
    let rows = (run / 8).max(1);
    let (acc, a) = (acc.as_chunks_mut::<8>().0, a.as_chunks::<8>().0);
    for ((acc, a), &w) in acc.chunks_exact_mut(rows).zip(a.chunks_exact(rows)).zip(w) {
        let w = splat(w);
        for (o, x) in acc.iter_mut().zip(a) {
            store(o, reduce_once(add(load(o), prime.mul(load(x), w)), prime.p));
        }
    }
}

/// Runs whose weights are packed at a time: a few cache lines of each row.
const RUNS: usize = 16;

/// Below this, products of two residues are multiplied in one instruction and added up in one word.
const NARROW: u64 = 1 << 31;

/// A register tile is a few vectors of one run for a few outputs: eight sums of two halves are 16 of the 32 registers, as are 16 sums
/// of one word. Short runs leave room for more outputs.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn gemm_blocks(m: &Modulus, outs: &mut [&mut [u64]], inputs: &[&[u64]], weights: &[&[u64]], run: usize) {
    match (inputs.is_empty() || run == 0, run % 32, m.value() < NARROW) {
        (false, 0, true) => gemm_tiles::<4, 4, true>(m, outs, inputs, weights, run),
        (false, 0, false) => gemm_tiles::<2, 4, false>(m, outs, inputs, weights, run),
        (false, 16, true) => gemm_tiles::<8, 2, true>(m, outs, inputs, weights, run),
        (false, 16, false) => gemm_tiles::<4, 2, false>(m, outs, inputs, weights, run),
        (false, 8 | 24, _) => gemm_tiles::<8, 1, false>(m, outs, inputs, weights, run),
        _ => portable::gemm_blocks(m, outs, inputs, weights, run),
    }
}

/// As [`gemm_blocks`] for runs of a multiple of 8·ROWS words, with tiles of OUTS outputs and ROWS vectors.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn gemm_tiles<const OUTS: usize, const ROWS: usize, const IS_NARROW: bool>(
    m: &Modulus,
    outs: &mut [&mut [u64]],
    inputs: &[&[u64]],
    weights: &[&[u64]],
    run: usize,
) {
    let prime = Prime::new(m);
    let most = if IS_NARROW { most_narrow_terms(m.value()) } else { most_terms(m.value(), m.value()) };
    let tiles_per_run = run / (8 * ROWS);
    let inputs: Vec<&[[Row; ROWS]]> = inputs.iter().map(|x| x.as_chunks::<8>().0.as_chunks::<ROWS>().0).collect();
    let tiles = inputs[0].len();
    let groups = outs.len().div_ceil(OUTS);
    // The weights of a few runs, one run after the other: output group after output group, the group's outputs side by side for
    // each input. Rows of weights often lie a power of two apart, in the same few cache sets: each line is read only once.
    let words = groups * inputs.len();
    let mut packed: Vec<[u64; OUTS]> = vec![[0; OUTS]; RUNS * words];
    // The inputs' tiles, for the same reason: they are read once for every group of outputs.
    let mut columns: Vec<[Row; ROWS]> = vec![[[0; 8]; ROWS]; inputs.len()];
    for tile in 0..tiles {
        for (column, input) in columns.iter_mut().zip(&inputs) {
            *column = input[tile];
            // What comes next is fetched while this is multiplied: more streams than the hardware follows by itself.
            input.get(tile + 1).into_iter().flatten().for_each(prefetch);
        }
        let c = tile / tiles_per_run;
        if tile.is_multiple_of(tiles_per_run * RUNS) {
            for (g, row) in weights.chunks_exact(inputs.len()).enumerate() {
                for (b, w) in row.iter().enumerate() {
                    let place = g / OUTS * inputs.len() + b;
                    let w = w.get(c..w.len().min(c + RUNS)).unwrap_or(&[]);
                    for (packed, &w) in packed[place..].iter_mut().step_by(words).zip(w) {
                        packed[g % OUTS] = w;
                    }
                }
            }
        }
        let weights = &packed[c % RUNS * words..][..words];
        for (group, weights) in outs.chunks_mut(OUTS).zip(weights.chunks_exact(inputs.len())) {
            let products =
                if IS_NARROW { narrow_tile(&prime, most, &columns, weights) } else { wide_tile(&prime, most, &columns, weights) };
            for (out, products) in group.iter_mut().zip(&products) {
                let out = &mut out.as_chunks_mut::<8>().0.as_chunks_mut::<ROWS>().0[tile];
                for u in 0..ROWS {
                    store(&mut out[u], products[u]);
                }
            }
        }
    }
}

/// For any prime: halves of products in two words.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn wide_tile<const OUTS: usize, const ROWS: usize>(
    prime: &Prime,
    most: usize,
    columns: &[[Row; ROWS]],
    weights: &[[u64; OUTS]],
) -> [[__m512i; ROWS]; OUTS] {
    let mut sums = [[Sum::from(splat(0)); ROWS]; OUTS];
    for (k, (columns, weights)) in columns.chunks(most).zip(weights.chunks(most)).enumerate() {
        if k > 0 {
            for g in 0..OUTS {
                for u in 0..ROWS {
                    sums[g][u] = Sum::from(sums[g][u].reduce(prime));
                }
            }
        }
        for (x, words) in columns.iter().zip(weights) {
            for g in 0..OUTS {
                let w = splat(words[g]);
                for u in 0..ROWS {
                    sums[g][u].add_product(load(&x[u]), w);
                }
            }
        }
    }
    reduced(prime, &sums)
}

/// For primes below [`NARROW`]: `most` products in a word.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn narrow_tile<const OUTS: usize, const ROWS: usize>(
    prime: &Prime,
    most: usize,
    columns: &[[Row; ROWS]],
    weights: &[[u64; OUTS]],
) -> [[__m512i; ROWS]; OUTS] {
    let mut totals = [[Sum::from(splat(0)); ROWS]; OUTS];
    for (columns, weights) in columns.chunks(most).zip(weights.chunks(most)) {
        let mut sums = [[splat(0); ROWS]; OUTS];
        for (x, words) in columns.iter().zip(weights) {
            for g in 0..OUTS {
                let w = splat(words[g]);
                for u in 0..ROWS {
                    sums[g][u] = add(sums[g][u], _mm512_mul_epu32(load(&x[u]), w));
                }
            }
        }
        for g in 0..OUTS {
            for u in 0..ROWS {
                totals[g][u].add_word(prime, sums[g][u]);
            }
        }
    }
    reduced(prime, &totals)
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn reduced<const OUTS: usize, const ROWS: usize>(prime: &Prime, sums: &[[Sum; ROWS]; OUTS]) -> [[__m512i; ROWS]; OUTS] {
    let mut out = [[splat(0); ROWS]; OUTS];
    for g in 0..OUTS {
        for u in 0..ROWS {
            out[g][u] = sums[g][u].reduce(prime);
        }
    }
    out
}
