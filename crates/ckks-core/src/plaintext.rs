//! Encoded vectors.

use crate::kernels::{Lane, LaneCoefficients};
use crate::params::Scale;
use crate::ring::{Ntt, Poly};

/// A vector of slots as a polynomial: coefficients are slot values' inverse embedding times the scale, rounded.
#[derive(Clone)]
pub struct Plaintext {
    /// Over the ciphertext primes of its level.
    pub poly: Poly<Ntt>,
    /// Factor between slot values and what the polynomial holds.
    pub scale: Scale,
}

impl Plaintext {
    /// Number of ciphertext primes − 1.
    pub fn level(&self) -> usize {
        self.poly.basis().q - 1
    }
}

/// A vector of period s = `blocks`/2 as a polynomial in X^(N/2s). In NTT form it is constant on `blocks` neighbouring runs of
/// N/2s words, so one word a run is kept.
#[derive(Clone)]
pub struct SubringPlaintext {
    /// `blocks` words per limb, limb after limb.
    pub words: Vec<u64>,
    /// Runs per limb: twice the period.
    pub blocks: usize,
    /// Factor between slot values and what the polynomial holds.
    pub scale: Scale,
}

impl SubringPlaintext {
    /// Number of ciphertext primes − 1.
    pub fn level(&self) -> usize {
        self.words.len() / self.blocks - 1
    }

    /// The words of limb `i`.
    pub fn limb(&self, i: usize) -> &[u64] {
        &self.words[i * self.blocks..(i + 1) * self.blocks]
    }
}

/// A [`SubringPlaintext`] over special primes too: the factor of a polynomial that is still multiplied by P.
#[derive(Clone)]
pub(crate) struct ExtendedPlaintext {
    /// `blocks` words per limb, limb after limb.
    pub words: Vec<u64>,
    /// Runs per limb: twice the period.
    pub blocks: usize,
}

impl ExtendedPlaintext {
    /// The words of limb `i`.
    pub fn limb(&self, i: usize) -> &[u64] {
        &self.words[i * self.blocks..(i + 1) * self.blocks]
    }
}

/// A real vector of period s by the coefficients b_k of its polynomial b_0 + Σ b_k·(Y^k − Y^(2s−k)), Y = X^(N/2s), not yet rounded.
pub(crate) struct RealPlaintext<'a> {
    /// One per slot of the period.
    pub coefficients: RealCoefficients<'a>,
    /// What they are multiplied by.
    pub factor: f64,
}

/// See [`RealPlaintext`].
pub(crate) enum RealCoefficients<'a> {
    /// Prepared.
    Small(&'a [i32]),
    /// From an encoder's transform.
    Wide(Vec<f64>),
}

impl RealPlaintext<'_> {
    /// Largest |b_k|.
    pub fn largest(&self) -> f64 {
        let largest = match &self.coefficients {
            RealCoefficients::Small(c) => c.iter().fold(0, |m, c| m.max(c.unsigned_abs())).into(),
            RealCoefficients::Wide(c) => c.iter().fold(0.0f64, |m, c| m.max(c.abs())),
        };
        largest * self.factor
    }

    /// For the transform.
    pub fn lane(&self) -> Lane<'_> {
        let coefficients = match &self.coefficients {
            RealCoefficients::Small(c) => LaneCoefficients::Small(c),
            RealCoefficients::Wide(c) => LaneCoefficients::Wide(c),
        };
        Lane { coefficients, factor: self.factor }
    }
}
