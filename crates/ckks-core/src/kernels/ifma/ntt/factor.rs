//! Roots in registers.

use std::arch::x86_64::*;

use super::twiddles::{Leaf, Root, Roots};
use crate::kernels::ifma::vector::{Prime, load, splat};

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
    factors(prime, &leaf.front)
}

/// What the words of every row of a leaf are multiplied by between the stages between rows and those inside.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn twist_factors(prime: &Prime, leaf: &Leaf) -> [Factor; 8] {
    factors(prime, &leaf.twist)
}

/// The roots of the three stages inside rows.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn back_factors(back: &[Roots; 8]) -> [Factor; 8] {
    let mut w = [(splat(0), splat(0)); 8];
    for k in 1..8 {
        w[k] = (load(&back[k].w), load(&back[k].quotients));
    }
    w
}

/// Each number and its quotient in every lane, from the quotients; place 0 is not used.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn factors(prime: &Prime, quotients: &[u64; 8]) -> [Factor; 8] {
    let one = splat(1);
    let mut w = [(one, one); 8];
    for k in 1..8 {
        let quotient = splat(quotients[k]);
        w[k] = (prime.factor_of(quotient, one), quotient);
    }
    w
}
