//! DistilBERT-family models and their polynomial students as encrypted circuits, with a client and a server half.
//!
//! Rooms: [`tokenizer`] (text to ids), [`config`] and [`weights`] (Hugging Face files), [`encoder`] (the exact forward).

pub mod config;
pub mod encoder;
pub mod error;
pub mod student;
pub mod tokenizer;
pub mod weights;

pub use error::{Error, Result};
