//! Sums, differences and products of limbs. What is not a multiple of four words long ends in plain Rust.

use std::arch::x86_64::*;

use super::vector::{Factor, Prime, Row, add, load, splat, store, to_doubles};
use crate::kernels::Modulus;
use crate::kernels::portable::pointwise as portable;

// The compiler turns these loops of sums and minima into vectors by itself.

#[target_feature(enable = "avx2,fma")]
pub fn add_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    portable::add_assign(m, a, b);
}

#[target_feature(enable = "avx2,fma")]
pub fn sub_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    portable::sub_assign(m, a, b);
}

#[target_feature(enable = "avx2,fma")]
pub fn neg_assign(m: &Modulus, a: &mut [u64]) {
    portable::neg_assign(m, a);
}

#[target_feature(enable = "avx2,fma")]
pub fn add_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    portable::add_scalar_assign(m, a, s);
}

/// Whole rows of a slice, and the rest.
fn rows(a: &[u64]) -> (&[Row], &[u64]) {
    a.as_chunks()
}

/// x·y of residues.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn product(prime: &Prime, x: &Row, y: &Row) -> __m256d {
    prime.mul(to_doubles(load(x)), to_doubles(load(y)))
}

#[target_feature(enable = "avx2,fma")]
pub fn mul_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    let prime = Prime::new(m);
    let (a, a_rest) = a.as_chunks_mut();
    let (b, b_rest) = rows(b);
    for (x, y) in a.iter_mut().zip(b) {
        store(x, prime.words(product(&prime, x, y)));
    }
    portable::mul_assign(m, a_rest, b_rest);
}

#[target_feature(enable = "avx2,fma")]
pub fn mul_into(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
    let prime = Prime::new(m);
    let (out, out_rest) = out.as_chunks_mut();
    let ((a, a_rest), (b, b_rest)) = (rows(a), rows(b));
    for (o, (x, y)) in out.iter_mut().zip(a.iter().zip(b)) {
        store(o, prime.words(product(&prime, x, y)));
    }
    portable::mul_into(m, out_rest, a_rest, b_rest);
}

#[target_feature(enable = "avx2,fma")]
pub fn mul_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], b: &[u64]) {
    let prime = Prime::new(m);
    let (acc, acc_rest) = acc.as_chunks_mut();
    let ((a, a_rest), (b, b_rest)) = (rows(a), rows(b));
    for (o, (x, y)) in acc.iter_mut().zip(a.iter().zip(b)) {
        store(o, prime.add_words(load(o), prime.words(product(&prime, x, y))));
    }
    portable::mul_add_assign(m, acc_rest, a_rest, b_rest);
}

#[target_feature(enable = "avx2,fma")]
pub fn mul_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    let (prime, factor) = (Prime::new(m), Factor::new(m, s));
    let (a, rest) = a.as_chunks_mut();
    for x in a {
        store(x, prime.words(prime.times(to_doubles(load(x)), factor)));
    }
    portable::mul_scalar_assign(m, rest, s);
}

#[target_feature(enable = "avx2,fma")]
pub fn mul_scalar_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], s: u64) {
    let (prime, factor) = (Prime::new(m), Factor::new(m, s));
    let (acc, acc_rest) = acc.as_chunks_mut();
    let (a, a_rest) = rows(a);
    for (o, x) in acc.iter_mut().zip(a) {
        store(o, prime.add_words(load(o), prime.words(prime.times(to_doubles(load(x)), factor))));
    }
    portable::mul_scalar_add_assign(m, acc_rest, a_rest, s);
}

#[target_feature(enable = "avx2,fma")]
pub fn sub_mul_scalar_from(m: &Modulus, out: &mut [u64], a: &[u64], s: u64) {
    let (prime, factor) = (Prime::new(m), Factor::new(m, s));
    let (out, out_rest) = out.as_chunks_mut();
    let (a, a_rest) = rows(a);
    for (o, x) in out.iter_mut().zip(a) {
        let difference = _mm256_sub_pd(to_doubles(load(x)), to_doubles(load(o)));
        store(o, prime.words(prime.times(difference, factor)));
    }
    portable::sub_mul_scalar_from(m, out_rest, a_rest, s);
}

#[target_feature(enable = "avx2,fma")]
pub fn sub_mul_scalar_from_product(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64], s: u64) {
    let (prime, factor) = (Prime::new(m), Factor::new(m, s));
    let (out, out_rest) = out.as_chunks_mut();
    let ((a, a_rest), (b, b_rest)) = (rows(a), rows(b));
    for (o, (x, y)) in out.iter_mut().zip(a.iter().zip(b)) {
        let difference = _mm256_sub_pd(product(&prime, x, y), to_doubles(load(o)));
        store(o, prime.words(prime.times(difference, factor)));
    }
    portable::sub_mul_scalar_from_product(m, out_rest, a_rest, b_rest, s);
}

#[target_feature(enable = "avx2,fma")]
pub fn centred_residues_into(m: &Modulus, out: &mut [u64], from: &Modulus, a: &[u64]) {
    let prime = Prime::new(m);
    let (half, minus_q) = (splat(from.value() / 2), splat(m.neg(m.reduce_u64(from.value()))));
    let (out, out_rest) = out.as_chunks_mut();
    let (a, a_rest) = rows(a);
    for (o, x) in out.iter_mut().zip(a) {
        let x = load(x);
        // Below 2^51: q and p are below 2^50.
        let x = add(x, _mm256_and_si256(_mm256_cmpgt_epi64(x, half), minus_q));
        store(o, prime.words(prime.reduce(to_doubles(x))));
    }
    portable::centred_residues_into(m, out_rest, from, a_rest);
}
