//! Word arithmetic on limbs: transforms, products, inner products, basis conversion. One implementation in plain Rust, one with
//! AVX2 and FMA, one with AVX-512 IFMA, chosen when the program runs; all give the same bits. `NOTES.md` beside this file has each
//! kernel's mathematics, its value ranges, and why nothing overflows.
//!
//! Residues are in [0, p) on entry and on return. Every kernel works on one limb in one thread; whoever owns several limbs
//! runs them in parallel. Slices that belong together have the same length; a kernel panics if they do not.
//!
//! The only room with unsafe code.
#![allow(unsafe_code)]

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod basis_conversion;
mod blocks;
mod classes;
mod dot;
#[cfg(target_arch = "x86_64")]
mod ifma;
pub mod memory;
mod modulus;
mod ntt;
mod packed_key;
mod path;
mod permute;
mod pointwise;
mod portable;
mod rate;
pub mod rounding;
pub mod special_fft;
mod switch;
#[cfg(test)]
pub(crate) mod tests;

pub use aligned::{AlignedBuf, release_idle_buffers};
pub use basis_conversion::BasisConverter;
pub use blocks::{gemm_blocks, mul_blocks_add_assign, mul_blocks_assign};
#[cfg(feature = "secret")]
pub(crate) use classes::inverse_element;
pub use classes::{
    ClassOutputs, ClassTransform, ClassWeights, LANE_INPUTS, LANE_OUTPUTS, LARGEST_COEFFICIENT, Lane, LaneCoefficients, Lanes,
    gemm_classes, interleave,
};
pub use dot::dot_into;
pub use modulus::Modulus;
pub use ntt::NttTable;
pub use packed_key::{PackedKey, key_words, pack_key, unpack_key};
pub use path::{KernelPath, active_path, force_path, path_from_environment};
pub use permute::permute_into;
pub use pointwise::{
    add_assign, add_scalar_assign, centred_residues_into, mul_add_assign, mul_assign, mul_into, mul_scalar_add_assign,
    mul_scalar_assign, neg_assign, sub_assign, sub_mul_scalar_from, sub_mul_scalar_from_product,
};
pub use rate::multiply_adds;
pub use switch::{Digit, Finish, KeyProduct, Moves, Plus, key_product};

/// Runs `ifma::$kernel` and `avx2::$kernel` on those paths and `portable::$kernel` on the others.
macro_rules! dispatch {
    ($module:ident :: $kernel:ident ( $($argument:expr),* $(,)? )) => {{
        #[cfg(target_arch = "x86_64")]
        match $crate::kernels::path::active_path() {
            $crate::kernels::KernelPath::Ifma => {
                // SAFETY: the path is active only where the CPU has AVX-512 F, BW, DQ, IFMA and VBMI.
                return unsafe { $crate::kernels::ifma::$module::$kernel($($argument),*) };
            }
            $crate::kernels::KernelPath::Avx2 => {
                // SAFETY: the path is active only where the CPU has AVX2 and FMA.
                return unsafe { $crate::kernels::avx2::$module::$kernel($($argument),*) };
            }
            _ => {}
        }
        $crate::kernels::portable::$module::$kernel($($argument),*)
    }};
}
pub(crate) use dispatch;
