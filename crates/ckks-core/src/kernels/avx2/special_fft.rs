//! Transforms of slots: the plain loops, which the compiler turns into vectors.

use crate::kernels::portable::special_fft as portable;
use crate::kernels::special_fft::ComplexRoots;

#[target_feature(enable = "avx2,fma")]
pub fn embed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    portable::embed(roots, re, im);
}

#[target_feature(enable = "avx2,fma")]
pub fn unembed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    portable::unembed(roots, re, im);
}
