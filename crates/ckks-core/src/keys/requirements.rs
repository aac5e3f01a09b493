//! Which evaluation keys a circuit needs, and at which level.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::GadgetShape;
use crate::params::Params;

/// The evaluation keys of a circuit, each with the highest level at which it is used: known before any key is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequirements {
    /// Level of the relinearisation key, if one is needed.
    pub relinearisation: Option<usize>,
    /// Rotation steps (to the left, reduced to 0 … slots − 1) and their levels.
    pub rotations: BTreeMap<i64, usize>,
    /// Level of the conjugation key, if one is needed.
    pub conjugation: Option<usize>,
}

impl KeyRequirements {
    /// Notes a use of the relinearisation key.
    pub fn need_relinearisation(&mut self, level: usize) {
        self.relinearisation = self.relinearisation.max(Some(level));
    }

    /// Notes a rotation. Steps that are multiples of the slot count need no key.
    pub fn need_rotation(&mut self, params: &Params, step: i64, level: usize) {
        let step = step.rem_euclid(params.slots() as i64);
        if step != 0 {
            let entry = self.rotations.entry(step).or_insert(level);
            *entry = level.max(*entry);
        }
    }

    /// Notes a conjugation.
    pub fn need_conjugation(&mut self, level: usize) {
        self.conjugation = self.conjugation.max(Some(level));
    }

    /// The union of two lists, at the higher level of each key.
    pub fn merge(&mut self, other: &Self) {
        self.relinearisation = self.relinearisation.max(other.relinearisation);
        self.conjugation = self.conjugation.max(other.conjugation);
        for (&step, &level) in &other.rotations {
            let entry = self.rotations.entry(step).or_insert(level);
            *entry = level.max(*entry);
        }
    }

    /// Levels of all keys.
    pub fn levels(&self) -> impl Iterator<Item = usize> + '_ {
        self.relinearisation.into_iter().chain(self.rotations.values().copied()).chain(self.conjugation)
    }

    /// Number of keys.
    pub fn count(&self) -> usize {
        self.levels().count()
    }

    /// Bytes of the expanded keys in memory (both halves, as many bits a residue as its prime has, at least 32).
    pub fn bytes_in_memory(&self, params: &Params) -> u64 {
        self.levels().map(|level| GadgetShape::for_level(params, level).bytes_in_memory(params)).sum()
    }
}
