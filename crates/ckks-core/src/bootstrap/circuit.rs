//! The whole circuit: SlotsToCoeffs, ModRaise, CoeffsToSlots, EvalMod.

use super::dft;
use super::eval_mod::EvalMod;
use super::keys::BootstrapKeys;
use super::mod_raise::mod_raise;
use super::params::BootstrapParams;
use super::transform::Transform;
use crate::ciphertext::Ciphertext;
use crate::encoding::Encoder;
use crate::error::{Error, Result};
use crate::eval::Evaluator;

/// What a ciphertext's slots hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// Complex numbers: real and imaginary parts pass through EvalMod separately.
    Complex,
    /// Real numbers: one EvalMod. Whatever stands in the imaginary parts is dropped.
    Real,
}

/// Bootstraps ciphertexts with one set of keys. Its plaintext factors are encoded once, when it is made.
pub struct Bootstrapper<'k> {
    params: BootstrapParams,
    keys: &'k BootstrapKeys,
    evaluator: Evaluator<'k>,
    slots_to_coeffs: Vec<Transform>,
    coeffs_to_slots: Vec<Transform>,
    eval_mod: EvalMod,
}

impl<'k> Bootstrapper<'k> {
    /// Checks the keys and encodes the matrices.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] for keys of other parameters, [`Error::MissingKey`] naming the first key that is not there.
    pub fn new(params: &BootstrapParams, keys: &'k BootstrapKeys) -> Result<Self> {
        let scheme = params.scheme();
        keys.check(scheme, &params.key_requirements())?;
        let encoder = Encoder::new(scheme)?;
        let evaluator = Evaluator::new(scheme, keys.evaluation())?;
        let log_slots = params.literal().log_slots;
        let slots_to_coeffs = dft::slots_to_coeffs(log_slots, params.slots_to_coeffs_matrices())
            .iter()
            .enumerate()
            .map(|(i, matrix)| {
                let level = params.input_level() - i;
                Transform::new(&encoder, matrix, level, scheme.scale_at(level), scheme.scale_at(level - 1))
            })
            .collect::<Result<_>>()?;
        let factor = params.coeffs_to_slots_factor();
        let coeffs_to_slots = dft::coeffs_to_slots(log_slots, params.coeffs_to_slots_matrices(), factor)
            .iter()
            .enumerate()
            .map(|(i, matrix)| {
                let level = params.raised_level() - i;
                Transform::new(&encoder, matrix, level, params.circuit_scale(), params.circuit_scale())
            })
            .collect::<Result<_>>()?;
        let eval_mod = params.eval_mod()?;
        Ok(Self { params: params.clone(), keys, evaluator, slots_to_coeffs, coeffs_to_slots, eval_mod })
    }

    /// The parameters.
    pub fn params(&self) -> &BootstrapParams {
        &self.params
    }

    /// Bytes of the encoded matrices.
    pub fn plaintext_bytes(&self) -> u64 {
        self.slots_to_coeffs.iter().chain(&self.coeffs_to_slots).map(Transform::bytes).sum()
    }

    /// A ciphertext of the same slots at the output level and its canonical scale.
    ///
    /// The values (real and imaginary parts) should lie in [−1, 1]: an error of about (2π/ratio)²/6·|z|³ remains, ratio =
    /// [`BootstrapParams::message_ratio`]. Values beyond ratio/4 come back as something else; that cannot be seen in a
    /// ciphertext. Values of a ciphertext with fewer slots have to repeat with period s.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] below the input level, [`Error::ScaleMismatch`] for a ciphertext whose scale is not canonical
    /// where it matters.
    pub fn bootstrap(&self, ciphertext: &Ciphertext, slots: Slots) -> Result<Ciphertext> {
        let coefficients = self.slots_to_coeffs(ciphertext)?;
        let raised = self.mod_raise(&coefficients)?;
        let (real, imaginary) = self.coeffs_to_slots(&raised, slots)?;
        let real = self.eval_mod(&real)?;
        match imaginary {
            None => Ok(real),
            Some(imaginary) => self.evaluator.add(&real, &self.evaluator.mul_by_i(&self.eval_mod(&imaginary)?)),
        }
    }

    /// Slots → coefficients (in bit-reversed order): from the input level to level 0.
    ///
    /// # Errors
    /// As [`Bootstrapper::bootstrap`].
    pub fn slots_to_coeffs(&self, ciphertext: &Ciphertext) -> Result<Ciphertext> {
        let (needed, available) = (self.params.input_level(), ciphertext.level());
        if available < needed {
            return Err(Error::LevelsExhausted { operation: "bootstrapping", needed, available });
        }
        let mut x = self.evaluator.adjust_to(ciphertext, needed, self.params.scheme().scale_at(needed))?;
        for matrix in &self.slots_to_coeffs {
            x = matrix.apply(&self.evaluator, self.keys.slots_to_coeffs(), &x)?;
        }
        self.evaluator.adjust_to(&x, 0, self.params.scheme().scale_at(0))
    }

    /// Level 0 → the raised level, and the trace to the powers of X^(N/2s) where not all slots are in use.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] unless the ciphertext is at level 0.
    pub fn mod_raise(&self, ciphertext: &Ciphertext) -> Result<Ciphertext> {
        let level = self.params.raised_level();
        let scale = self.params.circuit_scale();
        let mut x = mod_raise(&self.evaluator, self.keys.encapsulation(), level, ciphertext, scale)?;
        for step in self.params.trace_steps() {
            x = self.evaluator.rotate_sum(&[(&x, 0), (&x, step)])?;
        }
        Ok(x)
    }

    /// Coefficients → slots: real parts and, for complex slots, imaginary parts, each divided by K'·q_0.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] for another level than the raised one.
    pub fn coeffs_to_slots(&self, raised: &Ciphertext, slots: Slots) -> Result<(Ciphertext, Option<Ciphertext>)> {
        let mut x = raised.clone();
        for matrix in &self.coeffs_to_slots {
            x = matrix.apply(&self.evaluator, self.keys.evaluation(), &x)?;
        }
        let conjugate = self.evaluator.conjugate(&x)?;
        let real = self.evaluator.add(&x, &conjugate)?;
        let imaginary = match slots {
            Slots::Real => None,
            // (z̄ − z)·i = 2·Im z.
            Slots::Complex => Some(self.evaluator.mul_by_i(&self.evaluator.sub(&conjugate, &x)?)),
        };
        Ok((real, imaginary))
    }

    /// x/K' (x in units of q_0) → x without its integer part, times q_0/Δ, at the output level and its canonical scale.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] for another level than EvalMod's, [`Error::ScaleMismatch`] for another scale.
    pub fn eval_mod(&self, x: &Ciphertext) -> Result<Ciphertext> {
        let mut out = self.eval_mod.evaluate(&self.evaluator, x)?;
        out.scale = self.params.scheme().scale_at(out.level());
        Ok(out)
    }
}
