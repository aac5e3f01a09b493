//! Word arithmetic: the only room with unsafe code.
#![allow(unsafe_code)]
