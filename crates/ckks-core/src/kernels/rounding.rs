//! From real coefficients to integers and their residues.

use super::{Modulus, dispatch};

/// values\[i\] = values\[i\]·factor, rounded to an integer, ties to even. Returns the largest magnitude; infinity if a value is not a
/// number.
pub fn scale_and_round(values: &mut [f64], factor: f64) -> f64 {
    dispatch!(rounding::scale_and_round(values, factor))
}

/// out\[i\] = values\[i\] mod p for integers of magnitude up to `largest`.
///
/// # Panics
/// If the lengths differ.
pub fn integer_residues_into(m: &Modulus, out: &mut [u64], values: &[f64], largest: f64) {
    assert_eq!(out.len(), values.len());
    dispatch!(rounding::integer_residues_into(m, out, values, largest))
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use num_traits::{FromPrimitive, ToPrimitive};
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::tests::{lcg, on_every_path, prime_below};

    /// Integers of up to `bits` bits, the largest and its negative among them.
    fn integers(bits: u32, seed: u64, n: usize) -> Vec<f64> {
        let top = 2f64.powi(bits as i32) * (1.0 - f64::EPSILON / 2.0);
        let random = lcg(seed).map(|x| ((x as i64) as f64 * 2f64.powi(bits as i32 - 64)).round_ties_even());
        [top.trunc(), -top.trunc(), 0.0, -0.0, 1.0, -1.0].into_iter().chain(random).take(n).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn residues_are_those_of_the_integers(log_p in 4u32..=50, bits in 1u32..200, n in 0usize..40, seed: u64) {
            let m = Modulus::new(prime_below(log_p, 0, 0)).unwrap();
            let p = BigInt::from(m.value());
            let values = integers(bits, seed, n);
            let largest = values.iter().fold(0.0f64, |l, x| l.max(x.abs()));
            let wanted: Vec<u64> = values
                .iter()
                .map(|&x| (((BigInt::from_f64(x).unwrap() % &p) + &p) % &p).to_u64().unwrap())
                .collect();
            on_every_path(|| {
                let mut out = vec![3; n];
                integer_residues_into(&m, &mut out, &values, largest);
                assert_eq!(out, wanted, "p = {p}, {bits} bits");
            });
        }

        #[test]
        fn rounding_is_to_the_nearest_and_to_even(factor in -40i32..60, n in 0usize..40, seed: u64) {
            let factor = 1.3 * 2f64.powi(factor);
            let values: Vec<f64> =
                [0.5, 1.5, 2.5, -0.5, -3.5].into_iter().map(|x| x / factor).chain(integers(60, seed, 80).into_iter().map(|x| x * 1e-9)).take(n).collect();
            let wanted: Vec<f64> = values.iter().map(|x| (x * factor).round_ties_even()).collect();
            let largest = wanted.iter().fold(0.0f64, |l, x| l.max(x.abs()));
            on_every_path(|| {
                let mut rounded = values.clone();
                assert_eq!(scale_and_round(&mut rounded, factor), largest);
                assert_eq!(rounded, wanted);
            });
        }
    }

    #[test]
    fn residues_of_huge_integers_are_exact() {
        let m = Modulus::new(prime_below(50, 10, 0)).unwrap();
        let p = BigInt::from(m.value());
        let values =
            [2f64.powi(103), -2f64.powi(104), 2f64.powi(100) + 2f64.powi(60), -1e200, 2f64.powi(1000), f64::MAX, 5.0, -0.0];
        let wanted = values.map(|x| (((BigInt::from_f64(x).unwrap() % &p) + &p) % &p).to_u64().unwrap());
        on_every_path(|| {
            for count in 1..=8 {
                let mut out = vec![0; count];
                let largest = values[..count].iter().fold(0.0f64, |l, x| l.max(x.abs()));
                integer_residues_into(&m, &mut out, &values[..count], largest);
                assert_eq!(out, wanted[..count]);
            }
        });
    }

    #[test]
    fn what_is_not_finite_is_larger_than_everything() {
        for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
            for place in [0, 7, 8, 10] {
                let mut values = vec![1.0; 11];
                values[place] = bad;
                on_every_path(|| assert_eq!(scale_and_round(&mut values.clone(), 4.0), f64::INFINITY, "{bad} at {place}"));
            }
        }
    }
}
