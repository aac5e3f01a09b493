//! Layers of a homomorphically encrypted network: plain forward, circuit, gradient.

pub mod bilinear_conv;
pub mod error;
pub mod linear;
pub mod parameters;
pub mod pool;
pub mod quadratic_head;
pub mod ragged;

pub use error::{Error, Result};
