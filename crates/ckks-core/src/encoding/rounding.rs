//! From real coefficients to residues: scaling, rounding, reduction.

use crate::error::{Error, Result};
use crate::kernels::Modulus;
use crate::params::{Params, Scale};

/// Integer-valued doubles that fit the modulus of a level.
pub(super) struct RoundedCoefficients {
    /// Integers up to 2^1023; above 2^53 their last bits are zeros, which is all that the transform's 53 bits can say.
    values: Vec<f64>,
}

impl RoundedCoefficients {
    /// round(c·scale) for every coefficient, ties to even.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] if the largest one is not below half the modulus of `level`.
    pub(super) fn new(params: &Params, mut coefficients: Vec<f64>, level: usize, scale: Scale) -> Result<Self> {
        let factor = scale.to_f64();
        let mut largest = 0.0f64;
        for c in &mut coefficients {
            *c = (*c * factor).round_ties_even();
            largest = largest.max(c.abs());
        }
        check_fits(params, largest, level, scale)?;
        Ok(Self { values: coefficients })
    }

    /// The residues modulo one prime, in the same order.
    pub(super) fn residues<'a>(&'a self, modulus: &'a Modulus) -> impl Iterator<Item = u64> + 'a {
        self.values.iter().map(|&x| integer_residue(modulus, x))
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

/// `x` modulo the prime for an integer-valued finite double.
fn integer_residue(modulus: &Modulus, x: f64) -> u64 {
    const EXACT: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if x.abs() < EXACT {
        return modulus.from_i64(x as i64);
    }
    // mantissa · 2^shift with a 53-bit mantissa
    let bits = x.to_bits();
    let shift = ((bits >> 52) & 0x7ff) - 1075;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let residue = modulus.mul(modulus.reduce_u64(mantissa), modulus.pow(2, shift));
    if x < 0.0 { modulus.neg(residue) } else { residue }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamsLiteral;
    use num_bigint::BigInt;
    use num_traits::{FromPrimitive, ToPrimitive};

    #[test]
    fn residues_of_large_integers_are_exact() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 2)).unwrap();
        let modulus = params.q(1);
        let p = BigInt::from(modulus.value());
        for x in [0.0, 1.0, -1.0, 1e15, -1e18, 9.3e18, -2f64.powi(63), 2f64.powi(100) + 2f64.powi(60), -1e200, 2f64.powi(1000)] {
            let wanted = ((BigInt::from_f64(x).unwrap() % &p) + &p) % &p;
            assert_eq!(integer_residue(modulus, x), wanted.to_u64().unwrap(), "{x:e}");
        }
    }

    #[test]
    fn what_wraps_is_refused_with_both_figures() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 2)).unwrap();
        let scale = Scale::power_of_two(40);
        assert!(RoundedCoefficients::new(&params, vec![500.0], 0, scale).is_ok());
        let error = RoundedCoefficients::new(&params, vec![1030.0], 0, scale).err().unwrap().to_string();
        assert!(error.contains("level 0 has 2^50.0"), "{error}");
        assert!(RoundedCoefficients::new(&params, vec![1030.0], 1, scale).is_ok());
        assert!(RoundedCoefficients::new(&params, vec![f64::MAX], 2, scale).is_err());
    }
}
