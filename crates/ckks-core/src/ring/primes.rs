//! Primality.

/// Deterministic Miller–Rabin for 64-bit numbers: the first twelve primes as bases decide every n < 3.3·10^24
/// (Sorenson, Webster 2015).
pub fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if n < 2 {
        return false;
    }
    for p in BASES {
        if n.is_multiple_of(p) {
            return n == p;
        }
    }
    let shift = (n - 1).trailing_zeros();
    let odd = (n - 1) >> shift;
    BASES.iter().all(|&base| {
        let mut x = pow_mod(base, odd, n);
        if x == 1 || x == n - 1 {
            return true;
        }
        for _ in 1..shift {
            x = mul_mod(x, x, n);
            if x == n - 1 {
                return true;
            }
        }
        false
    })
}

fn mul_mod(a: u64, b: u64, n: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(n)) as u64
}

fn pow_mod(mut base: u64, mut exponent: u64, n: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul_mod(result, base, n);
        }
        base = mul_mod(base, base, n);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_by_trial_division() {
        for n in 0u64..20_000 {
            let by_trial = n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
            assert_eq!(is_prime(n), by_trial, "{n}");
        }
    }

    #[test]
    fn strong_pseudoprimes_and_large_primes() {
        for n in [3_215_031_751u64, 3_825_123_056_546_413_051, 318_665_857_834_031_151] {
            assert!(!is_prime(n), "{n}");
        }
        for n in [1_125_899_906_842_597u64, 18_446_744_073_709_551_557] {
            assert!(is_prime(n), "{n}");
        }
    }
}
