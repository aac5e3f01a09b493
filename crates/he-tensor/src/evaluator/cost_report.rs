//! What a circuit costs.

use ckks_core::keys::KeyRequirements;
use serde::Serialize;

use super::{CostTable, Work};

/// Kinds of operations that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Sums, differences, additions of constants and plaintexts, products with integers and with i.
    Linear,
    /// Encoding of a plaintext.
    Encoding,
    /// Product with a plaintext or a constant, not rescaled.
    PlainProduct,
    /// Product of two ciphertexts before relinearisation.
    Tensor,
    /// Relinearisation with its rescaling.
    Relinearisation,
    /// Decomposition of a ciphertext for one or several rotations.
    Decomposition,
    /// Rotation of a decomposed ciphertext (or a conjugation).
    Rotation,
    /// Division by the last prime, by P, or by both.
    Division,
    /// Product with a constant and rescaling that bring a ciphertext to a lower level.
    LevelDrop,
    /// A bootstrap, whose key switches are not counted beside it.
    Bootstrap,
}

/// How often an operation was done at a level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OperationCount {
    /// What.
    pub operation: Operation,
    /// Level of the operands.
    pub level: usize,
    /// How often.
    pub count: u64,
    /// What it takes.
    pub work: Work,
}

/// What a circuit costs.
#[derive(Clone, Debug, Serialize)]
pub struct CostReport {
    /// Levels between the highest and the lowest vector seen.
    pub levels_used: usize,
    /// Level of the lowest vector seen.
    pub lowest_level: usize,
    /// Counts by operation and level.
    pub operations: Vec<OperationCount>,
    /// All work together.
    pub work: Work,
    /// The keys needed, each with the highest level at which it is used.
    pub keys: KeyRequirements,
    /// Bytes of these keys in memory, both halves, and of all keys of bootstrapping if there was a bootstrap.
    pub key_bytes_in_memory: u64,
}

impl CostReport {
    /// Predicted seconds on one thread.
    #[must_use]
    pub fn seconds(&self, table: &CostTable) -> f64 {
        table.seconds(self.work)
    }

    /// How often `operation` was done, at all levels.
    #[must_use]
    pub fn count(&self, operation: Operation) -> u64 {
        self.operations.iter().filter(|o| o.operation == operation).map(|o| o.count).sum()
    }
}
