//! Real plaintexts of a small subring: eight transforms at a time, one in each lane, and the products of a tile of two outputs
//! and four vectors, whose 16 half sums stay in registers.

use std::arch::x86_64::*;
use std::ops::Range;

use super::ntt::transpose::transpose;
use super::vector::{Prime, Row, Sum, add, load, most_terms, prefetch, reduce_once, splat, store, store_past_caches, sub};
use crate::kernels::Modulus;
use crate::kernels::classes::{
    ClassOutputs, ClassTransform, ClassWeights, LANE_INPUTS, LANE_OUTPUTS, Lane, LaneCoefficients, Lanes, inverse_element,
    moved_place, place,
};
use crate::kernels::portable::classes as portable;

/// Rows that one half of the first-level cache holds: below this, stage after stage.
const CACHED: usize = 256;

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn forward(transform: &ClassTransform, coefficients: &[Lanes<f64>], values: &mut [Lanes<u64>]) {
    let prime = Prime::new(&transform.modulus);
    let p = transform.modulus.value();
    let reciprocal = _mm512_set1_pd(1.0 / p as f64);
    for (row, x) in values.iter_mut().zip(coefficients) {
        // SAFETY: both types are 64 bytes of which every pattern is valid.
        let x = unsafe { std::mem::transmute::<Lanes<f64>, __m512d>(*x) };
        let x = _mm512_roundscale_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
        let multiple = _mm512_cvtpd_epi64(_mm512_mul_pd(x, reciprocal));
        // In (−2p, 2p).
        let rest = sub(_mm512_cvtpd_epi64(x), _mm512_mullo_epi64(multiple, prime.p));
        store(row, reduce_once(reduce_once(add(rest, prime.two_p), prime.two_p), prime.p));
    }
    let period = values.len();
    if period == 1 {
        return;
    }
    let (w, quotient) = transform.twiddles[1];
    let (w, quotient) = (splat(w), splat(quotient));
    for k in 1..=period / 2 {
        let (x, y) = (load(&values[k]), load(&values[period - k]));
        store(&mut values[k], sub(add(x, prime.two_p), prime.times_lazy(y, w, quotient)));
        store(&mut values[period - k], sub(add(y, prime.two_p), prime.times_lazy(x, w, quotient)));
    }
    descend(&prime, &transform.twiddles, values, 2);
    for row in values {
        store(row, reduce_once(reduce_once(load(row), prime.two_p), prime.p));
    }
}

