//! Encryption: with the secret key, half the bytes and a fifth of the noise; with the public key, for anyone.

use crate::ciphertext::Ciphertext;
#[cfg(feature = "secret")]
use crate::ciphertext::SeededCiphertext;
use crate::keys::PublicKey;
#[cfg(feature = "secret")]
use crate::keys::SecretKey;
use crate::params::Params;
use crate::plaintext::Plaintext;
use crate::ring::Poly;
use crate::ring::sampling::Randomness;
#[cfg(feature = "secret")]
use crate::ring::sampling::uniform_poly;
#[cfg(feature = "secret")]
use crate::{Error, Result};

/// (−a·s + m + e, a) with a expanded from a fresh public seed.
///
/// # Errors
/// [`Error::ParamsMismatch`] if the key belongs to other parameters.
#[cfg(feature = "secret")]
pub fn encrypt_symmetric(
    params: &Params,
    secret: &SecretKey,
    message: &Plaintext,
    randomness: &mut Randomness,
) -> Result<SeededCiphertext, Error> {
    params.check_digest("the secret key", secret.params_digest())?;
    let basis = message.poly.basis();
    let seed = randomness.public_seed();
    let mut product = uniform_poly(params, basis, &seed, 0);
    product.mul_assign(params, &secret.s.0);
    let mut c0 = randomness.error_poly(params, basis).into_ntt(params);
    c0.add_assign(params, &message.poly);
    c0.sub_assign(params, &product);
    // a is public: a·s is as good as s.
    product.zeroize();
    Ok(SeededCiphertext { c0, seed, scale: message.scale })
}

/// (b·v + m + e0, a·v + e1) with v uniform ternary.
pub fn encrypt_public(params: &Params, key: &PublicKey, message: &Plaintext, randomness: &mut Randomness) -> Ciphertext {
    let basis = message.poly.basis();
    let mut v = Poly::from_signed(params, basis, &randomness.ternary(params.n())).into_ntt(params);
    let mut c0 = randomness.error_poly(params, basis).into_ntt(params);
    let mut c1 = randomness.error_poly(params, basis).into_ntt(params);
    c0.mul_add_assign(params, &v, &key.b);
    c1.mul_add_assign(params, &v, &key.a);
    // v opens the ciphertext.
    v.zeroize();
    c0.add_assign(params, &message.poly);
    Ciphertext { c0, c1, scale: message.scale }
}
