//! The encoder against its definition, with error bounds that follow from rounding and double precision.

use num_complex::Complex64;
use proptest::prelude::*;

use super::Encoder;
use crate::error::Error;
use crate::params::{Params, ParamsLiteral, Scale};
use crate::ring::{Ntt, Poly};

/// Unit round-off of `f64`.
const U: f64 = f64::EPSILON / 2.0;

fn encoder() -> Encoder {
    Encoder::new(&Params::new_insecure(ParamsLiteral::toy(10, 4)).unwrap()).unwrap()
}

/// Worst case after encoding and decoding s slots: s rounded complex coefficients, each off by at most √½/Δ, and two
/// transforms (4.3·u of the 1-norm per stage, see `special_fft`), the multiplication by the scale and the division by it.
fn bound(values: &[Complex64], scale: Scale) -> f64 {
    let s = values.len().next_power_of_two();
    let norm1: f64 = values.iter().map(|z| z.norm()).sum();
    s as f64 * 0.5f64.sqrt() / scale.to_f64() + (2.0 * 4.3 * f64::from(s.ilog2()) + 4.0) * U * norm1
}

fn wave(len: usize) -> Vec<Complex64> {
    (0..len).map(|j| Complex64::new((j as f64 * 0.37).sin() * 3.0, (j as f64 * 0.11).cos() - 0.5)).collect()
}

#[test]
fn every_slot_count_and_scale_comes_back() {
    let encoder = encoder();
    for log_scale in [20, 40, 64, 90, 100, 140] {
        for len in [1, 2, 3, 7, 64, 300, 512] {
            let scale = Scale::power_of_two(log_scale).times(Scale::from_f64(1.234_567).unwrap());
            let values = wave(len);
            let plaintext = encoder.encode_complex(&values, 4, scale).unwrap();
            assert_eq!((plaintext.level(), plaintext.scale), (4, scale));
            let decoded = encoder.decode(&plaintext).unwrap();
            let period = len.next_power_of_two();
            for (j, got) in decoded.iter().enumerate() {
                let wanted = values.get(j % period).copied().unwrap_or_default();
                let error = (got - wanted).norm();
                assert!(error <= bound(&values, scale), "scale 2^{log_scale}, {len} values, slot {j}: {got}, wanted {wanted}");
            }
        }
    }
}

#[test]
fn products_of_plaintexts_are_products_of_slots() {
    // The convention of slots has to be that of the ring: multiply two encodings in NTT form and decode.
    let encoder = encoder();
    let params = encoder.params().clone();
    let scale = Scale::power_of_two(35);
    let (x, y) = (wave(512), wave(8));
    let a = encoder.encode_complex(&x, 4, scale).unwrap();
    let b = encoder.encode_complex(&y, 4, scale).unwrap();
    let product =
        crate::plaintext::Plaintext { poly: Poly::<Ntt>::product(&params, &a.poly, &b.poly), scale: scale.times(scale) };
    let decoded = encoder.decode(&product).unwrap();
    let largest = |v: &[Complex64]| v.iter().map(|z| z.norm()).fold(0.0, f64::max);
    // Each factor's error times the other's largest slot, then the transform of the product.
    let tolerance = 1.01 * (bound(&x, scale) * largest(&y) + bound(&y, scale) * largest(&x))
        + 512.0 * 4.3 * 9.0 * U * largest(&x) * largest(&y);
    for j in 0..512 {
        assert!((decoded[j] - x[j] * y[j % 8]).norm() <= tolerance, "slot {j}");
    }
}

#[test]
fn automorphisms_rotate_left_and_conjugate() {
    let encoder = encoder();
    let params = encoder.params().clone();
    let scale = Scale::power_of_two(40);
    let x = wave(512);
    let a = encoder.encode_complex(&x, 1, scale).unwrap();
    for step in [1, 5, -3] {
        let moved = a.poly.automorphism(&params, params.galois_element(step));
        let decoded = encoder.decode(&crate::plaintext::Plaintext { poly: moved, scale }).unwrap();
        for j in 0..512i64 {
            let wanted = x[(j + step).rem_euclid(512) as usize];
            assert!((decoded[j as usize] - wanted).norm() <= bound(&x, scale), "step {step}, slot {j}");
        }
    }
    let conjugate = a.poly.automorphism(&params, params.conjugation_element());
    let decoded = encoder.decode(&crate::plaintext::Plaintext { poly: conjugate, scale }).unwrap();
    assert!(decoded.iter().zip(&x).all(|(g, w)| (g - w.conj()).norm() <= bound(&x, scale)));
}

#[test]
fn a_small_plaintext_expands_to_the_spread_polynomial() {
    let encoder = encoder();
    let params = encoder.params();
    let scale = Scale::power_of_two(40);
    for period in [1usize, 2, 16, 256, 512] {
        let small = encoder.encode_subring_complex(&wave(period), 2, scale).unwrap();
        assert_eq!((small.blocks, small.words.len(), small.level()), (2 * period, 2 * period * 3, 2));
        let coefficients = encoder.expand(&small).unwrap().poly.into_coeff(params);
        let gap = params.slots() / period;
        for i in 0..3 {
            assert!(coefficients.limb(i).iter().enumerate().all(|(k, &c)| k % gap == 0 || c == 0), "period {period}");
        }
    }
}

