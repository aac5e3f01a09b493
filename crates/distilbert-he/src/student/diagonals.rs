//! From weight matrices to the diagonals of a product in slots.
//!
//! Within a sentence feature f of token t stands at p·t + f (and S times that in slots, [`SlotLayout`]), and the diagonals are
//! the same for every token and every sentence: vectors of period S·p. In a rotation by f − r, which is negative for half of the
//! entries, feature f of the same token comes to place r: no wrap into another token has to be taken apart.
//!
//! Inputs come in pairs, z = a + i·b, and outputs are real parts: Re((A − i·B)·z) = A·a + B·b. Half the rotations and half the
//! products then serve both.

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::Diagonals;
use ndarray::Array2;
use num_complex::Complex64;

use super::SlotLayout;
use crate::Result;

/// Diagonals under construction; matrices that fall on the same steps are added.
pub(super) struct DiagonalBuilder {
    layout: SlotLayout,
    /// By step in features, from 1 − p to p − 1.
    steps: Vec<Option<Vec<Complex64>>>,
}

impl DiagonalBuilder {
    /// No matrix yet.
    pub(super) fn new(layout: SlotLayout) -> Self {
        Self { layout, steps: vec![None; 2 * layout.period() - 1] }
    }

    /// Adds y[t] += Mᵀ·x[t] for `matrix` (inputs × outputs, both at most the period), row r times `row_factor(r)`.
    pub(super) fn add_token(&mut self, matrix: &Array2<f64>, row_factor: impl Fn(usize) -> Complex64) {
        let zero = self.layout.period() - 1;
        self.add(matrix, row_factor, |f, r| zero + f - r);
    }

    /// Adds y[t] += Mᵀ·x for an x that is the same for every token: its rotations within a token are cyclic, which halves the
    /// number of steps.
    pub(super) fn add_shared(&mut self, matrix: &Array2<f64>, row_factor: impl Fn(usize) -> Complex64) {
        let period = self.layout.period();
        self.add(matrix, row_factor, |f, r| period - 1 + (period + f - r) % period);
    }

    fn add(&mut self, matrix: &Array2<f64>, row_factor: impl Fn(usize) -> Complex64, at: impl Fn(usize, usize) -> usize) {
        let period = self.layout.period();
        for ((f, r), &weight) in matrix.indexed_iter() {
            if weight != 0.0 {
                let values = self.steps[at(f, r)].get_or_insert_with(|| vec![Complex64::ZERO; period]);
                values[r] += row_factor(r) * weight;
            }
        }
    }

    /// The finished diagonals by steps in slots, real ones as real vectors.
    ///
    /// # Errors
    /// [`ckks_core::Error::ValueOutOfRange`] if folding has made a value that is not finite.
    pub(super) fn build(self) -> Result<Diagonals> {
        let (stride, zero) = (self.layout.sentences() as i64, self.layout.period() as i64 - 1);
        let given = (-zero..).zip(self.steps).filter_map(|(step, values)| Some((stride * step, values?)));
        given.map(|(step, values)| Ok((step, plain(self.layout, &values)?))).collect()
    }
}

/// A vector that holds values\[f\] at feature f of every token, real if all values are.
pub(super) fn plain(layout: SlotLayout, values: &[Complex64]) -> Result<PlainVector> {
    let stride = layout.sentences();
    let value = |j: usize| values.get(j / stride).copied().unwrap_or_default();
    let slots = 0..layout.period() * stride;
    if values.iter().all(|z| z.im == 0.0) {
        Ok(PlainVector::new(slots.map(|j| value(j).re).collect::<Vec<_>>())?)
    } else {
        Ok(PlainVector::complex(slots.map(value).collect::<Vec<_>>())?)
    }
}
