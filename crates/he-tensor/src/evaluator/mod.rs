//! One trait for ciphertexts, simulation and cost.

mod bootstrap_cost;
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

use ckks_core::bootstrap::{BootstrapParams, Slots};
use ckks_core::circuits::Arithmetic;
use ckks_core::params::Params;
use ckks_core::{Error, Result};

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

    /// The levels of [`Evaluator::bootstrap`]; none if this evaluator was made without it.
    fn bootstrap_levels(&self) -> Option<BootstrapLevels>;

    /// The same slots at the level of a bootstrap's result, [`BootstrapLevels::output`], from [`BootstrapLevels::input`] or any level
    /// above. Parts of the values should lie in [−1, 1]; what is left then is a known function of the value
    /// ([`sine`]) and noise. Bootstrapping for fewer slots than there are expects vectors of that period, and gives the
    /// mean of the copies where they differ.
    ///
    /// # Errors
    /// [`ckks_core::Error::LevelsExhausted`] below the input level, [`ckks_core::Error::MissingKey`] without bootstrapping.
    fn bootstrap(&self, v: &Self::Vector, slots: Slots) -> Result<Self::Vector>;
}

/// Levels of a bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootstrapLevels {
    /// Lowest level from which it works.
    pub input: usize,
    /// Level of its result.
    pub output: usize,
}

impl BootstrapLevels {
    fn of(params: &BootstrapParams) -> Self {
        Self { input: params.input_level(), output: params.output_level() }
    }

    /// Refuses a vector that is too low.
    fn admit(self, available: usize) -> Result<()> {
        if available < self.input {
            return Err(Error::LevelsExhausted { operation: "bootstrapping", needed: self.input, available });
        }
        Ok(())
    }
}

/// What a bootstrap does to one part of a value: sin(2πx/r)·r/2π with r = q₀/Δ.
#[must_use]
pub fn sine(params: &BootstrapParams, x: f64) -> f64 {
    let turn = std::f64::consts::TAU / params.message_ratio();
    (x * turn).sin() / turn
}

/// What an evaluator without ciphertexts knows of one bootstrap, by what the slots hold.
struct BootstrapFigures<T> {
    params: BootstrapParams,
    complex: T,
    real: T,
}

impl<T: Copy> BootstrapFigures<T> {
    /// For vectors of `scheme`.
    fn new(scheme: &Params, params: &BootstrapParams, of: impl Fn(Slots) -> Result<T>) -> Result<Self> {
        scheme.check_digest("the bootstrapping circuit", params.scheme().digest())?;
        Ok(Self { params: params.clone(), complex: of(Slots::Complex)?, real: of(Slots::Real)? })
    }

    fn of(&self, slots: Slots) -> T {
        if slots == Slots::Complex { self.complex } else { self.real }
    }

    fn levels(&self) -> BootstrapLevels {
        BootstrapLevels::of(&self.params)
    }

    /// Refuses a vector of that level where there is no bootstrapping, or one that is too low.
    fn admit(figures: Option<&Self>, level: usize) -> Result<(&Self, BootstrapLevels)> {
        let figures = figures.ok_or_else(|| without_bootstrapping(level))?;
        let levels = figures.levels();
        levels.admit(level)?;
        Ok((figures, levels))
    }
}

fn without_bootstrapping(level: usize) -> Error {
    Error::MissingKey { key: "bootstrapping keys (the evaluator was made without bootstrapping)".into(), level }
}
