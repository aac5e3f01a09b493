//! Randomness: the operating system's, stretched by ChaCha20.
//!
//! The seeds of the public uniform polynomials come from a generator of their own, so that publishing them says nothing about
//! the generator of secrets and noise. Secret and noise sampling take the same steps whatever the values are.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng, TryRngCore};

use super::{Basis, Coeff, Ntt, Poly};
use crate::error::{Error, Result};
use crate::params::Params;

/// Standard deviation of the error distribution (Bossuat et al., eprint 2024/463).
pub const SIGMA: f64 = 3.19;

/// Error coefficients above this are never drawn; their probability is below 2^-60.
const TAIL: usize = 30;

/// A 32-byte seed from which a public uniform polynomial is expanded.
pub type Seed = [u8; 32];

/// The source of all randomness: one generator for secrets and noise, an independent one for public seeds and identifiers.
pub struct Randomness {
    secret: ChaCha20Rng,
    public: ChaCha20Rng,
}

impl Randomness {
    /// Two generators, each seeded by the operating system.
    ///
    /// # Errors
    /// [`Error::Randomness`] if the operating system has none.
    pub fn from_os() -> Result<Self> {
        let seed = || {
            let mut seed = zeroize::Zeroizing::new([0u8; 32]);
            rand_core::OsRng.try_fill_bytes(&mut *seed).map_err(|e| Error::Randomness(e.to_string()))?;
            Ok::<_, Error>(ChaCha20Rng::from_seed(*seed))
        };
        Ok(Self { secret: seed()?, public: seed()? })
    }

    /// **Insecure**: reproducible randomness for tests and golden files.
    pub fn insecure_from_seed(seed: u64) -> Self {
        Self { secret: ChaCha20Rng::seed_from_u64(seed), public: ChaCha20Rng::seed_from_u64(!seed) }
    }

    /// A fresh public seed.
    pub fn public_seed(&mut self) -> Seed {
        let mut seed = [0; 32];
        self.public.fill_bytes(&mut seed);
        seed
    }

    /// A fresh public identifier.
    pub fn public_id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.public.fill_bytes(&mut id);
        id
    }

    /// A polynomial of independent errors of standard deviation [`SIGMA`].
    pub(crate) fn error_poly(&mut self, params: &Params, basis: Basis) -> Poly<Coeff> {
        let coefficients = zeroize::Zeroizing::new(gaussian(&mut self.secret, params.n()));
        Poly::from_signed(params, basis, &coefficients)
    }

    /// Uniform ternary coefficients.
    pub(crate) fn ternary(&mut self, n: usize) -> zeroize::Zeroizing<Vec<i64>> {
        zeroize::Zeroizing::new(ternary(&mut self.secret, n))
    }

    /// `weight` of `n` coefficients are ±1, the others 0.
    #[cfg(feature = "secret")]
    pub(crate) fn sparse_ternary(&mut self, n: usize, weight: u32) -> zeroize::Zeroizing<Vec<i64>> {
        zeroize::Zeroizing::new(sparse_ternary(&mut self.secret, n, weight))
    }
}

/// `n` coefficients, of which a uniform subset of `weight` is ±1: selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S), one
/// word and the same steps for each coefficient; bias below n·2^-63.
#[cfg(feature = "secret")]
fn sparse_ternary(rng: &mut ChaCha20Rng, n: usize, weight: u32) -> Vec<i64> {
    let mut missing = u64::from(weight).min(n as u64);
    (0..n as u64)
        .map(|done| {
            let word = rng.next_u64();
            let place = ((u128::from(word >> 1) * u128::from(n as u64 - done)) >> 63) as u64;
            let taken = u64::from(place < missing);
            missing -= taken;
            taken as i64 * (1 - 2 * (word & 1) as i64)
        })
        .collect()
}

/// `n` coefficients uniform over {−1, 0, 1}: floor(3·r/2^64) − 1 from one word each, in constant time; bias below 2^-62.
fn ternary(rng: &mut ChaCha20Rng, n: usize) -> Vec<i64> {
    (0..n).map(|_| ((u128::from(rng.next_u64()) * 3) >> 64) as i64 - 1).collect()
}

/// `n` rounded Gaussians by inversion: the magnitude is the number of table entries that a 63-bit uniform word reaches, counted
/// over the whole table whatever the word is; the last bit is the sign.
fn gaussian(rng: &mut ChaCha20Rng, n: usize) -> Vec<i64> {
    let table = magnitude_table();
    (0..n)
        .map(|_| {
            let word = rng.next_u64();
            let uniform = word >> 1;
            let sign = (word & 1) as i64;
            let magnitude: i64 = table.iter().map(|&t| i64::from(uniform >= t)).sum();
            (magnitude ^ -sign) + sign
        })
        .collect()
}

