//! Products with plaintexts of a small subring: in NTT form these are constant on long runs of neighbours, so that one word a run
//! is all that is stored.

use super::{Modulus, dispatch};

/// The length of a run, if `words` is cut into `runs` equal ones.
fn run_length(words: usize, runs: usize) -> usize {
    assert!(runs > 0 && words.is_multiple_of(runs), "{words} words cannot be cut into {runs} equal runs");
    words / runs
}

/// Multiplies run c of `a` by `w[c]`; `a` is `w.len()` equal runs.
pub fn mul_blocks_assign(m: &Modulus, a: &mut [u64], w: &[u64]) {
    let run = run_length(a.len(), w.len());
    dispatch!(blocks::mul_blocks_assign(m, a, w, run))
}

/// Adds `w[c]` times run c of `a` to run c of `acc`.
pub fn mul_blocks_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], w: &[u64]) {
    assert_eq!(acc.len(), a.len());
    let run = run_length(a.len(), w.len());
    dispatch!(blocks::mul_blocks_add_assign(m, acc, a, w, run))
}

/// out_g = Σ_b w_gb·x_b, where run c of x_b is multiplied by `weights[g·inputs.len() + b][c]`: for every run a small matrix product.
///
/// All outputs and inputs are equally long; each row of weights has one word a run, all rows the same number of runs, or is
/// empty, which means zero.
pub fn gemm_blocks(m: &Modulus, outs: &mut [&mut [u64]], inputs: &[&[u64]], weights: &[&[u64]]) {
    assert_eq!(weights.len(), outs.len() * inputs.len());
    let Some(n) = outs.first().map(|out| out.len()) else { return };
    assert!(outs.iter().all(|out| out.len() == n) && inputs.iter().all(|x| x.len() == n));
    let Some(runs) = weights.iter().map(|w| w.len()).find(|&len| len > 0) else {
        return outs.iter_mut().for_each(|out| out.fill(0));
    };
    assert!(weights.iter().all(|w| w.is_empty() || w.len() == runs));
    let run = run_length(n, runs);
    dispatch!(blocks::gemm_blocks(m, outs, inputs, weights, run))
}
