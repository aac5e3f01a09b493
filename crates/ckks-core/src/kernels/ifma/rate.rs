//! The issue rate of multiply-adds.

use std::arch::x86_64::*;

use super::vector::{Row, add, add_high, add_low, splat, store};

/// Sixteen accumulators: more than latency × issue width of any CPU that has these instructions.
const CHAINS: usize = 16;

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn multiply_adds(rounds: u64) -> (u64, u64) {
    // Different beginnings: otherwise one chain would do for all.
    let mut sums = [_mm512_setzero_si512(); CHAINS];
    for (k, sum) in sums.iter_mut().enumerate() {
        *sum = splat(std::hint::black_box(k as u64));
    }
    let (x, y) = (splat(std::hint::black_box(0x000F_1234_5678_9ABC)), splat(std::hint::black_box(0x000E_DCBA_9876_5432)));
    for _ in 0..rounds {
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = if k % 2 == 0 { add_high(*sum, x, y) } else { add_low(*sum, x, y) };
        }
    }
    let mut total = sums[0];
    for sum in &sums[1..] {
        total = add(total, *sum);
    }
    let mut row: Row = [0; 8];
    store(&mut row, total);
    (rounds * (CHAINS * 8) as u64, row.iter().fold(0, |a, &b| a ^ b))
}
