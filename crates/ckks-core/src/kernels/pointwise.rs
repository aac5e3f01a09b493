//! Sums, differences and products, residue by residue.

use super::{Modulus, dispatch};

/// a\[i\] += b\[i\].
pub fn add_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    assert_eq!(a.len(), b.len());
    dispatch!(pointwise::add_assign(m, a, b))
}

/// a\[i\] −= b\[i\].
pub fn sub_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    assert_eq!(a.len(), b.len());
    dispatch!(pointwise::sub_assign(m, a, b))
}

/// a\[i\] = −a\[i\].
pub fn neg_assign(m: &Modulus, a: &mut [u64]) {
    dispatch!(pointwise::neg_assign(m, a))
}

/// a\[i\] += s.
pub fn add_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    dispatch!(pointwise::add_scalar_assign(m, a, s))
}

/// a\[i\] ·= b\[i\].
pub fn mul_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    assert_eq!(a.len(), b.len());
    dispatch!(pointwise::mul_assign(m, a, b))
}

/// out\[i\] = a\[i\]·b\[i\].
pub fn mul_into(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
    assert!(out.len() == a.len() && out.len() == b.len());
    dispatch!(pointwise::mul_into(m, out, a, b))
}

/// acc\[i\] += a\[i\]·b\[i\].
pub fn mul_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], b: &[u64]) {
    assert!(acc.len() == a.len() && acc.len() == b.len());
    dispatch!(pointwise::mul_add_assign(m, acc, a, b))
}

/// a\[i\] ·= s.
pub fn mul_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    dispatch!(pointwise::mul_scalar_assign(m, a, s))
}

/// acc\[i\] += a\[i\]·s.
pub fn mul_scalar_add_assign(m: &Modulus, acc: &mut [u64], a: &[u64], s: u64) {
    assert_eq!(acc.len(), a.len());
    dispatch!(pointwise::mul_scalar_add_assign(m, acc, a, s))
}

/// out\[i\] = (a\[i\] − out\[i\])·s: with s = D⁻¹ the last step of a rescaling or ModDown, in one pass.
pub fn sub_mul_scalar_from(m: &Modulus, out: &mut [u64], a: &[u64], s: u64) {
    assert_eq!(out.len(), a.len());
    dispatch!(pointwise::sub_mul_scalar_from(m, out, a, s))
}

/// out\[i\] = (a\[i\]·b\[i\] − out\[i\])·s: a product and the last step of its rescaling, in one pass.
pub fn sub_mul_scalar_from_product(m: &Modulus, out: &mut [u64], a: &[u64], b: &[u64], s: u64) {
    assert!(out.len() == a.len() && out.len() == b.len());
    dispatch!(pointwise::sub_mul_scalar_from_product(m, out, a, b, s))
}

/// out\[i\] = the representative of a\[i\] in (−q/2, q/2), modulo p, for residues a modulo `from` = q.
pub fn centred_residues_into(m: &Modulus, out: &mut [u64], from: &Modulus, a: &[u64]) {
    assert_eq!(out.len(), a.len());
    dispatch!(pointwise::centred_residues_into(m, out, from, a))
}
