//! Parameters: plain literals, the security table, validated sets.
//!
//! A [`ParamsLiteral`] is data that anyone can write down or store; a [`Params`] exists only after validation and knows its
//! primes, its security and its digest.

mod chain;
mod literal;
mod scale;
mod security;
mod validated;

pub use literal::ParamsLiteral;
pub use scale::Scale;
pub use security::{Security, max_log_qp_128};
pub use validated::Params;
