//! Slots to polynomials and back.

mod roots;
mod special_fft;

pub use special_fft::SpecialFft;
