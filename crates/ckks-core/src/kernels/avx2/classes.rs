//! Real plaintexts of a small subring: the products of a tile of two outputs and one or two blocks of eight words, whose sums stay in
//! registers.

use std::arch::x86_64::*;
use std::ops::Range;

use super::rounding::doubles;
use super::vector::{
    Factor, NARROW, Prime, Sum, add, doubles_in_place, load, most_narrow_terms, most_terms, mul_u32, prefetch, reduce_words,
    round, splat, store, to_doubles, zero,
};
use crate::kernels::Modulus;
use crate::kernels::classes::{
    ClassOutputs, ClassTransform, ClassWeights, LANE_INPUTS, LANE_OUTPUTS, Lane, Lanes, inverse_element, moved_place, place,
};
use crate::kernels::portable::classes as portable;

/// Eight neighbouring words: what automorphisms move together.
type Block = [u64; 8];

/// Words of a half of every input that are packed at a time: a page.
const PACKED: usize = 512;

#[target_feature(enable = "avx2,fma")]
pub fn gemm(
    m: &Modulus,
    outputs: &mut ClassOutputs<'_, '_>,
    inputs: &[[&[u64]; 2]],
    weights: &ClassWeights,
    classes: Range<usize>,
    run: usize,
) {
    if !run.is_multiple_of(8) {
        return portable::gemm(m, outputs, inputs, weights, classes, run);
    }
    // Words have to hold the products of a line of weights: p² · 4 < 2^64.
    if m.value() < NARROW / 2 {
        gemm_tiles::<2, true>(m, outputs, inputs, weights, classes, run);
    } else {
        gemm_tiles::<1, false>(m, outputs, inputs, weights, classes, run);
    }
}

#[target_feature(enable = "avx2,fma")]
pub fn interleave(rows: &mut [Lanes<f64>], lanes: &[Option<Lane<'_>>; 8]) {
    portable::interleave(rows, lanes);
}

/// Eight transforms at a time, one in each lane of a row of two vectors; every value is reduced where it is stored.
#[target_feature(enable = "avx2,fma")]
pub fn forward(transform: &ClassTransform, coefficients: &[Lanes<f64>], values: &mut [Lanes<u64>]) {
    let m = &transform.modulus;
    let prime = Prime::new(m);
    for (row, x) in values.iter_mut().zip(coefficients) {
        for v in 0..2 {
            let x = round(doubles(&x.as_chunks().0[v]));
            store(&mut row.as_chunks_mut().0[v], prime.words(prime.reduce(x)));
        }
    }
    let period = values.len();
    if period == 1 {
        return;
    }
    // The first stage gives the lower half only, from b_k and the coefficient −b_{p−k} of Y^(p+k).
    let first = Factor::new(m, transform.twiddles[1].0);
    for k in 1..=period / 2 {
        for v in 0..2 {
            let x = to_doubles(load(&values[k].as_chunks().0[v]));
            let y = to_doubles(load(&values[period - k].as_chunks().0[v]));
            let residues = |x, y| prime.words(prime.reduce(_mm256_sub_pd(x, prime.times(y, first))));
            store(&mut values[k].as_chunks_mut().0[v], residues(x, y));
            store(&mut values[period - k].as_chunks_mut().0[v], residues(y, x));
        }
    }
    let (mut half, mut groups) = (period / 2, 2);
    while half >= 1 {
        for (group, &(w, _)) in values.chunks_exact_mut(2 * half).zip(&transform.twiddles[groups..]) {
            let w = Factor::new(m, w);
            let (low, high) = group.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                for v in 0..2 {
                    let (low, high) = (&mut low.as_chunks_mut().0[v], &mut high.as_chunks_mut().0[v]);
                    let (x, y) = (to_doubles(load(low)), prime.times(to_doubles(load(high)), w));
                    store(low, prime.words(prime.reduce(_mm256_add_pd(x, y))));
                    store(high, prime.words(prime.reduce(_mm256_sub_pd(x, y))));
                }
            }
        }
        groups *= 2;
        half /= 2;
    }
}

