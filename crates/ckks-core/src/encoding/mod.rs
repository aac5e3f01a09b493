//! Slots to polynomials and back.

mod encoder;
#[cfg(test)]
mod encoder_tests;
mod extended;
mod reconstruct;
mod roots;
mod rounding;
mod special_fft;
mod subring_ntt;

pub use encoder::Encoder;
pub use special_fft::SpecialFft;
