//! From counted work to predicted seconds.

use std::time::Instant;

use ckks_core::Result;
use ckks_core::kernels;
use ckks_core::params::Params;
use serde::Serialize;

/// Work of one or many operations, in units that scale with the machine and not with the circuit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Work {
    /// Number-theoretic transforms of one limb of N words.
    pub transforms: f64,
    /// Limbs of N words that go through one multiplication and addition.
    pub limb_operations: f64,
    /// Limbs of N words that come from or go to memory because no cache can hold them: keys, digits, whole ciphertexts.
    pub streamed_limbs: f64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.transforms += other.transforms;
        self.limb_operations += other.limb_operations;
        self.streamed_limbs += other.streamed_limbs;
    }
}

impl std::ops::Mul<f64> for Work {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self {
            transforms: factor * self.transforms,
            limb_operations: factor * self.limb_operations,
            streamed_limbs: factor * self.streamed_limbs,
        }
    }
}

/// Seconds that the units of [`Work`] take on one thread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CostTable {
    /// Seconds of one transform of N words.
    pub transform: f64,
    /// Seconds of one multiplication and addition of N words.
    pub limb_operation: f64,
    /// Seconds for N words from or to memory.
    pub streamed_limb: f64,
}

/// Words that go through to measure memory: more than caches hold.
const STREAM: usize = 12 << 20;

/// Repetitions of which the fastest counts: the one that nothing interrupted.
const REPETITIONS: usize = 9;

impl CostTable {
    /// Measures this machine with these parameters: a tenth of a second.
    ///
    /// # Errors
    /// None so far; measuring may come to need more than the kernels.
    pub fn measure(params: &Params) -> Result<Self> {
        let table = params.ntt_q(0);
        let modulus = params.q(0);
        let n = params.n();
        let mut a: Vec<u64> = (0..n as u64).map(|i| modulus.reduce_u64(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let b = a.clone();
        let transform = fastest(|| table.forward(&mut a));
        // Eight terms at once, as in inner products: lazily reduced.
        let terms: Vec<(&[u64], &[u64])> = vec![(&b, &b); 8];
        let mut out = vec![0; n];
        let limb_operation = fastest(|| kernels::dot_into(modulus, &mut out, &terms)) / terms.len() as f64;
        // Each limb is read and written; the sums themselves take next to nothing.
        let mut stream = vec![1u64; STREAM];
        let pass = fastest(|| stream.chunks_exact_mut(n).for_each(|limb| kernels::add_assign(modulus, limb, &b)));
        let streamed_limb = pass / (2 * (STREAM / n)) as f64;
        Ok(Self { transform, limb_operation, streamed_limb })
    }

    /// Predicted seconds on one thread.
    #[must_use]
    pub fn seconds(&self, work: Work) -> f64 {
        self.transform * work.transforms + self.limb_operation * work.limb_operations + self.streamed_limb * work.streamed_limbs
    }
}

fn fastest(mut f: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    };
    (0..REPETITIONS).map(time).fold(f64::INFINITY, f64::min)
}
