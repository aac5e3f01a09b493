//! P·V for every head: from dense vectors of attention weights and the values to contexts.

use ckks_core::circuits::block_transform::BlockTransform;
use ckks_core::{Error, Result};

use super::HeadLayout;
use super::scores::single;
use super::steps::Steps;
use crate::Evaluator;

/// The planned product of attention weights and values.
#[derive(Clone, Debug)]
pub struct ValueProduct {
    heads: HeadLayout,
    alignment: BlockTransform,
    passes: Vec<Pass>,
}

/// One or two groups that go through the product together, the second as imaginary part.
#[derive(Clone, Debug)]
struct Pass {
    first: usize,
    second: Option<usize>,
    steps: Steps,
}

impl ValueProduct {
    /// Plans the product, with contexts multiplied by `factor` at no cost.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] for a factor that is zero or not finite.
    pub fn new(heads: &HeadLayout, factor: f64) -> Result<Self> {
        let groups = heads.groups();
        let weight = factor * if groups > 1 { 0.5 } else { 1.0 };
        let plan = |group: usize| {
            // Position d of the values meets weight d + e, which has to have an offset below T.
            let used = |e: i64, d: usize| usize::try_from(d as i64 + e).ok().and_then(|j| heads.offset(group, j)).is_some();
            Steps::plan(heads, |e, d| if used(e, d) { weight } else { 0.0 })
        };
        // Groups whose offsets are all below T have the same masks, so that two of them share the plaintexts.
        let full = heads.tokens().positions() / heads.width();
        let mut passes = Vec::new();
        for first in (0..full).step_by(2) {
            passes.push(Pass { first, second: (first + 1 < full).then_some(first + 1), steps: plan(first)? });
        }
        if full < groups {
            passes.push(Pass { first: full, second: None, steps: plan(full)? });
        }
        Ok(Self { heads: *heads, alignment: heads.alignment()?, passes })
    }

    /// Contexts from weights (as many vectors as groups, laid out as [`super::ScoreProduct::apply`] gives scores) and values,
    /// real slots both: `factor·Σ_{g,j} P_g[t,h,j]·v[t+g·b+j, h, d]` in slot p·t + b·h + d. One level below the weights, or
    /// three below the values if these are lower. Slots beyond the heads are zero.
    ///
    /// Needs the relinearisation key, Galois keys and, for more than one group, the conjugation key.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`]; [`Error::LengthMismatch`] for another number of weight vectors.
    pub fn apply<E: Evaluator>(&self, e: &E, weights: &[E::Vector], values: &E::Vector) -> Result<E::Vector> {
        if weights.len() != self.heads.groups() {
            let needed = self.heads.groups().to_string();
            return Err(Error::LengthMismatch { what: "vectors of attention weights", found: weights.len(), needed });
        }
        // Nothing is gained by values above the weights' level, and rotations are cheaper below.
        let weight_level = weights.iter().map(|w| e.level(w)).min().unwrap_or(0);
        let values = e.drop_to_level(values, (weight_level + 2).min(e.level(values)))?;
        let aligned = single(self.alignment.apply(e, &[&values])?)?;
        let shift = (self.heads.tokens().period() * self.heads.width()) as i64;
        let group = |g: usize| e.rotate(&aligned, self.heads.step(shift * g as i64));
        let mut sums = Vec::new();
        for pass in &self.passes {
            // (P₁ + i·P₂)·(V₁ − i·V₂) has the real part P₁·V₁ + P₂·V₂.
            let (weights, values) = match pass.second {
                None => (weights[pass.first].clone(), group(pass.first)?),
                Some(second) => (
                    e.add(&weights[pass.first], &e.mul_by_i(&weights[second])?)?,
                    e.sub(&group(pass.first)?, &e.mul_by_i(&group(second)?)?)?,
                ),
            };
            self.pass(e, &pass.steps, &weights, &values, &mut sums)?;
        }
        let terms: Vec<_> = sums.iter().map(|(v, g)| (v, *g)).collect();
        let packed = e.sum_of_rotations(&terms)?;
        if self.heads.groups() > 1 { e.add(&packed, &e.conjugate(&packed)?) } else { Ok(packed) }
    }

    /// Σ_f rot_f(P) ⊙ mask ⊙ rot_{p(g+f)−g}(Ṽ) for every giant step g, to be rotated by g.
    fn pass<E: Evaluator>(
        &self,
        e: &E,
        steps: &Steps,
        weights: &E::Vector,
        values: &E::Vector,
        sums: &mut Vec<(E::Vector, i64)>,
    ) -> Result<()> {
        let p = self.heads.tokens().period() as i64;
        let babies = e.rotate_many(weights, &steps.babies)?;
        for giant in &steps.giants {
            let base = e.rotate(values, self.heads.step((p - 1) * giant.step))?;
            let shifts: Vec<i64> = giant.terms.iter().map(|&(i, _)| self.heads.step(p * steps.babies[i])).collect();
            let rotated = e.rotate_many(&base, &shifts)?;
            let masked: Vec<E::Vector> =
                rotated.iter().zip(&giant.terms).map(|(v, (_, mask))| e.mul_plain(v, mask)).collect::<Result<_>>()?;
            let pairs: Vec<_> = giant.terms.iter().zip(&masked).map(|(&(i, _), v)| (&babies[i], v)).collect();
            sums.push((e.sum_of_products(&pairs)?, self.heads.step(giant.step)));
        }
        Ok(())
    }
}
