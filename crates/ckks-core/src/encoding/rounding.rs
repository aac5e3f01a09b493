//! From real coefficients to integers that fit a modulus.

use crate::error::{Error, Result};
use crate::kernels::rounding::{integer_residues_into, scale_and_round};
use crate::kernels::{AlignedBuf, Modulus};
use crate::params::{Params, Scale};

/// Integer-valued doubles that fit the modulus of a level.
pub(super) struct RoundedCoefficients {
    /// Integers up to 2^1023; above 2^53 their last bits are zeros, which is all that the transform's 53 bits can say.
    values: AlignedBuf,
    largest: f64,
}

impl RoundedCoefficients {
    /// round(c·scale) for every coefficient (doubles in a buffer), ties to even.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] if the largest one is not below half the modulus of `level`.
    pub(super) fn new(params: &Params, mut coefficients: AlignedBuf, level: usize, scale: Scale) -> Result<Self> {
        let largest = scale_and_round(coefficients.doubles_mut(), scale.to_f64());
        check_fits(params, largest, level, scale)?;
        Ok(Self { values: coefficients, largest })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The residues modulo one prime, in the same order.
    pub(super) fn residues_into(&self, modulus: &Modulus, words: &mut [u64]) {
        integer_residues_into(modulus, words, self.values.doubles(), self.largest);
    }
}

/// Refuses coefficients of magnitude `largest` (not finite included) that wrap around modulo Q of `level`.
pub(super) fn check_fits(params: &Params, largest: f64, level: usize, scale: Scale) -> Result<()> {
    let log_q: f64 = (0..=level).map(|i| (params.q(i).value() as f64).log2()).sum();
    // 2^-30 covers the rounding of the logarithms and refuses nothing that a user could tell apart.
    if largest == 0.0 || largest.log2() + 1.0 < log_q - 2f64.powi(-30) {
        return Ok(());
    }
    let found = largest.log2() + 1.0;
    Err(Error::ValueOutOfRange {
        what: format!(
            "values at scale {scale} need a modulus above 2^{found:.1}, but level {level} has 2^{log_q:.1}; use smaller values, a \
             smaller scale or a higher level (of {})",
            params.max_level()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamsLiteral;

    fn one(x: f64) -> AlignedBuf {
        AlignedBuf::from_slice(&[x.to_bits()])
    }

    #[test]
    fn what_wraps_is_refused_with_both_figures() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 2)).unwrap();
        let scale = Scale::power_of_two(40);
        assert!(RoundedCoefficients::new(&params, one(500.0), 0, scale).is_ok());
        let error = RoundedCoefficients::new(&params, one(1030.0), 0, scale).err().unwrap().to_string();
        assert!(error.contains("level 0 has 2^50.0"), "{error}");
        assert!(RoundedCoefficients::new(&params, one(1030.0), 1, scale).is_ok());
        for wrong in [f64::MAX, f64::INFINITY, f64::NAN] {
            assert!(RoundedCoefficients::new(&params, one(wrong), 2, scale).is_err());
        }
    }
}
