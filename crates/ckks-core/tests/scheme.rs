//! The leveled scheme against plain arithmetic, with an encoder written from the definition: slot j is the value at ζ^(5^j).

use std::f64::consts::PI;

use ckks_core::Error;
use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encrypt::{encrypt_public, encrypt_symmetric};
use ckks_core::eval::Evaluator;
use ckks_core::keys::{EvaluationKeys, GadgetShape, KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::params::{Params, ParamsLiteral, Scale};
use ckks_core::plaintext::Plaintext;
use ckks_core::ring::sampling::{Randomness, SIGMA};
use ckks_core::ring::{Basis, Poly};
use num_complex::Complex64;

struct Setup {
    params: Params,
    secret: SecretKey,
    keys: EvaluationKeys,
    randomness: Randomness,
    orbit: Vec<usize>,
}

impl Setup {
    fn new(literal: ParamsLiteral, key_level: Option<usize>, steps: &[i64]) -> Self {
        let params = Params::new_insecure(literal).unwrap();
        let mut randomness = Randomness::insecure_from_seed(11);
        let secret = SecretKey::generate(&params, &mut randomness);
        let level = key_level.unwrap_or(params.max_level());
        let mut needed = KeyRequirements::default();
        needed.need_relinearisation(level);
        needed.need_conjugation(level);
        steps.iter().for_each(|&s| needed.need_rotation(&params, s, level));
        let keys = KeyGenerator::new(&params, &secret).unwrap().evaluation_keys(&needed, &mut randomness, |_, _| ());
        let two_n = 2 * params.n();
        let orbit = std::iter::successors(Some(1usize), |g| Some(g * 5 % two_n)).take(params.slots()).collect();
        Self { params, secret, keys, randomness, orbit }
    }

    fn root(&self, exponent: usize) -> Complex64 {
        Complex64::from_polar(1.0, PI * (exponent % (2 * self.params.n())) as f64 / self.params.n() as f64)
    }

    fn encode(&self, values: &[Complex64], level: usize, scale: Scale) -> Plaintext {
        let n = self.params.n();
        let coefficients: Vec<i64> = (0..n)
            .map(|k| {
                let sum: f64 = values.iter().zip(&self.orbit).map(|(z, g)| (z * self.root(g * k).conj()).re).sum();
                (sum * 2.0 / n as f64 * scale.to_f64()).round() as i64
            })
            .collect();
        Plaintext { poly: Poly::from_signed(&self.params, Basis::at_level(level), &coefficients).into_ntt(&self.params), scale }
    }

    fn decode(&self, plaintext: &Plaintext) -> Vec<Complex64> {
        let poly = plaintext.poly.clone().into_coeff(&self.params);
        // Messages here are small: the first prime holds them.
        let coefficients: Vec<f64> = if poly.basis().q == 1 || plaintext.scale.log2() < 42.0 {
            poly.limb(0).iter().map(|&x| self.params.q(0).center(x) as f64).collect()
        } else {
            let (p, q) = (self.params.q(0).value() as i128, self.params.q(1).value() as i128);
            let inverse = self.params.q(1).inv(self.params.q(1).reduce_u64(p as u64));
            let lift = |(&a, &b): (&u64, &u64)| {
                let difference = self.params.q(1).sub(b, self.params.q(1).reduce_u64(a));
                let x = a as i128 + p * self.params.q(1).mul(difference, inverse) as i128;
                (if x > p * q / 2 { x - p * q } else { x }) as f64
            };
            poly.limb(0).iter().zip(poly.limb(1)).map(lift).collect()
        };
        let value = |g: &usize| -> Complex64 { coefficients.iter().enumerate().map(|(k, c)| self.root(g * k) * c).sum() };
        self.orbit.iter().map(|g| value(g) / plaintext.scale.to_f64()).collect()
    }

    fn vector(&self, seed: usize) -> Vec<Complex64> {
        let wave = |j: usize, f: f64| ((j * (seed + 3) + seed) as f64 * f).sin();
        (0..self.params.slots()).map(|j| Complex64::new(wave(j, 0.7), wave(j, 1.3))).collect()
    }

    fn encrypt_at(&mut self, values: &[Complex64], level: usize) -> Ciphertext {
        let plaintext = self.encode(values, level, self.params.scale_at(level));
        encrypt_symmetric(&self.params, &self.secret, &plaintext, &mut self.randomness).unwrap().expand(&self.params)
    }

    fn encrypt(&mut self, values: &[Complex64]) -> Ciphertext {
        self.encrypt_at(values, self.params.max_level())
    }

    /// Standard deviation per slot of a fresh symmetric ciphertext: N errors of σ, and the encoder's rounding.
    fn fresh(&self, scale: Scale) -> f64 {
        (self.params.n() as f64 * (SIGMA * SIGMA + 1.0 / 12.0)).sqrt() / scale.to_f64()
    }

    /// Standard deviation per slot of a rescaling: rounding of both parts, one times a ternary secret of 2N/3 nonzeros.
    fn rounding(&self, scale: Scale) -> f64 {
        let n = self.params.n() as f64;
        (n / 12.0 * (1.0 + 2.0 * n / 3.0)).sqrt() / scale.to_f64()
    }

    /// Standard deviation per slot of a key switch: digits uniform below D times errors of σ, N terms, divided by P; and the
    /// rounding of the division.
    fn switching(&self, level: usize, key_level: usize, scale: Scale) -> f64 {
        let shape = GadgetShape::for_level(&self.params, key_level);
        let n = self.params.n() as f64;
        let log_p: f64 = (0..shape.special).map(|i| (self.params.p(i).value() as f64).log2()).sum();
        let digits: f64 = (0..shape.digits(level))
            .map(|j| shape.digit_range(level, j).map(|i| (self.params.q(i).value() as f64).log2()).sum::<f64>())
            .map(|log_d| 2f64.powf(2.0 * (log_d - log_p)) * n * n * SIGMA * SIGMA / 12.0)
            .sum();
        digits.sqrt() / scale.to_f64() + self.rounding(scale)
    }

    #[track_caller]
    fn check(&self, ciphertext: &Ciphertext, wanted: &[Complex64], deviation: f64) {
        let got = self.decode(&decrypt(&self.params, &self.secret, ciphertext).unwrap());
        let worst = got.iter().zip(wanted).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
        // The largest of 2^11 Gaussians passes 6.5 standard deviations once in ten million runs.
        assert!(worst < 6.5 * deviation, "worst error 2^{:.2}, allowed 2^{:.2}", worst.log2(), (6.5 * deviation).log2());
    }
}

fn rotated(v: &[Complex64], k: i64) -> Vec<Complex64> {
    let n = v.len() as i64;
    (0..n).map(|j| v[(j + k).rem_euclid(n) as usize]).collect()
}

fn product(a: &[Complex64], b: &[Complex64]) -> Vec<Complex64> {
    a.iter().zip(b).map(|(x, y)| x * y).collect()
}

/// Shapes with one, two and three digits, with a first prime larger than the others, and with one special prime.
fn literals() -> Vec<ParamsLiteral> {
    vec![
        ParamsLiteral::toy(10, 3),
        ParamsLiteral::leveled(10, 50, 5, 40, 3, 50),
        ParamsLiteral::leveled(10, 45, 4, 30, 1, 50),
        ParamsLiteral::leveled(10, 50, 3, 40, 5, 50),
    ]
}

#[test]
fn encryption_both_ways() {
    for literal in literals() {
        let mut s = Setup::new(literal, None, &[]);
        let x = s.vector(1);
        let scale = s.params.scale_at(s.params.max_level());
        let symmetric = s.encrypt(&x);
        s.check(&symmetric, &x, s.fresh(scale));
        let public = KeyGenerator::new(&s.params, &s.secret).unwrap().public_key(&mut s.randomness);
        let plaintext = s.encode(&x, s.params.max_level(), scale);
        let ciphertext = encrypt_public(&s.params, &public, &plaintext, &mut s.randomness);
        // e0 + e·v + e1·s: v and s have 2N/3 nonzeros.
        let deviation = s.fresh(scale) * (1.0 + 4.0 * s.params.n() as f64 / 3.0).sqrt();
        s.check(&ciphertext, &x, deviation);
    }
}

#[test]
fn sums_products_and_constants() {
    for literal in literals() {
        let mut s = Setup::new(literal, None, &[]);
        let keys = s.keys.clone();
        let e = Evaluator::new(&s.params, &keys).unwrap();
        let (x, y) = (s.vector(1), s.vector(2));
        let (cx, cy) = (s.encrypt(&x), s.encrypt(&y));
        let level = cx.level();
        let scale = cx.scale();
        let fresh = s.fresh(scale);
        let map = |f: &dyn Fn(Complex64, Complex64) -> Complex64| x.iter().zip(&y).map(|(&a, &b)| f(a, b)).collect::<Vec<_>>();
        s.check(&e.add(&cx, &cy).unwrap(), &map(&|a, b| a + b), 1.5 * fresh);
        s.check(&e.sub(&cx, &cy).unwrap(), &map(&|a, b| a - b), 1.5 * fresh);
        s.check(&e.negate(&cx), &map(&|a, _| -a), fresh);
        s.check(&e.mul_integer(&cx, -3), &map(&|a, _| a * -3.0), 3.0 * fresh);
        s.check(&e.mul_by_i(&cx), &map(&|a, _| a * Complex64::i()), fresh);
        let c = Complex64::new(0.25, -1.5);
        s.check(&e.add_constant(&cx, c).unwrap(), &map(&|a, _| a + c), 1.5 * fresh);
        let plain = s.encode(&y, level, scale);
        s.check(&e.add_plain(&cx, &plain).unwrap(), &map(&|a, b| a + b), 1.5 * fresh);
        s.check(&e.sub_plain(&cx, &plain).unwrap(), &map(&|a, b| a - b), 1.5 * fresh);

        // |x|, |y| ≤ √2: a product carries both factors' errors, the switch and the rescaling.
        let down = s.params.scale_at(level - 1);
        let product_error = 3.0 * fresh + s.switching(level, level, scale) + s.rounding(down);
        let scaled = e.rescale(&e.mul_plain(&cx, &plain).unwrap()).unwrap();
        assert_eq!(scaled.level(), level - 1);
        s.check(&scaled, &product(&x, &y), product_error);
        let at_once = e.mul_plain_rescale(&cx, &plain).unwrap();
        assert_eq!((at_once.level(), at_once.scale()), (scaled.level(), scaled.scale()));
        s.check(&at_once, &product(&x, &y), product_error);
        for ciphertext in [e.rescale(&e.mul(&cx, &cy).unwrap()).unwrap(), e.mul_rescale(&cx, &cy).unwrap()] {
            assert!(ciphertext.scale().matches(down), "a product has the canonical scale");
            s.check(&ciphertext, &product(&x, &y), product_error);
        }
        // Formed while it is switched, a product has the same residues, at equal levels and at others.
        for (a, b) in [(&cx, &cy), (&cx, &at_once), (&at_once, &cy)] {
            let parts = e.tensor(a, b).unwrap();
            let both = [
                (e.mul(a, b).unwrap(), e.relinearise(&parts).unwrap()),
                (e.mul_rescale(a, b).unwrap(), e.relinearise_rescale(&parts).unwrap()),
            ];
            for (at_once, in_parts) in both {
                assert_eq!((at_once.level(), at_once.scale()), (in_parts.level(), in_parts.scale()));
                assert!((0..2).all(|half| at_once.parts()[half].data() == in_parts.parts()[half].data()));
            }
        }
        let sum = e.relinearise_rescale(&e.tensor_sum(&[(&cx, &cy), (&cx, &cx)]).unwrap()).unwrap();
        s.check(&sum, &map(&|a, b| a * b + a * a), 2.0 * product_error);
        let halved = e.rescale(&e.mul_constant(&cx, 0.5, e.prime_scale(level)).unwrap()).unwrap();
        assert!(halved.scale().matches(scale));
        s.check(&halved, &map(&|a, _| a * 0.5), fresh + s.rounding(scale));
        let mut acc = e.mul_plain(&cx, &plain).unwrap();
        e.mul_constant_add(&mut acc, &cy, 0.75).unwrap();
        s.check(&e.rescale(&acc).unwrap(), &map(&|a, b| a * b + b * 0.75), 2.0 * product_error);
    }
}

#[test]
fn rotations_hoisted_or_not_at_any_level_below_the_keys() {
    for literal in literals() {
        let steps = [1, 7, -3, 100];
        let mut s = Setup::new(literal, None, &steps);
        let keys = s.keys.clone();
        let e = Evaluator::new(&s.params, &keys).unwrap();
        let x = s.vector(4);
        let top = s.params.max_level();
        for level in [top, top - 1, 1, 0] {
            let scale = s.params.scale_at(level);
            let ciphertext = s.encrypt_at(&x, level);
            let deviation = s.fresh(scale) + s.switching(level, top, scale);
            for (k, r) in steps.iter().zip(e.rotate_hoisted(&ciphertext, &steps).unwrap()) {
                s.check(&r, &rotated(&x, *k), deviation);
                s.check(&e.rotate(&ciphertext, *k).unwrap(), &rotated(&x, *k), deviation);
            }
            let sum: Vec<_> = rotated(&x, 7).iter().zip(rotated(&x, -3)).zip(&x).map(|((a, b), c)| a + b + c).collect();
            let terms = [(&ciphertext, 7), (&ciphertext, 0), (&ciphertext, -3)];
            s.check(&e.rotate_sum(&terms).unwrap(), &sum, 3.0 * deviation);
            if level > 0 {
                let lower = e.rotate_sum_rescale(&terms).unwrap();
                assert_eq!(lower.level(), level - 1);
                // Without a product the scale falls below what the bottom prime's rounding allows; only the rounding remains.
                s.check(&lower, &sum, 3.0 * deviation + 3.0 * s.rounding(lower.scale()));
            }
            let conjugate: Vec<_> = x.iter().map(|z| z.conj()).collect();
            s.check(&e.conjugate(&ciphertext).unwrap(), &conjugate, deviation);
            s.check(&e.rotate(&ciphertext, s.params.slots() as i64).unwrap(), &x, deviation);
        }
    }
}

#[test]
fn levels_are_aligned_and_scales_stay_canonical_to_the_bottom() {
    let mut s = Setup::new(ParamsLiteral::leveled(10, 50, 5, 40, 3, 50), None, &[]);
    let keys = s.keys.clone();
    let e = Evaluator::new(&s.params, &keys).unwrap();
    let x: Vec<_> = s.vector(5).iter().map(|z| z * 0.6).collect();
    let fresh = s.encrypt(&x);
    let (mut power, mut plain) = (fresh.clone(), x.clone());
    let mut deviation = s.fresh(fresh.scale());
    for level in (0..s.params.max_level()).rev() {
        // x^k·x with operands at different levels, then plus x.
        power = e.add(&e.mul_rescale(&power, &fresh).unwrap(), &fresh).unwrap();
        plain = plain.iter().zip(&x).map(|(p, a)| p * a + a).collect();
        assert_eq!(power.level(), level);
        assert!(power.scale().matches(s.params.scale_at(level)));
        let scale = s.params.scale_at(level);
        // Values stay below 1/(1 − 0.85) < 7.
        deviation = deviation + 8.0 * s.fresh(scale) + s.switching(level + 1, 5, scale) + 10.0 * s.rounding(scale);
        s.check(&power, &plain, deviation);
    }
    assert!(matches!(e.mul_rescale(&power, &power), Err(Error::LevelsExhausted { .. })));
    assert!(matches!(e.rescale(&power), Err(Error::LevelsExhausted { .. })));
}

#[test]
fn what_does_not_fit_is_refused_with_figures() {
    let mut s = Setup::new(ParamsLiteral::toy(10, 3), Some(1), &[2]);
    let keys = s.keys.clone();
    let e = Evaluator::new(&s.params, &keys).unwrap();
    let x = s.vector(1);
    let high = s.encrypt(&x);
    let product = e.mul_constant(&high, 1.0, Scale::power_of_two(20)).unwrap();
    let message = e.add(&product, &high).err().unwrap().to_string();
    assert!(message.contains("2^60.0") && message.contains("2^40.0"), "{message}");
    // Keys reach level 1 only.
    let message = e.rotate(&high, 2).err().unwrap().to_string();
    assert!(message.contains("rotation by 2") && message.contains("level 3"), "{message}");
    assert!(matches!(e.mul_rescale(&high, &high), Err(Error::MissingKey { .. })));
    let low = e.drop_to_level(&high, 1).unwrap();
    assert!(e.rotate(&low, 2).is_ok());
    assert!(matches!(e.rotate(&low, 3), Err(Error::MissingKey { .. })));
    assert!(matches!(e.drop_to_level(&low, 2), Err(Error::LevelsExhausted { .. })));
    assert!(matches!(e.dot_plain(&[]), Err(Error::LengthMismatch { .. })));
    assert!(matches!(e.mul_constant(&low, 1e30, Scale::power_of_two(60)), Err(Error::ValueOutOfRange { .. })));
    assert!(matches!(e.add_constant(&low, Complex64::new(f64::NAN, 0.0)), Err(Error::ValueOutOfRange { .. })));
    assert!(matches!(Evaluator::without_keys(&s.params).rotate(&low, 2), Err(Error::MissingKey { .. })));
    let other = Params::new_insecure(ParamsLiteral::toy(10, 2)).unwrap();
    assert!(matches!(Evaluator::new(&other, &keys), Err(Error::ParamsMismatch { .. })));
    assert!(matches!(KeyGenerator::new(&other, &s.secret), Err(Error::ParamsMismatch { .. })));
    assert!(matches!(decrypt(&other, &s.secret, &high), Err(Error::ParamsMismatch { .. })));
}

#[test]
fn monomials_turn_coefficients() {
    let mut s = Setup::new(ParamsLiteral::toy(10, 2), None, &[]);
    let x = s.vector(3);
    let ciphertext = s.encrypt(&x);
    let e = Evaluator::without_keys(&s.params);
    for exponent in [1usize, 256, 512, 1024, 1030, 2047] {
        let wanted: Vec<_> = x.iter().zip(&s.orbit).map(|(z, g)| z * s.root(g * exponent)).collect();
        s.check(&e.multiply_monomial(&ciphertext, exponent), &wanted, s.fresh(ciphertext.scale()));
    }
}
