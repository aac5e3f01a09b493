//! The canonical embedding restricted to the orbit of 5, as a fast Fourier transform.
//!
//! A real polynomial a(Y) of degree < 2s is determined by its values at ζ^(5^j), ζ = exp(2πi/4s), j = 0 .. s − 1: the other
//! primitive 4s-th roots are their conjugates (Cheon, Kim, Kim, Song 2017, §3.2 and the special FFT of their §5 and of the
//! HEAAN library). As ζ^(5^j·s) = i, the values are Σ_k w_k·ζ^(5^j·k) with the folded coefficients w_k = a_k + i·a_{k+s},
//! so both directions are transforms of s complex numbers in log2(s) stages.
//!
//! The order of operations is fixed and no fused multiply-add is used: results are the same bits on every machine.

use num_complex::Complex64;

use super::roots::Roots;
use crate::error::{Error, Result};
use crate::kernels::special_fft::{self as kernel, ComplexRoots};

/// Twiddle factors for all transforms of up to `max_slots` slots.
pub struct SpecialFft {
    /// The stage of length L multiplies element j of an upper half by ζ_{4L}^(5^j).
    roots: ComplexRoots,
}

impl SpecialFft {
    /// Tables for `max_slots` slots and every smaller power of two.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless `max_slots` is a power of two.
    pub fn new(max_slots: usize) -> Result<Self> {
        check_power_of_two("number of slots", max_slots, usize::MAX)?;
        let order = (4 * max_slots).max(8);
        let roots = Roots::new(order);
        // 5^j modulo the order of the longest stage, and so modulo that of every other.
        let powers: Vec<usize> =
            std::iter::successors(Some(1), |&e| Some(e * 5 % (4 * max_slots))).take((max_slots / 2).max(1)).collect();
        let roots = ComplexRoots::new(max_slots, |length, j| {
            let root = roots.get(powers[j] % (4 * length) * (order / (4 * length)));
            (root.re, root.im)
        });
        Ok(Self { roots })
    }

    /// Largest number of slots that this table serves.
    pub fn max_slots(&self) -> usize {
        self.roots.max_slots()
    }

    /// Folded coefficients → slots (decoding): `values[j] ← Σ_k values[k]·ζ^(5^j·k)`, in place.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless the length is a power of two ≤ [`Self::max_slots`].
    pub fn embed(&self, values: &mut [Complex64]) -> Result<()> {
        self.on_parts(values, kernel::embed)
    }

    /// Slots → folded coefficients (encoding), the inverse of [`Self::embed`] including the factor 1/s.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless the length is a power of two ≤ [`Self::max_slots`].
    pub fn unembed(&self, values: &mut [Complex64]) -> Result<()> {
        self.on_parts(values, kernel::unembed)
    }

    /// [`Self::embed`] on real and imaginary parts behind each other.
    pub(super) fn embed_parts(&self, parts: &mut [f64]) -> Result<()> {
        check_power_of_two("slots", parts.len() / 2, self.max_slots())?;
        let (re, im) = parts.split_at_mut(parts.len() / 2);
        kernel::embed(&self.roots, re, im);
        Ok(())
    }

    /// [`Self::unembed`] on real and imaginary parts behind each other.
    pub(super) fn unembed_parts(&self, parts: &mut [f64]) -> Result<()> {
        check_power_of_two("slots", parts.len() / 2, self.max_slots())?;
        let (re, im) = parts.split_at_mut(parts.len() / 2);
        kernel::unembed(&self.roots, re, im);
        Ok(())
    }

    fn on_parts(&self, values: &mut [Complex64], transform: impl Fn(&ComplexRoots, &mut [f64], &mut [f64])) -> Result<()> {
        check_power_of_two("slots", values.len(), self.max_slots())?;
        let mut re: Vec<f64> = values.iter().map(|z| z.re).collect();
        let mut im: Vec<f64> = values.iter().map(|z| z.im).collect();
        transform(&self.roots, &mut re, &mut im);
        for ((z, re), im) in values.iter_mut().zip(re).zip(im) {
            *z = Complex64::new(re, im);
        }
        Ok(())
    }
}

