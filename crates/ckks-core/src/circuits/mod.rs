//! Circuits written once over any arithmetic on slots: ciphertexts, simulation, cost.

pub mod arithmetic;
pub mod plain_vector;

pub use arithmetic::Arithmetic;
pub use plain_vector::PlainVector;
