//! Bootstrapping parameters that exist only after validation.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::dft::Diagonals;
use super::eval_mod::EvalMod;
use super::keys::BootstrapKeyRequirements;
use super::sine::{self, Sine};
use super::transform::Steps;
use super::{BootstrapParamsLiteral, dft, failure};
use crate::error::{Error, Result};
use crate::keys::KeyRequirements;
use crate::params::{Params, Scale};

/// Largest log2 of the modulus under which a sparse ternary secret of this weight keeps 128 bits: Bossuat,
/// Troncoso-Pastoriza, Hubaux (eprint 2022/024). `None` where this project has no cited bound.
pub fn max_log_qp_sparse_128(log_n: u32, weight: u32) -> Option<u32> {
    match (log_n, weight) {
        (16, 32) => Some(121),
        _ => None,
    }
}

/// What the key to the sparse secret can claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncapsulationSecurity {
    /// log2 of the largest modulus under which something is encrypted with the sparse secret: q_0 and one special prime.
    pub log_qp: f64,
    /// The bound for this ring and weight, where there is one.
    pub limit: Option<u32>,
}

impl EncapsulationSecurity {
    /// True if the bound allows the modulus.
    pub fn is_secure(&self) -> bool {
        self.limit.is_some_and(|limit| self.log_qp <= f64::from(limit))
    }
}

/// A validated bootstrapping circuit and the parameters of the scheme that it belongs to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BootstrapParams {
    literal: BootstrapParamsLiteral,
    scheme: Params,
}

impl BootstrapParams {
    /// Validates `literal`, and refuses a modulus that is too large for the secret or for the sparse secret.
    ///
    /// # Errors
    /// [`Error::InvalidParams`] for sizes out of range or a sparse secret without a cited bound, [`Error::Insecure`] above
    /// the security table's limit.
    pub fn new(literal: BootstrapParamsLiteral) -> Result<Self> {
        let scheme = Params::new(literal.scheme())?;
        let made = Self::assemble(literal, scheme)?;
        let EncapsulationSecurity { log_qp, limit } = made.encapsulation_security();
        if made.encapsulation_security().is_secure() {
            return Ok(made);
        }
        let (log_n, h) = (made.literal.log_n, made.literal.sparse_weight);
        Err(Error::InvalidParams(match limit {
            Some(limit) => format!(
                "the sparse secret of weight {h} is used modulo 2^{log_qp:.1}, and 128 bits allow 2^{limit} for N = 2^{log_n}; use a \
                 smaller q_0 or a smaller first special prime"
            ),
            None => format!(
                "a sparse secret of weight {h} has no cited 128-bit bound here for N = 2^{log_n} (weight 32 at 2^16 has); use that, or \
                 a constructor that says insecure"
            ),
        }))
    }

    /// Validates everything but security: for tests and experiments.
    ///
    /// # Errors
    /// [`Error::InvalidParams`] for sizes out of range.
    pub fn new_insecure(literal: BootstrapParamsLiteral) -> Result<Self> {
        let scheme = Params::new_insecure(literal.scheme())?;
        Self::assemble(literal, scheme)
    }

    /// The same parameters and keys' digest, for vectors of 2^`log_slots` values.
    ///
    /// # Errors
    /// [`Error::InvalidParams`] unless 1 ≤ log_slots < log_n.
    pub fn with_slots(&self, log_slots: u32) -> Result<Self> {
        Self::assemble(BootstrapParamsLiteral { log_slots, ..self.literal.clone() }, self.scheme.clone())
    }

    fn assemble(literal: BootstrapParamsLiteral, scheme: Params) -> Result<Self> {
        check(&literal)?;
        Ok(Self { literal, scheme })
    }

    /// The literal that this set was built from.
    pub fn literal(&self) -> &BootstrapParamsLiteral {
        &self.literal
    }

    /// The parameters of the scheme: what keys, encoder and evaluator are made with.
    pub fn scheme(&self) -> &Params {
        &self.scheme
    }