/// Tiles of `BLOCKS` blocks of eight words.
#[target_feature(enable = "avx2,fma")]
fn gemm_tiles<const BLOCKS: usize, const IS_NARROW: bool>(
    m: &Modulus,
    outputs: &mut ClassOutputs<'_, '_>,
    inputs: &[[&[u64]; 2]],
    weights: &ClassWeights,
    classes: Range<usize>,
    run: usize,
) {
    let prime = Prime::new(m);
    let p = m.value();
    let quads = weights.quads();
    // Sums are cut between lines of weights.
    let most = if IS_NARROW { most_narrow_terms(p, p) } else { most_terms(p, p) } / LANE_INPUTS;
    let blocks_per_run = run / 8;
    let tiles = (2 * blocks_per_run).div_ceil(BLOCKS);
    let count = classes.len();
    // Per class and tile the inputs one after the other, zeros behind the last: inputs lie powers of two apart, in the same few
    // cache sets, and are read once for every pair of outputs.
    let depth = quads * LANE_INPUTS;
    let group = (PACKED / run).clamp(1, count);
    let mut columns: Vec<[Block; BLOCKS]> = vec![[[0; 8]; BLOCKS]; group * tiles * depth];
    let moves: Vec<u64> = match outputs {
        ClassOutputs::Limbs { .. } => Vec::new(),
        ClassOutputs::Moved { elements, .. } => elements.iter().map(|&g| inverse_element(g)).collect(),
    };
    // Blocks of the halves that a group of classes takes.
    let blocks_of = |start: usize| {
        let end = (start + group).min(count);
        [start * blocks_per_run..end * blocks_per_run, (count - end) * blocks_per_run..(count - start) * blocks_per_run]
    };
    for start in (0..count).step_by(group) {
        let group_len = group.min(count - start);
        for (b, halves) in inputs.iter().enumerate() {
            for (half, blocks) in blocks_of(start).into_iter().enumerate() {
                for (k, runs) in halves[half].as_chunks::<8>().0[blocks].chunks_exact(blocks_per_run).enumerate() {
                    let c = if half == 0 { k } else { group_len - 1 - k };
                    for (r, block) in runs.iter().enumerate() {
                        let r = half * blocks_per_run + r;
                        let column = &mut columns[(c * tiles + r / BLOCKS) * depth + b][r % BLOCKS];
                        *column = *block;
                        if !IS_NARROW {
                            for row in column.as_chunks_mut().0 {
                                doubles_in_place(row);
                            }
                        }
                    }
                }
            }
        }
        // What comes next is fetched while this is multiplied.
        let next = (start + group < count).then(|| blocks_of(start + group));
        let mut coming = inputs.iter().flat_map(|halves| {
            let blocks = next.clone().into_iter().flatten();
            halves.iter().zip(blocks).flat_map(|(half, blocks)| &half.as_chunks::<8>().0[blocks])
        });
        let products = weights.pairs() * group_len;
        let share = (inputs.len() * 2 * group_len * blocks_per_run).div_ceil(products.max(1));
        for pair in 0..weights.pairs() {
            let lines = &weights.pair(pair)[(classes.start + start) * quads..][..group_len * quads];
            for (c, lines) in lines.chunks_exact(quads).enumerate() {
                coming.by_ref().take(share).for_each(prefetch);
                for t in 0..tiles {
                    let columns = &columns[(c * tiles + t) * depth..][..depth];
                    let sums = tile::<BLOCKS, IS_NARROW>(&prime, most, columns.as_chunks().0, lines);
                    for g in 0..LANE_OUTPUTS.min(weights.outputs() - LANE_OUTPUTS * pair) {
                        for u in 0..BLOCKS.min(2 * blocks_per_run - t * BLOCKS) {
                            let (half, block) = place(start + c, t * BLOCKS + u, blocks_per_run, count);
                            match outputs {
                                ClassOutputs::Limbs { outs, .. } => {
                                    outs[LANE_OUTPUTS * pair + g][half].as_chunks_mut::<8>().0[block] = sums[g][u];
                                }
                                ClassOutputs::Moved { acc, .. } => {
                                    let first = if half == 0 { classes.start } else { 2 * weights.period() - classes.end };
                                    let block = first * blocks_per_run + block;
                                    add_moved(&prime, acc, moves[LANE_OUTPUTS * pair + g], block, &sums[g][u]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Adds a block to where an automorphism moves it: to another aligned block, in another order.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_moved(prime: &Prime, acc: &mut [u64], inverse: u64, block: usize, x: &Block) {
    let log_n = acc.len().ilog2();
    // Lane r has the exponent of lane 0 plus r′·N/4, r′ the reversed bits of r: its place depends on r through the upper three bits of
    // the exponent's half, which are the lower bits of the place, reversed.
    let target = moved_place(log_n, inverse, 8 * block);
    let reversed = |x: usize| (x & 1) << 2 | (x & 2) | (x >> 2 & 1);
    let t = reversed(target & 7);
    let mut moved = [0; 8];
    for (r, &word) in x.iter().enumerate() {
        moved[reversed((t + reversed(r).wrapping_mul(inverse as usize)) & 7)] = word;
    }
    let sum = acc.as_chunks_mut::<8>().0[target / 8].as_chunks_mut().0;
    for u in 0..2 {
        let x = prime.add_words(load(&sum[u]), load(&moved.as_chunks().0[u]));
        store(&mut sum[u], x);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn tile<const BLOCKS: usize, const IS_NARROW: bool>(
    prime: &Prime,
    most: usize,
    columns: &[[[Block; BLOCKS]; LANE_INPUTS]],
    lines: &[Lanes<u64>],
) -> [[Block; BLOCKS]; LANE_OUTPUTS] {
    let mut totals = [[[_mm256_setzero_pd(); 2]; BLOCKS]; LANE_OUTPUTS];
    for (k, (columns, lines)) in columns.chunks(most).zip(lines.chunks(most)).enumerate() {
        let mut words = [[[zero(); 2]; BLOCKS]; LANE_OUTPUTS];
        let mut sums = [[[Sum::zero(); 2]; BLOCKS]; LANE_OUTPUTS];
        for (x, line) in columns.iter().zip(lines) {
            for b in 0..LANE_INPUTS {
                for g in 0..LANE_OUTPUTS {
                    let w = splat(line[LANE_OUTPUTS * b + g]);
                    let double = to_doubles(w);
                    for u in 0..BLOCKS {
                        for v in 0..2 {
                            let x = load(&x[b][u].as_chunks().0[v]);
                            if IS_NARROW {
                                words[g][u][v] = add(words[g][u][v], mul_u32(x, w));
                            } else {
                                sums[g][u][v].add_product(_mm256_castsi256_pd(x), double);
                            }
                        }
                    }
                }
            }
        }
        for g in 0..LANE_OUTPUTS {
            for u in 0..BLOCKS {
                for v in 0..2 {
                    let sum = if IS_NARROW {
                        reduce_words(prime, words[g][u][v])
                    } else {
                        sums[g][u][v].reduce(prime, LANE_INPUTS * lines.len())
                    };
                    totals[g][u][v] = if k == 0 { sum } else { prime.reduce(_mm256_add_pd(totals[g][u][v], sum)) };
                }
            }
        }
    }
    let mut out = [[[0; 8]; BLOCKS]; LANE_OUTPUTS];
    for g in 0..LANE_OUTPUTS {
        for u in 0..BLOCKS {
            for v in 0..2 {
                store(&mut out[g][u].as_chunks_mut().0[v], prime.words(totals[g][u][v]));
            }
        }
    }
    out
}
