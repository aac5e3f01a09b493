//! The evaluator that works on ciphertexts is that of `ckks-core`; here it learns the trait that layers are written against.

pub use ckks_core::circuits::CkksEvaluator;

use super::{BootstrapLevels, Evaluator, without_bootstrapping};
use ckks_core::Result;
use ckks_core::bootstrap::Slots;
use ckks_core::ciphertext::Ciphertext;
use ckks_core::params::Params;

impl Evaluator for CkksEvaluator<'_> {
    fn params(&self) -> &Params {
        CkksEvaluator::params(self)
    }

    fn bootstrap_levels(&self) -> Option<BootstrapLevels> {
        self.bootstrapper().map(|b| BootstrapLevels::of(b.params()))
    }

    fn bootstrap(&self, v: &Ciphertext, slots: Slots) -> Result<Ciphertext> {
        self.bootstrapper().ok_or_else(|| without_bootstrapping(v.level()))?.bootstrap(v, slots)
    }
}
