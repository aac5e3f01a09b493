//! Products with plaintexts that are constant on runs of a multiple of eight words; shorter runs go word by word.

use std::arch::x86_64::*;

use super::ntt::transpose::transpose;
use super::pointwise;
use super::vector::{
    Prime, Row, Sum, add, load, load_part, load_rows, most_narrow_terms, most_terms, prefetch, reduce_once, splat, store,
    store_rows,
};
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
/// of one word. Short runs leave room for more outputs; of runs shorter than a vector a few lie in one.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn gemm_blocks(m: &Modulus, outs: &mut [&mut [u64]], inputs: &[&[u64]], weights: &[&[u64]], run: usize) {
    let whole_vectors = outs.iter().all(|out| out.len().is_multiple_of(8));
    match (inputs.is_empty() || run == 0 || !whole_vectors, run, run % 32, m.value() < NARROW) {
        (false, _, 0, true) => gemm_tiles::<4, 4, 1, true>(m, outs, inputs, weights, run),
        (false, _, 0, false) => gemm_tiles::<2, 4, 1, false>(m, outs, inputs, weights, run),
        (false, _, 16, true) => gemm_tiles::<8, 2, 1, true>(m, outs, inputs, weights, run),
        (false, _, 16, false) => gemm_tiles::<4, 2, 1, false>(m, outs, inputs, weights, run),
        (false, _, 8 | 24, _) => gemm_tiles::<8, 1, 1, false>(m, outs, inputs, weights, run),
        (false, 4, _, true) => gemm_tiles::<8, 1, 2, true>(m, outs, inputs, weights, run),
        (false, 4, _, false) => gemm_tiles::<8, 1, 2, false>(m, outs, inputs, weights, run),
        (false, 2, _, _) => gemm_tiles::<8, 1, 4, false>(m, outs, inputs, weights, run),
        (false, 1, _, _) => gemm_tiles::<8, 1, 8, false>(m, outs, inputs, weights, run),
        _ => portable::gemm_blocks(m, outs, inputs, weights, run),
    }
}

