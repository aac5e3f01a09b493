//! Key switches at the places of an automorphism: aligned blocks of eight come from aligned blocks of eight (see `permute`), so
//! that every vector is loaded whole and its lanes are permuted.

use std::arch::x86_64::*;

use super::permute::source;
use super::vector::{Prime, Row, Sum, add, load, most_terms, prefetch, reduce_once, splat, store, sub};
use crate::kernels::Modulus;
use crate::kernels::portable::switch as portable;
use crate::kernels::switch::{Division, SwitchedTerm};

/// Rows of a tile: with two sums of two halves each, 16 registers.
const ROWS: usize = 4;

fn rows(a: &[u64]) -> &[Row] {
    a.as_chunks().0
}

/// Tiles between a line's prefetch and its use, for one term and for many. Blocks come in a permuted order, which the
/// hardware does not foresee.
const AHEAD: usize = 12;
/// See [`AHEAD`].
const AHEAD_OF_MANY: usize = 2;

/// Asks for what the rows of a tile of the table will read from each of `sources`.
#[inline]
fn prefetch_tile<'a>(table: &[[[u32; 8]; ROWS]], tile: usize, sources: impl Iterator<Item = &'a [u64]> + Clone) {
    if let Some(rows_ahead) = table.get(tile) {
        for places in rows_ahead {
            let block = places[0] as usize / 8;
            sources.clone().filter_map(|s| rows(s).get(block)).for_each(prefetch);
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn switch_sum(m: &Modulus, acc0: &mut [u64], acc1: &mut [u64], terms: &[SwitchedTerm<'_>]) {
    let done = sum_tiles(m, acc0, acc1, terms);
    portable::switch_sum_from(m, acc0, acc1, terms, done);
}

/// Returns the number of places that are done: all of them for the tables of automorphisms.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn sum_tiles(m: &Modulus, acc0: &mut [u64], acc1: &mut [u64], terms: &[SwitchedTerm<'_>]) -> usize {
    let prime = Prime::new(m);
    let most = most_terms(m.value(), m.value());
    let blocks = acc0.len() / 8;
    let tiles0 = acc0.as_chunks_mut::<8>().0.as_chunks_mut::<ROWS>().0;
    let tiles1 = acc1.as_chunks_mut::<8>().0.as_chunks_mut::<ROWS>().0;
    let tables: Vec<&[[[u32; 8]; ROWS]]> = terms.iter().map(|t| t.table.as_chunks::<8>().0.as_chunks::<ROWS>().0).collect();
    let count = tiles0.len();
    for (tile, (out0, out1)) in tiles0.iter_mut().zip(tiles1).enumerate() {
        let mut sums0 = [Sum::from(splat(0)); ROWS];
        let mut sums1 = sums0;
        for u in 0..ROWS {
            sums0[u] = Sum::from(load(&out0[u]));
            sums1[u] = Sum::from(load(&out1[u]));
        }
        let mut products = 0;
        for (term, table) in terms.iter().zip(&tables) {
            let mut from = [(0, splat(0)); ROWS];
            for u in 0..ROWS {
                match source(&table[tile][u], blocks) {
                    Some(found) => from[u] = found,
                    None => return tile * 8 * ROWS,
                }
            }
            let mut another = |sums0: &mut [Sum; ROWS], sums1: &mut [Sum; ROWS]| {
                if products == most {
                    reduce(&prime, sums0);
                    reduce(&prime, sums1);
                    products = 0;
                }
                products += 1;
            };
            for (d, b, a) in &term.digits {
                prefetch_tile(table, tile + AHEAD_OF_MANY, [*d, *b, *a].into_iter());
                another(&mut sums0, &mut sums1);
                let (d, b, a) = (rows(d), rows(b), rows(a));
                for u in 0..ROWS {
                    let (block, lanes) = from[u];
                    let d = _mm512_permutexvar_epi64(lanes, load(&d[block]));
                    sums0[u].add_product(d, _mm512_permutexvar_epi64(lanes, load(&b[block])));
                    sums1[u].add_product(d, _mm512_permutexvar_epi64(lanes, load(&a[block])));
                }
            }
            if let Some((c, factor)) = term.plus {
                prefetch_tile(table, tile + AHEAD_OF_MANY, std::iter::once(c));
                another(&mut sums0, &mut sums1);
                let (c, factor) = (rows(c), splat(factor));
                for u in 0..ROWS {
                    let (block, lanes) = from[u];
                    sums0[u].add_product(_mm512_permutexvar_epi64(lanes, load(&c[block])), factor);
                }
            }
        }
        for u in 0..ROWS {
            store(&mut out0[u], sums0[u].reduce(&prime));
            store(&mut out1[u], sums1[u].reduce(&prime));
        }
    }
    count * 8 * ROWS
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn reduce(prime: &Prime, sums: &mut [Sum; ROWS]) {
    for u in 0..ROWS {
        sums[u] = Sum::from(sums[u].reduce(prime));
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn switch_down(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])], division: &Division<'_>) {
    let done = down_tiles(m, out, terms, division);
    portable::switch_down_from(m, out, terms, division, done);
}

/// Returns the number of places that are done: all of them for the table of an automorphism.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn down_tiles(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])], division: &Division<'_>) -> usize {
    let prime = Prime::new(m);
    let most = most_terms(m.value(), m.value());
    let blocks = out.len() / 8;
    let tiles = out.as_chunks_mut::<8>().0.as_chunks_mut::<ROWS>().0;
    let tables = division.table.as_chunks::<8>().0.as_chunks::<ROWS>().0;
    let (inverse, quotient) = (splat(division.inverse), splat(m.shoup52(division.inverse)));
    let converted = rows(division.converted);
    let plus = division.plus.map(rows);
    let count = tiles.len();
    for (tile, (out, table)) in tiles.iter_mut().zip(tables).enumerate() {
        let mut from = [(0, splat(0)); ROWS];
        for u in 0..ROWS {
            match source(&table[u], blocks) {
                Some(found) => from[u] = found,
                None => return tile * 8 * ROWS,
            }
        }
        let mut sums = [Sum::from(splat(0)); ROWS];
        for (k, part) in terms.chunks(most).enumerate() {
            if k > 0 {
                reduce(&prime, &mut sums);
            }
            for (d, key) in part {
                prefetch_tile(tables, tile + AHEAD, [*d, *key].into_iter());
                let (d, key) = (rows(d), rows(key));
                for u in 0..ROWS {
                    sums[u].add_product(load(&d[from[u].0]), load(&key[from[u].0]));
                }
            }
        }
        if let Some(c) = division.plus {
            prefetch_tile(tables, tile + AHEAD, std::iter::once(c));
        }
        for u in 0..ROWS {
            let (block, lanes) = from[u];
            // In (0, 2p), which the product takes as it is.
            let difference = sub(add(sums[u].reduce(&prime), prime.p), load(&converted[block]));
            let mut x = prime.times(difference, inverse, quotient);
            if let Some(plus) = plus {
                x = reduce_once(add(x, load(&plus[block])), prime.p);
            }
            store(&mut out[u], _mm512_permutexvar_epi64(lanes, x));
        }
    }
    count * 8 * ROWS
}
