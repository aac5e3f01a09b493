//! Bootstrapping on toy parameters: each phase against its plain definition, the whole against its prediction, and what is refused.

use std::f64::consts::TAU;
use std::sync::OnceLock;

use ckks_core::Error;
use ckks_core::bootstrap::{BootstrapKeys, BootstrapParams, BootstrapParamsLiteral, Bootstrapper, Coefficients, Slots};
use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::eval::Evaluator;
use ckks_core::keys::{GadgetShape, KeyGenerator, SecretKey};
use ckks_core::params::Scale;
use ckks_core::ring::sampling::Randomness;
use num_complex::Complex64;

struct Setup {
    params: BootstrapParams,
    secret: SecretKey,
    keys: BootstrapKeys,
    encoder: Encoder,
}

impl Setup {
    fn new(params: BootstrapParams, seed: u64) -> Self {
        let mut randomness = Randomness::insecure_from_seed(seed);
        let secret = SecretKey::generate(params.scheme(), &mut randomness);
        let generator = KeyGenerator::new(params.scheme(), &secret).unwrap();
        let mut told = Vec::new();
        let needed = params.key_requirements();
        let weight = params.literal().sparse_weight;
        let keys = generator.bootstrap_keys(weight, &needed, &mut randomness, |done, all| told.push((done, all)));
        assert_eq!(told, (1..=needed.count()).map(|done| (done, needed.count())).collect::<Vec<_>>());
        assert_eq!(keys.bytes_in_memory(params.scheme()), needed.bytes_in_memory(params.scheme()));
        let encoder = Encoder::new(params.scheme()).unwrap();
        Self { params, secret, keys, encoder }
    }

    /// All 2^9 slots of N = 2^10, shared by the tests.
    fn full() -> &'static Self {
        static SETUP: OnceLock<Setup> = OnceLock::new();
        SETUP.get_or_init(|| Self::new(BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, 9, 2)).unwrap(), 5))
    }

    fn encrypt_scaled(&self, values: &[Complex64], level: usize, scale: Scale) -> Ciphertext {
        let scheme = self.params.scheme();
        let plaintext = self.encoder.encode_complex(values, level, scale).unwrap();
        let mut randomness = Randomness::insecure_from_seed(77);
        encrypt_symmetric(scheme, &self.secret, &plaintext, &mut randomness).unwrap().expand(scheme)
    }

    fn encrypt(&self, values: &[Complex64], level: usize) -> Ciphertext {
        self.encrypt_scaled(values, level, self.params.scheme().scale_at(level))
    }

    fn decrypt(&self, ciphertext: &Ciphertext) -> Vec<Complex64> {
        self.encoder.decode(&decrypt(self.params.scheme(), &self.secret, ciphertext).unwrap()).unwrap()
    }

    fn bootstrapper(&self) -> Bootstrapper<'_> {
        Bootstrapper::new(&self.params, &self.keys).unwrap()
    }

    /// Centred coefficients modulo q_0 and modulo q_0·q_1, in units of q_0.
    fn coefficients(&self, ciphertext: &Ciphertext) -> (Vec<f64>, Vec<f64>) {
        let scheme = self.params.scheme();
        let mut wide = ciphertext.clone();
        if wide.level() > 1 {
            wide = Evaluator::without_keys(scheme).drop_to_level(&wide, 1).unwrap();
        }
        let poly = decrypt(scheme, &self.secret, &wide).unwrap().poly;
        let limbs = poly.basis().q;
        let poly = poly.into_coeff(scheme);
        let q0 = scheme.q(0);
        let low: Vec<f64> = poly.limb(0).iter().map(|&c| q0.center(c) as f64 / q0.value() as f64).collect();
        if limbs == 1 {
            return (low.clone(), low);
        }
        // c = c_0 + q_0·t with t = (c_1 − c_0)/q_0 modulo q_1.
        let q1 = scheme.q(1);
        let inverse = q1.inv(q1.reduce_u64(q0.value()));
        let lift = |(&a, &b): (&u64, &u64)| {
            let t = q1.center(q1.mul(q1.sub(b, q1.reduce_u64(a)), inverse));
            a as f64 / q0.value() as f64 + t as f64
        };
        (low, poly.limb(0).iter().zip(poly.limb(1)).map(lift).collect())
    }
}

