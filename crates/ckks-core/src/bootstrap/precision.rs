//! How large the error of a bootstrap is, before anything is encrypted.
//!
//! Every part is E|ε|² per slot of the result, in units of slot values. What [`crate::noise::NoiseModel`] knows is used at the
//! circuit's own scales.

use std::f64::consts::TAU;

use super::circuit::Slots;
use super::dft;
use super::mod_raise::to_sparse_shape;
use super::params::BootstrapParams;
use crate::error::Result;
use crate::noise::NoiseModel;
use crate::noise::model::bits;
use crate::params::Scale;
use crate::ring::sampling::SIGMA;

/// The error of a bootstrap by source, for values whose parts are uniform in [−1, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictedError {
    /// Rescalings and key switches of SlotsToCoeffs.
    pub slots_to_coeffs: f64,
    /// Switching to the sparse secret.
    pub mod_raise: f64,
    /// Rescalings and key switches of CoeffsToSlots, with the conjugation, as EvalMod multiplies them.
    pub coeffs_to_slots: f64,
    /// Rescalings and relinearisations inside EvalMod.
    pub eval_mod: f64,
    /// The polynomial against the cosine.
    pub approximation: f64,
    /// The sine against its argument: a function of the value, so it adds up linearly over bootstraps.
    pub sine: f64,
}

impl PredictedError {
    /// Sum of all parts.
    pub fn total(&self) -> f64 {
        self.slots_to_coeffs + self.mod_raise + self.coeffs_to_slots + self.eval_mod + self.approximation + self.sine
    }

    /// −log2 of the standard deviation of the whole error.
    pub fn bits(&self) -> f64 {
        bits(self.total())
    }

    /// Name and bits of every part.
    pub fn parts(&self) -> [(&'static str, f64); 6] {
        [
            ("SlotsToCoeffs", bits(self.slots_to_coeffs)),
            ("ModRaise", bits(self.mod_raise)),
            ("CoeffsToSlots", bits(self.coeffs_to_slots)),
            ("EvalMod, noise", bits(self.eval_mod)),
            ("EvalMod, polynomial", bits(self.approximation)),
            ("EvalMod, sine", bits(self.sine)),
        ]
    }
}

impl BootstrapParams {
    /// Largest distance between a value z ∈ [−1, 1] and what the sine makes of it: (2π/ratio)²/6.
    pub fn sine_bias(&self) -> f64 {
        (TAU / self.message_ratio()).powi(2) / 6.0
    }

    /// What bootstraps without noise make of a real part z, on average over the multiples of q_0: the whole bias, the polynomial's included.
    ///
    /// # Errors
    /// Those of the fit of the cosine.
    pub fn mean_result(&self) -> Result<impl Fn(f64) -> f64> {
        let (sine, amplitude, ratio) = (self.sine()?, self.amplitude(), self.message_ratio());
        let multiples = self.multiples();
        Ok(move |z: f64| {
            let mean: f64 = multiples.iter().map(|(i, p)| p * sine.eval(i + z / ratio)).sum();
            mean / amplitude * ratio / TAU
        })
    }

    /// The error of one bootstrap.
    ///
    /// # Errors
    /// Those of the fit of the cosine.
    pub fn predicted_error(&self, slots: Slots) -> Result<PredictedError> {
        let parts = match slots {
            Slots::Complex => 2.0,
            Slots::Real => 1.0,
        };
        Ok(PredictedError {
            slots_to_coeffs: parts * self.slots_to_coeffs_error(),
            mod_raise: parts * self.mod_raise_error(),
            coeffs_to_slots: parts * self.coeffs_to_slots_error(),
            eval_mod: parts * self.eval_mod_error()? + (parts - 1.0) * self.unpacking_error(),
            approximation: parts * self.approximation_error()?,
            sine: parts * self.sine_bias().powi(2) / 7.0, // E x⁶ = 1/7
        })
    }

    /// E|ε|² of one real part: a coefficient, of which 2s are left after the trace.
    fn slots_to_coeffs_error(&self) -> f64 {
        let model = NoiseModel::new(self.scheme());
        let stages = dft::stages_of(self.literal().log_slots, self.slots_to_coeffs_matrices());
        let (mut done, mut sum) = (0, 0.0);
        // E|z|² = 2/3 for parts that are uniform in [−1, 1]; every butterfly doubles it.
        let mut message = 2.0 / 3.0;
        for (i, &count) in stages.iter().enumerate() {
            done += count;
            let level = self.input_level() - i;
            let added = (model.rounding(level - 1) + model.switched_and_rescaled(level, level)) / self.copies() as f64;
            sum += (added + self.encoded_matrix(count, done, level, message)) / 2f64.powi(done as i32);
            message *= 2f64.powi(count as i32);
        }
        sum / 2.0
    }

    fn mod_raise_error(&self) -> f64 {
        let n = self.scheme().n() as f64;
        let ratio = self.scheme().q(0).value() as f64 / self.scheme().p(0).value() as f64;
        // One digit below q_0, divided by the first special prime. The switch back is part of CoeffsToSlots.
        debug_assert_eq!(to_sparse_shape().special, 1);
        let switched = n * (SIGMA * ratio).powi(2) / 12.0;
        let rounded = (1.0 + f64::from(self.literal().sparse_weight)) / 12.0;
        (switched + rounded) / self.scheme().scale_at(0).to_f64().powi(2)
    }

