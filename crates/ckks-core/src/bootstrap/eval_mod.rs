//! EvalMod: the message without the multiples of q_0.
//!
//! For x = m/q_0 + I, sin(2π·x) = sin(2π·m/q_0) is 2π·m/q_0 up to a cubic error. sin(2π·x) = cos(2π·(x − 1/4)); a polynomial
//! approximates cos(2π·(x − 1/4)/2^r), which has 2^r times fewer oscillations, and cos(2φ) = 2·cos²(φ) − 1 is applied r times
//! (Han, Ki, eprint 2019/688, section 3).

use super::sine::Sine;
use crate::circuits::Arithmetic;
use crate::circuits::polynomial::PolynomialPlan;
use crate::error::Result;

/// A [`Sine`] with the steps of its evaluation.
#[derive(Clone, Debug)]
pub(super) struct EvalMod {
    sine: Sine,
    plan: PolynomialPlan,
}

impl EvalMod {
    /// Plans the evaluation.
    pub fn new(sine: Sine) -> Self {
        let plan = PolynomialPlan::normalised(sine.polynomial());
        Self { sine, plan }
    }

    /// amplitude·sin(2π·half_width·y) in every slot.
    ///
    /// # Errors
    /// [`crate::Error::LevelsExhausted`]; [`crate::Error::MissingKey`] without a relinearisation key.
    pub fn evaluate<A: Arithmetic>(&self, arithmetic: &A, y: &A::Vector) -> Result<A::Vector> {
        let shifted = arithmetic.add_scalar(y, self.sine.shift())?;
        let mut value = self.plan.evaluate(arithmetic, &shifted)?;
        for constant in self.sine.double_angle_constants() {
            value = arithmetic.add_scalar(&arithmetic.square(&value)?, -constant)?;
        }
        Ok(value)
    }
}