/// Values whose parts are uniform in [−1, 1].
fn uniform(count: usize, mut state: u64) -> Vec<Complex64> {
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| Complex64::new(next(), next())).collect()
}

fn rms(got: &[Complex64], wanted: impl Fn(usize) -> Complex64) -> f64 {
    (got.iter().enumerate().map(|(j, z)| (z - wanted(j)).norm_sqr()).sum::<f64>() / got.len() as f64).sqrt()
}

fn bit_reversed(j: usize, count: usize) -> usize {
    j.reverse_bits() >> (usize::BITS - count.trailing_zeros())
}

/// Measured and predicted bits agree: the model has first-order terms only, and errors of one bootstrap share their rounding.
const AGREEMENT: f64 = 1.0;

#[test]
fn the_error_is_the_predicted_one_for_any_slots() {
    for log_slots in [9, 8, 5, 1] {
        let params = Setup::full().params.with_slots(log_slots).unwrap();
        let setup = Setup::new(params, 6 + u64::from(log_slots));
        let bootstrapper = setup.bootstrapper();
        let x = uniform(setup.params.slots(), 3);
        let ciphertext = setup.encrypt(&x, setup.params.input_level());
        for kind in [Slots::Complex, Slots::Real] {
            let wanted = |j: usize| match kind {
                Slots::Complex => x[j % x.len()],
                Slots::Real => Complex64::new(x[j % x.len()].re, 0.0),
            };
            let out = bootstrapper.bootstrap(&ciphertext, kind).unwrap();
            assert_eq!(out.level(), setup.params.output_level());
            assert_eq!(out.scale(), setup.params.scheme().scale_at(out.level()));
            let measured = -rms(&setup.decrypt(&out), wanted).log2();
            let predicted = setup.params.predicted_error(kind).unwrap().bits();
            // A handful of values decides for two slots, and the sine's part depends on their size.
            let tolerance = if log_slots < 5 { 2.0 * AGREEMENT } else { AGREEMENT };
            assert!(
                (measured - predicted).abs() < tolerance,
                "2^{log_slots} {kind:?}: {measured:.2} against {predicted:.2} bits"
            );
        }
    }
}

#[test]
fn slots_to_coeffs_puts_values_into_coefficients() {
    let setup = Setup::full();
    let x = uniform(setup.params.slots(), 9);
    let out = setup.bootstrapper().slots_to_coeffs(&setup.encrypt(&x, setup.params.input_level())).unwrap();
    assert_eq!(out.level(), 0);
    let (coefficients, _) = setup.coefficients(&out);
    let (low, high) = coefficients.split_at(x.len());
    let ratio = setup.params.message_ratio();
    let got: Vec<_> = low.iter().zip(high).map(|(&re, &im)| Complex64::new(re, im) * ratio).collect();
    let error = rms(&got, |j| x[bit_reversed(j, x.len())]);
    // The fresh encryption's error, 3.19·√N/Δ in slots, comes on top.
    let scale = setup.params.scheme().scale_at(0).to_f64();
    let fresh = 3.19 * (setup.params.scheme().n() as f64).sqrt() / scale;
    let predicted = (setup.params.predicted_error(Slots::Complex).unwrap().slots_to_coeffs + fresh * fresh).sqrt();
    assert!(error < 2.0 * predicted, "{error:e} against {predicted:e}");
}

