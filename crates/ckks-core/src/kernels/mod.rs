//! Word arithmetic: the only room with unsafe code.
#![allow(unsafe_code)]

mod aligned;
mod modulus;
mod path;
mod simple;

pub use aligned::AlignedBuf;
pub use modulus::Modulus;
pub use path::{KernelPath, active_path, force_path};
pub use simple::*;
