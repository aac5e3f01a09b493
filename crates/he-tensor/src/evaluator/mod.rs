//! One trait for ciphertexts, simulation and cost.

use ckks_core::circuits::Arithmetic;
use ckks_core::params::Params;

/// What layers are written against: [`Arithmetic`] under known parameters, and a place to look at values in between.
pub trait Evaluator: Arithmetic {
    /// The parameters.
    fn params(&self) -> &Params;

    /// Says that the real parts of `v` have to lie within ±`bound` for what follows to be right (a polynomial's interval,
    /// for instance). Ciphertexts and the cost counter cannot look and do nothing; the simulator keeps the largest
    /// |value|/bound for each `name`.
    fn watch(&self, name: &str, v: &Self::Vector, bound: f64) {
        let _ = (name, v, bound);
    }
}
