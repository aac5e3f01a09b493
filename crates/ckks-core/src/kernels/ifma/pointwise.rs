//! Sums, differences and products of limbs. What is not a multiple of eight words long ends in plain Rust.

use std::arch::x86_64::*;

use super::vector::{Prime, Row, add, load, reduce_once, splat, store, sub};
use crate::kernels::Modulus;
use crate::kernels::portable::pointwise as portable;

/// x + y of residues.
#[inline]
#[target_feature(enable = "avx512f")]
fn sum(prime: &Prime, x: __m512i, y: __m512i) -> __m512i {
    reduce_once(add(x, y), prime.p)
}

/// x − y of residues.
#[inline]
#[target_feature(enable = "avx512f")]
fn difference(prime: &Prime, x: __m512i, y: __m512i) -> __m512i {
    let d = sub(x, y);
    _mm512_min_epu64(d, add(d, prime.p))
}

// The compiler turns these loops of sums and minima into vectors by itself.

#[target_feature(enable = "avx512f,avx512dq")]
pub fn add_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    portable::add_assign(m, a, b);
}

#[target_feature(enable = "avx512f,avx512dq")]
pub fn sub_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    portable::sub_assign(m, a, b);
}

#[target_feature(enable = "avx512f,avx512dq")]
pub fn neg_assign(m: &Modulus, a: &mut [u64]) {
    portable::neg_assign(m, a);
}

#[target_feature(enable = "avx512f,avx512dq")]
pub fn add_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    portable::add_scalar_assign(m, a, s);
}

/// Whole rows of a slice, and the rest.
fn rows(a: &[u64]) -> (&[Row], &[u64]) {
    a.as_chunks()
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn mul_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    let prime = Prime::new(m);
    let (a, a_rest) = a.as_chunks_mut();
    let (b, b_rest) = rows(b);
    for (x, y) in a.iter_mut().zip(b) {
        store(x, prime.mul(load(x), load(y)));
    }
    portable::mul_assign(m, a_rest, b_rest);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn mul_into(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
    let prime = Prime::new(m);
    let (out, out_rest) = out.as_chunks_mut();
    let ((a, a_rest), (b, b_rest)) = (rows(a), rows(b));
    for (o, (x, y)) in out.iter_mut().zip(a.iter().zip(b)) {
        store(o, prime.mul(load(x), load(y)));
    }
    portable::mul_into(m, out_rest, a_rest, b_rest);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn mul_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], b: &[u64]) {
    let prime = Prime::new(m);
    let (acc, acc_rest) = acc.as_chunks_mut();
    let ((a, a_rest), (b, b_rest)) = (rows(a), rows(b));
    for (o, (x, y)) in acc.iter_mut().zip(a.iter().zip(b)) {
        store(o, sum(&prime, load(o), prime.mul(load(x), load(y))));
    }
    portable::mul_add_assign(m, acc_rest, a_rest, b_rest);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn mul_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    let prime = Prime::new(m);
    let (w, quotient) = (splat(s), splat(m.shoup52(s)));
    let (a, rest) = a.as_chunks_mut();
    for x in a {
        store(x, prime.times(load(x), w, quotient));
    }
    portable::mul_scalar_assign(m, rest, s);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn mul_scalar_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], s: u64) {
    let prime = Prime::new(m);
    let (w, quotient) = (splat(s), splat(m.shoup52(s)));
    let (acc, acc_rest) = acc.as_chunks_mut();
    let (a, a_rest) = rows(a);
    for (o, x) in acc.iter_mut().zip(a) {
        store(o, sum(&prime, load(o), prime.times(load(x), w, quotient)));
    }
    portable::mul_scalar_add_assign(m, acc_rest, a_rest, s);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn sub_mul_scalar_from(m: &Modulus, out: &mut [u64], a: &[u64], s: u64) {
    let prime = Prime::new(m);
    let (w, quotient) = (splat(s), splat(m.shoup52(s)));
    let (out, out_rest) = out.as_chunks_mut();
    let (a, a_rest) = rows(a);
    for (o, x) in out.iter_mut().zip(a) {
        store(o, prime.times(difference(&prime, load(x), load(o)), w, quotient));
    }
    portable::sub_mul_scalar_from(m, out_rest, a_rest, s);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn sub_mul_scalar_from_product(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64], s: u64) {
    let prime = Prime::new(m);
    let (w, quotient) = (splat(s), splat(m.shoup52(s)));
    let (out, out_rest) = out.as_chunks_mut();
    let ((a, a_rest), (b, b_rest)) = (rows(a), rows(b));
    for (o, (x, y)) in out.iter_mut().zip(a.iter().zip(b)) {
        store(o, prime.times_difference(prime.mul_unmasked(load(x), load(y)), load(o), w, quotient));
    }
    portable::sub_mul_scalar_from_product(m, out_rest, a_rest, b_rest, s);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn centred_residues_into(m: &Modulus, out: &mut [u64], from: &Modulus, a: &[u64]) {
    let prime = Prime::new(m);
    let (half, minus_q) = (splat(from.value() / 2), splat(m.neg(m.reduce_u64(from.value()))));
    let one = splat(1);
    let (out, out_rest) = out.as_chunks_mut();
    let (a, a_rest) = rows(a);
    for (o, x) in out.iter_mut().zip(a) {
        let x = load(x);
        // Below 2^51: q and p are below 2^50.
        let x = _mm512_mask_add_epi64(x, _mm512_cmpgt_epu64_mask(x, half), x, minus_q);
        store(o, prime.times(x, one, prime.ratio));
    }
    portable::centred_residues_into(m, out_rest, from, a_rest);
}
