//! The whole circuit: SlotsToCoeffs, ModRaise, CoeffsToSlots, EvalMod.

use std::f64::consts::FRAC_PI_2;

use super::dft::{self, Diagonals};
use super::eval_mod::EvalMod;
use super::keys::BootstrapKeys;
use super::mod_raise::{Raised, mod_raise, switched_back};
use super::params::BootstrapParams;
use super::trace::trace_group;
use super::transform::Transform;
use crate::ciphertext::Ciphertext;
use crate::encoding::Encoder;
use crate::error::{Error, Result};
use crate::eval::Evaluator;
use crate::parallel::{awake, both};

/// What a ciphertext's slots hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// Complex numbers: real and imaginary parts pass through EvalMod separately.
    Complex,
    /// Real numbers: one EvalMod. Whatever stands in the imaginary parts is dropped.
    Real,
}

/// What CoeffsToSlots puts into slots, divided by K'·q_0: coefficients of the raised polynomial.
pub enum Coefficients {
    /// Those that become real parts.
    Real(Ciphertext),
    /// Those that become real parts and those that become imaginary parts.
    Separate(Ciphertext, Ciphertext),
    /// Both in one vector of period 2s: real parts in its first half, imaginary parts in its second.
    Packed(Ciphertext),
}

/// Bootstraps ciphertexts with one set of keys. Its plaintext factors are encoded once, when it is made.
pub struct Bootstrapper<'k> {
    params: BootstrapParams,
    keys: &'k BootstrapKeys,
    evaluator: Evaluator<'k>,
    slots_to_coeffs: Vec<Transform>,
    coeffs_to_slots: Vec<Transform>,
    /// The last of them for [`Coefficients::Packed`], where there is such a thing.
    packing: Option<Transform>,
    eval_mod: EvalMod,
    encoder: Encoder,
    /// Angles by which EvalMod turns its result: nothing in the first half of a packed vector, a quarter in its second.
    turns: Vec<f64>,
}

impl<'k> Bootstrapper<'k> {
    /// Checks the keys and encodes the matrices.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] for keys of other parameters, [`Error::MissingKey`] naming the first key that is not there,
    /// [`Error::InvalidParams`] for keys of a sparse secret of another weight.
    pub fn new(params: &BootstrapParams, keys: &'k BootstrapKeys) -> Result<Self> {
        let scheme = params.scheme();
        keys.check(scheme, &params.key_requirements())?;
        let (found, needed) = (keys.encapsulation().sparse_weight(), params.literal().sparse_weight);
        if found != needed {
            return Err(Error::InvalidParams(format!(
                "the keys' sparse secret has weight {found}, the circuit is made for {needed}; make the keys for this circuit"
            )));
        }
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
        let scale = params.circuit_scale();
        let diagonals = params.coeffs_to_slots_diagonals(factor);
        let transform = |i: usize, matrix: &Diagonals| {
            let level = params.raised_level() - i;
            if i == 0 {
                return Transform::after_raising(&encoder, matrix, level, scale, scale);
            }
            Transform::new(&encoder, matrix, level, scale, scale)
        };
        let coeffs_to_slots = diagonals.iter().enumerate().map(|(i, matrix)| transform(i, matrix)).collect::<Result<_>>()?;
        let last = diagonals.last().filter(|_| params.packs());
        let packing = last.map(|last| transform(diagonals.len() - 1, &last.clone().packed(params.slots()))).transpose()?;
        let turns = [0.0, FRAC_PI_2].iter().flat_map(|&t| std::iter::repeat_n(t, params.slots())).collect();
        let eval_mod = params.eval_mod()?;
        Ok(Self { params: params.clone(), keys, evaluator, slots_to_coeffs, coeffs_to_slots, packing, eval_mod, encoder, turns })
    }

