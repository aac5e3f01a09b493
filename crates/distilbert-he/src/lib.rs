//! DistilBERT-family models and their polynomial students as encrypted circuits, with a client and a server half.
//!
//! Rooms: [`tokenizer`] (text to ids), [`config`] and [`weights`] (Hugging Face files), [`encoder`] (the exact forward),
//! [`student`] (the polynomial network and its circuit), [`compile`] (circuits, keys and cost under given parameters),
//! [`message`] (what travels), `client` and `server` (the two halves, each behind a feature of its name).

#[cfg(feature = "client")]
pub mod client;
pub mod compile;
pub mod config;
pub mod encoder;
pub mod error;
pub mod message;
#[cfg(feature = "server")]
pub mod server;
pub mod student;
pub mod tokenizer;
pub mod weights;

pub use error::{Error, Result};

/// The programs in the README compile.
#[cfg(all(doctest, feature = "client", feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
