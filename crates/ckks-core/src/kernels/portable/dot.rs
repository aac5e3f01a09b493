//! Inner products with one reduction at the end. Residues are below 2^50, so 2^28 products fit 128 bits.

use crate::kernels::Modulus;

/// Terms that are added up before a reduction: 2^20 products below 2^100 stay below 2^120.
const TERMS: usize = 1 << 20;

pub fn dot_into(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
    for (i, o) in out.iter_mut().enumerate() {
        *o = terms.chunks(TERMS).fold(0, |done, part| {
            m.reduce_u128(part.iter().fold(u128::from(done), |sum, (a, b)| sum + u128::from(a[i]) * u128::from(b[i])))
        });
    }
}

pub fn dot2_into(m: &Modulus, out0: &mut [u64], out1: &mut [u64], terms: &[(&[u64], &[u64], &[u64])]) {
    for (i, (o0, o1)) in out0.iter_mut().zip(out1).enumerate() {
        (*o0, *o1) = terms.chunks(TERMS).fold((0, 0), |(done0, done1), part| {
            let (mut sum0, mut sum1) = (u128::from(done0), u128::from(done1));
            for (d, b, a) in part {
                sum0 += u128::from(d[i]) * u128::from(b[i]);
                sum1 += u128::from(d[i]) * u128::from(a[i]);
            }
            (m.reduce_u128(sum0), m.reduce_u128(sum1))
        });
    }
}
