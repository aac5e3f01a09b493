//! The transform with IFMA: radix-4 and radix-8 passes, depth first, down to 64 words, which stay in eight registers for the last
//! six stages.

mod factor;
mod forward;
mod inverse;
mod soon;
pub mod transpose;
mod twiddles;

pub use twiddles::{Twiddles, fits};
