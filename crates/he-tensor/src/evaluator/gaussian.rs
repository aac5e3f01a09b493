//! Complex Gaussian errors for the simulator.

use num_complex::Complex64;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

/// A reproducible source of complex Gaussians.
pub(super) struct Gaussian(ChaCha20Rng);

impl Gaussian {
    pub(super) fn from_seed(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    /// A circular complex Gaussian with E|z|² = `variance` (Box and Muller 1958).
    pub(super) fn sample(&mut self, variance: f64) -> Complex64 {
        // 53 bits each; u in (0, 1] keeps the logarithm finite.
        let unit = 2f64.powi(-53);
        let u = ((self.0.next_u64() >> 11) + 1) as f64 * unit;
        let angle = (self.0.next_u64() >> 11) as f64 * unit * std::f64::consts::TAU;
        Complex64::from_polar((-variance * u.ln()).sqrt(), angle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let mut source = Gaussian::from_seed(5);
        let n = 1 << 16;
        let z: Vec<_> = (0..n).map(|_| source.sample(4.0)).collect();
        let mean = z.iter().sum::<Complex64>() / n as f64;
        let variance = z.iter().map(Complex64::norm_sqr).sum::<f64>() / n as f64;
        let real = z.iter().map(|x| x.re * x.re).sum::<f64>() / n as f64;
        // Six standard errors: of the mean 2/√n, of E|z|² (exponential, standard deviation 4) 4/√n, of E re² 2√2/√n.
        let root = f64::from(n).sqrt();
        assert!(mean.norm() < 12.0 / root, "{mean}");
        assert!((variance - 4.0).abs() < 24.0 / root, "{variance}");
        assert!((real - 2.0).abs() < 17.0 / root, "{real}");
    }
}