#[test]
fn mod_raise_adds_small_multiples_of_q0() {
    let setup = Setup::full();
    let bootstrapper = setup.bootstrapper();
    let x = uniform(setup.params.slots(), 10);
    let low = bootstrapper.slots_to_coeffs(&setup.encrypt(&x, setup.params.input_level())).unwrap();
    let raised = bootstrapper.mod_raise(&low).unwrap();
    assert_eq!(raised.level(), setup.params.raised_level());
    let raised = bootstrapper.switched_back(&raised).unwrap();
    let (before, _) = setup.coefficients(&low);
    let (_, after) = setup.coefficients(&raised);
    // Switching back on its own rounds once more: (1 + 2N/3)/12 a coefficient.
    let back = (1.0 + setup.params.scheme().n() as f64 * 2.0 / 3.0) / 12.0 / setup.params.scheme().scale_at(0).to_f64().powi(2);
    let predicted = setup.params.predicted_error(Slots::Real).unwrap().mod_raise + 2.0 * back;
    let predicted = predicted.sqrt() / setup.params.message_ratio();
    let multiples: Vec<f64> = before.iter().zip(&after).map(|(b, a)| a - b).collect();
    let error = (multiples.iter().map(|m| (m - m.round()).powi(2)).sum::<f64>() / multiples.len() as f64).sqrt();
    assert!(error < 2.0 * predicted, "{error:e} against {predicted:e}");
    // (h + 1)/12 is the variance of the sum before rounding; five standard errors of a variance are 5·√(2/N).
    let variance = after.iter().map(|a| a * a).sum::<f64>() / after.len() as f64;
    let wanted = f64::from(setup.params.literal().sparse_weight + 1) / 12.0;
    assert!((variance / wanted - 1.0).abs() < 5.0 * (2.0 / after.len() as f64).sqrt(), "{variance} against {wanted}");
    assert!(after.iter().all(|a| a.abs() <= f64::from(setup.params.literal().bound)));
}

#[test]
fn coeffs_to_slots_puts_coefficients_into_slots() {
    let setup = Setup::full();
    let bootstrapper = setup.bootstrapper();
    let x = uniform(setup.params.slots(), 11);
    let raised = bootstrapper.slots_to_coeffs(&setup.encrypt(&x, setup.params.input_level())).unwrap();
    let raised = bootstrapper.mod_raise(&raised).unwrap();
    let (_, coefficients) = setup.coefficients(&bootstrapper.switched_back(&raised).unwrap());
    let Coefficients::Separate(real, imaginary) = bootstrapper.coeffs_to_slots(&raised, Slots::Complex).unwrap() else {
        panic!("all slots are in use: nothing to pack");
    };
    let (low, high) = coefficients.split_at(x.len());
    let width = f64::from(setup.params.literal().bound) + 0.25;
    // In units of y: the part of the error that EvalMod multiplies by width·ratio.
    let predicted = setup.params.predicted_error(Slots::Real).unwrap().coeffs_to_slots.sqrt();
    let predicted = predicted / (width * setup.params.message_ratio());
    for (part, wanted) in [(&real, low), (&imaginary, high)] {
        assert_eq!(part.level(), setup.params.eval_mod_level());
        let error = rms(&setup.decrypt(part), |j| (wanted[bit_reversed(j, wanted.len())] / width).into());
        assert!(error < 2.0 * predicted, "{error:e} against {predicted:e}");
    }
    assert!(matches!(bootstrapper.coeffs_to_slots(&raised, Slots::Real).unwrap(), Coefficients::Real(_)));
}

#[test]
fn eval_mod_over_its_whole_interval() {
    let setup = Setup::full();
    let bound = f64::from(setup.params.literal().bound);
    let width = bound + 0.25;
    let count = setup.params.slots();
    // From −K to K in equal steps: all phases of the sine.
    let x: Vec<f64> = (0..count).map(|j| bound * (2.0 * j as f64 / (count - 1) as f64 - 1.0)).collect();
    let level = setup.params.eval_mod_level();
    let scale = Scale::power_of_two(50);
    let y: Vec<Complex64> = x.iter().map(|x| (x / width).into()).collect();
    let out = setup.bootstrapper().eval_mod(&Coefficients::Real(setup.encrypt_scaled(&y, level, scale))).unwrap();
    assert_eq!(out.level(), setup.params.output_level());
    let ratio = setup.params.message_ratio();
    let got = setup.decrypt(&out);
    // Noise: predicted for the probable multiples, four times (the double angles' derivative) more at the ends. Polynomial:
    // see the sine's own test, 2^-22 of the amplitude 0.16.
    let predicted = setup.params.predicted_error(Slots::Real).unwrap();
    let fresh = 3.19 * (setup.params.scheme().n() as f64).sqrt() / scale.to_f64() * width * ratio;
    let noise = (predicted.eval_mod + fresh * fresh).sqrt();
    let polynomial = 2f64.powi(-22) / 0.16 * ratio / TAU;
    for (j, x) in x.iter().enumerate() {
        let wanted = (TAU * x).sin() * ratio / TAU;
        let error = (got[j] - wanted).norm();
        assert!(error < 4.0 * 6.0 * noise + polynomial, "x = {x}: error {error:e}, noise {noise:e}, polynomial {polynomial:e}");
    }
}

