//! Circuits written once over any arithmetic on slots: ciphertexts, simulation, cost.

pub mod arithmetic;
pub mod block_transform;
pub mod linear_transform;
#[cfg(test)]
mod plain_arithmetic;
pub mod plain_vector;
pub mod polynomial;

pub use arithmetic::Arithmetic;
pub use plain_vector::PlainVector;
