//! The keys of bootstrapping.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::keys::{EvaluationKeys, KeyRequirements, SwitchingKey};
use crate::params::Params;

use super::mod_raise::{from_sparse_shape, to_sparse_shape};

/// Which keys a bootstrapping circuit needs, and the size of each: known before any key is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapKeyRequirements {
    /// Relinearisation, conjugation, and the rotations above the residual levels, beside what the user's own circuit needs.
    pub evaluation: KeyRequirements,
    /// The rotations of SlotsToCoeffs: keys of their own, because keys of the lowest levels are twenty times smaller.
    pub slots_to_coeffs: KeyRequirements,
    /// The rotations of the first matrix after ModRaise, 0 among them, and their levels: keys from the sparse secret, of one digit each
    /// and a fifth of an ordinary key's size.
    pub from_sparse: BTreeMap<i64, usize>,
}

impl BootstrapKeyRequirements {
    /// Number of keys, the one to the sparse secret included.
    pub fn count(&self) -> usize {
        self.evaluation.count() + self.slots_to_coeffs.count() + self.from_sparse.len() + 1
    }

    /// Bytes of the expanded keys in memory.
    pub fn bytes_in_memory(&self, params: &Params) -> u64 {
        let shapes = self.from_sparse.values().map(|&level| from_sparse_shape(level)).chain([to_sparse_shape()]);
        let encapsulation: u64 = shapes.map(|s| s.bytes_in_memory(params)).sum();
        self.evaluation.bytes_in_memory(params) + self.slots_to_coeffs.bytes_in_memory(params) + encapsulation
    }

    /// Adds what another circuit under the same keys needs.
    pub fn merge(&mut self, user: &KeyRequirements) {
        self.evaluation.merge(user);
    }

    /// Adds what another bootstrapping circuit under the same keys needs, for vectors of another length for instance.
    pub fn merge_bootstrap(&mut self, other: &Self) {
        self.evaluation.merge(&other.evaluation);
        self.slots_to_coeffs.merge(&other.slots_to_coeffs);
        for (&step, &level) in &other.from_sparse {
            let entry = self.from_sparse.entry(step).or_insert(level);
            *entry = level.max(*entry);
        }
    }
}

/// The keys of ModRaise.
#[derive(Clone)]
pub struct EncapsulationKeys {
    /// Non-zero coefficients of the sparse secret: how far the sum of a raised ciphertext reaches.
    pub(crate) sparse_weight: u32,
    /// From the secret to a sparse one, at level 0 with one special prime: the only object under the sparse secret.
    pub(crate) to_sparse: SwitchingKey,
    /// By rotation: from the sparse secret to the one that the rotation turns into the secret, for inputs smaller than q_0.
    pub(crate) from_sparse: BTreeMap<i64, SwitchingKey>,
}

impl EncapsulationKeys {
    /// Number of non-zero coefficients of the sparse secret.
    pub fn sparse_weight(&self) -> u32 {
        self.sparse_weight
    }

    /// The key from the secret to the sparse one.
    pub fn to_sparse(&self) -> &SwitchingKey {
        &self.to_sparse
    }

    /// The key from the sparse secret back, for a rotation by `step` in the same go, if it reaches `level`.
    ///
    /// # Errors
    /// [`Error::MissingKey`].
    pub fn from_sparse(&self, step: i64, level: usize) -> Result<&SwitchingKey> {
        self.from_sparse
            .get(&step)
            .filter(|k| k.shape().level >= level)
            .ok_or_else(|| Error::MissingKey { key: format!("key from the sparse secret for rotation by {step}"), level })
    }

    fn all(&self) -> impl Iterator<Item = &SwitchingKey> {
        self.from_sparse.values().chain([&self.to_sparse])
    }
}

/// All keys that a server needs to bootstrap. They decrypt nothing.
#[derive(Clone)]
pub struct BootstrapKeys {
    pub(crate) evaluation: EvaluationKeys,
    pub(crate) slots_to_coeffs: EvaluationKeys,
    pub(crate) encapsulation: EncapsulationKeys,
}

impl BootstrapKeys {
    /// The keys for everything but SlotsToCoeffs and ModRaise: what an evaluator between bootstraps uses too.
    pub fn evaluation(&self) -> &EvaluationKeys {
        &self.evaluation
    }

    /// The rotation keys of SlotsToCoeffs.
    pub fn slots_to_coeffs(&self) -> &EvaluationKeys {
        &self.slots_to_coeffs
    }

    /// The keys of ModRaise.
    pub fn encapsulation(&self) -> &EncapsulationKeys {
        &self.encapsulation
    }

    /// Checks that everything in `needed` is there.
    ///
    /// # Errors
    /// [`crate::Error::MissingKey`] names the first key that is not; [`crate::Error::ParamsMismatch`].
    pub fn check(&self, params: &Params, needed: &BootstrapKeyRequirements) -> Result<()> {
        self.evaluation.check(params, &needed.evaluation)?;
        self.slots_to_coeffs.check(params, &needed.slots_to_coeffs)?;
        needed.from_sparse.iter().try_for_each(|(&step, &level)| self.encapsulation.from_sparse(step, level).map(drop))
    }

    /// Bytes of all keys in memory.
    pub fn bytes_in_memory(&self, params: &Params) -> u64 {
        self.evaluation.bytes_in_memory(params)
            + self.slots_to_coeffs.bytes_in_memory(params)
            + self.encapsulation.all().map(|k| k.shape().bytes_in_memory(params)).sum::<u64>()
    }
}

#[cfg(feature = "secret")]
impl crate::keys::KeyGenerator<'_> {
    /// Makes all keys of bootstrapping. A sparse secret is drawn for it, used for the keys of ModRaise and overwritten with zeros;
    /// `progress` is told after each key how many are done and how many there are.
    pub fn bootstrap_keys(
        &self,
        sparse_weight: u32,
        needed: &BootstrapKeyRequirements,
        randomness: &mut crate::ring::sampling::Randomness,
        mut progress: impl FnMut(usize, usize),
    ) -> BootstrapKeys {
        let total = needed.count();
        let first = needed.evaluation.count();
        let evaluation = self.evaluation_keys(&needed.evaluation, randomness, |done, _| progress(done, total));
        let slots_to_coeffs = self.evaluation_keys(&needed.slots_to_coeffs, randomness, |done, _| progress(first + done, total));
        let sparse = self.sparse_secret(sparse_weight, randomness);
        let dense = self.secret_poly();
        let to_sparse = self.switching_key(to_sparse_shape(), dense, &sparse.0, randomness);
        let before = total - needed.from_sparse.len();
        progress(before, total);
        let mut from_sparse = BTreeMap::new();
        for (&step, &level) in &needed.from_sparse {
            let target = self.turned_back(self.params().galois_element(step));
            from_sparse.insert(step, self.switching_key(from_sparse_shape(level), &sparse.0, &target.0, randomness));
            progress(before + from_sparse.len(), total);
        }
        BootstrapKeys { evaluation, slots_to_coeffs, encapsulation: EncapsulationKeys { sparse_weight, to_sparse, from_sparse } }
    }
}