#[test]
fn a_higher_level_gives_the_same() {
    let setup = Setup::full();
    let x = uniform(setup.params.slots(), 12);
    let out = setup.bootstrapper().bootstrap(&setup.encrypt(&x, setup.params.output_level()), Slots::Complex).unwrap();
    let predicted = setup.params.predicted_error(Slots::Complex).unwrap().bits();
    let measured = -rms(&setup.decrypt(&out), |j| x[j]).log2();
    assert!((measured - predicted).abs() < AGREEMENT, "{measured:.2} against {predicted:.2} bits");
}

#[test]
fn values_outside_the_range_do_what_is_documented() {
    let setup = Setup::full();
    let ratio = setup.params.message_ratio();
    // The sine's image: z − bias·z³ a little above 1, the turning point at ratio/4, zero at ratio/2.
    let x: Vec<Complex64> =
        [4.0, 30.0, ratio / 8.0, ratio / 4.0, ratio / 2.0].iter().map(|&re| Complex64::new(re, 0.0)).collect();
    let mut values = vec![Complex64::default(); setup.params.slots()];
    values[..x.len()].copy_from_slice(&x);
    let out = setup.bootstrapper().bootstrap(&setup.encrypt(&values, setup.params.input_level()), Slots::Real).unwrap();
    let got = setup.decrypt(&out);
    let noise = setup.params.predicted_error(Slots::Real).unwrap().total().sqrt();
    for (z, got) in x.iter().zip(&got) {
        let wanted = (TAU * z.re / ratio).sin() * ratio / TAU;
        // The polynomial's error: see the test of EvalMod.
        assert!((got.re - wanted).abs() < 6.0 * noise + 2f64.powi(-22) / 0.16 * ratio / TAU, "{z}: {got}, wanted {wanted}");
    }
    assert!((4.0 - got[0].re - 64.0 * setup.params.sine_bias()).abs() < 6.0 * noise + 1e-5 * 64.0 * setup.params.sine_bias());
}

#[test]
fn drift_is_the_sines_bias_times_the_count() {
    let setup = Setup::full();
    let bootstrapper = setup.bootstrapper();
    let x = uniform(setup.params.slots(), 13);
    let count = 10;
    let mut ciphertext = setup.encrypt(&x, setup.params.input_level());
    for _ in 0..count {
        ciphertext = bootstrapper.bootstrap(&ciphertext, Slots::Complex).unwrap();
    }
    let predicted = setup.params.predicted_error(Slots::Complex).unwrap();
    // z ← z − bias·z³ in both parts, count times; the rest is a random walk.
    let bias = setup.params.sine_bias();
    let biased =
        |z: Complex64| Complex64::new(z.re - bias * z.re.powi(3) * count as f64, z.im - bias * z.im.powi(3) * count as f64);
    let walk = ((predicted.total() - predicted.sine) * count as f64).sqrt();
    let without_bias = rms(&setup.decrypt(&ciphertext), |j| biased(x[j]));
    assert!(without_bias < 2.0 * walk, "{without_bias:e} against the random walk's {walk:e}");
    let all = rms(&setup.decrypt(&ciphertext), |j| x[j]);
    let bound = predicted.sine.sqrt() * count as f64 + 2.0 * walk;
    assert!(all < bound && all > 0.5 * predicted.sine.sqrt() * count as f64, "{all:e} against {bound:e}");
}

#[test]
fn the_polynomial_adds_no_bias_to_the_sines() {
    let params = &Setup::full().params;
    let mean_result = params.mean_result().unwrap();
    let rms = (0.5 * params.predicted_error(Slots::Complex).unwrap().approximation).sqrt();
    for z in [-1.0, -0.3, 0.0, 1.0] {
        let sine = (TAU * z / params.message_ratio()).sin() * params.message_ratio() / TAU;
        let mean = mean_result(z) - sine;
        // At 0 it is taken out, and it hardly depends on z.
        assert!(mean.abs() < 0.01 * rms, "{z}: {mean:e} against single errors of {rms:e}");
    }
}

