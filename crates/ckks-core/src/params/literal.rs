//! Plain, unchecked parameter data and the presets.

use serde::{Deserialize, Serialize};

/// Parameters as written by a person or read from a file: unchecked. [`super::Params::new`] validates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamsLiteral {
    /// log2 of the ring degree N; 10 to 17.
    pub log_n: u32,
    /// Bits of the ciphertext primes from the bottom: `q_bits[0]` is what stays at level 0, `q_bits[l]` is dropped by the
    /// rescaling from level l to l − 1. At most 50 bits each.
    pub q_bits: Vec<u32>,
    /// Bits of the special primes (their product P carries key switching).
    pub p_bits: Vec<u32>,
    /// log2 of the scale Δ of a fresh ciphertext. Primes of exactly this many bits are the levels on which ciphertexts are
    /// multiplied; they are chosen so that the scale stays near Δ on every level.
    pub log_scale: u32,
}

impl ParamsLiteral {
    /// `levels` + 1 ciphertext primes: one of `q0` bits and `levels` of `scale` bits, with `special` primes of `p` bits.
    pub fn leveled(log_n: u32, q0: u32, levels: usize, scale: u32, special: usize, p: u32) -> Self {
        let mut q_bits = vec![q0];
        q_bits.extend(std::iter::repeat_n(scale, levels));
        Self { log_n, q_bits, p_bits: vec![p; special], log_scale: scale }
    }

    /// `n14-leveled`: N = 2^14, 11 levels of 30 bits, log QP = 429. The fast student's set.
    ///
    /// P carries digits of two ciphertext primes with 3 to 6 bits to spare, so that key switching adds less than a rescaling:
    /// six digits at the highest level instead of the twelve that one special prime of 50 bits would carry. That leaves q₀ three
    /// bits above the scale: |values| < 4 at level 0, which is for scores.
    pub fn n14_leveled() -> Self {
        Self { p_bits: vec![35, 31], ..Self::leveled(14, 33, 11, 30, 2, 0) }
    }

    /// `n15-leveled`: N = 2^15, 14 levels of 40 bits, log QP = 810. Deeper or wider students.
    pub fn n15_leveled() -> Self {
        Self::leveled(15, 50, 14, 40, 5, 50)
    }

    /// `n16-leveled`: N = 2^16, 28 levels of 40 bits, log QP = 1720. Encoder parts without bootstrapping.
    pub fn n16_leveled() -> Self {
        Self::leveled(16, 50, 28, 40, 11, 50)
    }

    /// `toy-N`: an **insecure** set for tests: N = 2^`log_n`, `levels` levels of 40 bits, two special primes.
    pub fn toy(log_n: u32, levels: usize) -> Self {
        Self::leveled(log_n, 50, levels, 40, 2, 50)
    }

    /// Preset by name: `n14-leveled`, `n15-leveled`, `n16-leveled`.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "n14-leveled" => Some(Self::n14_leveled()),
            "n15-leveled" => Some(Self::n15_leveled()),
            "n16-leveled" => Some(Self::n16_leveled()),
            _ => None,
        }
    }
}
