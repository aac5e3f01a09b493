//! Matrices in CKKS slots.
//!
//! [`evaluator::Evaluator`] is the trait that layers are written against. It has three implementations: ciphertexts
//! ([`evaluator::CkksEvaluator`]), plain numbers with predicted levels and errors ([`evaluator::Simulator`]), and a counter of
//! operations and keys ([`evaluator::CostCounter`]).

pub mod evaluator;

pub use evaluator::{CkksEvaluator, CostCounter, Evaluator, Simulator};