#[test]
fn keys_of_another_secret_leave_noise() {
    let setup = Setup::full();
    let other = Setup::new(setup.params.clone(), 99);
    let x = uniform(setup.params.slots(), 14);
    let out = other.bootstrapper().bootstrap(&setup.encrypt(&x, setup.params.input_level()), Slots::Complex).unwrap();
    assert!(rms(&setup.decrypt(&out), |j| x[j]) > 1.0);
    assert_ne!(setup.keys.evaluation().id(), other.keys.evaluation().id());
}

#[test]
fn missing_and_foreign_keys_are_named() {
    let setup = Setup::full();
    let scheme = setup.params.scheme();
    let mut randomness = Randomness::insecure_from_seed(8);
    let generator = KeyGenerator::new(scheme, &setup.secret).unwrap();
    let without = |forget: &dyn Fn(&mut ckks_core::bootstrap::BootstrapKeyRequirements), randomness: &mut Randomness| {
        let mut needed = setup.params.key_requirements();
        forget(&mut needed);
        let keys = generator.bootstrap_keys(32, &needed, randomness, |_, _| ());
        Bootstrapper::new(&setup.params, &keys).err().unwrap().to_string()
    };
    let step = *setup.params.key_requirements().evaluation.rotations.keys().next().unwrap();
    let error = without(
        &|n| {
            n.evaluation.rotations.remove(&step);
        },
        &mut randomness,
    );
    assert!(error.contains(&format!("rotation by {step}")), "{error}");
    let error = without(&|n| n.evaluation.conjugation = None, &mut randomness);
    assert!(error.contains("conjugation"), "{error}");
    let error = without(&|n| n.evaluation.relinearisation = Some(3), &mut randomness);
    assert!(error.contains("relinearisation") && error.contains(&setup.params.eval_mod_level().to_string()), "{error}");
    let error = without(&|n| n.slots_to_coeffs.rotations.clear(), &mut randomness);
    assert!(error.contains("rotation by"), "{error}");
    let step = *setup.params.key_requirements().from_sparse.keys().next_back().unwrap();
    let error = without(&|n| _ = n.from_sparse.remove(&step), &mut randomness);
    assert!(error.contains("sparse secret") && error.contains(&step.to_string()), "{error}");

    let other = BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(10, 9, 1)).unwrap();
    assert!(matches!(Bootstrapper::new(&other, &setup.keys).err().unwrap(), Error::ParamsMismatch { .. }));
}

#[test]
fn wrong_levels_and_scales_are_refused() {
    let setup = Setup::full();
    let bootstrapper = setup.bootstrapper();
    let x = uniform(setup.params.slots(), 15);
    let level = setup.params.input_level();
    let low = setup.encrypt(&x, level - 1);
    let error = bootstrapper.bootstrap(&low, Slots::Real).err().unwrap();
    assert!(matches!(error, Error::LevelsExhausted { needed, available, .. } if needed == level && available == level - 1));
    let wrong = setup.encrypt_scaled(&x, level, Scale::power_of_two(30));
    assert!(matches!(bootstrapper.bootstrap(&wrong, Slots::Real).err().unwrap(), Error::ScaleMismatch { .. }));
    let ciphertext = setup.encrypt(&x, level);
    assert!(bootstrapper.mod_raise(&ciphertext).is_err());
    assert!(bootstrapper.eval_mod(&Coefficients::Real(ciphertext)).is_err());
}

