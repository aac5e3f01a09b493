//! Baby steps: rotations of an input that all products that read it can share.

use std::collections::BTreeMap;

use super::Arithmetic;
use crate::error::Result;

/// Coarse steps, each with the fine steps after it, in ascending order of their sums.
pub(super) type BabySteps = Vec<(i64, Vec<i64>)>;

/// The steps themselves, ascending.
pub(super) fn sums(steps: &BabySteps) -> impl Iterator<Item = i64> {
    steps.iter().flat_map(|(coarse, fine)| fine.iter().map(move |f| coarse + f))
}

/// A vector and those of its rotations that were needed so far. Several products with the same baby steps
/// ([`super::BlockTransform::with_babies`]) that read one vector at different times make them once
/// ([`super::BlockTransform::apply_to`]).
#[derive(Clone, Debug)]
pub struct Babies<V> {
    vector: V,
    rotated: BTreeMap<i64, V>,
}

impl<V: Clone> Babies<V> {
    /// The vector, not rotated yet.
    pub fn of(vector: V) -> Self {
        Self { vector, rotated: BTreeMap::new() }
    }

    /// The rotation by `step`, if it was made.
    pub(super) fn get(&self, step: i64) -> Option<&V> {
        if step == 0 { Some(&self.vector) } else { self.rotated.get(&step) }
    }

    /// Makes what is missing: rotations of the vector by coarse steps, and of these by fine ones.
    pub(super) fn make<A: Arithmetic<Vector = V>>(&mut self, arithmetic: &A, steps: &BabySteps) -> Result<()> {
        let mut missing: BabySteps = Vec::new();
        for (coarse, fine) in steps {
            let fine: Vec<i64> = fine.iter().copied().filter(|f| self.get(coarse + f).is_none()).collect();
            if !fine.is_empty() {
                missing.push((*coarse, fine));
            }
        }
        let new: Vec<i64> = missing.iter().map(|m| m.0).filter(|&c| self.get(c).is_none()).collect();
        let mut made: BTreeMap<i64, V> = new.iter().copied().zip(arithmetic.rotate_many(&self.vector, &new)?).collect();
        for (coarse, mut fine) in missing {
            let Some(from) = made.get(&coarse).or_else(|| self.get(coarse)) else { continue };
            let is_needed = fine.contains(&0);
            fine.retain(|&f| f != 0);
            if !fine.is_empty() {
                let rotated = arithmetic.rotate_many(from, &fine)?;
                self.rotated.extend(fine.into_iter().map(|f| coarse + f).zip(rotated));
            }
            // Moved, not copied: where all steps are coarse ones, these are all the babies.
            if is_needed {
                self.rotated.extend(made.remove(&coarse).map(|v| (coarse, v)));
            }
        }
        Ok(())
    }
}
