//! Eight doubles at a time.

use std::arch::x86_64::*;

/// Eight neighbouring doubles.
pub type Doubles = [f64; 8];

#[inline]
#[target_feature(enable = "avx512f")]
pub fn load(row: &Doubles) -> __m512d {
    // SAFETY: both types are 64 bytes of which every pattern is valid.
    unsafe { std::mem::transmute::<Doubles, __m512d>(*row) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub fn store(row: &mut Doubles, x: __m512d) {
    // SAFETY: as for `load`.
    *row = unsafe { std::mem::transmute::<__m512d, Doubles>(x) };
}