fn check_power_of_two(what: &'static str, found: usize, max: usize) -> Result<()> {
    if found.is_power_of_two() && found <= max {
        return Ok(());
    }
    let needed = if max == usize::MAX { "a power of two".to_owned() } else { format!("a power of two up to {max}") };
    Err(Error::LengthMismatch { what, found, needed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::on_every_path;

    /// Schoolbook product.
    fn multiply(a: Complex64, b: Complex64) -> Complex64 {
        Complex64::new(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
    }

    /// Unit round-off of `f64`.
    const U: f64 = f64::EPSILON / 2.0;

    fn pseudo_random(count: usize, mut state: u64) -> Vec<Complex64> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..count).map(|_| Complex64::new(next(), next())).collect()
    }

    /// Definition of the embedding with the roots taken from the (tested) table and compensated sums.
    fn naive_embed(values: &[Complex64]) -> Vec<Complex64> {
        let s = values.len();
        let order = (4 * s).max(8);
        let roots = Roots::new(order);
        let mut power = 1;
        (0..s)
            .map(|_| {
                let mut sum = [0.0f64; 2];
                let mut lost = [0.0f64; 2];
                for (k, w) in values.iter().enumerate() {
                    let term = multiply(*w, roots.get(power * k % (4 * s) * (order / (4 * s))));
                    for (part, x) in [term.re, term.im].into_iter().enumerate() {
                        let total = sum[part] + x;
                        lost[part] += if sum[part].abs() >= x.abs() { (sum[part] - total) + x } else { (x - total) + sum[part] };
                        sum[part] = total;
                    }
                }
                power = power * 5 % (4 * s);
                Complex64::new(sum[0] + lost[0], sum[1] + lost[1])
            })
            .collect()
    }

    /// Worst case, per stage: product √5·u (Brent, Percival, Zimmermann 2007), rounded root u, addition u: < 4.3·u of Σ|w|.
    fn stage_bound(slots: usize, norm1: f64) -> f64 {
        4.3 * U * f64::from(slots.ilog2()) * norm1
    }

    #[test]
    fn agrees_with_the_naive_transform() {
        let fft = SpecialFft::new(2048).unwrap();
        for log_s in 0..=11 {
            let s = 1usize << log_s;
            let input = pseudo_random(s, log_s as u64 + 1);
            let norm1: f64 = input.iter().map(|z| z.norm()).sum();
            let naive = naive_embed(&input);
            let bound = stage_bound(s, norm1) + 5.0 * U * norm1;
            on_every_path(|| {
                let mut got = input.clone();
                fft.embed(&mut got).unwrap();
                for (j, (g, w)) in got.iter().zip(&naive).enumerate() {
                    assert!((g - w).norm() <= bound, "s = {s}, slot {j}: {g} against {w}, bound {bound:e}");
                }
            });
        }
    }

    #[test]
    fn there_and_back() {
        let fft = SpecialFft::new(1 << 14).unwrap();
        for log_s in [0, 1, 2, 5, 10, 14] {
            let s = 1usize << log_s;
            let input = pseudo_random(s, 77 + log_s as u64);
            let mut got = input.clone();
            fft.unembed(&mut got).unwrap();
            fft.embed(&mut got).unwrap();
            // Unembedding leaves at most the mean error of its stages in each coefficient, embedding sums them up again.
            let norm1: f64 = input.iter().map(|z| z.norm()).sum();
            let bound = 2.0 * stage_bound(s, norm1) + U * norm1;
            for (g, w) in got.iter().zip(&input) {
                assert!((g - w).norm() <= bound, "s = {s}: {g} against {w}");
            }
        }
    }

    #[test]
    fn a_constant_polynomial_has_equal_slots() {
        let fft = SpecialFft::new(64).unwrap();
        let mut constant = vec![Complex64::new(0.0, 0.0); 64];
        constant[0] = Complex64::new(2.5, -1.0);
        fft.embed(&mut constant).unwrap();
        assert!(constant.iter().all(|z| *z == Complex64::new(2.5, -1.0)));
    }

    #[test]
    fn multiplying_slots_is_multiplying_polynomials() {
        // Negacyclic product modulo Y^(2s) + 1 of integer polynomials, against the product of the embeddings.
        let s = 32;
        let fft = SpecialFft::new(s).unwrap();
        let polynomial = |seed: u64| -> Vec<f64> {
            pseudo_random(s, seed).iter().flat_map(|z| [(z.re * 100.0).round(), (z.im * 100.0).round()]).collect()
        };
        let (a, b) = (polynomial(3), polynomial(4));
        let mut product = vec![0.0; 2 * s];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                let sign = if i + j < 2 * s { 1.0 } else { -1.0 };
                product[(i + j) % (2 * s)] += sign * x * y;
            }
        }
        let embed = |p: &[f64]| {
            let mut folded: Vec<_> = (0..s).map(|k| Complex64::new(p[k], p[k + s])).collect();
            fft.embed(&mut folded).unwrap();
            folded
        };
        let (ea, eb, ep) = (embed(&a), embed(&b), embed(&product));
        let norm1 = |p: &[f64]| p.iter().map(|x| x.abs()).sum::<f64>();
        // Errors of both factors multiply the other's size; all sizes are at most the 1-norms.
        let bound = 3.0 * stage_bound(s, 2.0 * norm1(&a) * norm1(&b));
        for j in 0..s {
            assert!((ea[j] * eb[j] - ep[j]).norm() <= bound);
        }
    }

    #[test]
    fn rotation_by_five_moves_slots_left() {
        // a(Y^5) has in slot j what a(Y) has in slot j + 1.
        let s = 16;
        let fft = SpecialFft::new(s).unwrap();
        let a: Vec<f64> = (0..2 * s).map(|i| (i as f64).sqrt()).collect();
        let mut moved = vec![0.0; 2 * s];
        for (k, x) in a.iter().enumerate() {
            let e = 5 * k % (4 * s);
            if e < 2 * s { moved[e] = *x } else { moved[e - 2 * s] = -*x }
        }
        let embed = |p: &[f64]| {
            let mut folded: Vec<_> = (0..s).map(|k| Complex64::new(p[k], p[k + s])).collect();
            fft.embed(&mut folded).unwrap();
            folded
        };
        let (before, after) = (embed(&a), embed(&moved));
        let bound = 2.0 * stage_bound(s, 2.0 * a.iter().sum::<f64>());
        for j in 0..s {
            assert!((after[j] - before[(j + 1) % s]).norm() <= bound);
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(SpecialFft::new(12).is_err());
        assert!(SpecialFft::new(0).is_err());
        let fft = SpecialFft::new(8).unwrap();
        assert!(fft.embed(&mut [Complex64::new(0.0, 0.0); 16]).is_err());
        assert!(fft.unembed(&mut [Complex64::new(0.0, 0.0); 6]).is_err());
        assert!(fft.embed(&mut []).is_err());
    }

    #[test]
    fn bits_are_pinned() {
        // Computed once; a change means that plaintexts, and so digests, differ from those of earlier versions.
        let fft = SpecialFft::new(256).unwrap();
        on_every_path(|| {
            let mut values = pseudo_random(256, 2024);
            fft.unembed(&mut values).unwrap();
            let mut hasher = blake3::Hasher::new();
            for z in &values {
                hasher.update(&z.re.to_bits().to_le_bytes());
                hasher.update(&z.im.to_bits().to_le_bytes());
            }
            assert_eq!(&hasher.finalize().to_hex()[..16], "5211c0d7cfb6bb1d");
        });
    }
}
