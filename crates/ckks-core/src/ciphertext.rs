//! Ciphertexts.

use crate::params::{Params, Scale};
use crate::ring::sampling::{Seed, uniform_poly};
use crate::ring::{Ntt, Poly};

/// An encrypted vector: c0 + c1·s is the message polynomial plus noise. Knows its scale exactly and its level by its limbs.
#[derive(Clone)]
pub struct Ciphertext {
    pub(crate) c0: Poly<Ntt>,
    pub(crate) c1: Poly<Ntt>,
    pub(crate) scale: Scale,
}

impl Ciphertext {
    /// Remaining rescalings: number of ciphertext primes − 1.
    pub fn level(&self) -> usize {
        self.c0.basis().q - 1
    }

    /// Factor between slot values and what is encrypted.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The two parts.
    pub fn parts(&self) -> [&Poly<Ntt>; 2] {
        [&self.c0, &self.c1]
    }

    /// An encryption without noise or secret of a public vector: what a circuit starts sums from.
    pub fn trivial(plaintext: &crate::plaintext::Plaintext) -> Self {
        let c1 = Poly::zero(plaintext.poly.n(), plaintext.poly.basis());
        Self { c0: plaintext.poly.clone(), c1, scale: plaintext.scale }
    }
}

/// A fresh symmetric ciphertext whose uniform part is stored as its seed: half the bytes.
#[derive(Clone)]
pub struct SeededCiphertext {
    pub(crate) c0: Poly<Ntt>,
    pub(crate) seed: Seed,
    pub(crate) scale: Scale,
}

impl SeededCiphertext {
    /// The stored part.
    pub fn c0(&self) -> &Poly<Ntt> {
        &self.c0
    }

    /// Seed of the uniform part.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// Factor between slot values and what is encrypted.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Number of ciphertext primes − 1.
    pub fn level(&self) -> usize {
        self.c0.basis().q - 1
    }

    /// The full ciphertext.
    pub fn expand(&self, params: &Params) -> Ciphertext {
        let c1 = uniform_poly(params, self.c0.basis(), &self.seed, 0);
        Ciphertext { c0: self.c0.clone(), c1, scale: self.scale }
    }
}

/// The product of two ciphertexts before relinearisation: d0 + d1·s + d2·s². A type of its own, so that it cannot be taken for
/// a ciphertext; products can be added before one relinearisation serves them all.
#[derive(Clone)]
pub struct Product {
    pub(crate) d: [Poly<Ntt>; 3],
    pub(crate) scale: Scale,
}

impl Product {
    /// Number of ciphertext primes − 1.
    pub fn level(&self) -> usize {
        self.d[0].basis().q - 1
    }

    /// Product of the factors' scales.
    pub fn scale(&self) -> Scale {
        self.scale
    }
}
