//! The public encryption key.

use super::KeyId;
use crate::params::Params;
use crate::ring::sampling::{Seed, uniform_poly};
use crate::ring::{Basis, Ntt, Poly};

/// An encryption of zero, (b, a) with b = −a·s + e, over all ciphertext primes; a is expanded from a seed.
#[derive(Clone)]
pub struct PublicKey {
    id: KeyId,
    seed: Seed,
    pub(crate) b: Poly<Ntt>,
    pub(crate) a: Poly<Ntt>,
}

impl PublicKey {
    /// Assembles a key from its stored half.
    pub(crate) fn from_seeded(params: &Params, id: KeyId, seed: Seed, b: Poly<Ntt>) -> Self {
        let a = uniform_poly(params, Basis::at_level(params.max_level()), &seed, 0);
        Self { id, seed, b, a }
    }

    /// Identifier of the secret key it belongs to.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The seed of the uniform half.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The half that is not uniform.
    pub fn b_half(&self) -> &Poly<Ntt> {
        &self.b
    }
}
