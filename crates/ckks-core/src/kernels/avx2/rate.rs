//! The issue rate of fused multiply-adds of doubles: what a half product is here.

use std::arch::x86_64::*;

use super::vector::{splat_double, store_doubles};

/// Independent sums: enough for two units and their latency.
const CHAINS: usize = 12;

#[target_feature(enable = "avx2,fma")]
pub fn multiply_adds(rounds: u64) -> (u64, u64) {
    let mut sums = [_mm256_setzero_pd(); CHAINS];
    for (k, sum) in sums.iter_mut().enumerate() {
        // Different beginnings: otherwise one chain would do for all.
        *sum = splat_double(std::hint::black_box(1.0 + k as f64));
    }
    let (x, y) = (splat_double(std::hint::black_box(0.999)), splat_double(std::hint::black_box(0.001)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_pd(*sum, x, y);
        }
    }
    let mut folded = 0;
    for sum in sums {
        let mut lanes = [0; 4];
        store_doubles(&mut lanes, sum);
        folded = lanes.into_iter().fold(folded, |a, b| a ^ b);
    }
    (rounds * CHAINS as u64 * 4, folded)
}