    /// Number s of slots that are bootstrapped together.
    pub fn slots(&self) -> usize {
        1 << self.literal.log_slots
    }

    /// Level of a bootstrap's result, and of what a user encrypts.
    pub fn output_level(&self) -> usize {
        self.input_level() + self.literal.residual_levels
    }

    /// Lowest level from which a ciphertext can be bootstrapped; one at a higher level is brought down to it.
    pub fn input_level(&self) -> usize {
        self.literal.slots_to_coeffs_bits.len()
    }

    /// Level at which EvalMod starts.
    pub fn eval_mod_level(&self) -> usize {
        self.output_level() + self.literal.eval_mod_bits.iter().map(Vec::len).sum::<usize>()
    }

    /// Level to which ModRaise raises.
    pub fn raised_level(&self) -> usize {
        self.eval_mod_level() + self.coeffs_to_slots_matrices()
    }

    /// Bits of modulus that the user computes with between two bootstraps.
    pub fn residual_bits(&self) -> f64 {
        (self.input_level() + 1..=self.output_level()).map(|i| (self.scheme.q(i).value() as f64).log2()).sum()
    }

    pub(super) fn coeffs_to_slots_matrices(&self) -> usize {
        dft::coeffs_to_slots_stages(self.literal.log_slots, self.literal.coeffs_to_slots_bits.len()).len()
    }

    pub(super) fn slots_to_coeffs_matrices(&self) -> usize {
        dft::stages_of(self.literal.log_slots, self.literal.slots_to_coeffs_bits.len()).len()
    }

    /// N/(2s): how often a vector stands in a ciphertext.
    pub(super) fn copies(&self) -> usize {
        self.scheme.slots() / self.slots()
    }

    /// Level after each product of EvalMod, its start first.
    pub(super) fn eval_mod_levels(&self) -> Vec<usize> {
        let mut level = self.eval_mod_level();
        let mut levels = vec![level];
        for step in &self.literal.eval_mod_bits {
            level -= step.len();
            levels.push(level);
        }
        levels
    }

    /// Scale of everything from ModRaise to the start of EvalMod, and of the polynomial's value: as large as the largest prime.
    pub(super) fn circuit_scale(&self) -> Scale {
        let largest = self.literal.eval_mod_bits.iter().flatten().copied().max().unwrap_or(self.literal.q0_bits);
        Scale::power_of_two(largest as i32)
    }

    /// Scale of EvalMod's value before it is declared to be that of the output level.
    fn eval_mod_scale(&self) -> Scale {
        let polynomial = self.literal.eval_mod_depth() - self.literal.double_angles as usize;
        EvalMod::output_scale(&self.scheme, &self.eval_mod_levels()[polynomial..], self.circuit_scale())
    }

    /// The interval of the cosine's argument in units of q_0: K and the quarter turn that makes a sine of it.
    pub(super) fn half_width(&self) -> f64 {
        sine::half_width(self.literal.bound)
    }

    /// q_0/Δ: how much of the modulus a message of size 1 takes.
    pub fn message_ratio(&self) -> f64 {
        self.scheme.q(0).value() as f64 / self.scheme.scale_at(0).to_f64()
    }

    /// What CoeffsToSlots multiplies by: a coefficient c of the raised polynomial becomes c/(K'·q_0), half of it, because real and
    /// imaginary part are sums of a number and its conjugate. The trace over the copies has multiplied it by their number.
    pub(super) fn coeffs_to_slots_factor(&self) -> f64 {
        let unit = self.half_width() * self.scheme.q(0).value() as f64 / self.circuit_scale().to_f64();
        0.5 / (unit * self.copies() as f64)
    }

    /// Amplitude of EvalMod's sine: its result is declared to have the canonical scale of the output level, so
    /// amplitude·sin(2π·x)·S = x·q_0/Δ·S_out.
    pub(super) fn amplitude(&self) -> f64 {
        let output = self.output_level();
        let ratio = self.scheme.scale_at(output).over(self.eval_mod_scale()).to_f64();
        ratio * self.message_ratio() / TAU
    }

