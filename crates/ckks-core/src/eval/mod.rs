//! Operations on ciphertexts.
//!
//! Every operation tracks scale and level. Sums of operands at different levels bring the higher one down exactly; sums of
//! unequal scales at one level are refused with both figures. Nothing here needs a secret.

mod class_products;
mod constants;
mod digits;
mod key_switch;
mod linear;
mod products;
mod rotations;
mod scales;
mod switch;
mod switched_rotation;

use crate::error::{Error, Result};
use crate::keys::EvaluationKeys;
use crate::params::Params;

pub(crate) use class_products::RealMatrix;
pub(crate) use digits::Digits;
pub use key_switch::Decomposed;
pub(crate) use switch::Switch;

/// Evaluates circuits under one parameter set, with or without evaluation keys.
#[derive(Clone)]
pub struct Evaluator<'k> {
    params: Params,
    keys: Option<&'k EvaluationKeys>,
}

impl<'k> Evaluator<'k> {
    /// An evaluator for what needs no keys: sums, plaintext products, rescaling.
    pub fn without_keys(params: &Params) -> Self {
        Self { params: params.clone(), keys: None }
    }

    /// An evaluator with keys.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] if the keys belong to other parameters.
    pub fn new(params: &Params, keys: &'k EvaluationKeys) -> Result<Self> {
        params.check_digest("the evaluation keys", keys.params_digest())?;
        Ok(Self { params: params.clone(), keys: Some(keys) })
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    fn keys(&self, wanted: &str, level: usize) -> Result<&'k EvaluationKeys> {
        self.keys.ok_or_else(|| Error::MissingKey { key: wanted.into(), level })
    }
}
