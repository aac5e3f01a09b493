//! From weight matrices to the diagonals of a product in slots.
//!
//! Within a sentence feature f of token t stands at p·t + f (and S times that in slots, [`SlotLayout`]), and the diagonals are
//! the same for every token and every sentence: vectors of period S·p. Only the head's outputs may be more than p: what it reads is
//! the same at every token, so they take the slots of several tokens, and its diagonals have a multiple of that period.
//!
//! **Steps 0 … p − 1 only.** A rotation by k features brings to place r of token t its feature f = r + k, and where that is p or
//! more feature f − p of the *next* token. So the entries of a matrix with f < r meet their feature in the same rotation if what
//! is rotated stands one token earlier: of a matrix on x\[t + s\] the entries with f ≥ r ([`Half::Within`]) read x\[t + s\] and
//! those with f < r ([`Half::Wrapped`]) x\[t + s − 1\], both in the rotation by (f − r) mod p. Had both to read x\[t + s\], steps
//! would go from 1 − p to p − 1, and there would be twice as many giant steps. Neighbouring taps share what they read: the
//! wrapped half of one is the other half of the next.
//!
//! **Two views in a vector.** Inputs are pairs of real views, z = a + i·b, and outputs are real parts: Re((A − i·B)·z) =
//! A·a + B·b. Half the rotations and half the products then serve both.

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::Diagonals;
use ndarray::Array2;
use num_complex::Complex64;

use super::SlotLayout;
use crate::Result;

/// The entries of a matrix that a rotation by 0 … p − 1 features serves from one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// f ≥ r: the feature stands in the same token.
    Within,
    /// f < r: the rotation takes it from the next token.
    Wrapped,
}

/// Diagonals under construction; matrices that fall on the same steps are added.
pub(super) struct DiagonalBuilder {
    layout: SlotLayout,
    /// Outputs after which a diagonal repeats.
    rows: usize,
    /// By step in features, from 0 to p − 1.
    steps: Vec<Option<Vec<Complex64>>>,
}

impl DiagonalBuilder {
    /// No matrix yet; outputs for every token.
    pub(super) fn new(layout: SlotLayout) -> Self {
        Self { layout, rows: layout.period(), steps: vec![None; layout.period()] }
    }

    /// No matrix yet; outputs for the head.
    pub(super) fn for_head(layout: SlotLayout) -> Self {
        Self { layout, rows: layout.head_period(), steps: vec![None; layout.period()] }
    }

    /// Adds y\[t\] += Mᵀ·x\[t\] for one half of `matrix` (inputs × outputs, both at most the period), times `factor`. For the
    /// wrapped half the input is x one token earlier.
    pub(super) fn add_half(&mut self, matrix: &Array2<f64>, half: Half, factor: Complex64) {
        self.add(matrix, |f, r| ((f < r) == (half == Half::Wrapped)).then_some(factor));
    }

    /// Adds y\[t\] += Mᵀ·x for an x that is the same for every token, output r times `row_factor(r)`.
    pub(super) fn add_shared(&mut self, matrix: &Array2<f64>, row_factor: impl Fn(usize) -> Complex64) {
        self.add(matrix, |_, r| Some(row_factor(r)));
    }

    fn add(&mut self, matrix: &Array2<f64>, factor: impl Fn(usize, usize) -> Option<Complex64>) {
        let (period, rows) = (self.layout.period(), self.rows);
        for ((f, r), &weight) in matrix.indexed_iter() {
            if let Some(factor) = factor(f, r).filter(|_| weight != 0.0) {
                let values = self.steps[(period + f - r % period) % period].get_or_insert_with(|| vec![Complex64::ZERO; rows]);
                values[r] += factor * weight;
            }
        }
    }

    /// The finished diagonals by steps in slots, real ones as real vectors.
    ///
    /// # Errors
    /// [`ckks_core::Error::ValueOutOfRange`] if folding has made a value that is not finite.
    pub(super) fn build(self) -> Result<Diagonals> {
        let stride = self.layout.sentences() as i64;
        let given = (0..).zip(self.steps).filter_map(|(step, values)| Some((stride * step, values?)));
        given.map(|(step, values)| Ok((step, plain(self.layout, self.rows, &values)?))).collect()
    }
}

/// A vector that holds values\[f\] at feature f and repeats after `period` features, real if all values are.
pub(super) fn plain(layout: SlotLayout, period: usize, values: &[Complex64]) -> Result<PlainVector> {
    let stride = layout.sentences();
    let value = |j: usize| values.get(j / stride).copied().unwrap_or_default();
    let slots = 0..period * stride;
    if values.iter().all(|z| z.im == 0.0) {
        Ok(PlainVector::new(slots.map(|j| value(j).re).collect::<Vec<_>>())?)
    } else {
        Ok(PlainVector::complex(slots.map(value).collect::<Vec<_>>())?)
    }
}
