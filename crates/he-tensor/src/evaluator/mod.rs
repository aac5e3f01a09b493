//! One trait for ciphertexts, simulation and cost.

mod ckks;
mod cost;
mod cost_report;
mod cost_table;
mod gaussian;
mod simulated_vector;
mod simulator;

pub use ckks::CkksEvaluator;
pub use cost::{CostCounter, CountedVector};
pub use cost_report::{CostReport, Operation, OperationCount};
pub use cost_table::{CostTable, Work};
pub use simulated_vector::{Encryption, SimulatedVector};
pub use simulator::Simulator;

use ckks_core::circuits::Arithmetic;
use ckks_core::params::Params;

/// What layers are written against: [`Arithmetic`] under known parameters, and a place to look at values in between.
pub trait Evaluator: Arithmetic {
    /// The parameters.
    fn params(&self) -> &Params;

    /// Says that the real parts of `v` have to lie within ±`bound` for what follows to be right (a polynomial's interval,
    /// for instance). Ciphertexts and the cost counter cannot look and do nothing; the simulator keeps the largest
    /// |value|/bound for each `name` ([`Simulator::ranges`]).
    fn watch(&self, name: &str, v: &Self::Vector, bound: f64) {
        let _ = (name, v, bound);
    }
}
