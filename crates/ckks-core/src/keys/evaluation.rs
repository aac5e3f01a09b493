//! The keys that a server computes with.

use std::collections::BTreeMap;

use super::{KeyId, KeyRequirements, SwitchingKey};
use crate::error::{Error, Result};
use crate::params::Params;

/// Relinearisation, rotation and conjugation keys of one secret key, each at its own level. They decrypt nothing.
#[derive(Clone)]
pub struct EvaluationKeys {
    id: KeyId,
    digest: [u8; 32],
    relinearisation: Option<SwitchingKey>,
    galois: BTreeMap<u64, SwitchingKey>,
}

impl EvaluationKeys {
    /// No keys yet.
    pub fn empty(params: &Params, id: KeyId) -> Self {
        Self { id, digest: params.digest(), relinearisation: None, galois: BTreeMap::new() }
    }

    /// Identifier of the secret key they belong to.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Digest of the parameters they were made under.
    pub fn params_digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Sets the relinearisation key.
    pub fn insert_relinearisation(&mut self, key: SwitchingKey) {
        self.relinearisation = Some(key);
    }

    /// Sets the key of a Galois element.
    pub fn insert_galois(&mut self, element: u64, key: SwitchingKey) {
        self.galois.insert(element, key);
    }

    /// The relinearisation key, if it reaches `level`.
    ///
    /// # Errors
    /// [`Error::MissingKey`].
    pub fn relinearisation(&self, level: usize) -> Result<&SwitchingKey> {
        self.relinearisation
            .as_ref()
            .filter(|k| k.shape().level >= level)
            .ok_or_else(|| Error::MissingKey { key: "relinearisation key".into(), level })
    }

    /// The key of a Galois element, if it reaches `level`. `name` says in the error what was wanted.
    ///
    /// # Errors
    /// [`Error::MissingKey`].
    pub fn galois(&self, element: u64, level: usize, name: impl FnOnce() -> String) -> Result<&SwitchingKey> {
        self.galois.get(&element).filter(|k| k.shape().level >= level).ok_or_else(|| Error::MissingKey { key: name(), level })
    }

    /// The stored relinearisation key.
    pub fn relinearisation_key(&self) -> Option<&SwitchingKey> {
        self.relinearisation.as_ref()
    }

    /// All Galois keys by element, in ascending order.
    pub fn galois_keys(&self) -> impl ExactSizeIterator<Item = (u64, &SwitchingKey)> {
        self.galois.iter().map(|(&g, k)| (g, k))
    }

    /// Checks that every key of `needed` is there.
    ///
    /// # Errors
    /// [`Error::MissingKey`] names the first one that is not.
    pub fn check(&self, params: &Params, needed: &KeyRequirements) -> Result<()> {
        params.check_digest("the evaluation keys", self.digest)?;
        if let Some(level) = needed.relinearisation {
            self.relinearisation(level)?;
        }
        for (&step, &level) in &needed.rotations {
            self.galois(params.galois_element(step), level, || format!("key for rotation by {step}"))?;
        }
        if let Some(level) = needed.conjugation {
            self.galois(params.conjugation_element(), level, || "conjugation key".into())?;
        }
        Ok(())
    }

    /// Bytes of all keys in memory.
    pub fn bytes_in_memory(&self, params: &Params) -> u64 {
        self.relinearisation.iter().chain(self.galois.values()).map(|k| k.shape().bytes_in_memory(params)).sum()
    }
}
