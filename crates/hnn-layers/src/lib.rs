//! Layers of a homomorphically encrypted network: plain forward, circuit, gradient.

pub mod activation;
pub mod attention;
pub mod bilinear_conv;
pub mod class_soft_argmax;
pub mod error;
pub mod functions;
pub mod layer_norm;
pub mod linear;
pub mod parameters;
pub mod pool;
pub mod quadratic_head;
pub mod ragged;
pub mod token_mask;

pub use error::{Error, Result};
