//! One RNS prime and its scalar arithmetic.

use crate::error::{Error, Result};

/// A prime modulus below 2^50 with its reduction constants. Values are kept in [0, p).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modulus {
    p: u64,
    /// floor(2^128 / p).
    ratio: u128,
}

impl Modulus {
    /// Moduli are below 2^50: four of them fit the 52-bit multiplier, which the lazy transforms need.
    pub const BITS: u32 = 50;

    /// Refuses what cannot be an RNS prime here: even numbers, numbers below 3 or from 2^50 on, and composites.
    ///
    /// # Errors
    /// [`Error::InvalidModulus`].
    pub fn new(p: u64) -> Result<Self> {
        let refuse = |reason: &str| Err(Error::InvalidModulus { value: p, reason: reason.into() });
        if p >= 1 << Self::BITS {
            return refuse("it is not below 2^50");
        }
        if p < 3 || !crate::ring::primes::is_prime(p) {
            return refuse("it is not an odd prime");
        }
        // p does not divide 2^128, so the floor of (2^128 − 1)/p is that of 2^128/p.
        Ok(Self { p, ratio: u128::MAX / u128::from(p) })
    }

    /// The prime.
    #[inline]
    pub fn value(&self) -> u64 {
        self.p
    }

    /// a + b.
    #[inline]
    pub fn add(&self, a: u64, b: u64) -> u64 {
        let sum = a + b;
        sum.min(sum.wrapping_sub(self.p))
    }

    /// a − b.
    #[inline]
    pub fn sub(&self, a: u64, b: u64) -> u64 {
        let difference = a.wrapping_sub(b);
        difference.min(difference.wrapping_add(self.p))
    }

    /// −a.
    #[inline]
    pub fn neg(&self, a: u64) -> u64 {
        if a == 0 { 0 } else { self.p - a }
    }

    /// a·b.
    #[inline]
    pub fn mul(&self, a: u64, b: u64) -> u64 {
        self.reduce_u128(u128::from(a) * u128::from(b))
    }

    /// x mod p for any x.
    #[inline]
    pub fn reduce_u128(&self, x: u128) -> u64 {
        self.divide(x).1
    }

    /// The low word of floor(x/p), and x mod p: Barrett's quotient floor(x·ratio/2^128) is at most one too small.
    #[inline]
    fn divide(&self, x: u128) -> (u64, u64) {
        let (x1, x0) = ((x >> 64) as u64, x as u64);
        let (r1, r0) = ((self.ratio >> 64) as u64, self.ratio as u64);
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let middle = wide(x0, r1) + (wide(x0, r0) >> 64);
        let other = wide(x1, r0) + u128::from(middle as u64);
        let quotient = x1.wrapping_mul(r1).wrapping_add((middle >> 64) as u64).wrapping_add((other >> 64) as u64);
        let r = x0.wrapping_sub(quotient.wrapping_mul(self.p));
        if r < self.p { (quotient, r) } else { (quotient.wrapping_add(1), r - self.p) }
    }

    /// x mod p.
    #[inline]
    pub fn reduce_u64(&self, x: u64) -> u64 {
        self.reduce_u128(u128::from(x))
    }

    /// x mod p for a signed x.
    #[inline]
    pub fn from_i64(&self, x: i64) -> u64 {
        let r = self.reduce_u64(x.unsigned_abs());
        if x < 0 { self.neg(r) } else { r }
    }

    /// The representative of a in [−(p−1)/2, (p−1)/2].
    #[inline]
    pub fn center(&self, a: u64) -> i64 {
        if a > self.p / 2 { a as i64 - self.p as i64 } else { a as i64 }
    }

    /// a^e.
    pub fn pow(&self, a: u64, mut e: u64) -> u64 {
        let (mut base, mut result) = (a, 1);
        while e > 0 {
            if e & 1 == 1 {
                result = self.mul(result, base);
            }
            base = self.mul(base, base);
            e >>= 1;
        }
        result
    }

    /// a⁻¹ (and 0 for 0), by Fermat.
    pub fn inv(&self, a: u64) -> u64 {
        self.pow(a, self.p - 2)
    }

    /// floor(w·2^52/p): with it, x·w mod p costs three 52-bit products (Shoup; Harvey 2014, arXiv 1205.2926).
    #[inline]
    pub fn shoup52(&self, w: u64) -> u64 {
        self.divide(u128::from(w) << 52).0
    }

    /// floor(w·2^64/p), for the portable path.
    #[inline]
    pub fn shoup64(&self, w: u64) -> u64 {
        self.divide(u128::from(w) << 64).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRIMES: [u64; 5] = [3, 65537, 1_073_479_681, 35_184_372_067_329, 1_125_899_906_826_241];

    #[test]
    fn only_odd_primes_below_2_to_the_50() {
        for p in [0, 1, 2, 4, 9, 1 << 49, (1 << 50) + 1, u64::MAX] {
            assert!(matches!(Modulus::new(p), Err(Error::InvalidModulus { value, .. }) if value == p));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_u128(x: u128, a: u64, b: u64, c: i64, which in 0usize..5) {
            let Ok(m) = Modulus::new(PRIMES[which]) else { return Ok(()) };
            let p = m.value();
            prop_assert_eq!(m.reduce_u128(x), (x % u128::from(p)) as u64);
            let (a, b) = (a % p, b % p);
            prop_assert_eq!(m.mul(a, b), (u128::from(a) * u128::from(b) % u128::from(p)) as u64);
            prop_assert_eq!(m.add(a, b), (a + b) % p);
            prop_assert_eq!(m.sub(a, b), (a + p - b) % p);
            prop_assert_eq!(m.from_i64(c), i128::from(c).rem_euclid(i128::from(p)) as u64);
            prop_assert_eq!(m.from_i64(m.center(a)), a);
            prop_assert_eq!(u128::from(m.shoup52(a)), (u128::from(a) << 52) / u128::from(p));
            prop_assert_eq!(u128::from(m.shoup64(a)), (u128::from(a) << 64) / u128::from(p));
            if a != 0 { prop_assert_eq!(m.mul(a, m.inv(a)), 1); }
        }
    }

    #[test]
    fn extremes_reduce() {
        for p in PRIMES {
            let Ok(m) = Modulus::new(p) else { continue };
            for x in [0, 1, u128::from(p) - 1, u128::from(p), u128::MAX, u128::from(p - 1) * u128::from(p - 1)] {
                assert_eq!(m.reduce_u128(x), (x % u128::from(p)) as u64);
            }
        }
    }
}
