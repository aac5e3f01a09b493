//! Sums of products with one reduction at the end: what key switching and products of sums consist of.

use super::{Modulus, dispatch};

/// out\[i\] = Σ_k a_k\[i\]·b_k\[i\]. No terms give zeros.
pub fn dot_into(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
    assert!(terms.iter().all(|(a, b)| a.len() == out.len() && b.len() == out.len()));
    dispatch!(dot::dot_into(m, out, terms))
}

/// out0\[i\] = Σ_k d_k\[i\]·b_k\[i\] and out1\[i\] = Σ_k d_k\[i\]·a_k\[i\] for terms (d_k, b_k, a_k): both halves of a key switch,
/// with each digit read once.
pub fn dot2_into(m: &Modulus, out0: &mut [u64], out1: &mut [u64], terms: &[(&[u64], &[u64], &[u64])]) {
    let n = out0.len();
    assert!(out1.len() == n && terms.iter().all(|(d, b, a)| d.len() == n && b.len() == n && a.len() == n));
    dispatch!(dot::dot2_into(m, out0, out1, terms))
}