#[test]
fn parameters_know_what_they_are() {
    let params = BootstrapParams::new(BootstrapParamsLiteral::n16_boot()).unwrap();
    assert!(params.is_secure());
    assert_eq!((params.output_level(), params.input_level(), params.raised_level()), (17, 3, 30));
    assert!(params.residual_bits() >= 546.0, "{}", params.residual_bits());
    assert!(params.encapsulation_security().log_qp <= 121.0);
    assert!(params.log2_failure() < -60.0, "{}", params.log2_failure());
    assert!(params.key_requirements().bytes_in_memory(params.scheme()) <= 6_000_000_000);
    assert!(params.predicted_error(Slots::Complex).unwrap().bits() > 18.0);
    // The canonical scale stays near 2^39 on all levels that a user sees, and constant under SlotsToCoeffs.
    for level in 0..=params.output_level() {
        assert!((params.scheme().scale_at(level).log2() - 39.0).abs() < 1e-3, "level {level}");
    }
    assert_eq!(params.scheme().scale_at(0), params.scheme().scale_at(params.input_level()));
}

#[test]
fn the_short_preset_has_shorter_keys_for_the_same_levels() {
    let full = BootstrapParams::new(BootstrapParamsLiteral::n16_boot()).unwrap();
    let short = BootstrapParams::new(BootstrapParamsLiteral::preset("n16-boot-short").unwrap()).unwrap();
    assert!(short.is_secure() && short.residual_bits() >= full.residual_bits());
    assert!(short.log2_failure() <= full.log2_failure(), "{}", short.log2_failure());
    assert!(short.predicted_error(Slots::Complex).unwrap().bits() > 18.0);
    // Of the keys for the highest level, there and at the end of EvalMod.
    let digits = |params: &BootstrapParams| {
        let shape = GadgetShape::for_level(params.scheme(), params.raised_level());
        (shape.digits(params.raised_level()), shape.digits(params.output_level() + 1))
    };
    assert_eq!((digits(&full), digits(&short)), ((4, 3), (3, 2)));
}

#[test]
fn the_small_preset_is_refused_for_want_of_a_bound() {
    let literal = BootstrapParamsLiteral::preset("n15-boot").unwrap();
    let error = BootstrapParams::new(literal.clone()).unwrap_err().to_string();
    assert!(error.contains("2^15") && error.contains("no cited"), "{error}");
    let params = BootstrapParams::new_insecure(literal).unwrap();
    assert!(params.scheme().security().is_secure() && !params.is_secure());
    assert_eq!(params.output_level() - params.input_level(), 2);
    assert!(params.predicted_error(Slots::Complex).unwrap().bits() > 18.0);
    assert!(BootstrapParamsLiteral::preset("n17-boot").is_none());
}

#[test]
fn nonsense_is_refused() {
    let good = BootstrapParamsLiteral::toy(10, 9, 2);
    let bad = [
        BootstrapParamsLiteral { log_slots: 10, ..good.clone() },
        BootstrapParamsLiteral { log_slots: 0, ..good.clone() },
        BootstrapParamsLiteral { residual_levels: 0, ..good.clone() },
        BootstrapParamsLiteral { slots_to_coeffs_bits: vec![], ..good.clone() },
        BootstrapParamsLiteral { coeffs_to_slots_bits: vec![48; 9], ..good.clone() },
        BootstrapParamsLiteral { eval_mod_bits: vec![vec![39]; 8], ..good.clone() },
        BootstrapParamsLiteral { eval_mod_bits: vec![vec![50]; 7], ..good.clone() },
        BootstrapParamsLiteral { slots_to_coeffs_bits: vec![39], ..good.clone() },
        BootstrapParamsLiteral { q0_bits: 41, ..good.clone() },
        BootstrapParamsLiteral { p_bits: vec![45, 50, 50], ..good.clone() },
        BootstrapParamsLiteral { sparse_weight: 0, ..good.clone() },
        BootstrapParamsLiteral { bound: 0, ..good.clone() },
        BootstrapParamsLiteral { cosine_degree: 31, ..good.clone() },
        BootstrapParamsLiteral { double_angles: 9, ..good.clone() },
    ];
    for lit in bad {
        assert!(matches!(BootstrapParams::new_insecure(lit.clone()), Err(Error::InvalidParams(_))), "{lit:?}");
    }
    assert!(BootstrapParams::new(good).is_err());
    // Secure as a scheme, but nothing is known about a sparse secret of weight 16.
    let light = BootstrapParamsLiteral { sparse_weight: 16, ..BootstrapParamsLiteral::n16_boot() };
    let error = BootstrapParams::new(light).unwrap_err().to_string();
    assert!(error.contains("weight 16"), "{error}");
}
