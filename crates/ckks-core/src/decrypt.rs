//! Decryption.

use crate::ciphertext::Ciphertext;
use crate::error::Result;
use crate::keys::SecretKey;
use crate::params::Params;
use crate::plaintext::Plaintext;

/// Bits above the scale that a decrypted value may have; limbs beyond that are dropped before anything is computed.
const HEADROOM_BITS: f64 = 20.0;

/// c0 + c1·s, over the fewest limbs that hold values up to 2^19 (or all limbs, if they hold less).
///
/// # Errors
/// [`crate::Error::ParamsMismatch`] if the key belongs to other parameters.
pub fn decrypt(params: &Params, secret: &SecretKey, ciphertext: &Ciphertext) -> Result<Plaintext> {
    params.check_digest("the secret key", secret.params_digest())?;
    let wanted = ciphertext.scale.log2() + HEADROOM_BITS;
    let mut limbs = 0;
    let mut log_q = 0.0;
    while limbs <= ciphertext.level() && (limbs == 0 || log_q < wanted) {
        log_q += (params.q(limbs).value() as f64).log2();
        limbs += 1;
    }
    let mut poly = ciphertext.c0.truncated(limbs);
    poly.mul_add_assign(params, &ciphertext.c1, &secret.s.0);
    Ok(Plaintext { poly, scale: ciphertext.scale })
}
