//! Operations on ciphertexts.

use anyhow::Result;
use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::eval::Evaluator;
use ckks_core::keys::{EvaluationKeys, KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::params::Params;
use ckks_core::ring::sampling::Randomness;

use super::report::Bench;
use super::sets;
use super::work::Work;

/// Keys and a ciphertext of one set.
pub struct Setup {
    pub params: Params,
    pub secret: SecretKey,
    pub keys: EvaluationKeys,
    pub encoder: Encoder,
    pub values: Vec<f64>,
    pub ciphertext: Ciphertext,
}

impl Setup {
    /// Random keys for `needed`, and an encryption of bounded values at the top level.
    pub fn new(params: Params, needed: &KeyRequirements) -> Result<Self> {
        let mut randomness = Randomness::from_os()?;
        let secret = SecretKey::generate(&params, &mut randomness);
        let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(needed, &mut randomness, |_, _| ());
        let encoder = Encoder::new(&params)?;
        let values: Vec<f64> = (0..params.slots()).map(|j| (j as f64 * 0.37).sin()).collect();
        let level = params.max_level();
        let plain = encoder.encode(&values, level, params.scale_at(level))?;
        let ciphertext = encrypt_symmetric(&params, &secret, &plain, &mut randomness)?.expand(&params);
        Ok(Self { params, secret, keys, encoder, values, ciphertext })
    }
}

/// Rows `rotate/…`, `mul_relin_rescale/…` for every set; the others for the largest.
pub fn run(bench: &mut Bench) -> Result<()> {
    for set in sets::all() {
        let name = set.name;
        let large = name == "n16/l24";
        let kinds = ["rotate", "mul_relin_rescale", "hoisted8", "ptmul_rescale", "encode", "decrypt_decode"];
        let kinds = if large { &kinds[..] } else { &kinds[..2] };
        // Keys take seconds to make: only where a row is wanted.
        if !kinds.iter().any(|kind| bench.wants(&format!("{kind}/{name}"))) {
            continue;
        }
        let params = set.params()?;
        let level = params.max_level();
        let mut needed = KeyRequirements::default();
        needed.need_relinearisation(level);
        (1..=if large { 8 } else { 1 }).for_each(|k| needed.need_rotation(&params, k, level));
        let s = Setup::new(params, &needed)?;
        let e = Evaluator::new(&s.params, &s.keys)?;
        let x = &s.ciphertext;
        let works = Works::new(&s.params);
        bench.row_of(&format!("rotate/{name}"), works.rotate, || Ok(e.rotate(x, 1)?))?;
        bench.row_of(&format!("mul_relin_rescale/{name}"), works.mul, || Ok(e.mul_rescale(x, x)?))?;
        if large {
            let steps: Vec<i64> = (1..=8).collect();
            let plain = s.encoder.encode(&s.values, level, e.prime_scale(level))?;
            bench.row_of(&format!("hoisted8/{name}"), works.hoisted8, || Ok(e.rotate_hoisted(x, &steps)?))?;
            bench.row_of(&format!("ptmul_rescale/{name}"), works.plain, || Ok(e.mul_plain_rescale(x, &plain)?))?;
            bench.row_of(&format!("encode/{name}"), works.encode, || {
                Ok(s.encoder.encode(&s.values, level, s.params.scale_at(level))?)
            })?;
            bench.row(&format!("decrypt_decode/{name}"), || Ok(s.encoder.decode(&decrypt(&s.params, &s.secret, x)?)?))?;
        }
    }
    Ok(())
}

/// The least work of each row at the top level of a set.
struct Works {
    rotate: Work,
    mul: Work,
    hoisted8: Work,
    plain: Work,
    encode: Work,
}

impl Works {
    fn new(params: &Params) -> Self {
        let (log_n, level) = (params.log_n(), params.max_level());
        let limbs = level + 1;
        let words = (params.n() * limbs) as f64;
        let decomposition = Work::decomposition(params, level);
        let switch = Work::key_product(params, level, limbs);
        // Both polynomials in, both out.
        let rotate = decomposition + switch + Work::limbs(log_n, 4 * limbs);
        let hoisted8 =
            (0..8).fold(decomposition + Work::limbs(log_n, 2 * limbs), |work, _| work + switch + Work::limbs(log_n, 2 * limbs));
        // c0·c0, c0·c1 + c1·c0, c1·c1; a square, so that two polynomials come in.
        let tensor = Work::sums(words, 1.0) + Work::sums(words, 2.0) + Work::sums(words, 1.0);
        let mul = tensor + decomposition + Work::key_product(params, level, limbs - 1) + Work::limbs(log_n, 4 * limbs - 2);
        let kept = words - params.n() as f64;
        let half = Work::sums(words, 1.0) + Work::transforms(log_n, limbs as f64) + Work::known(2.0 * kept);
        let plain = half + half + Work::limbs(log_n, 3 * limbs + 2 * (limbs - 1));
        let encode = Work::known(words) + Work::transforms(log_n, limbs as f64) + Work::limbs(log_n, limbs);
        Self { rotate, mul, hoisted8, plain, encode }
    }
}
