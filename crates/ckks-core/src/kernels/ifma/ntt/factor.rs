//! Roots in registers.

use std::arch::x86_64::*;

use super::twiddles::{Leaf, Root};
use crate::kernels::ifma::vector::{Prime, load_rows, splat};

/// A root and its quotient in every lane, or eight roots.
pub type Factor = (__m512i, __m512i);

#[inline]
#[target_feature(enable = "avx512f")]
pub fn broadcast(root: Root) -> Factor {
    (splat(root.w), splat(root.quotient))
}

/// The roots of the three stages between rows of a leaf.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn front_factors(prime: &Prime, leaf: &Leaf) -> [Factor; 8] {
    let one = splat(1);
    let mut w = [(one, one); 8];
    for k in 1..8 {
        let quotient = splat(leaf.0[0][k]);
        w[k] = (prime.factor_of(quotient, one), quotient);
    }
    w
}

/// The roots of the three stages inside rows.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn back_factors(prime: &Prime, leaf: &Leaf) -> [Factor; 8] {
    let one = splat(1);
    let quotients = load_rows(&leaf.0);
    let mut w = [(one, one); 8];
    for k in 1..8 {
        w[k] = (prime.factor_of(quotients[k], one), quotients[k]);
    }
    w
}
