//! Products with plaintexts that are constant on runs of a multiple of eight words; shorter runs go word by word.

use super::pointwise;
use super::vector::{Prime, Row, Sum, add, load, most_terms, reduce_once, splat, store};
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

/// Outputs of one register tile.
const OUTS: usize = 2;
/// Vectors of one register tile: with two halves a sum, 16 of the 32 registers hold sums.
const ROWS: usize = 4;

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn gemm_blocks(m: &Modulus, outs: &mut [&mut [u64]], inputs: &[&[u64]], weights: &[&[u64]], run: usize) {
    if !run.is_multiple_of(8 * ROWS) || inputs.is_empty() || run == 0 {
        return portable::gemm_blocks(m, outs, inputs, weights, run);
    }
    let prime = Prime::new(m);
    let most = most_terms(m.value(), m.value());
    let tiles_per_run = run / (8 * ROWS);
    let inputs: Vec<&[[Row; ROWS]]> = inputs.iter().map(|x| x.as_chunks::<8>().0.as_chunks::<ROWS>().0).collect();
    let tiles = inputs[0].len();
    for tile in 0..tiles {
        let c = tile / tiles_per_run;
        for (group, weights) in outs.chunks_mut(OUTS).zip(weights.chunks(OUTS * inputs.len())) {
            let mut sums = [[Sum::from(splat(0)); ROWS]; OUTS];
            let word = |g: usize, b: usize| weights.get(g * inputs.len() + b).and_then(|w| w.get(c)).copied().unwrap_or(0);
            for (k, part) in inputs.chunks(most).enumerate() {
                if k > 0 {
                    for g in 0..OUTS {
                        for u in 0..ROWS {
                            sums[g][u] = Sum::from(sums[g][u].reduce(&prime));
                        }
                    }
                }
                for (b, input) in part.iter().enumerate() {
                    let x = &input[tile];
                    for g in 0..OUTS {
                        let w = splat(word(g, k * most + b));
                        for u in 0..ROWS {
                            sums[g][u].add_product(load(&x[u]), w);
                        }
                    }
                }
            }
            for g in 0..OUTS {
                if let Some(out) = group.get_mut(g) {
                    let out = &mut out.as_chunks_mut::<8>().0.as_chunks_mut::<ROWS>().0[tile];
                    for u in 0..ROWS {
                        store(&mut out[u], sums[g][u].reduce(&prime));
                    }
                }
            }
        }
    }
}
