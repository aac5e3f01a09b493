//! Products with plaintexts that are constant on runs.

use super::pointwise::{mul_scalar_add_assign, mul_scalar_assign};
use crate::kernels::Modulus;

pub fn mul_blocks_assign(m: &Modulus, a: &mut [u64], w: &[u64], run: usize) {
    a.chunks_exact_mut(run.max(1)).zip(w).for_each(|(a, &w)| mul_scalar_assign(m, a, w));
}

pub fn mul_blocks_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], w: &[u64], run: usize) {
    let run = run.max(1);
    acc.chunks_exact_mut(run).zip(a.chunks_exact(run)).zip(w).for_each(|((acc, a), &w)| mul_scalar_add_assign(m, acc, a, w));
}

pub fn gemm_blocks(m: &Modulus, outs: &mut [&mut [u64]], inputs: &[&[u64]], weights: &[&[u64]], run: usize) {
    for (out, row) in outs.iter_mut().zip(weights.chunks(inputs.len().max(1))) {
        for (i, o) in out.iter_mut().enumerate() {
            // Products are below 2^100: a quarter of a billion inputs fit 128 bits.
            let sum = inputs
                .iter()
                .zip(row)
                .filter(|(_, w)| !w.is_empty())
                .map(|(x, w)| u128::from(x[i]) * u128::from(w[i / run]))
                .sum();
            *o = m.reduce_u128(sum);
        }
    }
}
