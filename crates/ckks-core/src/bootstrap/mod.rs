//! Bootstrapping: a ciphertext without levels becomes one with levels, without a secret.
//!
//! The order is SlotsToCoeffs → ModRaise → CoeffsToSlots → EvalMod: the first transform runs on the few primes that are left, and the
//! sum of its errors is the error of the coefficients, which become slots again. `docs/bootstrapping.md` has the circuit, the
//! error budget, and what was measured.

mod circuit;
mod dft;
mod eval_mod;
mod failure;
mod keys;
mod literal;
mod mod_raise;
mod outline;
mod params;
mod precision;
mod sine;
mod switching;
mod trace;
mod transform;

pub use circuit::{Bootstrapper, Coefficients, Slots};
pub use keys::{BootstrapKeyRequirements, BootstrapKeys, EncapsulationKeys};
pub use literal::BootstrapParamsLiteral;
pub use mod_raise::Raised;
pub(crate) use mod_raise::{from_sparse_shape, to_sparse_shape};
pub use outline::BootstrapStep;
pub use params::{BootstrapParams, EncapsulationSecurity, max_log_qp_sparse_128};
pub use precision::PredictedError;
