//! Backpropagation, distillation and checkpoints for the polynomial students.

pub mod data;
pub mod error;
pub mod teacher;

pub use error::{Error, Result};
