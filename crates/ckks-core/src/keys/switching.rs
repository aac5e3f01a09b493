//! Switching keys: the hybrid gadget (Han, Ki 2020, eprint 2019/688).

use crate::kernels::{self, AlignedBuf, PackedKey};
use crate::parallel::for_each;
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

    /// True if keys of both shapes work on the same digits.
    pub fn cuts_like(&self, other: &Self) -> bool {
        (self.special, self.digit_limbs) == (other.special, other.digit_limbs)
    }

    /// Limbs of digit `j` at `level`.
    pub fn digit_range(&self, level: usize, j: usize) -> std::ops::Range<usize> {
        j * self.digit_limbs..((j + 1) * self.digit_limbs).min(level + 1)
    }

    /// The primes that a key switch at `level` works with.
    pub fn basis(&self, level: usize) -> Basis {
        Basis { q: level + 1, p: self.special }
    }

    /// Bytes of a key in memory: both halves, as many bits a residue as its prime has, at least 32.
    pub fn bytes_in_memory(&self, params: &Params) -> u64 {
        let basis = self.basis(self.level);
        let words = |i| kernels::key_words(params.modulus(basis, i), params.n(), self.digits(self.level));
        (0..basis.limbs()).map(|i| 8 * words(i) as u64).sum()
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
    n: usize,
    /// Limb after limb, each as [`kernels::key_words`] says.
    words: AlignedBuf,
    /// Where each limb starts, and the end.
    starts: Vec<usize>,
}

impl SwitchingKey {
    /// A key of zeros: [`SwitchingKey::set_digit`] fills it.
    pub(crate) fn empty(params: &Params, shape: GadgetShape, seed: Seed) -> Self {
        let basis = shape.basis(shape.level);
        let mut starts = vec![0];
        let mut end = 0;
        for i in 0..basis.limbs() {
            end += kernels::key_words(params.modulus(basis, i), params.n(), shape.digits(shape.level));
            starts.push(end);
        }
        Self { shape, seed, n: params.n(), words: AlignedBuf::zeroed(end), starts }
    }

    /// The half of digit `j` that the seed expands to.
    pub(crate) fn uniform_half(&self, params: &Params, j: usize) -> Poly<Ntt> {
        uniform_poly(params, self.shape.basis(self.shape.level), &self.seed, j as u32)
    }

    /// Writes both halves of digit `j`; `a` is its [`SwitchingKey::uniform_half`].
    pub(crate) fn set_digit(&mut self, params: &Params, j: usize, b: &Poly<Ntt>, a: &Poly<Ntt>) {
        let shape = self.shape;
        let (basis, digits) = (shape.basis(shape.level), shape.digits(shape.level));
        let mut limbs = Vec::with_capacity(basis.limbs());
        let mut rest = &mut *self.words;
        for pair in self.starts.windows(2) {
            let (limb, after) = rest.split_at_mut(pair[1] - pair[0]);
            limbs.push(limb);
            rest = after;
        }
        for_each(limbs.into_iter().enumerate(), |(i, words)| {
            for (half, poly) in [b, a].into_iter().enumerate() {
                kernels::pack_key(params.modulus(basis, i), words, digits, (j, half), poly.limb(i));
            }
        });
    }

    /// Ring degree.
    pub fn n(&self) -> usize {
        self.n
    }

    /// How the key cuts polynomials into digits.
    pub fn shape(&self) -> GadgetShape {
        self.shape
    }

    /// The seed of the uniform halves.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The half of digit `j` that is not uniform: what has to be stored besides the seed.
    pub fn b_half(&self, params: &Params, j: usize) -> Poly<Ntt> {
        let basis = self.shape.basis(self.shape.level);
        let mut out = Poly::unfilled(params.n(), basis);
        out.for_each_limb(|i, out| {
            let PackedKey { words, digits } = self.limb(i);
            kernels::unpack_key(params.modulus(basis, i), words, digits, (j, 0), out);
        });
        out
    }

    /// Limb `i` of the basis of a key switch at `level`, which is the key's or below.
    pub(crate) fn limb_at(&self, level: usize, i: usize) -> PackedKey<'_> {
        self.limb(if i <= level { i } else { i + self.shape.level - level })
    }

    fn limb(&self, i: usize) -> PackedKey<'_> {
        PackedKey { words: &self.words[self.starts[i]..self.starts[i + 1]], digits: self.shape.digits(self.shape.level) }
    }
}
