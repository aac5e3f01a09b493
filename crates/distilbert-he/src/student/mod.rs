//! The polynomial student: a small network whose layers are all polynomials, so that the network that is trained is the
//! network that runs on ciphertexts.
//!
//! embedding table → bilinear convolution blocks (possibly none) → mean over the tokens with a public constant per length
//! class → h = P·mean + b → margin = o₁·h + o₂·h² + c → Differentiable Soft-Argmax σ(β·margin).
//!
//! The client applies the embedding table and encrypts the zero-padded token matrix; the server runs the rest.

mod circuit;
mod config;
mod diagonals;
mod embedding;
mod fold;
mod layout;
mod model;

pub use circuit::{Stage, StudentCircuit};
pub use config::{BlockShape, MODEL_TYPE, SoftArgmaxShape, StudentConfig};
pub use embedding::EmbeddingTable;
pub use layout::SlotLayout;
pub use model::{Network, SigmoidForm, Student};
