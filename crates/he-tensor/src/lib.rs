//! Matrices in CKKS slots.
//!
//! [`evaluator::Evaluator`] is the trait that layers are written against.

pub mod evaluator;

pub use evaluator::Evaluator;
