//! What a bootstrap consists of, for whoever counts its cost.

use super::circuit::Slots;
use super::dft;
use super::params::{BootstrapParams, subset_sums};
use super::transform::Steps;
use crate::circuits::polynomial::Sum;
use crate::error::Result;

/// One step of a bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootstrapStep {
    /// A sparse matrix with its rescaling: one decomposition for all babies, one for each giant.
    Matrix {
        /// Level before it.
        level: usize,
        /// Rotations of its argument.
        babies: usize,
        /// Rotations of its inner sums.
        giants: usize,
        /// Products with plaintexts.
        diagonals: usize,
    },
    /// ModRaise and the first matrix after it: key switches of one digit and one special prime.
    Raise {
        /// Level before the rescaling.
        level: usize,
        /// Rotations, which are products with plaintexts too.
        diagonals: usize,
    },
    /// Rotations from one decomposition, summed before one division by P; a conjugation too.
    Rotations {
        /// Level.
        level: usize,
        /// How many.
        count: usize,
    },
    /// Products and multiples of ciphertexts, summed, with one relinearisation if there is a product, and one rescaling.
    Sum {
        /// Level before.
        level: usize,
        /// Level after.
        after: usize,
        /// Products of two ciphertexts.
        products: usize,
        /// Multiples of ciphertexts.
        multiples: usize,
    },
}

impl BootstrapParams {
    /// The steps of one bootstrap in their order.
    ///
    /// # Errors
    /// Those of the fit of the cosine.
    pub fn outline(&self, slots: Slots) -> Result<Vec<BootstrapStep>> {
        let matrix = |level: usize, matrix: &dft::Diagonals| {
            let steps = Steps::of(matrix);
            BootstrapStep::Matrix { level, babies: steps.rotations(), giants: steps.giants(), diagonals: matrix.by_step.len() }
        };
        let down = dft::slots_to_coeffs(self.literal().log_slots, self.slots_to_coeffs_matrices());
        let mut out: Vec<_> = down.iter().enumerate().map(|(i, m)| matrix(self.input_level() - i, m)).collect();
        let up = self.coeffs_to_slots_diagonals(1.0);
        for (i, m) in up.iter().enumerate() {
            let level = self.raised_level() - i;
            if i + 1 == up.len() && i > 0 {
                out.extend(self.trace_steps());
            }
            out.push(if i == 0 { BootstrapStep::Raise { level, diagonals: m.by_step.len() } } else { matrix(level, m) });
        }
        if up.len() == 1 {
            out.extend(self.trace_steps());
        }
        out.push(BootstrapStep::Rotations { level: self.eval_mod_level(), count: 1 });
        let complex = slots == Slots::Complex;
        let sums = self.eval_mod()?.sums();
        for _ in 0..if complex && !self.packs() { 2 } else { 1 } {
            out.extend(sums.iter().map(|&Sum { level, after, products, multiples }| BootstrapStep::Sum {
                level,
                after,
                products,
                multiples,
            }));
        }
        if complex && self.packs() {
            out.push(BootstrapStep::Rotations { level: self.output_level(), count: 1 });
        }
        Ok(out)
    }

    fn trace_steps(&self) -> Vec<BootstrapStep> {
        let level = self.trace_level();
        self.trace_groups().iter().map(|group| BootstrapStep::Rotations { level, count: subset_sums(group).len() }).collect()
    }
}
