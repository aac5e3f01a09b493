//! The parameter sets of the rows: all at 128 bits, with every Q prime between 2^44 and 2^50 unless the name says x30.

use anyhow::Result;
use ckks_core::params::{Params, ParamsLiteral};

/// A named set.
pub struct Set {
    /// How rows name it.
    pub name: &'static str,
    /// What it is.
    pub literal: ParamsLiteral,
}

impl Set {
    /// The validated set.
    pub fn params(&self) -> Result<Params> {
        Ok(Params::new(self.literal.clone())?)
    }
}

fn set(name: &'static str, log_n: u32, limbs: usize, bits: u32, special: usize) -> Set {
    Set { name, literal: ParamsLiteral::leveled(log_n, 50.min(bits + 5), limbs - 1, bits, special, 50) }
}

/// Every set, in the order of the rows.
pub fn all() -> Vec<Set> {
    vec![
        // Primes up to 2^47 are transformed without reductions at this N. They leave q₀ two bits above the scale: |values| < 2 at
        // level 0. P is the largest of all, so that key switching adds no more than with larger ones beside a q₀ of 50 bits.
        Set { name: "n14/l8", literal: ParamsLiteral::leveled(14, 47, 7, 45, 1, 47) },
        Set { name: "n14/l12x30", literal: ParamsLiteral::n14_leveled() },
        set("n15/l14", 15, 14, 45, 4),
        set("n16/l3", 16, 3, 45, 3),
        set("n16/l5", 16, 5, 45, 5),
        set("n16/l12", 16, 12, 45, 11),
        set("n16/l24", 16, 24, 45, 11),
    ]
}
