//! Sums of products with one reduction at the end: what key switching and products of sums consist of.

use super::{Modulus, dispatch};

/// out\[i\] = Σ_k a_k\[i\]·b_k\[i\]. No terms give zeros.
pub fn dot_into(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
    assert!(terms.iter().all(|(a, b)| a.len() == out.len() && b.len() == out.len()));
    dispatch!(dot::dot_into(m, out, terms))
}
