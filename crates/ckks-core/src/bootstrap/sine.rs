//! The function that EvalMod evaluates, on numbers.

use std::f64::consts::TAU;

use crate::circuits::polynomial::ChebyshevPolynomial;
use crate::error::Result;

/// amplitude·sin(2π·x) for |x| ≤ K as an even polynomial p and r double angles: with y = (x − 1/4)/(K + 1/4),
/// p(y) ≈ b_0·cos(2π·(x − 1/4)/2^r), then v ← v² − b_i²/2 r times with b_{i+1} = b_i²/2: no factor 2 is left to multiply by.
#[derive(Clone, Debug)]
pub(super) struct Sine {
    polynomial: ChebyshevPolynomial,
    half_width: f64,
    /// b_1, b_2, …
    constants: Vec<f64>,
}

impl Sine {
    /// The sine for K = `bound`.
    ///
    /// # Errors
    /// Those of the interpolation.
    pub fn new(bound: u32, degree: usize, double_angles: u32, amplitude: f64) -> Result<Self> {
        let half_width = half_width(bound);
        let mut constants = vec![amplitude];
        for _ in 0..double_angles {
            constants.push((2.0 * constants[constants.len() - 1]).sqrt());
        }
        let root = constants.pop().unwrap_or(amplitude);
        constants.reverse();
        let frequency = TAU * half_width / 2f64.powi(double_angles as i32);
        let fit = ChebyshevPolynomial::interpolate(|y| root * (frequency * y).cos(), degree, (-1.0, 1.0))?;
        // The odd coefficients of an even function are rounding errors.
        let even: Vec<f64> = fit.coefficients().iter().enumerate().map(|(n, &c)| if n % 2 == 0 { c } else { 0.0 }).collect();
        Ok(Self { polynomial: ChebyshevPolynomial::new(even, (-1.0, 1.0))?, half_width, constants })
    }

    /// The same less its mean at the integers `multiples`, given with their probabilities. What stays of the polynomial's error is a
    /// random walk over bootstraps; the mean would add up.
    pub fn without_mean(mut self, multiples: &[(f64, f64)]) -> Result<Self> {
        let mean: f64 = multiples.iter().map(|(i, p)| p * self.eval(*i)).sum();
        match self.constants.last_mut() {
            Some(last) => *last += mean,
            None => {
                let mut coefficients = self.polynomial.coefficients().to_vec();
                coefficients.iter_mut().take(1).for_each(|c| *c -= mean);
                self.polynomial = ChebyshevPolynomial::new(coefficients, (-1.0, 1.0))?;
            }
        }
        Ok(self)
    }

    /// p.
    pub fn polynomial(&self) -> &ChebyshevPolynomial {
        &self.polynomial
    }

    /// y for x in units of q_0.
    pub fn argument(&self, x: f64) -> f64 {
        x / self.half_width + self.shift()
    }

    /// What to add to x/(K + 1/4) to get y.
    pub fn shift(&self) -> f64 {
        -0.25 / self.half_width
    }

    /// b_1, b_2, …: what each double angle subtracts.
    pub fn double_angle_constants(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.constants.iter().copied()
    }

    /// What the polynomial and the double angles make of x.
    pub fn eval(&self, x: f64) -> f64 {
        let value = self.polynomial.eval_normalised(self.argument(x));
        self.constants.iter().fold(value, |v, c| v * v - c)
    }
}

/// K + 1/4: the cosine's argument reaches a quarter turn beyond the sine's.
pub(super) fn half_width(bound: u32) -> f64 {
    f64::from(bound) + 0.25
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_gone() {
        let multiples: Vec<(f64, f64)> = [(-3.0, 0.1), (-1.0, 0.2), (0.0, 0.4), (1.0, 0.2), (3.0, 0.1)].into();
        let mean = |sine: &Sine| multiples.iter().map(|(i, p)| p * sine.eval(*i)).sum::<f64>();
        for double_angles in [0, 3] {
            let plain = Sine::new(4, if double_angles == 0 { 40 } else { 16 }, double_angles, 0.16).unwrap();
            let before = mean(&plain);
            let after = mean(&plain.without_mean(&multiples).unwrap());
            assert!(before.abs() > 1e-12 && after.abs() < 1e-3 * before.abs(), "{before:e} {after:e}");
        }
    }

    #[test]
    fn the_sine_over_the_whole_interval() {
        let amplitude: f64 = 0.16;
        let sine = Sine::new(14, 28, 3, amplitude).unwrap();
        // Interpolation at degree d leaves at most 2·Σ_{k>d} |c_k| ≤ 4.2·|c_{d+2}|, c_k = 2·J_k(ω) < 2·(ω/2)^k/k!; the double
        // angles multiply it by 4³ at most.
        let omega = TAU * 14.25 / 8.0;
        let log_tail = 30.0 * (omega / 2.0f64).ln() - (1..=30).map(|k| f64::from(k).ln()).sum::<f64>();
        let tolerance = amplitude * 64.0 * 4.2 * 2.0 * log_tail.exp();
        let error = |x: f64| (sine.eval(x) - amplitude * (TAU * x).sin()).abs();
        let worst = (-14_000..=14_000).map(|step| error(f64::from(step) / 1000.0)).fold(0.0, f64::max);
        assert!(worst < tolerance, "{worst:e} against {tolerance:e}");
        assert!(tolerance < 2f64.powi(-22), "{tolerance:e}");
    }
}
