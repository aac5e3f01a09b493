//! How many bits are right: what a decoded vector shows.

pub mod model;
pub mod precision;

pub use model::NoiseModel;
pub use precision::{BitStatistics, Precision};