    /// EvalMod's function.
    pub(super) fn sine(&self) -> Result<Sine> {
        Sine::new(self.literal.bound, self.literal.cosine_degree, self.literal.double_angles, self.amplitude())?
            .without_mean(&self.multiples())
    }

    /// EvalMod with its levels and scales.
    pub(super) fn eval_mod(&self) -> Result<EvalMod> {
        EvalMod::new(self.sine()?, self.eval_mod_levels(), self.circuit_scale(), self.circuit_scale())
    }

    /// log2 of the probability that one bootstrap fails because a coefficient leaves the interval ±K·q_0 after ModRaise.
    pub fn log2_failure(&self) -> f64 {
        // In a sparsely filled ring only 2s coefficients pass through EvalMod.
        failure::log2_failure(self.literal.sparse_weight, self.literal.bound, 2 * self.slots())
    }

    /// What the key to the sparse secret can claim.
    pub fn encapsulation_security(&self) -> EncapsulationSecurity {
        let log2 = |x: u64| (x as f64).log2();
        let log_qp = log2(self.scheme.q(0).value()) + log2(self.scheme.p(0).value());
        EncapsulationSecurity { log_qp, limit: max_log_qp_sparse_128(self.literal.log_n, self.literal.sparse_weight) }
    }

    /// True if both secrets keep 128 bits.
    pub fn is_secure(&self) -> bool {
        self.scheme.security().is_secure() && self.encapsulation_security().is_secure()
    }

    /// The keys that the circuit needs.
    pub fn key_requirements(&self) -> BootstrapKeyRequirements {
        let params = &self.scheme;
        let log_slots = self.literal.log_slots;
        let mut evaluation = KeyRequirements::default();
        evaluation.need_relinearisation(self.eval_mod_level());
        evaluation.need_conjugation(self.eval_mod_level());
        // The rotation by s serves once more, to bring packed parts together.
        for step in self.trace_groups().iter().flat_map(|group| subset_sums(group)) {
            evaluation.need_rotation(params, step, self.trace_level());
        }
        let mut from_sparse = BTreeMap::from([(0, self.raised_level())]);
        for (i, matrix) in self.coeffs_to_slots_diagonals(1.0).iter().enumerate() {
            let level = self.raised_level() - i;
            match i {
                0 => from_sparse.extend(Steps::without_giants(matrix).babies().iter().map(|&step| (step, level))),
                _ => Steps::of(matrix).need(params, level, &mut evaluation),
            }
        }
        let mut slots_to_coeffs = KeyRequirements::default();
        for (i, matrix) in dft::slots_to_coeffs(log_slots, self.slots_to_coeffs_matrices()).iter().enumerate() {
            Steps::of(matrix).need(params, self.input_level() - i, &mut slots_to_coeffs);
        }
        BootstrapKeyRequirements { evaluation, slots_to_coeffs, from_sparse }
    }

    /// The matrices of CoeffsToSlots in the order of their use.
    pub(super) fn coeffs_to_slots_diagonals(&self, factor: f64) -> Vec<Diagonals> {
        dft::coeffs_to_slots(self.literal.log_slots, self.literal.coeffs_to_slots_bits.len(), factor)
    }

    /// True if real and imaginary parts share one ciphertext in EvalMod, as vectors of period 2s.
    pub(super) fn packs(&self) -> bool {
        self.copies() > 1 && self.coeffs_to_slots_matrices() > 1
    }

    /// Level of the trace: before the last matrix of CoeffsToSlots, or after it where it is the first one too.
    pub(super) fn trace_level(&self) -> usize {
        self.eval_mod_level() + usize::from(self.coeffs_to_slots_matrices() > 1)
    }

