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
