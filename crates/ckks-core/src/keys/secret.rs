//! The secret key.

use zeroize::{Zeroize, Zeroizing};

use super::KeyId;
use crate::params::Params;
use crate::ring::sampling::Randomness;
use crate::ring::{Ntt, Poly};

/// A uniform ternary secret. Overwritten with zeros when dropped; never printed.
pub struct SecretKey {
    id: KeyId,
    digest: [u8; 32],
    /// −1, 0 or 1 each.
    coefficients: Zeroizing<Vec<i64>>,
    pub(crate) s: SecretPoly,
}

/// A polynomial that is overwritten with zeros when dropped.
pub(crate) struct SecretPoly(pub(crate) Poly<Ntt>);

impl Drop for SecretPoly {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SecretKey {
    /// Draws a key.
    pub fn generate(params: &Params, randomness: &mut Randomness) -> Self {
        let coefficients = randomness.ternary(params.n());
        let id = randomness.public_id();
        Self::assemble(params, id, coefficients)
    }

    pub(crate) fn assemble(params: &Params, id: KeyId, coefficients: Zeroizing<Vec<i64>>) -> Self {
        let s = SecretPoly(Poly::from_signed(params, params.full_basis(), &coefficients).into_ntt(params));
        Self { id, digest: params.digest(), coefficients, s }
    }

    /// Random identifier, carried by everything made with this key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Digest of the parameters it was made under.
    pub fn params_digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The coefficients, for the key file.
    pub(crate) fn coefficients(&self) -> &[i64] {
        &self.coefficients
    }
}

impl Zeroize for SecretKey {
    fn zeroize(&mut self) {
        self.coefficients.zeroize();
        self.s.0.zeroize();
    }
}
