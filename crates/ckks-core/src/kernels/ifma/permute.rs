//! Automorphisms in NTT form: X → X^g maps every aligned block of eight values onto one, because exponents that differ by
//! multiples of N/4 keep doing so. A load and one permutation of its lanes do for eight gathers.

use std::arch::x86_64::*;

use super::vector::{Row, load, splat, store};
use crate::kernels::portable::permute as portable;

#[target_feature(enable = "avx512f,avx512dq")]
pub fn permute_into(out: &mut [u64], a: &[u64], table: &[u32]) {
    let a_rows: &[Row] = a.as_chunks().0;
    let (out_rows, out_rest) = out.as_chunks_mut::<8>();
    let (tables, table_rest) = table.as_chunks::<8>();
    for (row, places) in out_rows.iter_mut().zip(tables) {
        // SAFETY: both types are 32 bytes of which every pattern is valid.
        let indices = _mm512_cvtepu32_epi64(unsafe { std::mem::transmute::<[u32; 8], __m256i>(*places) });
        let block = places[0] / 8;
        // Lanes that differ from the first in more than the last three bits leave the block.
        let outside = _mm512_cmpgt_epu64_mask(_mm512_xor_si512(indices, splat(u64::from(block) * 8)), splat(7));
        match a_rows.get(block as usize) {
            Some(source) if outside == 0 => store(row, _mm512_permutexvar_epi64(indices, load(source))),
            _ => portable::permute_into(row, a, places),
        }
    }
    portable::permute_into(out_rest, a, table_rest);
}
