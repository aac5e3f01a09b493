//! How often ModRaise leaves the interval of EvalMod.

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// log2 of the probability that some of `coefficients` coefficients exceeds `bound`·q_0 after ModRaise under a secret of
/// weight `weight`; −∞ where it is impossible.
///
/// A coefficient of c_0 + c_1·s before reduction, divided by q_0, is a sum of h + 1 independent numbers uniform in
/// [−1/2, 1/2]: P(|sum| > K) is twice the Irwin–Hall distribution at x = (h+1)/2 − K,
/// F(x) = 1/n!·Σ_{k ≤ x} (−1)^k·C(n,k)·(x−k)^n with n = h + 1 (Bossuat, Troncoso-Pastoriza, Hubaux, eprint 2022/024, §5).
/// The sum is alternating, so it is computed in integers: 2x is one.
pub(super) fn log2_failure(weight: u32, bound: u32, coefficients: usize) -> f64 {
    let n = weight + 1;
    let Some(twice_x) = n.checked_sub(2 * bound).filter(|&x| x > 0) else {
        return f64::NEG_INFINITY;
    };
    let mut sum = BigInt::zero();
    let mut binomial = BigInt::one();
    for k in 0..=twice_x / 2 {
        let term = &binomial * BigInt::from(twice_x - 2 * k).pow(n);
        if k % 2 == 0 {
            sum += term
        } else {
            sum -= term
        }
        binomial = binomial * (n - k) / (k + 1);
    }
    // sum / (2^n·n!), doubled for both ends, times the number of coefficients (union bound).
    let factorial = (1..=n).fold(BigInt::one(), |f, k| f * k);
    (log2(&sum) - log2(&factorial) - f64::from(n) + 1.0 + (coefficients as f64).log2()).min(0.0)
}

fn log2(x: &BigInt) -> f64 {
    let shift = x.bits().saturating_sub(60);
    let head: BigInt = x.abs() >> shift;
    head.to_f64().unwrap_or(0.0).log2() + shift as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_figure() {
        // eprint 2022/024, section 5: h = 32, K = 16, 2^16 coefficients: 2^-138.7.
        assert!((log2_failure(32, 16, 1 << 16) + 138.7).abs() < 0.1, "{}", log2_failure(32, 16, 1 << 16));
    }

    #[test]
    fn small_cases_by_hand() {
        // Two uniform numbers: the sum is above 0 in half of the cases, both signs together always.
        assert_eq!(log2_failure(1, 0, 1), 0.0);
        // Three: P(|sum| > 1) = 2·(1/2)^3/3!.
        assert!((log2_failure(2, 1, 1) - (2.0 * 0.125 / 6.0f64).log2()).abs() < 1e-12);
        // Four: P(|sum| > 1) = 2·1^4/4!.
        assert!((log2_failure(3, 1, 1) - (2.0 / 24.0f64).log2()).abs() < 1e-12);
        assert_eq!(log2_failure(2, 2, 1 << 16), f64::NEG_INFINITY);
    }
}
