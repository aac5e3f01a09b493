//! The transformer encoder of the DistilBERT family: the exact forward on plain numbers.

mod attention;
mod gelu;
mod plain;

pub use gelu::Real;
pub use plain::Encoder;
