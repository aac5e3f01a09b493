//! Random streams: every use has its own, addressed by numbers, so that a run resumed at any step draws what an
//! uninterrupted run would have drawn, on any number of threads.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// What a stream is for; streams of different purposes never overlap.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights.
    Weights = 1,
    /// The held-out slice.
    HoldOut = 2,
    /// Augmented texts, one stream per text.
    Augment = 3,
    /// Order of texts, one stream per step.
    Batch = 4,
    /// Dropout and injected noise, one stream per step and chunk.
    Dropout = 5,
    /// Sampling that only measures.
    Measure = 6,
}

/// The stream `index` of `purpose` under a run's `seed`. ChaCha8: this is no cryptographic use.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> Stream {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(index);
    Stream(rng)
}

/// Random numbers of one stream.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Uniform in [0, n); the bias of the multiply-shift is below n·2^-64. 0 for n = 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Uniform in [0, 1) with 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Two independent standard normal numbers (Box and Muller).
    pub fn normal_pair(&mut self) -> (f32, f32) {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * self.uniform()).sin_cos();
        (radius * cos, radius * sin)
    }

    /// A random order of 0..n (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_apart() {
        let draw = |purpose, index| stream(7, purpose, index).bits();
        assert_eq!(draw(Purpose::Batch, 3), draw(Purpose::Batch, 3));
        assert_ne!(draw(Purpose::Batch, 3), draw(Purpose::Batch, 4));
        assert_ne!(draw(Purpose::Batch, 3), draw(Purpose::Dropout, 3));
    }

    #[test]
    fn normal_numbers_have_unit_variance() {
        let mut s = stream(1, Purpose::Measure, 0);
        let n = 40_000;
        let (mut mean, mut square) = (0.0f64, 0.0f64);
        for _ in 0..n {
            let (a, b) = s.normal_pair();
            mean += f64::from(a) + f64::from(b);
            square += f64::from(a * a) + f64::from(b * b);
        }
        let count = 2.0 * f64::from(n);
        // Standard errors: 1/√count of the mean, √(2/count) of the variance; five of them.
        assert!((mean / count).abs() < 5.0 / count.sqrt());
        assert!((square / count - 1.0).abs() < 5.0 * (2.0 / count).sqrt());
    }
}
