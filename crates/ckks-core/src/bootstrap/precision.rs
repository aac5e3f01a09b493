//! How large the error of a bootstrap is, before anything is encrypted.
//!
//! Every part is E|ε|² per slot of the result, in units of slot values. What [`crate::noise::NoiseModel`] knows is used at the
//! circuit's own scales; the rounding of the encoded matrices is left out (it is below 2^-80 of the slots for the presets).

use std::f64::consts::TAU;

use num_complex::Complex64;

use super::circuit::Slots;
use super::dft;
use super::eval_mod::EvalMod;
use super::mod_raise::{from_sparse_shape, to_sparse_shape};
use super::params::BootstrapParams;
use super::variances::{Noisy, NoisySlots, Variances};
use crate::error::Result;
use crate::noise::NoiseModel;
use crate::noise::model::bits;
use crate::ring::sampling::SIGMA;

/// The error of a bootstrap by source, for values whose parts are uniform in [−1, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictedError {
    /// Rescalings and key switches of SlotsToCoeffs.
    pub slots_to_coeffs: f64,
    /// Switching to the sparse secret and back.
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
            eval_mod: parts * self.eval_mod_error()?,
            approximation: parts * self.approximation_error()?,
            sine: parts * self.sine_bias().powi(2) / 7.0, // E x⁶ = 1/7
        })
    }

    /// E|ε|² of one real part: a coefficient, of which 2s are left after the trace.
    fn slots_to_coeffs_error(&self) -> f64 {
        let model = NoiseModel::new(self.scheme());
        let stages = dft::stages_of(self.literal().log_slots, self.slots_to_coeffs_matrices());
        let (mut done, mut sum) = (0, 0.0);
        for (i, count) in stages.iter().enumerate() {
            done += count;
            let level = self.input_level() - i;
            let added = model.rounding(level - 1) + model.switched_and_rescaled(level, level);
            sum += added / 2f64.powi(done as i32);
        }
        sum / (2.0 * self.copies() as f64)
    }

    fn mod_raise_error(&self) -> f64 {
        let model = NoiseModel::new(self.scheme());
        let n = self.scheme().n() as f64;
        let ratio = self.scheme().q(0).value() as f64 / self.scheme().p(0).value() as f64;
        // Both switches have one digit below q_0 and are divided by the first special prime.
        debug_assert_eq!((to_sparse_shape().special, from_sparse_shape(0).special), (1, 1));
        let switched = n * (SIGMA * ratio).powi(2) / 12.0;
        let rounded = |weight: f64| (1.0 + weight) / 12.0;
        let variance = 2.0 * switched + rounded(f64::from(self.literal().sparse_weight)) + rounded(model.secret_weight());
        variance / self.scheme().scale_at(0).to_f64().powi(2)
    }

    /// What a rescaling with a key switch leaves at `level`, at the circuit's scale.
    fn added(&self, model: &NoiseModel, level: usize) -> f64 {
        let ratio = self.scheme().scale_at(level).over(self.scales()[level]).to_f64();
        (model.rounding(level) + model.switched_and_rescaled(level + 1, level + 1)) * ratio * ratio
    }

    fn coeffs_to_slots_error(&self) -> f64 {
        let model = NoiseModel::new(self.scheme());
        let mut stages = dft::stages_of(self.literal().log_slots, self.coeffs_to_slots_matrices());
        stages.reverse();
        let each = self.coeffs_to_slots_factor().powf(2.0 / stages.len() as f64);
        let mut variance = 0.0;
        for (i, &count) in stages.iter().enumerate() {
            // A backward butterfly halves the variance of independent errors.
            variance = variance * each / 2f64.powi(count as i32) + self.added(&model, self.raised_level() - i - 1);
        }
        // x + x̄ doubles the real part, which has half the variance; the conjugate brings its own key switch.
        let conjugated = 2.0 * variance + self.added(&model, self.eval_mod_level());
        conjugated * (self.half_width() * self.message_ratio()).powi(2)
    }

    /// The integers that coefficients are away from the message after ModRaise, with their probabilities.
    fn multiples(&self) -> Vec<(f64, f64)> {
        let k = self.literal().bound as i32;
        let variance = f64::from(self.literal().sparse_weight + 1) / 12.0;
        let weight = |i: i32| (-f64::from(i * i) / (2.0 * variance)).exp();
        let total: f64 = (-k..=k).map(weight).sum();
        (-k..=k).map(|i| (f64::from(i), weight(i) / total)).collect()
    }

    fn eval_mod_error(&self) -> Result<f64> {
        let model = NoiseModel::new(self.scheme());
        let amplitude = self.amplitude();
        let eval_mod = EvalMod::new(self.sine(amplitude)?);
        let multiples = self.multiples();
        let exact = |&(i, _): &(f64, f64)| Noisy { value: Complex64::new(i / self.half_width(), 0.0), variance: 0.0 };
        let input = NoisySlots { slots: multiples.iter().map(exact).collect(), level: self.eval_mod_level() };
        let added = (0..=self.eval_mod_level()).map(|level| self.added(&model, level)).collect();
        let output = eval_mod.evaluate(&Variances { added, slots: multiples.len() }, &input)?;
        let mean: f64 = output.slots.iter().zip(&multiples).map(|(x, (_, p))| x.variance * p).sum();
        Ok(mean * (self.message_ratio() / (TAU * amplitude)).powi(2))
    }

    fn approximation_error(&self) -> Result<f64> {
        let amplitude = self.amplitude();
        let sine = self.sine(amplitude)?;
        let error = |x: f64| (sine.eval(x) / amplitude - (TAU * x).sin()) * self.message_ratio() / TAU;
        let points = [-0.9, -0.3, 0.3, 0.9];
        let mean = |i: f64| points.iter().map(|z| error(i + z / self.message_ratio()).powi(2)).sum::<f64>() / points.len() as f64;
        let inside = self.multiples().into_iter().filter(|(i, _)| i.abs() < f64::from(self.literal().bound));
        Ok(inside.map(|(i, p)| p * mean(i)).sum())
    }
}
