//! The kernels in plain Rust: the definition that every other path has to match bit for bit.

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