/// `table[k]` = 2^63 · P(|x| ≤ k) for the discrete Gaussian of [`SIGMA`].
fn magnitude_table() -> [u64; TAIL] {
    let weight = |k: usize| {
        let density = (-((k * k) as f64) / (2.0 * SIGMA * SIGMA)).exp();
        if k == 0 { density } else { 2.0 * density }
    };
    let total: f64 = (0..=TAIL).map(weight).sum();
    let mut table = [0; TAIL];
    let mut cumulative = 0.0;
    for (k, entry) in table.iter_mut().enumerate() {
        cumulative += weight(k);
        *entry = (cumulative / total * 2f64.powi(63)) as u64;
    }
    table
}

/// The uniform polynomial of a public seed. Each limb has a stream of its own, numbered by stream and by the prime's place in
/// the whole list, so that a polynomial over fewer primes has the same limbs.
pub fn uniform_poly(params: &Params, basis: Basis, seed: &Seed, stream: u32) -> Poly<Ntt> {
    let mut poly = Poly::unfilled(params.n(), basis);
    poly.for_each_limb(|i, limb| {
        let mut rng = ChaCha20Rng::from_seed(*seed);
        rng.set_stream(u64::from(stream) << 16 | params.prime_index(basis, i) as u64);
        uniform_limb(&mut rng, params.modulus(basis, i).value(), limb);
    });
    poly
}

/// Uniform residues by rejection from words cut to the prime's length.
fn uniform_limb(rng: &mut ChaCha20Rng, p: u64, limb: &mut [u64]) {
    let mask = u64::MAX >> p.leading_zeros();
    let mut bytes = [0u8; 4096];
    let mut filled = 0;
    while filled < limb.len() {
        rng.fill_bytes(&mut bytes);
        for word in bytes.chunks_exact(8) {
            let candidate = u64::from_le_bytes(word.try_into().unwrap_or_default()) & mask;
            if filled < limb.len() && candidate < p {
                limb[filled] = candidate;
                filled += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamsLiteral;

    #[test]
    fn gaussian_has_the_right_moments() {
        let n = 1 << 18;
        let x = gaussian(&mut ChaCha20Rng::seed_from_u64(1), n);
        let mean = x.iter().sum::<i64>() as f64 / n as f64;
        let variance = x.iter().map(|&v| (v * v) as f64).sum::<f64>() / n as f64;
        // Five standard errors: σ/√n for the mean, σ²·√(2/n) for the variance.
        let root = (n as f64).sqrt();
        assert!(mean.abs() < 5.0 * SIGMA / root, "mean {mean}");
        assert!((variance - SIGMA * SIGMA).abs() < 5.0 * SIGMA * SIGMA * 2f64.sqrt() / root, "variance {variance}");
    }

    #[test]
    fn ternary_is_balanced() {
        let n = 3 << 16;
        let x = ternary(&mut ChaCha20Rng::seed_from_u64(2), n);
        for value in -1..=1 {
            let count = x.iter().filter(|&&v| v == value).count() as f64;
            // Five standard deviations of a binomial with probability 1/3.
            assert!((count - n as f64 / 3.0).abs() < 5.0 * (n as f64 * 2.0 / 9.0).sqrt());
        }
    }

    #[test]
    #[cfg(feature = "secret")]
    fn sparse_has_its_weight_everywhere() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let (n, weight, draws) = (256, 32, 4000);
        let mut hits = vec![0.0; n];
        let mut signs = 0;
        for _ in 0..draws {
            let x = sparse_ternary(&mut rng, n, weight);
            assert_eq!(x.iter().map(|v| v.abs()).sum::<i64>(), i64::from(weight));
            signs += x.iter().sum::<i64>();
            hits.iter_mut().zip(&x).for_each(|(h, v)| *h += v.abs() as f64);
        }
        // Five and a half standard deviations of a binomial with probability 1/8, over 256 places; five of the signs' sum.
        let p = f64::from(weight) / n as f64;
        let deviation = (draws as f64 * p * (1.0 - p)).sqrt();
        assert!(hits.iter().all(|h| (h - draws as f64 * p).abs() < 5.5 * deviation));
        assert!((signs as f64).abs() < 5.0 * (f64::from(weight) * draws as f64).sqrt());
    }

    #[test]
    fn a_shorter_basis_has_the_same_limbs() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 4)).unwrap();
        let seed = [7; 32];
        let long = uniform_poly(&params, params.full_basis(), &seed, 3);
        let short = uniform_poly(&params, Basis { q: 2, p: 1 }, &seed, 3);
        assert_eq!(short.limb(1), long.limb(1));
        assert_eq!(short.limb(2), long.limb(params.max_level() + 1));
        assert_ne!(long.limb(0), uniform_poly(&params, params.full_basis(), &seed, 4).limb(0));
    }

    #[test]
    fn public_seeds_do_not_come_from_the_secret_generator() {
        let mut a = Randomness::insecure_from_seed(5);
        let mut b = Randomness::insecure_from_seed(5);
        let _ = a.ternary(1000);
        assert_eq!(a.public_seed(), b.public_seed());
    }
}
