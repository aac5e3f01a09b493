//! EvalMod: the message without the multiples of q_0.
//!
//! For x = m/q_0 + I, sin(2π·x) = sin(2π·m/q_0) is 2π·m/q_0 up to a cubic error. sin(2π·x) = cos(2π·(x − 1/4)); a polynomial
//! approximates cos(2π·(x − 1/4)/2^r), which has 2^r times fewer oscillations, and cos(2φ) = 2·cos²(φ) − 1 is applied r times
//! (Han, Ki, eprint 2019/688, section 3).
//!
//! **Scales.** An error of T₂(y) reaches the result 1/(4y) times as strongly as one of y, that is 16 times for I = 0. So the first
//! product drops a small prime: T₂ has a larger scale than the rest and its error counts for less; the second product drops two
//! primes, which brings the scale back.

use num_complex::Complex64;

use super::sine::Sine;
use crate::ciphertext::Ciphertext;
use crate::circuits::polynomial::{PolynomialPlan, Sum, Weights};
use crate::encoding::Encoder;
use crate::error::{Error, Result};
use crate::eval::Evaluator;
use crate::params::{Params, Scale};

/// A [`Sine`] with the steps of its evaluation.
#[derive(Clone, Debug)]
pub(super) struct EvalMod {
    sine: Sine,
    plan: PolynomialPlan,
    /// Level after d products, for the polynomial and the double angles.
    levels: Vec<usize>,
    /// Scale of y.
    input: Scale,
    /// Scale of the polynomial's value.
    value: Scale,
}

impl EvalMod {
    /// Plans the evaluation from `levels[0]` to the last of `levels`, with y at scale `input` and the polynomial's value at `value`.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if the levels do not fit the polynomial and its double angles.
    pub fn new(sine: Sine, levels: Vec<usize>, input: Scale, value: Scale) -> Result<Self> {
        let plan = PolynomialPlan::normalised(sine.polynomial());
        let needed = plan.depth() + sine.double_angle_constants().len();
        if levels.len() != needed + 1 {
            return Err(Error::LevelsExhausted { operation: "EvalMod", needed, available: levels.len().saturating_sub(1) });
        }
        Ok(Self { sine, plan, levels, input, value })
    }

    /// amplitude·sin(2π·half_width·y) in every slot, times e^(i·`turns`) for real numbers `turns`, of which one period is given:
    /// the polynomial is turned by 2^r times less, and every square doubles the angle. So it takes no level.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] for another level, [`Error::ScaleMismatch`] for another scale of y; [`Error::MissingKey`]
    /// without a relinearisation key.
    pub fn evaluate(&self, evaluator: &Evaluator<'_>, y: &Ciphertext, turns: Option<(&Encoder, &[f64])>) -> Result<Ciphertext> {
        let level = self.levels[0];
        if y.level() != level {
            return Err(Error::LevelsExhausted { operation: "EvalMod", needed: level, available: y.level() });
        }
        if !y.scale().matches(self.input) {
            return Err(Error::ScaleMismatch { level, left: y.scale().log2(), right: self.input.log2() });
        }
        let shifted = evaluator.add_constant(y, self.sine.shift().into())?;
        let constants = self.sine.double_angle_constants();
        let turned = |turns: &[f64], squares: usize| -> Vec<Complex64> {
            turns.iter().map(|t| Complex64::from_polar(1.0, t / 2f64.powi(squares as i32))).collect()
        };
        let weights: Vec<Vec<Complex64>> =
            (0..=constants.len()).rev().filter_map(|squares| turns.map(|(_, t)| turned(t, squares))).collect();
        let weights = |done: usize| match (turns, weights.get(done)) {
            (Some((encoder, _)), Some(w)) => Weights::Vector(encoder, w),
            _ => Weights::One,
        };
        let mut value = self.plan.evaluate_at_scale(evaluator, &shifted, &self.levels, self.value, weights(0))?;
        for ((done, constant), &level) in constants.enumerate().zip(&self.levels[self.plan.depth() + 1..]) {
            let square = evaluator.mul_to(&value, &value, level)?;
            value = weights(done + 1).add_constant(evaluator, square, -constant)?;
        }
        Ok(value)
    }

    /// What it consists of.
    pub fn sums(&self) -> Vec<Sum> {
        let double_angle = |pair: &[usize]| Sum { level: pair[0], after: pair[1], products: 1, multiples: 0 };
        let double_angles = self.levels[self.plan.depth()..].windows(2).map(double_angle);
        self.plan.sums(&self.levels).into_iter().chain(double_angles).collect()
    }

    /// Scale of what [`EvalMod::evaluate`] returns.
    pub fn output_scale(params: &Params, levels: &[usize], value: Scale) -> Scale {
        levels.windows(2).fold(value, |s, pair| {
            (pair[1] + 1..=pair[0]).fold(s.times(s), |s, i| Scale::from_u64(params.q(i).value()).map_or(s, |q| s.over(q)))
        })
    }

    /// Σ (∂result/∂ε)²·E|ε|² over all rescalings for y = x/half_width, where `variance(level, scale)` is that of one of them.
    /// Derivatives are exact up to second order, so errors that meet again are counted together.
    pub fn error_variance(&self, params: &Params, x: f64, variance: &dyn Fn(usize, Scale) -> f64) -> f64 {
        const STEP: f64 = 1e-6;
        let y = self.sine.argument(x);
        let run = |place: usize, by: f64| {
            let mut seen = 0;
            let mut at = None;
            let mut disturb = |level: usize, scale: Scale| {
                seen += 1;
                if seen - 1 == place {
                    at = Some((level, scale));
                    return by;
                }
                0.0
            };
            let mut value = self.plan.evaluate_disturbed(params, y, &self.levels, (self.input, self.value), &mut disturb);
            let mut scale = self.value;
            for (constant, pair) in self.sine.double_angle_constants().zip(self.levels[self.plan.depth()..].windows(2)) {
                scale = Self::output_scale(params, pair, scale);
                value = value * value - constant + disturb(pair[1], scale);
            }
            (value, at)
        };
        let mut sum = 0.0;
        for place in 0.. {
            let (up, Some((level, scale))) = run(place, STEP) else { break };
            let derivative = (up - run(place, -STEP).0) / (2.0 * STEP);
            sum += derivative * derivative * variance(level, scale);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use crate::bootstrap::{BootstrapParams, BootstrapParamsLiteral};

    #[test]
    fn the_polynomial_takes_seven_relinearisations() {
        let params = BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, 9, 1)).unwrap();
        let eval_mod = params.eval_mod().unwrap();
        assert_eq!((eval_mod.plan.depth(), eval_mod.plan.relinearisations()), (5, 7));
        let sums = eval_mod.sums();
        assert_eq!(sums.iter().filter(|sum| sum.products > 0).count(), 7 + 3);
        assert_eq!(sums.iter().map(|sum| sum.level).max(), Some(params.eval_mod_level()));
        assert_eq!(sums.iter().map(|sum| sum.after).min(), Some(params.output_level()));
    }
}
