//! What the machine can do at most: the measure that kernels are held against.

use anyhow::Result;
use ckks_core::kernels::{AlignedBuf, Modulus, add_assign, multiply_adds};
use rayon::prelude::*;

use super::report::Bench;

/// Words of an array that no cache holds: 256 MiB.
const LARGE: usize = 1 << 25;
/// Words of an array of which the second-level cache holds two and the first none: 256 KiB.
const CACHED: usize = 1 << 15;
/// Rounds of multiply-adds a sample.
const ROUNDS: u64 = 1 << 20;

/// Rows `machine/…`: bytes a second read from memory (`bandwidth`), read from and written to memory (`copy`), read from and
/// written to the second-level cache (`l2`), and products a second (`mul52`: halves of 52-bit products on the IFMA path, 64-bit products on others).
pub fn run(bench: &mut Bench, threads: usize) -> Result<()> {
    if !["bandwidth", "copy", "l2", "mul52"].iter().any(|row| bench.wants(&format!("machine/{row}"))) {
        return Ok(());
    }
    let words = vec![1u64; LARGE];
    let bytes = (LARGE * size_of::<u64>()) as f64;
    let part = LARGE / threads;
    bench.rate("machine/bandwidth", "B/s", bytes, || Ok(words.par_chunks(part).map(sum).reduce(|| 0, u64::wrapping_add)))?;
    let mut copy = vec![0u64; LARGE];
    bench.rate("machine/copy", "B/s", 2.0 * bytes, || {
        copy.par_chunks_mut(part).zip(words.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
        Ok(())
    })?;
    // Two arrays of half a limb of N = 2^16: read both, write one.
    let m = Modulus::new(65537)?;
    // Written before: pages that were only read would all be one page of zeros.
    let ones = || AlignedBuf::from_slice(&[1; CACHED]);
    let mut pairs: Vec<_> = (0..threads).map(|_| (ones(), ones())).collect();
    let passes = 512;
    bench.rate("machine/l2", "B/s", (3 * threads * passes * CACHED * size_of::<u64>()) as f64, || {
        pairs.par_iter_mut().for_each(|(a, b)| (0..passes).for_each(|_| add_assign(&m, a, b)));
        Ok(())
    })?;
    let products = multiply_adds(ROUNDS).0 as f64 * threads as f64;
    bench.rate("machine/mul52", "1/s", products, || {
        Ok((0..threads).into_par_iter().map(|_| multiply_adds(std::hint::black_box(ROUNDS)).1).reduce(|| 0, |a, b| a ^ b))
    })
}

/// Eight sums at a time: loads, not additions, are what takes time.
fn sum(words: &[u64]) -> u64 {
    let mut sums = [0u64; 32];
    for row in words.as_chunks::<32>().0 {
        for (sum, &word) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(word);
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}
