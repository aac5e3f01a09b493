//! Complex transforms of slots (`encoding/special_fft.rs` says what they mean). Complex numbers stand as two slices, real and
//! imaginary parts, so that eight of each make a vector.
//!
//! A butterfly is the same few IEEE operations in the same order on every path, and no result depends on another butterfly of its
//! stage: in whatever order a path runs them, the bits are the same.

use super::{AlignedBuf, dispatch};

/// The roots of all stages: length 2^t has its 2^(t−1) from place 2^(t−1) on; place 0 is empty. Shorter transforms use a prefix.
pub struct ComplexRoots {
    re: AlignedBuf,
    im: AlignedBuf,
}

impl ComplexRoots {
    /// Tables for lengths 2, 4, …, `max_slots`; `root(length, j)` is the root that multiplies element j of an upper half.
    pub fn new(max_slots: usize, root: impl Fn(usize, usize) -> (f64, f64)) -> Self {
        let (mut re, mut im) = (AlignedBuf::zeroed(max_slots), AlignedBuf::zeroed(max_slots));
        let mut half = 1;
        while half < max_slots {
            for j in 0..half {
                (re.doubles_mut()[half + j], im.doubles_mut()[half + j]) = root(2 * half, j);
            }
            half *= 2;
        }
        Self { re, im }
    }

    /// Largest number of slots.
    pub fn max_slots(&self) -> usize {
        self.re.len()
    }

    /// Real and imaginary parts.
    pub(super) fn parts(&self) -> (&[f64], &[f64]) {
        (self.re.doubles(), self.im.doubles())
    }
}

/// Bit reversal, then stages of length 2, 4, …, s: (a, b) → (a + w·b, a − w·b).
///
/// # Panics
/// Unless both slices have the same length, a power of two up to the table's.
pub fn embed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    check(roots, re, im);
    dispatch!(special_fft::embed(roots, re, im))
}

/// Stages of length s, …, 4, 2: (a, b) → (a + b, (a − b)·w̄), then bit reversal and the factor 1/s.
///
/// # Panics
/// As [`embed`].
pub fn unembed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    check(roots, re, im);
    dispatch!(special_fft::unembed(roots, re, im))
}

fn check(roots: &ComplexRoots, re: &[f64], im: &[f64]) {
    assert!(re.len() == im.len() && re.len().is_power_of_two() && re.len() <= roots.max_slots());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::{lcg, on_every_path};

    /// Doubles of mixed magnitudes, and some that are not numbers' neighbours: zeros of both signs and the smallest ones.
    fn doubles(seed: u64, n: usize) -> Vec<f64> {
        let ordinary = |x: u64| ((x >> 11) as f64 / (1u64 << 52) as f64 - 1.0) * 2f64.powi((x % 40) as i32);
        lcg(seed)
            .map(|x| match x % 61 {
                0 => 0.0,
                1 => -0.0,
                2 => f64::MIN_POSITIVE / 4.0,
                _ => ordinary(x),
            })
            .take(n)
            .collect()
    }

    #[test]
    fn every_path_gives_the_same_bits() {
        // Any roots will do: the paths must agree on the arithmetic.
        let root = |length: usize, j: usize| ((length * 7 + j) as f64 * 0.37).sin_cos();
        let roots = ComplexRoots::new(1 << 15, root);
        for log_s in 0..=15 {
            let s = 1usize << log_s;
            let (re, im) = (doubles(log_s, s), doubles(100 + log_s, s));
            for transform in [embed, unembed] {
                let first = std::sync::OnceLock::new();
                on_every_path(|| {
                    let (mut x, mut y) = (re.clone(), im.clone());
                    transform(&roots, &mut x, &mut y);
                    let bits: Vec<u64> = x.iter().chain(&y).map(|v| v.to_bits()).collect();
                    assert!(first.get_or_init(|| bits.clone()) == &bits, "2^{log_s} slots");
                });
            }
        }
    }

    #[test]
    fn unembedding_undoes_embedding() {
        // Roots of modulus one, each stage's inverse is its conjugate.
        let roots = ComplexRoots::new(1 << 10, |length, j| ((length + 3 * j) as f64).sin_cos());
        let (re, im) = (doubles(1, 1 << 10), doubles(2, 1 << 10));
        let norm: f64 = re.iter().chain(&im).map(|x| x.abs()).sum();
        on_every_path(|| {
            let (mut x, mut y) = (re.clone(), im.clone());
            embed(&roots, &mut x, &mut y);
            unembed(&roots, &mut x, &mut y);
            for (got, wanted) in x.iter().chain(&y).zip(re.iter().chain(&im)) {
                assert!((got - wanted).abs() <= 200.0 * f64::EPSILON * norm);
            }
        });
    }
}
