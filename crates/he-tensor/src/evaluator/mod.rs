//! One trait for ciphertexts, simulation and cost.

use ckks_core::circuits::{Arithmetic, PlainVector};
use ckks_core::{Error, Result};

/// What layers are written against: [`Arithmetic`] and matrix products with many outputs.
pub trait Evaluator: Arithmetic {
    /// Several sums `Σ vectors[i] ⊙ p` over the same vectors, one per entry of `rows`, each with one rescaling: the inner
    /// part of a product with a public matrix. The vectors are read once for all rows where that is faster.
    ///
    /// # Errors
    /// As [`Arithmetic::dot_plain`]; an index outside `vectors` is refused.
    fn dot_plain_many(
        &self,
        vectors: &[Self::Vector],
        rows: &[Vec<(usize, PlainVector)>],
    ) -> Result<Vec<Self::Vector>> {
        rows.iter()
            .map(|row| {
                let terms = row
                    .iter()
                    .map(|(i, p)| match vectors.get(*i) {
                        Some(v) => Ok((v, p)),
                        None => Err(Error::LengthMismatch {
                            what: "vectors of a matrix product",
                            found: vectors.len(),
                            needed: format!("more than {i}"),
                        }),
                    })
                    .collect::<Result<Vec<_>>>()?;
                self.dot_plain(&terms)
            })
            .collect()
    }
}