    /// Steps s, 2s, …, N/4 of the trace in groups: x + rot(x) for every step one after the other, a group's rotations from one
    /// decomposition. Their sum keeps the powers of X^(N/2s).
    pub(super) fn trace_groups(&self) -> Vec<Vec<i64>> {
        let (slots, all) = (self.slots(), self.scheme.slots());
        let doubled = std::iter::successors(Some(slots), |s| Some(2 * s));
        let steps: Vec<i64> = doubled.take_while(|&s| s < all).map(|s| s as i64).collect();
        let (mut left, mut groups) = (&steps[..], Vec::new());
        for groups_left in (1..=steps.len().div_ceil(TRACE_GROUP)).rev() {
            let (group, rest) = left.split_at(left.len().div_ceil(groups_left));
            groups.push(group.to_vec());
            left = rest;
        }
        groups
    }
}

/// Most steps of the trace that share a decomposition: a third one saves a decomposition and a division at the price of four inner
/// products, which cost a little less.
const TRACE_GROUP: usize = 3;

/// Sums of all non-empty subsets.
pub(super) fn subset_sums(steps: &[i64]) -> Vec<i64> {
    steps.iter().fold(Vec::new(), |sums, &step| {
        let more = sums.iter().map(|sum| sum + step).collect::<Vec<_>>();
        sums.into_iter().chain([step]).chain(more).collect()
    })
}

fn check(lit: &BootstrapParamsLiteral) -> Result<()> {
    let refuse = |why: String| Err(Error::InvalidParams(why));
    if lit.log_slots < 1 || lit.log_slots >= lit.log_n {
        return refuse(format!("log_slots = {}, needed 1 to {} for N = 2^{}", lit.log_slots, lit.log_n - 1, lit.log_n));
    }
    for (name, bits) in [("SlotsToCoeffs", &lit.slots_to_coeffs_bits), ("CoeffsToSlots", &lit.coeffs_to_slots_bits)] {
        if bits.is_empty() || bits.len() > 8 {
            return refuse(format!("{} stages of {name}, needed 1 to 8", bits.len()));
        }
    }
    if lit.residual_levels == 0 {
        return refuse("no residual levels: nothing would be gained by a bootstrap; needed at least 1".into());
    }
    if lit.eval_mod_bits.len() != lit.eval_mod_depth() || lit.eval_mod_bits.iter().any(Vec::is_empty) {
        return refuse(format!(
            "primes for {} products of EvalMod, needed for {} (degree {} and {} double angles), at least one each",
            lit.eval_mod_bits.len(),
            lit.eval_mod_depth(),
            lit.cosine_degree,
            lit.double_angles
        ));
    }
    if lit.eval_mod_bits.iter().flatten().any(|&b| b == lit.log_scale) || lit.coeffs_to_slots_bits.contains(&lit.log_scale) {
        return refuse(format!("primes of the circuit have the {} bits of the scale; they need another size", lit.log_scale));
    }
    if lit.slots_to_coeffs_bits.contains(&lit.log_scale) {
        return refuse(format!("SlotsToCoeffs has primes of the {} bits of the scale; they need another size", lit.log_scale));
    }
    if lit.q0_bits < lit.log_scale + 4 {
        return refuse(format!(
            "q0_bits = {} and log_scale = {}: the message needs at least 4 bits of room below q_0",
            lit.q0_bits, lit.log_scale
        ));
    }
    if lit.p_bits.first().is_some_and(|&p| p < lit.q0_bits) {
        return refuse(format!("the first special prime has {} bits, needed those of q_0: {}", lit.p_bits[0], lit.q0_bits));
    }
    if lit.sparse_weight == 0 || lit.sparse_weight > 512 || lit.sparse_weight as usize > 1 << lit.log_n {
        return refuse(format!("sparse_weight = {}, needed 1 to 512", lit.sparse_weight));
    }
    if lit.bound == 0 || lit.bound > 256 {
        return refuse(format!("bound = {}, needed 1 to 256", lit.bound));
    }
    if lit.cosine_degree % 2 == 1 || !(4..=254).contains(&lit.cosine_degree) {
        return refuse(format!("cosine_degree = {}, needed an even number from 4 to 254", lit.cosine_degree));
    }
    if lit.double_angles > 8 {
        return refuse(format!("double_angles = {}, needed 0 to 8", lit.double_angles));
    }
    Ok(())
}
