//! The noise budget ν: bits of precision at the output together with the levels left, predicted before any key is made.

use ckks_core::params::Params;
use he_tensor::evaluator::{CostCounter, CostReport, CountedVector, Encryption, SimulatedVector};
use he_tensor::{Evaluator, Simulator};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What is left after a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseBudget {
    /// ν: −log2 of the standard deviation of a slot's error, values of order 1 counting as 0 bits.
    pub bits: f64,
    /// Levels that are left.
    pub levels: usize,
}

/// A circuit from one vector to one vector, for any evaluator: implement it once, run it, simulate it, count it.
pub trait Circuit {
    /// Runs the circuit.
    ///
    /// # Errors
    /// Whatever the evaluator refuses.
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector) -> Result<E::Vector>;
}

impl NoiseBudget {
    /// Of a simulated vector, by the predicted variances (errors taken as independent).
    pub fn of(v: &SimulatedVector) -> NoiseBudget {
        NoiseBudget { bits: -0.5 * v.mean_variance().log2(), levels: v.level() }
    }

    /// Predicts the budget of `circuit` on `values` encrypted at `level`, from the difference between a simulation with drawn
    /// errors and one without: errors that depend on each other count as they are.
    ///
    /// # Errors
    /// Whatever the circuit refuses: too few levels first of all.
    pub fn predict(
        params: &Params,
        circuit: &impl Circuit,
        values: &[Complex64],
        level: usize,
        seed: u64,
    ) -> Result<NoiseBudget> {
        let run = |simulator: Simulator| -> Result<SimulatedVector> {
            let x = simulator.encrypt_at(values, level, Encryption::Symmetric)?;
            circuit.run(&simulator, &x)
        };
        let (exact, noisy) = (run(Simulator::new(params))?, run(Simulator::with_noise(params, seed))?);
        let pairs = exact.values().iter().zip(noisy.values());
        let square: f64 = pairs.map(|(a, b)| (a - b).norm_sqr()).sum::<f64>() / exact.values().len() as f64;
        Ok(NoiseBudget { bits: -0.5 * square.log2(), levels: exact.level() })
    }

    /// Refuses a budget below what is wanted.
    ///
    /// # Errors
    /// [`Error::Budget`] with both.
    pub fn require(&self, wanted: NoiseBudget) -> Result<()> {
        if self.bits >= wanted.bits && self.levels >= wanted.levels {
            return Ok(());
        }
        Err(Error::Budget { bits: self.bits, levels: self.levels, wanted_bits: wanted.bits, wanted_levels: wanted.levels })
    }
}

/// Levels, operations, keys and bytes of `circuit` on a vector at `level`.
///
/// # Errors
/// Whatever the circuit refuses.
pub fn cost(params: &Params, circuit: &impl Circuit, level: usize) -> Result<CostReport> {
    let counter = CostCounter::new(params);
    let _: CountedVector = circuit.run(&counter, &counter.fresh_at(level)?)?;
    Ok(counter.report())
}
