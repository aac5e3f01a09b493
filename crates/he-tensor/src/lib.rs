//! Matrices in CKKS slots.
//!
//! [`evaluator::Evaluator`] is the trait that layers are written against. It has three implementations: ciphertexts
//! ([`evaluator::CkksEvaluator`]), plain numbers with predicted levels and errors ([`evaluator::Simulator`]), and a counter of
//! operations and keys ([`evaluator::CostCounter`]).
//!
//! [`layout`] says where (tokens × features) matrices stand in slots, [`pcmm`] multiplies them by public matrices with token
//! shifts, [`ccmm`] multiplies two encrypted matrices head by head, [`reduce`] sums over tokens and features, [`mask`] cuts parts out.

pub mod ccmm;
pub mod error;
pub mod evaluator;
pub mod layout;
pub mod mask;
pub mod pcmm;
pub mod reduce;

pub use ccmm::HeadLayout;
pub use error::{Error, Result};
pub use evaluator::{CkksEvaluator, CostCounter, Evaluator, Simulator};
pub use layout::TokenLayout;
pub use pcmm::MatrixProduct;
