//! The kernels with AVX2 and FMA, for CPUs without AVX-512 IFMA: four residues a vector, as integers in doubles where they are
//! multiplied.
//!
//! Functions here are `target_feature` functions: whoever calls them has checked that the CPU has AVX2 and FMA. Inside, data are
//! slices of four-word arrays, so that the only unsafe operations are loads and stores of whole arrays.

pub mod basis_conversion;
pub mod blocks;
pub mod classes;
pub mod dot;
pub mod ntt;
pub mod permute;
pub mod pointwise;
pub mod rate;
pub mod rounding;
pub mod special_fft;
pub mod switch;
mod vector;
