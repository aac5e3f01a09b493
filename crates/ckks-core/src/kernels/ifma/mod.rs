//! The kernels with AVX-512 IFMA: eight residues a vector, products of 52-bit numbers in two halves.
//!
//! Functions here are `target_feature` functions: whoever calls them has checked that the CPU has AVX-512 F, BW, DQ, IFMA and VBMI.
//! Inside, data are slices of eight-word arrays, so that the only unsafe operations are loads and stores of whole arrays.

pub mod basis_conversion;
pub mod blocks;
pub mod classes;
pub mod dot;
mod doubles;
pub mod ntt;
pub mod permute;
pub mod pointwise;
pub mod rate;
pub mod rounding;
pub mod special_fft;
pub mod switch;
mod vector;