    /// The keys.
    pub fn keys(&self) -> &'k BootstrapKeys {
        self.keys
    }

    /// The parameters.
    pub fn params(&self) -> &BootstrapParams {
        &self.params
    }

    /// Bytes of the encoded matrices.
    pub fn plaintext_bytes(&self) -> u64 {
        self.slots_to_coeffs.iter().chain(&self.coeffs_to_slots).chain(&self.packing).map(Transform::bytes).sum()
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
        awake(|| {
            let coefficients = self.slots_to_coeffs(ciphertext)?;
            let raised = self.mod_raise(&coefficients)?;
            let coefficients = self.coeffs_to_slots(&raised, slots)?;
            drop(raised);
            self.eval_mod(&coefficients)
        })
    }

    /// [`Bootstrapper::bootstrap`], brought down to `level`. That the result is wanted lower saves nothing but a few milliseconds
    /// in what follows: the primes of EvalMod lie above all residual ones, so every limb is there until the last product.
    ///
    /// # Errors
    /// As [`Bootstrapper::bootstrap`]; [`Error::LevelsExhausted`] for a level above the output level.
    pub fn bootstrap_to(&self, ciphertext: &Ciphertext, slots: Slots, level: usize) -> Result<Ciphertext> {
        let available = self.params.output_level();
        if level > available {
            return Err(Error::LevelsExhausted { operation: "a bootstrap's result", needed: level, available });
        }
        self.evaluator.adjust_to(&self.bootstrap(ciphertext, slots)?, level, self.params.scheme().scale_at(level))
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

    /// Level 0 → the raised level, under the sparse secret.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] unless the ciphertext is at level 0.
    pub fn mod_raise(&self, ciphertext: &Ciphertext) -> Result<Raised> {
        let (level, scale) = (self.params.raised_level(), self.params.circuit_scale());
        mod_raise(&self.evaluator, self.keys.encapsulation(), level, ciphertext, scale)
    }

    /// What [`Bootstrapper::mod_raise`] made, under the secret: CoeffsToSlots does it together with its first matrix.
    ///
    /// # Errors
    /// None after the keys were checked.
    pub fn switched_back(&self, raised: &Raised) -> Result<Ciphertext> {
        switched_back(&self.evaluator, self.keys.encapsulation(), raised)
    }

    /// Coefficients → slots, each divided by K'·q_0; in a sparsely filled ring only the powers of X^(N/2s).
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] for another level than the raised one.
    pub fn coeffs_to_slots(&self, raised: &Raised, slots: Slots) -> Result<Coefficients> {
        let Some((first, others)) = self.coeffs_to_slots.split_first() else {
            return Err(Error::LengthMismatch { what: "matrices of CoeffsToSlots", found: 0, needed: "at least 1".into() });
        };
        let keys = self.keys.evaluation();
        let mut x = first.apply_raised(&self.evaluator, self.keys.encapsulation(), raised)?;
        let trace = |mut x: Ciphertext| {
            for steps in self.params.trace_groups() {
                x = trace_group(&self.evaluator, keys, &x, &steps)?;
            }
            Ok(x)
        };
        for (i, matrix) in others.iter().enumerate() {
            if i + 1 < others.len() {
                x = matrix.apply(&self.evaluator, keys, &x)?;
                continue;
            }
            // The errors until here are averaged by the trace, and shrunk with the message by the last matrix.
            let last = self.packing.as_ref().filter(|_| slots == Slots::Complex).unwrap_or(matrix);
            x = last.apply(&self.evaluator, keys, &trace(x)?)?;
        }
        if others.is_empty() {
            x = trace(x)?;
        }
        let conjugate = self.evaluator.conjugate(&x)?;
        let real = self.evaluator.add(&x, &conjugate)?;
        Ok(match slots {
            Slots::Real => Coefficients::Real(real),
            Slots::Complex if self.packing.is_some() => Coefficients::Packed(real),
            // (z̄ − z)·i = 2·Im z.
            Slots::Complex => Coefficients::Separate(real, self.evaluator.mul_by_i(&self.evaluator.sub(&conjugate, &x)?)),
        })
    }

    /// x/K' (x in units of q_0) → x without its integer part, times q_0/Δ, at the output level and its canonical scale.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] for another level than EvalMod's, [`Error::ScaleMismatch`] for another scale.
    pub fn eval_mod(&self, x: &Coefficients) -> Result<Ciphertext> {
        let part = |x: &Ciphertext, turns: Option<(&Encoder, &[f64])>| {
            let mut out = self.eval_mod.evaluate(&self.evaluator, x, turns)?;
            out.scale = self.params.scheme().scale_at(out.level());
            Ok(out)
        };
        match x {
            Coefficients::Real(x) => part(x, None),
            Coefficients::Separate(real, imaginary) => {
                // Side by side: fewer moments at which one thread waits for the other than within every step.
                let (real, imaginary) = both(|| part(real, None), || part(imaginary, None));
                self.evaluator.add(&real?, &self.evaluator.mul_by_i(&imaginary?))
            }
            Coefficients::Packed(x) => {
                let out = part(x, Some((&self.encoder, &self.turns)))?;
                self.evaluator.rotate_sum(&[(&out, 0), (&out, self.params.slots() as i64)])
            }
        }
    }
}
