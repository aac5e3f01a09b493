//! The embedding table: one signed byte per entry and one scale per row, so that 30,522 × 128 entries are 4 MB.

use hnn_layers::parameters::Real;
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use super::StudentConfig;
use crate::weights::Weights;
use crate::{Error, Result};

/// Row r of the table is `quantised[r] · scales[r]`.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingTable {
    quantised: Array2<i8>,
    scales: Array1<f32>,
    mask_feature: bool,
}

impl EmbeddingTable {
    /// Reads `weight` (vocab × columns, I8) and `scale` (vocab, F32).
    ///
    /// # Errors
    /// A tensor that is missing or of another shape or type, a scale that is not finite.
    pub fn load(weights: &Weights, config: &StudentConfig) -> Result<Self> {
        Ok(Self {
            quantised: weights.matrix_i8("weight", (config.vocab_size, config.table_columns()))?,
            scales: weights.vector("scale", config.vocab_size)?,
            mask_feature: config.mask_feature,
        })
    }

    /// Rounds every row to −127…127 times its largest magnitude / 127: at most half a step of error, the same result on every
    /// machine.
    pub fn quantise(table: ArrayView2<f32>, mask_feature: bool) -> Self {
        let mut quantised = Array2::zeros(table.dim());
        let mut scales = Array1::zeros(table.nrows());
        for ((row, mut out), scale) in table.rows().into_iter().zip(quantised.rows_mut()).zip(scales.iter_mut()) {
            let largest = row.iter().fold(0f32, |m, x| m.max(x.abs()));
            *scale = largest / 127.0;
            if *scale > 0.0 {
                Zip::from(&mut out).and(&row).for_each(|q, &x| *q = (x / *scale).round().clamp(-127.0, 127.0) as i8);
            }
        }
        Self { quantised, scales, mask_feature }
    }

    /// The bytes and the scales, as they are stored.
    pub fn parts(&self) -> (&Array2<i8>, &Array1<f32>) {
        (&self.quantised, &self.scales)
    }

    /// Number of tokens in the table.
    pub fn vocab_size(&self) -> usize {
        self.scales.len()
    }

    /// The (tokens × dim) matrix of a token sequence; the mask feature, if there is one, is the last column.
    ///
    /// # Errors
    /// [`Error::TokenIds`] for an id outside the table.
    pub fn embed<T: Real>(&self, ids: &[u32]) -> Result<Array2<T>> {
        let columns = self.quantised.ncols();
        let mut x = Array2::from_elem((ids.len(), columns + usize::from(self.mask_feature)), T::one());
        for (&id, mut out) in ids.iter().zip(x.axis_iter_mut(Axis(0))) {
            let id = id as usize;
            if id >= self.vocab_size() {
                return Err(Error::TokenIds {
                    found: format!("token id {id}"),
                    needed: format!("ids below {}, the rows of the embedding table", self.vocab_size()),
                });
            }
            let scale = f64::from(self.scales[id]);
            for (out, &q) in out.iter_mut().zip(self.quantised.row(id)) {
                *out = T::of(f64::from(q) * scale);
            }
        }
        Ok(x)
    }
}