/// As [`gemm_blocks`] for runs of a multiple of 8·ROWS words, with tiles of OUTS outputs and ROWS vectors, or (ROWS = 1) for runs of
/// which a vector holds RUNS_IN_VECTOR.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn gemm_tiles<const OUTS: usize, const ROWS: usize, const RUNS_IN_VECTOR: usize, const IS_NARROW: bool>(
    m: &Modulus,
    outs: &mut [&mut [u64]],
    inputs: &[&[u64]],
    weights: &[&[u64]],
    run: usize,
) {
    let prime = Prime::new(m);
    let most = if IS_NARROW { most_narrow_terms(m.value()) } else { most_terms(m.value(), m.value()) };
    // Tiles with the same weights.
    let tiles_alike = (run / (8 * ROWS)).max(1);
    let inputs: Vec<&[[Row; ROWS]]> = inputs.iter().map(|x| x.as_chunks::<8>().0.as_chunks::<ROWS>().0).collect();
    let tiles = inputs[0].len();
    let groups = outs.len().div_ceil(OUTS);
    // The weights of a few tiles, one after the other: output group after output group, the group's outputs side by side for
    // each input. Rows of weights often lie a power of two apart, in the same few cache sets: each line is read only once.
    let words = groups * inputs.len();
    let mut packed: Vec<[[u64; RUNS_IN_VECTOR]; OUTS]> = vec![[[0; RUNS_IN_VECTOR]; OUTS]; RUNS * words];
    // The inputs' tiles, for the same reason: they are read once for every group of outputs.
    let mut columns: Vec<[Row; ROWS]> = vec![[[0; 8]; ROWS]; inputs.len()];
    for tile in 0..tiles {
        for (column, input) in columns.iter_mut().zip(&inputs) {
            *column = input[tile];
            // What comes next is fetched while this is multiplied: more streams than the hardware follows by itself.
            input.get(tile + 1).into_iter().flatten().for_each(prefetch);
        }
        let c = tile / tiles_alike;
        if tile.is_multiple_of(tiles_alike * RUNS) {
            pack(&mut packed, weights, inputs.len(), c);
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

/// Packs the weights of [`RUNS`] vectors from the `first` on: for each vector output group after output group, in these input after
/// input, for each of these OUTS outputs' weights side by side.
#[target_feature(enable = "avx512f")]
fn pack<const OUTS: usize, const RUNS_IN_VECTOR: usize>(
    packed: &mut [[[u64; RUNS_IN_VECTOR]; OUTS]],
    weights: &[&[u64]],
    inputs: usize,
    first: usize,
) {
    for (group, weights) in weights.chunks(OUTS * inputs).enumerate() {
        if RUNS_IN_VECTOR == 1 {
            pack_transposed::<OUTS>(packed.as_flattened_mut().as_flattened_mut(), weights, (inputs, group), first);
        } else {
            pack_one_by_one(packed, weights, (inputs, group), first);
        }
    }
}

/// [`pack`] for one group and one weight a vector: eight rows of eight words at a time, as matrices that are transposed.
#[target_feature(enable = "avx512f")]
fn pack_transposed<const OUTS: usize>(packed: &mut [u64], weights: &[&[u64]], (inputs, group): (usize, usize), first: usize) {
    let places = packed.len() / (OUTS * RUNS);
    for b in (0..inputs).step_by(8 / OUTS) {
        let here = (inputs - b).min(8 / OUTS) * OUTS;
        for from in (first..first + RUNS).step_by(8) {
            let mut rows = [[0; 8]; 8];
            for r in 0..here {
                let words = weights.get(r % OUTS * inputs + b + r / OUTS).map_or(&[][..], |w| w.get(from..).unwrap_or(&[]));
                match words.first_chunk() {
                    Some(words) => rows[r] = *words,
                    None => rows[r][..words.len()].copy_from_slice(words),
                }
            }
            let transposed = transpose(load_rows(&rows));
            store_rows(&mut rows, transposed);
            for (k, row) in rows.iter().enumerate() {
                let place = (from - first + k) * places + group * inputs + b;
                packed[place * OUTS..][..here].copy_from_slice(&row[..here]);
            }
        }
    }
}

/// [`pack`] for one group and several weights a vector.
fn pack_one_by_one<const OUTS: usize, const RUNS_IN_VECTOR: usize>(
    packed: &mut [[[u64; RUNS_IN_VECTOR]; OUTS]],
    weights: &[&[u64]],
    (inputs, group): (usize, usize),
    first: usize,
) {
    let places = packed.len() / RUNS;
    for (place, w) in weights.iter().enumerate() {
        let (g, b) = (place / inputs, place % inputs);
        let w = w.as_chunks::<RUNS_IN_VECTOR>().0;
        let w = w.get(first..w.len().min(first + RUNS)).unwrap_or(&[]);
        for (packed, &w) in packed[group * inputs + b..].iter_mut().step_by(places).zip(w) {
            packed[g] = w;
        }
    }
}

/// The weights of a vector's runs, each in the lanes of its run.
#[inline]
#[target_feature(enable = "avx512f")]
fn spread<const RUNS_IN_VECTOR: usize>(words: &[u64; RUNS_IN_VECTOR]) -> __m512i {
    match RUNS_IN_VECTOR {
        1 => splat(words[0]),
        2 => _mm512_permutexvar_epi64(_mm512_set_epi64(1, 1, 1, 1, 0, 0, 0, 0), load_part(words)),
        4 => _mm512_permutexvar_epi64(_mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0), load_part(words)),
        _ => load_part(words),
    }
}

/// For any prime: halves of products in two words.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn wide_tile<const OUTS: usize, const ROWS: usize, const RUNS_IN_VECTOR: usize>(
    prime: &Prime,
    most: usize,
    columns: &[[Row; ROWS]],
    weights: &[[[u64; RUNS_IN_VECTOR]; OUTS]],
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
                let w = spread(&words[g]);
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
fn narrow_tile<const OUTS: usize, const ROWS: usize, const RUNS_IN_VECTOR: usize>(
    prime: &Prime,
    most: usize,
    columns: &[[Row; ROWS]],
    weights: &[[[u64; RUNS_IN_VECTOR]; OUTS]],
) -> [[__m512i; ROWS]; OUTS] {
    let mut totals = [[Sum::from(splat(0)); ROWS]; OUTS];
    for (columns, weights) in columns.chunks(most).zip(weights.chunks(most)) {
        let mut sums = [[splat(0); ROWS]; OUTS];
        for (x, words) in columns.iter().zip(weights) {
            for g in 0..OUTS {
                let w = spread(&words[g]);
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
