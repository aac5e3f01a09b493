//! The evaluator that works on ciphertexts is that of `ckks-core`; here it learns the trait that layers are written against.

pub use ckks_core::circuits::CkksEvaluator;

use super::Evaluator;
use ckks_core::params::Params;

impl Evaluator for CkksEvaluator<'_> {
    fn params(&self) -> &Params {
        CkksEvaluator::params(self)
    }
}
