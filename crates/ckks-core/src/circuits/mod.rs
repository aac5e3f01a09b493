//! Circuits written once over any arithmetic on slots: ciphertexts, simulation, cost.

pub mod arithmetic;
pub mod block_transform;
pub mod linear_transform;
pub mod on_ciphertexts;
#[cfg(test)]
mod plain_arithmetic;
pub mod plain_vector;
pub mod polynomial;

pub use arithmetic::Arithmetic;
pub use on_ciphertexts::CkksEvaluator;
pub use plain_vector::PlainVector;
