//! Layers of a homomorphically encrypted network: plain forward, circuit, gradient, cost.
//!
//! Every layer has up to four sides that share one set of weights:
//! * `forward` on ndarray, in f32 for training or f64 for checks;
//! * `backward`, checked against finite differences;
//! * its circuit, the same function on any [`he_tensor::Evaluator`] (ciphertexts, simulation, cost counter);
//! * its cost and noise budget, through [`budget`].
//!
//! The student's layers: [`bilinear_conv`], [`pool`], [`quadratic_head`], [`soft_argmax`]; the encoder's: [`attention`],
//! [`layer_norm`], [`activation`], [`linear`], [`class_soft_argmax`]. [`ragged`] and [`token_mask`] say where tokens stand;
//! [`functions`] are scalar functions with their circuits, [`approx`] finds polynomials for a wanted error.

pub mod activation;
pub mod approx;
pub mod attention;
pub mod bilinear_conv;
pub mod budget;
pub mod class_soft_argmax;
pub mod error;
pub mod functions;
pub mod layer_norm;
pub mod linear;
pub mod parameters;
pub mod pool;
pub mod quadratic_head;
pub mod ragged;
pub mod soft_argmax;
pub mod token_mask;

pub use error::{Error, Result};
