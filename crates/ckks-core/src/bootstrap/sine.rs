//! The function that EvalMod evaluates, on numbers.

use std::f64::consts::TAU;

use crate::circuits::polynomial::ChebyshevPolynomial;
use crate::error::Result;

/// amplitude·sin(2π·x) for |x| ≤ K as an even polynomial p and r double angles: with y = (x − 1/4)/(K + 1/4) and
/// a_0 = amplitude^(1/2^r), p(y) ≈ a_0·cos(2π·(x − 1/4)/2^r), then v ← 2v² − a_i² r times with a_{i+1} = a_i².
#[derive(Clone, Debug)]
pub(super) struct Sine {
    polynomial: ChebyshevPolynomial,
    half_width: f64,
    constants: Vec<f64>,
}

impl Sine {
    /// The sine for K = `bound`.
    ///
    /// # Errors
    /// Those of the interpolation.
    pub fn new(bound: u32, degree: usize, double_angles: u32, amplitude: f64) -> Result<Self> {
        let half_width = half_width(bound);
        let turns = 2f64.powi(double_angles as i32);
        let root = amplitude.powf(1.0 / turns);
        let frequency = TAU * half_width / turns;
        let fit = ChebyshevPolynomial::interpolate(|y| root * (frequency * y).cos(), degree, (-1.0, 1.0))?;
        // The odd coefficients of an even function are rounding errors.
        let even: Vec<f64> = fit.coefficients().iter().enumerate().map(|(n, &c)| if n % 2 == 0 { c } else { 0.0 }).collect();
        let constants = (1..=double_angles).map(|i| root.powi(1 << i)).collect();
        Ok(Self { polynomial: ChebyshevPolynomial::new(even, (-1.0, 1.0))?, half_width, constants })
    }

    /// p.
    pub fn polynomial(&self) -> &ChebyshevPolynomial {
        &self.polynomial
    }

    /// What to add to x/(K + 1/4) to get y.
    pub fn shift(&self) -> f64 {
        -0.25 / self.half_width
    }

    /// a_0², a_1², …: what each double angle subtracts.
    pub fn double_angle_constants(&self) -> impl Iterator<Item = f64> + '_ {
        self.constants.iter().copied()
    }
}

/// K + 1/4: the cosine's argument reaches a quarter turn beyond the sine's.
pub(super) fn half_width(bound: u32) -> f64 {
    f64::from(bound) + 0.25
}

#[cfg(test)]
impl Sine {
    fn eval(&self, x: f64) -> f64 {
        let value = self.polynomial.eval_normalised(x / self.half_width + self.shift());
        self.constants.iter().fold(value, |v, c| 2.0 * v * v - c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_over_the_whole_interval() {
        let amplitude: f64 = 0.16;
        let sine = Sine::new(16, 30, 3, amplitude).unwrap();
        // Interpolation at degree d leaves at most 2·Σ_{k>d} |c_k| ≤ 4.2·|c_{d+2}|, c_k = 2·J_k(ω) < 2·(ω/2)^k/k!; the double
        // angles multiply it by 4³ at most.
        let omega = TAU * 16.25 / 8.0;
        let log_tail = 32.0 * (omega / 2.0f64).ln() - (1..=32).map(|k| f64::from(k).ln()).sum::<f64>();
        let tolerance = amplitude * 64.0 * 4.2 * 2.0 * log_tail.exp();
        let error = |x: f64| (sine.eval(x) - amplitude * (TAU * x).sin()).abs();
        let worst = (-16_000..=16_000).map(|step| error(f64::from(step) / 1000.0)).fold(0.0, f64::max);
        assert!(worst < tolerance, "{worst:e} against {tolerance:e}");
        assert!(tolerance < 2f64.powi(-22), "{tolerance:e}");
    }
}
