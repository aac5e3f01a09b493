//! See [`crate::kernels`]'s functions of the same names.

use crate::kernels::Modulus;

pub fn scale_and_round(values: &mut [f64], factor: f64) -> f64 {
    let mut largest = 0;
    for x in values {
        *x = (*x * factor).round_ties_even();
        largest = largest.max(magnitude_bits(*x));
    }
    magnitude_of(largest)
}

/// The bits of |x|: ordered as the magnitudes are, with what is not a number above infinity.
pub fn magnitude_bits(x: f64) -> u64 {
    x.to_bits() & (u64::MAX >> 1)
}

pub fn magnitude_of(bits: u64) -> f64 {
    let magnitude = f64::from_bits(bits);
    if magnitude.is_nan() { f64::INFINITY } else { magnitude }
}

pub fn integer_residues_into(m: &Modulus, out: &mut [u64], values: &[f64], _largest: f64) {
    out.iter_mut().zip(values).for_each(|(r, &x)| *r = integer_residue(m, x));
}

/// `x` modulo the prime for an integer-valued finite double.
fn integer_residue(m: &Modulus, x: f64) -> u64 {
    const EXACT: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if x.abs() < EXACT {
        return m.from_i64(x as i64);
    }
    // mantissa · 2^shift with a 53-bit mantissa
    let bits = x.to_bits();
    let shift = ((bits >> 52) & 0x7ff) - 1075;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let residue = m.mul(m.reduce_u64(mantissa), m.pow(2, shift));
    if x < 0.0 { m.neg(residue) } else { residue }
}