    /// What a rescaling with a key switch leaves at `level` and `scale`.
    fn added(&self, model: &NoiseModel, level: usize, scale: Scale) -> f64 {
        let ratio = self.scheme().scale_at(level).over(scale).to_f64();
        (model.rounding(level) + model.switched_and_rescaled(level + 1, level + 1)) * ratio * ratio
    }

    /// What the rounding of a matrix's entries leaves: `stages` butterflies, the longest of 2^`log_length`, encoded for the
    /// rescaling from `level`, on slots of mean square `message`.
    fn encoded_matrix(&self, stages: u32, log_length: u32, level: usize, message: f64) -> f64 {
        let whole = log_length == self.literal().log_slots;
        let diagonals = f64::from(if whole { 1 << stages } else { (2 << stages) - 1 });
        let coefficients = 2f64.powi(log_length as i32 + 1);
        let scale = self.scheme().q(level).value() as f64;
        diagonals * coefficients / 12.0 / (scale * scale) * message
    }

    fn coeffs_to_slots_error(&self) -> f64 {
        let model = NoiseModel::new(self.scheme());
        let literal = self.literal();
        let mut stages = dft::coeffs_to_slots_stages(literal.log_slots, literal.coeffs_to_slots_bits.len());
        stages.reverse();
        let each = self.coeffs_to_slots_factor().powf(2.0 / stages.len() as f64);
        let scale = self.circuit_scale();
        // N coefficients of variance (h + 1)/12·q_0².
        let coefficient = self.scheme().q(0).value() as f64 / scale.to_f64();
        let weight = f64::from(literal.sparse_weight + 1) / 12.0;
        let mut message = self.scheme().n() as f64 * weight * coefficient * coefficient;
        let (mut variance, mut left) = (0.0, literal.log_slots);
        for (i, &count) in stages.iter().enumerate() {
            if i > 0 && i + 1 == stages.len() {
                self.trace_error(&model, (&mut message, &mut variance));
            }
            // A backward butterfly halves the variance of independent errors and of the message.
            let shrink = each / 2f64.powi(count as i32);
            let level = self.raised_level() - i;
            // Entries are `each` and 2^−count times those of the plain butterflies, and rounded all the same.
            let encoded = self.encoded_matrix(count, left, level, message);
            variance = variance * shrink + encoded + self.added(&model, level - 1, scale);
            message *= shrink;
            left -= count;
        }
        if stages.len() == 1 {
            self.trace_error(&model, (&mut message, &mut variance));
        }
        // x + x̄ doubles the real part, which has half the variance; the conjugate brings its own key switch.
        let conjugated = 2.0 * variance + self.added(&model, self.eval_mod_level(), scale);
        conjugated * (self.half_width() * self.message_ratio()).powi(2)
    }

    /// A sum of c = 2^steps rotations: of N coefficients one in c is left, and is multiplied by c.
    fn trace_error(&self, model: &NoiseModel, (message, variance): (&mut f64, &mut f64)) {
        for group in self.trace_groups() {
            let copies = 2f64.powi(group.len() as i32);
            *message *= copies;
            *variance = *variance * copies + self.added(model, self.trace_level(), self.circuit_scale());
        }
    }

    /// What bringing packed parts together adds: one rotation at the output level.
    fn unpacking_error(&self) -> f64 {
        let (model, level) = (NoiseModel::new(self.scheme()), self.output_level());
        if self.packs() { model.key_switching(level, level) } else { 0.0 }
    }

    /// The integers that coefficients are away from the message after ModRaise, with their probabilities.
    pub(super) fn multiples(&self) -> Vec<(f64, f64)> {
        let k = self.literal().bound as i32;
        let variance = f64::from(self.literal().sparse_weight + 1) / 12.0;
        let weight = |i: i32| (-f64::from(i * i) / (2.0 * variance)).exp();
        let total: f64 = (-k..=k).map(weight).sum();
        (-k..=k).map(|i| (f64::from(i), weight(i) / total)).collect()
    }

    fn eval_mod_error(&self) -> Result<f64> {
        let model = NoiseModel::new(self.scheme());
        let eval_mod = self.eval_mod()?;
        let added = |level: usize, scale: Scale| self.added(&model, level, scale);
        let mean: f64 = self.multiples().iter().map(|&(i, p)| p * eval_mod.error_variance(self.scheme(), i, &added)).sum();
        Ok(mean * (self.message_ratio() / (TAU * self.amplitude())).powi(2))
    }

    fn approximation_error(&self) -> Result<f64> {
        let amplitude = self.amplitude();
        let sine = self.sine()?;
        let error = |x: f64| (sine.eval(x) / amplitude - (TAU * x).sin()) * self.message_ratio() / TAU;
        let points = [-0.9, -0.3, 0.3, 0.9];
        let mean = |i: f64| points.iter().map(|z| error(i + z / self.message_ratio()).powi(2)).sum::<f64>() / points.len() as f64;
        let inside = self.multiples().into_iter().filter(|(i, _)| i.abs() < f64::from(self.literal().bound));
        Ok(inside.map(|(i, p)| p * mean(i)).sum())
    }
}