/// All stages below the group at `place`: words below 4p before and after each.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn descend(prime: &Prime, twiddles: &[(u64, u64)], rows: &mut [Row], place: usize) {
    if rows.len() > CACHED {
        butterflies(prime, twiddles[place], rows);
        let (low, high) = rows.split_at_mut(rows.len() / 2);
        descend(prime, twiddles, low, 2 * place);
        descend(prime, twiddles, high, 2 * place + 1);
        return;
    }
    let (mut size, mut first) = (rows.len(), place);
    while size >= 2 {
        for (group, &pair) in rows.chunks_exact_mut(size).zip(&twiddles[first..]) {
            butterflies(prime, pair, group);
        }
        first *= 2;
        size /= 2;
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn butterflies(prime: &Prime, (w, quotient): (u64, u64), group: &mut [Row]) {
    let (w, quotient) = (splat(w), splat(quotient));
    let (low, high) = group.split_at_mut(group.len() / 2);
    for (low, high) in low.iter_mut().zip(high) {
        let x = reduce_once(load(low), prime.two_p);
        let y = prime.times_lazy(load(high), w, quotient);
        store(low, add(x, y));
        store(high, sub(add(x, prime.two_p), y));
    }
}

/// Vectors of a register tile.
const ROWS: usize = 4;
/// Words of a half of every input that are packed at a time: a page.
const PACKED: usize = 512;

type Tile = [Row; ROWS];

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
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
    let prime = Prime::new(m);
    let quads = weights.quads();
    // Lazy sums are cut between lines of weights.
    let most = most_terms(m.value(), m.value()) / LANE_INPUTS;
    let rows_per_run = run / 8;
    let tiles = (2 * rows_per_run).div_ceil(ROWS);
    let count = classes.len();
    // Per class and tile the inputs one after the other, zeros behind the last: inputs lie powers of two apart, in the same few
    // cache sets, and are read once for every pair of outputs.
    let depth = quads * LANE_INPUTS;
    let block = (PACKED / run).clamp(1, count);
    let mut columns: Vec<Tile> = vec![[[0; 8]; ROWS]; block * tiles * depth];
    // Rows of the halves that a block of classes takes.
    let rows_of = |start: usize| {
        let end = (start + block).min(count);
        [start * rows_per_run..end * rows_per_run, (count - end) * rows_per_run..(count - start) * rows_per_run]
    };
    let moves: Vec<Moves> = match outputs {
        ClassOutputs::Limbs { .. } => Vec::new(),
        ClassOutputs::Moved { acc, elements } => elements.iter().map(|&g| Moves::new(acc.len().ilog2(), g)).collect(),
    };
    let mut start = 0;
    while start < count {
        let block = block.min(count - start);
        for (b, halves) in inputs.iter().enumerate() {
            for (half, rows) in rows_of(start).into_iter().enumerate() {
                for (k, runs) in halves[half].as_chunks::<8>().0[rows].chunks_exact(rows_per_run).enumerate() {
                    let c = if half == 0 { k } else { block - 1 - k };
                    for (r, row) in runs.iter().enumerate() {
                        let r = half * rows_per_run + r;
                        columns[(c * tiles + r / ROWS) * depth + b][r % ROWS] = *row;
                    }
                }
            }
        }
        // What comes next is fetched while this is multiplied.
        let next = (start + block < count).then(|| rows_of(start + block));
        let mut coming = inputs.iter().flat_map(|halves| {
            let rows = next.clone().into_iter().flatten();
            halves.iter().zip(rows).flat_map(|(half, rows)| &half.as_chunks::<8>().0[rows])
        });
        let products = weights.pairs() * block;
        let share = (inputs.len() * 2 * block * rows_per_run).div_ceil(products.max(1));
        for pair in 0..weights.pairs() {
            let lines = &weights.pair(pair)[(classes.start + start) * quads..][..block * quads];
            for (c, lines) in lines.chunks_exact(quads).enumerate() {
                coming.by_ref().take(share).for_each(prefetch);
                for t in 0..tiles {
                    let columns = &columns[(c * tiles + t) * depth..][..depth];
                    let sums = tile(&prime, most, columns.as_chunks::<LANE_INPUTS>().0, lines);
                    for g in 0..LANE_OUTPUTS.min(weights.outputs() - LANE_OUTPUTS * pair) {
                        for u in 0..ROWS.min(2 * rows_per_run - t * ROWS) {
                            let (half, row) = place(start + c, t * ROWS + u, rows_per_run, count);
                            match outputs {
                                ClassOutputs::Limbs { outs, stream } => {
                                    let row = &mut outs[LANE_OUTPUTS * pair + g][half].as_chunks_mut::<8>().0[row];
                                    if *stream { store_past_caches(row, sums[g][u]) } else { store(row, sums[g][u]) }
                                }
                                ClassOutputs::Moved { acc, .. } => {
                                    let first = if half == 0 { classes.start } else { 2 * weights.period() - classes.end };
                                    let row = first * rows_per_run + row;
                                    add_moved(&prime, acc, &moves[LANE_OUTPUTS * pair + g], row, sums[g][u]);
                                }
                            }
                        }
                    }
                }
            }
        }
        start += block;
    }
    if matches!(outputs, ClassOutputs::Limbs { stream: true, .. }) {
        // Stores past the caches are seen by other threads in their order only after this.
        _mm_sfence();
    }
}

/// Where an automorphism moves aligned blocks of eight, worked out from exponents: a table of all places would be read from memory.
///
/// Lane r of a block has the exponent of lane 0 plus r′·N/4, r′ the reversed bits of r. Times h, the inverse Galois element, that
/// is plus r′·h·N/4: the target's block is that of lane 0, whose upper three bits of the exponent's half, t, become t + r′·h.
struct Moves {
    log_n: u32,
    inverse: u64,
    /// By t: for each lane of the target the lane of the source.
    lanes: [Row; 8],
}

