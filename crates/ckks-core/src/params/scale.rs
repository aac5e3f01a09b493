//! The scale of a plaintext or ciphertext, tracked to 128 bits.

use num_bigint::BigUint;
use num_traits::ToPrimitive;

/// A positive real number with a 128-bit mantissa: the factor between slot values and polynomial coefficients.
///
/// A double would lose the scale: each squaring doubles the relative error, and after thirty levels 2^-53 has become 2^-23,
/// which is visible in the slots. Here it stays below 2^-90 for any circuit that fits a modulus.
///
/// value = mantissa · 2^(exponent − 127), mantissa in [2^127, 2^128).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scale {
    mantissa: u128,
    exponent: i32,
}

impl Scale {
    /// 2^`exponent`.
    pub fn power_of_two(exponent: i32) -> Self {
        Self { mantissa: 1 << 127, exponent }
    }

    /// The scale of an integer; `None` for 0.
    pub fn from_u64(value: u64) -> Option<Self> {
        (value != 0).then(|| Self::normalised(u128::from(value), 127))
    }

    /// The scale of a positive finite double; `None` otherwise.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !(value.is_normal() && value > 0.0) {
            return None;
        }
        let bits = value.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        Some(Self { mantissa: u128::from(mantissa) << 75, exponent })
    }

    /// Mantissa in [2^127, 2^128) and exponent: value = mantissa · 2^(exponent − 127). What a file stores.
    pub fn to_parts(self) -> (u128, i32) {
        (self.mantissa, self.exponent)
    }

    /// The inverse of [`Self::to_parts`]; `None` for a mantissa below 2^127 or an exponent beyond ±4096.
    pub fn from_parts(mantissa: u128, exponent: i32) -> Option<Self> {
        (mantissa >> 127 == 1 && exponent.abs() <= 4096).then_some(Self { mantissa, exponent })
    }

    fn normalised(value: u128, exponent: i32) -> Self {
        let shift = value.leading_zeros();
        Self { mantissa: value << shift, exponent: exponent - shift as i32 }
    }

    /// The product, rounded down in the 128th bit.
    pub fn times(self, other: Self) -> Self {
        let product = BigUint::from(self.mantissa) * BigUint::from(other.mantissa);
        Self::from_big(&product, self.exponent + other.exponent - 254)
    }

    /// The quotient, rounded down in the 128th bit.
    pub fn over(self, other: Self) -> Self {
        let quotient = (BigUint::from(self.mantissa) << 129u32) / BigUint::from(other.mantissa);
        Self::from_big(&quotient, self.exponent - other.exponent - 129)
    }

    /// `value` · 2^`exponent`, cut to 128 bits.
    fn from_big(value: &BigUint, exponent: i32) -> Self {
        let bits = value.bits() as i32;
        let cut = bits - 128;
        let mantissa = if cut >= 0 { value >> cut } else { value << -cut };
        Self { mantissa: mantissa.to_u128().unwrap_or(1 << 127), exponent: exponent + bits - 1 }
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        self.mantissa as f64 * 2f64.powi(self.exponent - 127)
    }

    /// log2, for messages and noise estimates.
    pub fn log2(self) -> f64 {
        (self.mantissa as f64).log2() + f64::from(self.exponent - 127)
    }

    /// True if the two scales agree to 2^-60: closer than any message can tell apart.
    pub fn matches(self, other: Self) -> bool {
        let (hi, lo) =
            if (self.exponent, self.mantissa) >= (other.exponent, other.mantissa) { (self, other) } else { (other, self) };
        match hi.exponent - lo.exponent {
            0 => hi.mantissa - lo.mantissa < 1 << 67,
            1 => (hi.mantissa - (1 << 127)) + ((u128::MAX - lo.mantissa) >> 1) < 1 << 66,
            _ => false,
        }
    }

    /// round(`factor` · self) as an integer; `None` above 2^126 or for a factor that is not finite.
    pub fn scaled_integer(self, factor: f64) -> Option<i128> {
        if !factor.is_finite() {
            return None;
        }
        let Some(magnitude) = Self::from_f64(factor.abs()) else {
            return Some(0); // zero and subnormal factors
        };
        let product = self.times(magnitude);
        if product.exponent >= 126 {
            return None;
        }
        if product.exponent < -1 {
            return Some(0);
        }
        let drop = (127 - product.exponent) as u32; // 2..=128
        let half_up = if drop == 128 { product.mantissa >> 127 } else { ((product.mantissa >> (drop - 1)) + 1) >> 1 };
        let value = i128::try_from(half_up).ok()?;
        Some(if factor < 0.0 { -value } else { value })
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "2^{:.6}", self.log2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn product_and_quotient_match_doubles(a in 1e-3f64..1e20, b in 1e-3f64..1e20) {
            let (x, y) = (Scale::from_f64(a).unwrap(), Scale::from_f64(b).unwrap());
            prop_assert!((x.times(y).to_f64() / (a * b) - 1.0).abs() < 1e-15);
            prop_assert!((x.over(y).to_f64() / (a / b) - 1.0).abs() < 1e-15);
            prop_assert!(x.times(y).over(y).matches(x));
        }

        #[test]
        fn integers_round_to_nearest(a in 1u64..1 << 50, c in -1000i64..1000) {
            let s = Scale::from_u64(a).unwrap();
            prop_assert_eq!(s.scaled_integer(c as f64), Some(i128::from(a) * i128::from(c)));
            prop_assert_eq!(Scale::from_u64(2 * a + 1).unwrap().scaled_integer(0.5), Some(i128::from(a) + 1));
        }
    }

    #[test]
    fn a_difference_of_one_in_2_to_the_50_is_seen() {
        let a = Scale::from_u64(1 << 50).unwrap();
        assert!(!a.matches(Scale::from_u64((1 << 50) + 1).unwrap()));
        assert!(!a.matches(Scale::from_u64((1 << 50) - 1).unwrap()));
        assert!(a.matches(a.times(a).over(a)));
    }
}
