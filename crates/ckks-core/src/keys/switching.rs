//! Switching keys: the hybrid gadget (Han, Ki 2020, eprint 2019/688).

use rayon::prelude::*;

use crate::params::Params;
use crate::ring::sampling::{Seed, uniform_poly};
use crate::ring::{Basis, Ntt, Poly};

/// How a key of a level cuts ciphertext polynomials into digits: groups of `digit_limbs` neighbouring primes, carried by the
/// first `special` special primes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GadgetShape {
    /// Highest level at which the key can be used.
    pub level: usize,
    /// Special primes in use; their product P is at least as large as any digit.
    pub special: usize,
    /// Ciphertext primes per digit.
    pub digit_limbs: usize,
}

impl GadgetShape {
    /// The shape with the fewest transforms for a level: more special primes make fewer digits but longer ones.
    ///
    /// Every choice keeps log2(P) at least as large as the largest digit, so that the noise stays that of a rescaling.
    pub fn for_level(params: &Params, level: usize) -> Self {
        let log2 = |p: u64| (p as f64).log2();
        let mut best: Option<(usize, Self)> = None;
        let mut log_p = 0.0;
        for special in 1..=params.special_primes() {
            log_p += log2(params.p(special - 1).value());
            // The widest digit that P still covers, everywhere in the chain.
            let covers = |width: usize| {
                (0..=level).step_by(width).all(|lo| {
                    let hi = (lo + width).min(level + 1);
                    (lo..hi).map(|i| log2(params.q(i).value())).sum::<f64>() <= log_p + 0.01
                })
            };
            let Some(digit_limbs) = (1..=level + 1).rev().find(|&w| covers(w)) else { continue };
            let shape = Self { level, special, digit_limbs };
            let cost = shape.transforms(level);
            if best.is_none_or(|(c, _)| cost < c) {
                best = Some((cost, shape));
            }
        }
        // `Params` refuses sets whose P is smaller than a single prime, so one digit a prime always works.
        best.map_or(Self { level, special: params.special_primes(), digit_limbs: 1 }, |(_, shape)| shape)
    }

    /// Number of digits at `level`.
    pub fn digits(&self, level: usize) -> usize {
        (level + 1).div_ceil(self.digit_limbs)
    }

    /// Limbs of digit `j` at `level`.
    pub fn digit_range(&self, level: usize, j: usize) -> std::ops::Range<usize> {
        j * self.digit_limbs..((j + 1) * self.digit_limbs).min(level + 1)
    }

    /// The primes that a key switch at `level` works with.
    pub fn basis(&self, level: usize) -> Basis {
        Basis { q: level + 1, p: self.special }
    }

    /// Residues of one half of a key.
    pub fn residues(&self, params: &Params) -> u64 {
        (self.digits(self.level) * self.basis(self.level).limbs() * params.n()) as u64
    }

    /// Number-theoretic transforms of one key switch at `level`: what its time is proportional to.
    pub fn transforms(&self, level: usize) -> usize {
        let limbs = level + 1;
        let digits = self.digits(level);
        // into coefficients, digits out to all other primes, ModDown of two polynomials
        limbs + digits * (limbs + self.special) - limbs + 2 * (self.special + limbs)
    }
}

/// Encryptions of P·g_j·s′ under s, one per digit j: turns a ciphertext part under s′ into a ciphertext under s.
#[derive(Clone)]
pub struct SwitchingKey {
    shape: GadgetShape,
    seed: Seed,
    pub(crate) b: Vec<Poly<Ntt>>,
    pub(crate) a: Vec<Poly<Ntt>>,
}

impl SwitchingKey {
    /// Assembles a key from its stored half; the uniform half is expanded from the seed.
    pub(crate) fn from_seeded(params: &Params, shape: GadgetShape, seed: Seed, b: Vec<Poly<Ntt>>) -> Self {
        let basis = shape.basis(shape.level);
        let a = (0..b.len()).into_par_iter().map(|j| uniform_poly(params, basis, &seed, j as u32)).collect();
        Self { shape, seed, b, a }
    }

    /// Assembles a key from both halves; `a` is what `seed` expands to.
    #[cfg(feature = "secret")]
    pub(crate) fn from_halves(shape: GadgetShape, seed: Seed, b: Vec<Poly<Ntt>>, a: Vec<Poly<Ntt>>) -> Self {
        Self { shape, seed, b, a }
    }

    /// How the key cuts polynomials into digits.
    pub fn shape(&self) -> GadgetShape {
        self.shape
    }

    /// The seed of the uniform halves.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The halves that are not uniform, one per digit: what has to be stored besides the seed.
    pub fn b_halves(&self) -> &[Poly<Ntt>] {
        &self.b
    }
}