#[test]
fn one_period_is_decoded_alone() {
    let encoder = encoder();
    let scale = Scale::power_of_two(30);
    let values = wave(16);
    let plaintext = encoder.encode_complex(&values, 0, scale).unwrap();
    let period = encoder.decode_period(&plaintext, 16).unwrap();
    assert_eq!(period.len(), 16);
    assert!(period.iter().zip(&values).all(|(g, w)| (g - w).norm() <= bound(&values, scale)));
    // Half the period averages two values that differ.
    let mean = encoder.decode_period(&plaintext, 8).unwrap();
    assert!((mean[3] - (values[3] + values[11]) / 2.0).norm() <= bound(&values, scale));
}

#[test]
fn constants_are_rounded_exactly() {
    let encoder = encoder();
    let params = encoder.params().clone();
    // An odd 100-bit scale: no double holds it, and 1.0 must become it to the last bit.
    let scale = Scale::from_u64((1 << 50) - 27).unwrap().times(Scale::from_u64((1 << 50) - 35).unwrap());
    let wanted = ((1u128 << 50) - 27) * ((1u128 << 50) - 35);
    let small = encoder.encode_subring(&[1.0], 4, scale).unwrap();
    for i in 0..=4 {
        let residue = (wanted % u128::from(params.q(i).value())) as u64;
        assert_eq!(small.limb(i), &[residue, residue]);
    }
    let imaginary = encoder.encode_complex(&[Complex64::new(0.0, -2.5)], 3, Scale::power_of_two(130)).unwrap();
    assert!(encoder.decode(&imaginary).unwrap().iter().all(|z| *z == Complex64::new(0.0, -2.5)));
}

#[test]
fn large_values_take_all_limbs() {
    // Slots of 2^100 at scale 2^40: past the headroom of the fast paths, still below the modulus.
    let encoder = encoder();
    let scale = Scale::power_of_two(40);
    let values: Vec<Complex64> = wave(64).into_iter().map(|z| z * 2f64.powi(100)).collect();
    let decoded = encoder.decode(&encoder.encode_complex(&values, 4, scale).unwrap()).unwrap();
    for (got, wanted) in decoded.iter().zip(&values) {
        assert!((got - wanted).norm() <= bound(&values, scale));
    }
}

#[test]
fn what_cannot_be_encoded_is_refused() {
    let encoder = encoder();
    let scale = Scale::power_of_two(40);
    assert!(matches!(encoder.encode(&[], 0, scale), Err(Error::LengthMismatch { found: 0, .. })));
    assert!(matches!(encoder.encode(&[0.0; 513], 0, scale), Err(Error::LengthMismatch { found: 513, .. })));
    assert!(matches!(encoder.encode(&[1.0], 5, scale), Err(Error::LevelsExhausted { needed: 5, available: 4, .. })));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = encoder.encode(&[0.0, bad, 1.0], 0, scale).err().unwrap();
        assert!(matches!(&error, Error::ValueOutOfRange { what } if what.contains("value 1")), "{error}");
    }
    for values in [vec![2e3], vec![2e3; 4], vec![f64::MAX; 2], vec![1e300]] {
        assert!(matches!(encoder.encode(&values, 0, scale), Err(Error::ValueOutOfRange { .. })), "{values:?}");
    }
    assert!(encoder.encode(&[1.0], 4, Scale::power_of_two(2000)).is_err());
    let plaintext = encoder.encode(&[1.0], 0, scale).unwrap();
    assert!(matches!(encoder.decode_period(&plaintext, 3), Err(Error::LengthMismatch { .. })));
    let other = Encoder::new(&Params::new_insecure(ParamsLiteral::toy(11, 1)).unwrap()).unwrap();
    assert!(matches!(other.decode(&plaintext), Err(Error::LengthMismatch { .. })));
    let broken = crate::plaintext::SubringPlaintext { words: vec![0; 7], blocks: 2, scale };
    assert!(matches!(encoder.expand(&broken), Err(Error::LengthMismatch { .. })));
}

#[test]
fn plaintext_bits_are_pinned() {
    // Weights are encoded on both sides: client, server, digests and golden files rely on equal bits everywhere.
    let encoder = encoder();
    let plaintext = encoder.encode_complex(&wave_of_rationals(512), 4, Scale::power_of_two(40)).unwrap();
    let mut hasher = blake3::Hasher::new();
    plaintext.poly.data().iter().for_each(|w| {
        hasher.update(&w.to_le_bytes());
    });
    assert_eq!(&hasher.finalize().to_hex()[..16], "c39959a9000841e9");
}

/// Inputs that do not depend on the system's sine.
fn wave_of_rationals(len: usize) -> Vec<Complex64> {
    (0..len).map(|j| Complex64::new((j * 37 % 101) as f64 / 101.0, (j * 53 % 97) as f64 / -97.0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn real_vectors_come_back(values in prop::collection::vec(-100.0f64..100.0, 1..=512), log_scale in 25i32..60) {
        let encoder = encoder();
        let scale = Scale::power_of_two(log_scale);
        let plaintext = encoder.encode(&values, 3, scale).unwrap();
        let complex: Vec<Complex64> = values.iter().map(|&x| Complex64::new(x, 0.0)).collect();
        let decoded = encoder.decode(&plaintext).unwrap();
        for (got, wanted) in decoded.iter().zip(&complex) {
            prop_assert!((got - wanted).norm() <= bound(&complex, scale));
        }
    }
}
