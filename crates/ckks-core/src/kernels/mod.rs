//! Word arithmetic: the only room with unsafe code.
#![allow(unsafe_code)]

mod aligned;
mod simple;
pub use simple::*;

pub use aligned::AlignedBuf;
