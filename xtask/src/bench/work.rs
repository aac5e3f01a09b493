//! The least work of a row: what its time is compared with.

use ckks_core::keys::GadgetShape;
use ckks_core::params::Params;
use serde_json::{Value, json};

/// Half products of 52-bit words (lanes of one multiply-add), and bytes that have to move whatever the program does in between.
///
/// Counted is the arithmetic of the algorithm as it stands, without additions, moves and loads of tables; of memory only operands, keys
/// and results, each once. A kernel's operands are in the second-level cache, an operation's in memory.
#[derive(Clone, Copy, Default)]
pub struct Work {
    /// Half products.
    pub products: f64,
    /// Bytes from and to memory.
    pub memory: f64,
    /// Bytes from and to the second-level cache.
    pub cache: f64,
}

/// A product by a known factor: a quotient, two low halves.
const KNOWN: f64 = 3.0;
/// Both halves of one term of a sum of products.
const TERM: f64 = 2.0;
/// The reduction of such a sum.
const REDUCTION: f64 = 4.0;

impl Work {
    /// `count` transforms of 2^`log_n` words in the cache: N/2·log2(N) butterflies.
    pub fn transforms(log_n: u32, count: f64) -> Self {
        let n = f64::from(1u32 << log_n);
        Self { products: count * KNOWN * n / 2.0 * f64::from(log_n), memory: 0.0, cache: count * 2.0 * 8.0 * n }
    }

    /// `words` words of sums of `terms` products each.
    pub fn sums(words: f64, terms: f64) -> Self {
        Self { products: words * (terms * TERM + REDUCTION), ..Self::default() }
    }

    /// `words` products by known factors.
    pub fn known(words: f64) -> Self {
        Self { products: words * KNOWN, ..Self::default() }
    }

    /// Limbs of 2^`log_n` words from or to memory.
    pub fn limbs(log_n: u32, count: usize) -> Self {
        Self { memory: (count << log_n) as f64 * 8.0, ..Self::default() }
    }

    /// A digit's conversion from `from` primes to `to` others, N = 2^`log_n` columns.
    pub fn conversion(log_n: u32, from: usize, to: usize) -> Self {
        let n = f64::from(1u32 << log_n);
        Self::known(n * from as f64) + Self::sums(n * to as f64, from as f64 + 1.0)
    }

    /// Cutting one polynomial of a level into digits over all primes.
    pub fn decomposition(params: &Params, level: usize) -> Self {
        let (log_n, limbs) = (params.log_n(), level + 1);
        let shape = GadgetShape::for_level(params, level);
        let mut work = Self::transforms(log_n, limbs as f64);
        for j in 0..shape.digits(level) {
            let own = shape.digit_range(level, j).len();
            let others = limbs + shape.special - own;
            work = work + Self::conversion(log_n, own, others) + Self::transforms(log_n, others as f64);
        }
        work
    }

    /// Digits times a key that is read from memory, and the division of both sums by P and the primes above `keep`.
    pub fn key_product(params: &Params, level: usize, keep: usize) -> Self {
        let (log_n, n) = (params.log_n(), params.n() as f64);
        let shape = GadgetShape::for_level(params, level);
        let all = level + 1 + shape.special;
        let dropped = all - keep;
        let one = Self::sums(n * all as f64, shape.digits(level) as f64)
            + Self::transforms(log_n, (dropped + keep) as f64)
            + Self::conversion(log_n, dropped, keep)
            + Self::known(n * keep as f64);
        one + one + Self { memory: shape.bytes_in_memory(params) as f64, ..Self::default() }
    }

    /// Fields of a row.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let named = [("products", self.products), ("memory_bytes", self.memory), ("cache_bytes", self.cache)];
        named.into_iter().filter(|(_, x)| *x > 0.0).map(|(name, x)| (name, json!(x))).collect()
    }
}

impl std::ops::Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { products: self.products + other.products, memory: self.memory + other.memory, cache: self.cache + other.cache }
    }
}
