//! Q·Kᵀ for every head: one dense vector of scores per b token offsets.

use ckks_core::circuits::block_transform::BlockTransform;
use ckks_core::{Error, Result};

use super::HeadLayout;
use super::steps::Steps;
use crate::Evaluator;

/// The planned product of queries and keys.
#[derive(Clone, Debug)]
pub struct ScoreProduct {
    heads: HeadLayout,
    alignment: BlockTransform,
    steps: Steps,
}

impl ScoreProduct {
    /// Plans the product.
    ///
    /// # Errors
    /// None for a layout that exists.
    pub fn new(heads: &HeadLayout) -> Result<Self> {
        // Halves, because two groups are split by x ± conj x.
        let half = if heads.groups() > 1 { 0.5 } else { 1.0 };
        Ok(Self { heads: *heads, alignment: heads.alignment()?, steps: Steps::plan(heads, |_, _| half)? })
    }

    /// Scores from queries and keys, real slots both: ⌈T/b⌉ vectors, two levels below the lower of the two. Vector g has
    /// `Σ_d q[t,h,d]·k[t+g·b+j, h, d]` in slot p·t + b·h + j; token indices count modulo T. Slots beyond the heads are zero.
    ///
    /// Needs the relinearisation key, Galois keys and, for more than one group, the conjugation key.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, queries: &E::Vector, keys: &E::Vector) -> Result<Vec<E::Vector>> {
        let level = e.level(queries).min(e.level(keys));
        let queries = e.drop_to_level(queries, level)?;
        let aligned = single(self.alignment.apply(e, &[keys])?)?;
        let aligned = e.drop_to_level(&aligned, level.saturating_sub(1))?;
        let babies = e.rotate_many(&queries, &self.steps.babies)?;

        let groups = self.heads.groups();
        let shift = (self.heads.tokens().period() * self.heads.width()) as i64;
        let mut scores = Vec::with_capacity(groups);
        for first in (0..groups).step_by(2) {
            let pair = first + 1 < groups;
            let mut keys = e.rotate(&aligned, self.heads.step(shift * first as i64))?;
            if pair {
                let second = e.rotate(&aligned, self.heads.step(shift * (first + 1) as i64))?;
                keys = e.add(&keys, &e.mul_by_i(&second)?)?;
            }
            let product = self.product(e, &babies, &keys)?;
            if pair {
                let conjugate = e.conjugate(&product)?;
                let imaginary = e.mul_by_i(&e.sub(&conjugate, &product)?)?;
                scores.extend([e.add(&product, &conjugate)?, imaginary]);
            } else if groups > 1 {
                // The masks hold halves.
                scores.push(e.mul_integer(&product, 2)?);
            } else {
                scores.push(product);
            }
        }
        Ok(scores)
    }

    /// Σ_g rot_g( Σ_f mask ⊙ rot_f(Q) ⊙ rot_{f − p(g+f)}(K̃) ).
    fn product<E: Evaluator>(&self, e: &E, babies: &[E::Vector], keys: &E::Vector) -> Result<E::Vector> {
        let p = self.heads.tokens().period() as i64;
        let mut sums = Vec::with_capacity(self.steps.giants.len());
        for giant in &self.steps.giants {
            let base = e.rotate(keys, self.heads.step(-p * giant.step))?;
            let steps: Vec<i64> = giant.terms.iter().map(|&(i, _)| self.heads.step(self.steps.babies[i] * (1 - p))).collect();
            let rotated = e.rotate_many(&base, &steps)?;
            let masked: Vec<E::Vector> =
                giant.terms.iter().map(|(i, mask)| e.mul_plain(&babies[*i], mask)).collect::<Result<_>>()?;
            let pairs: Vec<_> = masked.iter().zip(&rotated).collect();
            sums.push((e.sum_of_products(&pairs)?, self.heads.step(giant.step)));
        }
        let terms: Vec<_> = sums.iter().map(|(v, g)| (v, *g)).collect();
        e.sum_of_rotations(&terms)
    }
}

/// The only output of a transform with one.
pub(super) fn single<V>(outputs: Vec<V>) -> Result<V> {
    let found = outputs.len();
    let refuse = || Error::LengthMismatch { what: "outputs of a transform", found, needed: "1".into() };
    outputs.into_iter().next().ok_or_else(refuse)
}
