//! From a score to a weight, in three forms.

use he_tensor::Evaluator;

use crate::functions::{Exponential, Form, Interval, Reciprocal, ScalarFunction};
use crate::{Error, Result};

/// How scores become attention weights.
#[derive(Clone, Debug)]
pub enum Weighting {
    /// (s + c)^p / R without a row sum.
    Power {
        /// p = 2^this.
        log_exponent: u32,
        /// R: positive.
        divisor: f64,
    },
    /// exp(s + c)/n with the 1/n as the exponential's factor ([`Exponential::scale`]).
    Cgf(Exponential),
    /// exp(s + c)/Σ exp(s + c).
    Softmax {
        /// The numerators.
        exponential: Exponential,
        /// Inverse of the row sums.
        reciprocal: Reciprocal,
    },
}

impl Weighting {
    /// (s + c)^p / R.
    ///
    /// # Errors
    /// [`Error::Value`] unless p is a power of two from 2 to 16 and R is positive.
    pub fn power(exponent: u32, divisor: f64) -> Result<Self> {
        if !(exponent.is_power_of_two() && (2..=16).contains(&exponent)) {
            let needed = "a power of two from 2 to 16: other powers take as many levels as the next of these".into();
            return Err(Error::Value { what: "exponent of power attention", found: exponent.to_string(), needed });
        }
        if !(divisor.is_finite() && divisor > 0.0) {
            let needed = "a positive number".into();
            return Err(Error::Value { what: "divisor of power attention", found: divisor.to_string(), needed });
        }
        Ok(Self::Power { log_exponent: exponent.ilog2(), divisor })
    }

    /// Numerator and its derivative at z = s + c.
    #[must_use]
    pub fn numerator(&self, form: Form, z: f64) -> (f64, f64) {
        match self {
            Self::Power { log_exponent, divisor } => {
                let p = 1i32 << log_exponent;
                (z.powi(p) / divisor, f64::from(p) * z.powi(p - 1) / divisor)
            }
            Self::Cgf(exponential) | Self::Softmax { exponential, .. } => exponential.value(form, z),
        }
    }

    /// What a row's numerators are multiplied by, and its derivative, as a function of their sum; `None` for no row sum.
    #[must_use]
    pub fn normaliser(&self, form: Form, sum: f64) -> Option<(f64, f64)> {
        match self {
            Self::Softmax { reciprocal, .. } => Some(reciprocal.value(form, sum)),
            _ => None,
        }
    }

    /// The interval of z, where there is a polynomial.
    #[must_use]
    pub fn argument_interval(&self) -> Option<Interval> {
        match self {
            Self::Power { .. } => None,
            Self::Cgf(exponential) | Self::Softmax { exponential, .. } => Some(exponential.interval()),
        }
    }

    /// The interval of a row's sum, where there is one.
    #[must_use]
    pub fn sum_interval(&self) -> Option<Interval> {
        match self {
            Self::Softmax { reciprocal, .. } => Some(reciprocal.interval()),
            _ => None,
        }
    }

    /// (α, β) of the circuit's argument u = α·z + β.
    #[must_use]
    pub fn affine_map(&self) -> (f64, f64) {
        match self {
            Self::Power { log_exponent, divisor } => (divisor.powf(-f64::from(1u32 << log_exponent).recip()), 0.0),
            Self::Cgf(exponential) | Self::Softmax { exponential, .. } => exponential.interval().affine_map(),
        }
    }

    /// Levels from u to numerators.
    #[must_use]
    pub fn numerator_depth(&self) -> usize {
        match self {
            Self::Power { log_exponent, .. } => *log_exponent as usize,
            Self::Cgf(exponential) | Self::Softmax { exponential, .. } => exponential.depth(),
        }
    }

    /// Levels of a layer's circuit between the scores and the contexts.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::Softmax { reciprocal, .. } => self.numerator_depth() + reciprocal.depth() + 2,
            _ => self.numerator_depth() + 1,
        }
    }

    /// Numerators from u.
    pub(super) fn numerators<E: Evaluator>(&self, e: &E, u: &E::Vector) -> Result<E::Vector> {
        match self {
            Self::Power { log_exponent, .. } => {
                let mut power = u.clone();
                for _ in 0..*log_exponent {
                    power = e.square(&power)?;
                }
                Ok(power)
            }
            Self::Cgf(exponential) | Self::Softmax { exponential, .. } => {
                e.watch("attention: exponential", u, 1.0);
                exponential.circuit(e, u)
            }
        }
    }

    /// Refuses a shift for which a score of zero, which padding has, is outside the polynomial's interval.
    pub(super) fn check_shift(&self, shift: f64) -> Result<()> {
        match self.argument_interval() {
            Some(interval) if !interval.contains(shift) => {
                let found = format!("{shift} with a polynomial on [{}, {}]", interval.low, interval.high);
                let needed = "a number in that interval: it is the argument of padding".into();
                Err(Error::Value { what: "shift of an attention head", found, needed })
            }
            _ if !shift.is_finite() => Err(Error::Value {
                what: "shift of an attention head",
                found: shift.to_string(),
                needed: "a finite number".into(),
            }),
            _ => Ok(()),
        }
    }
}
