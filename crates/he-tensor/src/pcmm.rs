//! Public matrices times encrypted (tokens × features) matrices, with token shifts.
//!
//! Output row t is `Σ_s M_s · x[t + s]` over a few shifts s. In slots p·t + f (see [`crate::layout`]) the entry M_s\[r\]\[c\] takes
//! the slot that is p·s + c − r further on: it belongs to the diagonal of step κ = p·s + c − r, at feature r. The diagonals are
//! the same for all tokens, so they have period p and are plaintexts of a small subring.
//!
//! Nothing has to be masked where c − r leaves the token: such an entry simply has another step than its neighbour on the
//! cyclic diagonal (for one matrix this is Σ_k D_k^nw·rot_k(x) + rot_{−p}(Σ_k D_k^w·rot_k(x)), 2p − 1 diagonals). With m
//! neighbouring shifts the wrapped part of one shift and the unwrapped part of the next are on the same diagonal:
//! (m + 1)·p − 1 of them, not 2·m·p.
//!
//! Several outputs of the same inputs (the two factors of a bilinear convolution) and several inputs (a vector, its sums over
//! windows, its mean) share babies and giants: see [`BlockTransform`].

use std::collections::BTreeMap;

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::{BlockTransform, DEFAULT_KEY_COST, Diagonals, PlanCosts};

use crate::layout::TokenLayout;
use crate::{Error, Result};

/// Collects matrices into one product with shared rotations.
#[derive(Clone, Debug)]
pub struct MatrixProduct {
    layout: TokenLayout,
    inputs: usize,
    /// Per output and input: step → values per feature.
    blocks: Vec<Vec<BTreeMap<i64, Vec<f64>>>>,
}

impl MatrixProduct {
    /// An empty product with a number of inputs and outputs, all in `layout`.
    #[must_use]
    pub fn new(layout: &TokenLayout, inputs: usize, outputs: usize) -> Self {
        Self { layout: *layout, inputs, blocks: vec![vec![BTreeMap::new(); inputs]; outputs] }
    }

    /// output\[t\] += M · input\[t + shift\] for all tokens t, where M has `rows` × `columns` entries `weight(row, column)`.
    /// Shifts are cyclic (see [`TokenLayout::rotation_period`]).
    ///
    /// # Errors
    /// [`Error::Layout`] for an output or input that does not exist, for a matrix larger than the layout's period, and
    /// for a shift in a layout whose sentences take several vectors; [`Error::Weight`] for weights that are not finite.
    pub fn add_matrix(
        &mut self,
        (output, input): (usize, usize),
        shift: i64,
        (rows, columns): (usize, usize),
        weight: impl Fn(usize, usize) -> f64,
    ) -> Result<&mut Self> {
        let several = self.layout.positions() > self.layout.positions_per_vector();
        if shift != 0 && several {
            let found = self.layout.positions();
            let needed = format!("at most {} for products with token shifts", self.layout.positions_per_vector());
            return Err(Error::Layout { what: "positions of a layout", found, needed });
        }
        let (p, order) = (self.layout.period() as i64, self.layout.rotation_period() as i64);
        self.add(output, input, (rows, columns), weight, |r, c| (p * shift + c - r).rem_euclid(order))
    }

    /// output\[t\] += M · input, for an input that is the same for all tokens (a mean, say): half the diagonals of
    /// [`MatrixProduct::add_matrix`], because rotations then wrap around within a token.
    ///
    /// # Errors
    /// As [`MatrixProduct::add_matrix`].
    pub fn add_matrix_on_common(
        &mut self,
        (output, input): (usize, usize),
        (rows, columns): (usize, usize),
        weight: impl Fn(usize, usize) -> f64,
    ) -> Result<&mut Self> {
        let p = self.layout.period() as i64;
        self.add(output, input, (rows, columns), weight, |r, c| (c - r).rem_euclid(p))
    }

    fn add(
        &mut self,
        output: usize,
        input: usize,
        (rows, columns): (usize, usize),
        weight: impl Fn(usize, usize) -> f64,
        step: impl Fn(i64, i64) -> i64,
    ) -> Result<&mut Self> {
        let period = self.layout.period();
        let larger = rows.max(columns);
        if larger > period {
            let needed = format!("at most {period}, the layout's slots per token");
            return Err(Error::Layout { what: "rows or columns of a matrix", found: larger, needed });
        }
        let outputs = self.blocks.len();
        let block = self.blocks.get_mut(output).and_then(|b| b.get_mut(input)).ok_or_else(|| Error::Layout {
            what: "block of a matrix product",
            found: output.max(input),
            needed: format!("an output below {outputs} and an input below {}", self.inputs),
        })?;
        for r in 0..rows {
            for c in 0..columns {
                let w = weight(r, c);
                if !w.is_finite() {
                    return Err(Error::Weight { row: r, column: c, found: w });
                }
                if w != 0.0 {
                    block.entry(step(r as i64, c as i64)).or_insert_with(|| vec![0.0; period])[r] += w;
                }
            }
        }
        Ok(self)
    }

    /// Plans the product: one level, keys from [`BlockTransform::key_requirements`], applied by [`BlockTransform::apply`].
    ///
    /// # Errors
    /// [`ckks_core::Error::ValueOutOfRange`] if an output has no matrix but zeros.
    pub fn plan(&self) -> Result<BlockTransform> {
        self.plan_with_key_cost(DEFAULT_KEY_COST)
    }

    /// As [`MatrixProduct::plan`], where having one more key costs as much as `key_cost` rotations: 0 for keys that stay in
    /// memory and are used again and again.
    ///
    /// # Errors
    /// As [`MatrixProduct::plan`].
    pub fn plan_with_key_cost(&self, key_cost: f64) -> Result<BlockTransform> {
        Ok(BlockTransform::with_key_cost(self.layout.rotation_period(), key_cost, self.diagonals()?)?)
    }

    /// As [`MatrixProduct::plan`] with a given number of baby steps, or the best one, and with everything that the choice weighs:
    /// [`PlanCosts::at_level`] plans for time alone.
    ///
    /// # Errors
    /// As [`MatrixProduct::plan`]; [`ckks_core::Error::ValueOutOfRange`] for 0 baby steps.
    pub fn plan_with_costs(&self, babies: Option<usize>, costs: PlanCosts) -> Result<BlockTransform> {
        Ok(BlockTransform::with_costs(self.layout.rotation_period(), babies, costs, self.diagonals()?)?)
    }

    fn diagonals(&self) -> Result<Vec<Vec<Diagonals>>> {
        let diagonals = |block: &BTreeMap<i64, Vec<f64>>| -> Result<Diagonals> {
            block.iter().map(|(&k, d)| Ok((k, PlainVector::new(d.clone())?))).collect()
        };
        self.blocks.iter().map(|row| row.iter().map(diagonals).collect()).collect()
    }
}