impl Moves {
    fn new(log_n: u32, element: u64) -> Self {
        let inverse = inverse_element(element);
        let reversed = |x: u64| (x & 1) << 2 | (x & 2) | (x >> 2 & 1);
        // r′·h = l′ − t modulo 8, and h is its own inverse there.
        let lane = |t: u64, l: u64| reversed((reversed(l) + 8 - t).wrapping_mul(inverse) & 7);
        let lanes = std::array::from_fn(|t| std::array::from_fn(|l| lane(t as u64, l as u64)));
        Self { log_n, inverse, lanes }
    }
}

/// Adds a vector that stands at row `row` to where an automorphism moves it.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn add_moved(prime: &Prime, acc: &mut [u64], moves: &Moves, row: usize, x: __m512i) {
    let target = moved_place(moves.log_n, moves.inverse, 8 * row);
    // The upper bits of the exponent's half are the lower bits of the place, reversed.
    let t = (target & 1) << 2 | (target & 2) | (target >> 2 & 1);
    let sum = &mut acc.as_chunks_mut::<8>().0[target / 8];
    let moved = _mm512_permutexvar_epi64(load(&moves.lanes[t]), x);
    store(sum, reduce_once(add(load(sum), moved), prime.p));
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn interleave(rows: &mut [Lanes<f64>], lanes: &[Option<Lane<'_>>; 8]) {
    let mut small: [(&[[i32; 8]], f64); 8] = [(&[], 0.0); 8];
    for (lane, small) in lanes.iter().zip(&mut small) {
        match lane {
            Some(Lane { coefficients: LaneCoefficients::Small(c), factor }) if c.len() == rows.len() => {
                *small = (c.as_chunks().0, *factor);
            }
            _ => return portable::interleave(rows, lanes),
        }
    }
    let (blocks, rest) = rows.as_chunks_mut::<8>();
    if !rest.is_empty() {
        return portable::interleave(rows, lanes);
    }
    for (k, block) in blocks.iter_mut().enumerate() {
        let mut x = [_mm512_setzero_si512(); 8];
        for l in 0..8 {
            let (coefficients, factor) = small[l];
            // SAFETY: both types are 32 bytes of which every pattern is valid.
            let integers = unsafe { std::mem::transmute::<[i32; 8], __m256i>(coefficients[k]) };
            x[l] = _mm512_castpd_si512(_mm512_mul_pd(_mm512_cvtepi32_pd(integers), _mm512_set1_pd(factor)));
        }
        let x = transpose(x);
        for l in 0..8 {
            // SAFETY: both types are 64 bytes of which every pattern is valid.
            block[l] = unsafe { std::mem::transmute::<__m512i, [f64; 8]>(x[l]) };
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn tile(prime: &Prime, most: usize, columns: &[[Tile; LANE_INPUTS]], lines: &[Lanes<u64>]) -> [[__m512i; ROWS]; LANE_OUTPUTS] {
    let mut sums = [[Sum::from(splat(0)); ROWS]; LANE_OUTPUTS];
    for (k, (columns, lines)) in columns.chunks(most).zip(lines.chunks(most)).enumerate() {
        if k > 0 {
            for g in 0..LANE_OUTPUTS {
                for u in 0..ROWS {
                    sums[g][u] = Sum::from(sums[g][u].reduce(prime));
                }
            }
        }
        for (x, line) in columns.iter().zip(lines) {
            for b in 0..LANE_INPUTS {
                for g in 0..LANE_OUTPUTS {
                    let w = splat(line[LANE_OUTPUTS * b + g]);
                    for u in 0..ROWS {
                        sums[g][u].add_product(load(&x[b][u]), w);
                    }
                }
            }
        }
    }
    let mut out = [[splat(0); ROWS]; LANE_OUTPUTS];
    for g in 0..LANE_OUTPUTS {
        for u in 0..ROWS {
            out[g][u] = sums[g][u].reduce(prime);
        }
    }
    out
}
