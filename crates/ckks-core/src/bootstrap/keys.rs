//! The keys of bootstrapping.

use crate::error::Result;
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
    /// Level to which ModRaise raises.
    pub raised_level: usize,
}

impl BootstrapKeyRequirements {
    /// Number of keys, the two of the encapsulation included.
    pub fn count(&self) -> usize {
        self.evaluation.count() + self.slots_to_coeffs.count() + 2
    }

    /// Bytes of the expanded keys in memory.
    pub fn bytes_in_memory(&self, params: &Params) -> u64 {
        let encapsulation: u64 =
            [to_sparse_shape(), from_sparse_shape(self.raised_level)].iter().map(|s| s.residues(params) * 16).sum();
        self.evaluation.bytes_in_memory(params) + self.slots_to_coeffs.bytes_in_memory(params) + encapsulation
    }

    /// Adds what another circuit under the same keys needs.
    pub fn merge(&mut self, user: &KeyRequirements) {
        self.evaluation.merge(user);
    }
}

/// The two keys of ModRaise.
#[derive(Clone)]
pub struct EncapsulationKeys {
    /// From the secret to a sparse one, at level 0 with one special prime: the only object under the sparse secret.
    pub(crate) to_sparse: SwitchingKey,
    /// From the sparse secret to the secret, at the top level, for inputs smaller than q_0.
    pub(crate) from_sparse: SwitchingKey,
}

impl EncapsulationKeys {
    /// The key from the secret to the sparse one.
    pub fn to_sparse(&self) -> &SwitchingKey {
        &self.to_sparse
    }

    /// The key from the sparse secret back.
    pub fn from_sparse(&self) -> &SwitchingKey {
        &self.from_sparse
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
        if self.encapsulation.from_sparse.shape().level < needed.raised_level {
            return Err(crate::Error::MissingKey { key: "key from the sparse secret".into(), level: needed.raised_level });
        }
        Ok(())
    }

    /// Bytes of all keys in memory.
    pub fn bytes_in_memory(&self, params: &Params) -> u64 {
        let encapsulation = [&self.encapsulation.to_sparse, &self.encapsulation.from_sparse];
        self.evaluation.bytes_in_memory(params)
            + self.slots_to_coeffs.bytes_in_memory(params)
            + encapsulation.iter().map(|k| k.shape().residues(params) * 16).sum::<u64>()
    }
}

#[cfg(feature = "secret")]
impl crate::keys::KeyGenerator<'_> {
    /// Makes all keys of bootstrapping. A sparse secret is drawn for it, used for two keys and overwritten with zeros;
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
        progress(total - 1, total);
        let from_sparse = self.switching_key(from_sparse_shape(needed.raised_level), &sparse.0, dense, randomness);
        progress(total, total);
        BootstrapKeys { evaluation, slots_to_coeffs, encapsulation: EncapsulationKeys { to_sparse, from_sparse } }
    }
}
