//! From weight matrices to the diagonals of a product in slots.
//!
//! Slot p·t + f holds feature f of token t, and the diagonals are the same for every token: vectors of period p. In a rotation
//! by f − r, which is negative for half of the entries, slot p·t + r receives feature f of the same token: no wrap into another
//! token has to be taken apart.

use std::collections::BTreeMap;

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::Diagonals;
use ndarray::Array2;
use num_complex::Complex64;

use crate::Result;

/// Diagonals under construction; matrices that fall on the same steps are added.
pub(super) struct DiagonalBuilder {
    period: usize,
    slots: i64,
    steps: BTreeMap<i64, Vec<Complex64>>,
}

impl DiagonalBuilder {
    /// No matrix yet, for `period` slots per token; steps count modulo `slots`.
    pub(super) fn new(period: usize, slots: usize) -> Self {
        Self { period, slots: slots as i64, steps: BTreeMap::new() }
    }

    /// Adds y[t] += Mᵀ·x[t] for `matrix` (inputs × outputs, both at most the period), row r times `row_factor(r)`.
    pub(super) fn add_token(&mut self, matrix: &Array2<f64>, row_factor: impl Fn(usize) -> Complex64) {
        self.add(matrix, row_factor, |f, r| f as i64 - r as i64);
    }

    /// Adds y[t] += Mᵀ·x for an x that is the same for every token: its rotations within a token are cyclic, which halves the
    /// number of steps.
    pub(super) fn add_shared(&mut self, matrix: &Array2<f64>, row_factor: impl Fn(usize) -> Complex64) {
        let period = self.period as i64;
        self.add(matrix, row_factor, |f, r| (f as i64 - r as i64).rem_euclid(period));
    }

    fn add(&mut self, matrix: &Array2<f64>, row_factor: impl Fn(usize) -> Complex64, step: impl Fn(usize, usize) -> i64) {
        for ((f, r), &weight) in matrix.indexed_iter() {
            if weight != 0.0 {
                let period = self.period;
                let step = step(f, r).rem_euclid(self.slots);
                self.steps.entry(step).or_insert_with(|| vec![Complex64::ZERO; period])[r] += row_factor(r) * weight;
            }
        }
    }

    /// The finished diagonals, real ones as real vectors.
    ///
    /// # Errors
    /// [`ckks_core::Error::ValueOutOfRange`] if folding has made a value that is not finite.
    pub(super) fn build(self) -> Result<Diagonals> {
        self.steps.into_iter().map(|(step, values)| Ok((step, plain(values)?))).collect()
    }
}

/// A plain vector, real if all values are.
pub(super) fn plain(values: Vec<Complex64>) -> Result<PlainVector> {
    if values.iter().all(|z| z.im == 0.0) {
        Ok(PlainVector::new(values.iter().map(|z| z.re).collect::<Vec<_>>())?)
    } else {
        Ok(PlainVector::complex(values)?)
    }
}
