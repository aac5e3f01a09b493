//! Fast basis conversion: blocks of columns whose y_i stay in the first-level cache while every target prime's row is summed up.

use std::arch::x86_64::*;

use super::vector::{Prime, Row, Sum, load, most_terms, splat, store};
use crate::kernels::basis_conversion::BasisConverter;
use crate::kernels::portable::basis_conversion::convert_columns;

/// Rows of eight columns in a block: 2 KiB a source prime.
const BLOCK: usize = 32;
/// Rows that are summed up together.
const TILE: usize = 4;

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn convert(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]]) {
    let sources = converter.from.len();
    let n = input[0].len();
    let total = n / (8 * TILE) * TILE;
    let largest = converter.from.iter().map(|f| f.modulus.value()).max().unwrap_or(0);
    // y_i of the block, source after source, and v behind them.
    let mut terms: Vec<Row> = vec![[0; 8]; (sources + 1) * BLOCK];
    let mut start = 0;
    while start < total {
        let rows = BLOCK.min(total - start);
        let mut quotients = [_mm512_set1_pd(0.5); BLOCK];
        for (i, f) in converter.from.iter().enumerate() {
            let prime = Prime::new(&f.modulus);
            let (w, quotient) = (splat(f.inverse), splat(f.modulus.shoup52(f.inverse)));
            let reciprocal = _mm512_set1_pd(f.reciprocal);
            let x = &input[i].as_chunks::<8>().0[start..start + rows];
            for ((x, term), sum) in x.iter().zip(&mut terms[i * BLOCK..]).zip(&mut quotients) {
                let y = prime.times(load(x), w, quotient);
                store(term, y);
                // Two roundings, as in the other paths.
                *sum = _mm512_add_pd(*sum, _mm512_mul_pd(_mm512_cvtepu64_pd(y), reciprocal));
            }
        }
        for (term, sum) in terms[sources * BLOCK..].iter_mut().zip(&quotients) {
            store(term, _mm512_cvttpd_epu64(*sum));
        }
        let terms = terms.as_chunks::<TILE>().0;
        for (target, out) in converter.to.iter().zip(output.iter_mut()) {
            let prime = Prime::new(&target.modulus);
            let most = most_terms(largest, target.modulus.value());
            let out = &mut out.as_chunks_mut::<8>().0[start..start + rows];
            for (t, out) in out.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
                let mut sums = [Sum::from(splat(0)); TILE];
                for (k, weights) in target.weights.chunks(most).enumerate() {
                    if k > 0 {
                        for u in 0..TILE {
                            sums[u] = Sum::from(sums[u].reduce(&prime));
                        }
                    }
                    for (i, &w) in weights.iter().enumerate() {
                        let w = splat(w);
                        let y = &terms[(k * most + i) * (BLOCK / TILE) + t];
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
        start += rows;
    }
    if 8 * total < n {
        convert_columns(converter, input, output, 8 * total..n);
    }
}
