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
        bench.row(&format!("rotate/{name}"), || Ok(e.rotate(x, 1)?))?;
        bench.row(&format!("mul_relin_rescale/{name}"), || Ok(e.mul_rescale(x, x)?))?;
        if large {
            let steps: Vec<i64> = (1..=8).collect();
            let plain = s.encoder.encode(&s.values, level, e.prime_scale(level))?;
            bench.row(&format!("hoisted8/{name}"), || Ok(e.rotate_hoisted(x, &steps)?))?;
            bench.row(&format!("ptmul_rescale/{name}"), || Ok(e.mul_plain_rescale(x, &plain)?))?;
            bench.row(&format!("encode/{name}"), || Ok(s.encoder.encode(&s.values, level, s.params.scale_at(level))?))?;
            bench.row(&format!("decrypt_decode/{name}"), || Ok(s.encoder.decode(&decrypt(&s.params, &s.secret, x)?)?))?;
        }
    }
    Ok(())
}
