//! How many bits are right: what a decoded vector shows.

pub mod precision;

pub use precision::{BitStatistics, Precision};
