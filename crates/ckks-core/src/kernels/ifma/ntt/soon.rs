//! Memory that is read after a transform, asked for during it: the transform leaves the bus idle.

use super::twiddles::LOG_CHUNK;
use crate::kernels::ifma::vector::{Row, prefetch};

/// Passes over parts of a chunk, between which lines are asked for: few at a time, as a core waits for few at a time.
const STEPS: usize = 6;

/// Lines to ask for.
pub struct Soon<'a> {
    lines: &'a [Row],
    at_once: usize,
}

impl<'a> Soon<'a> {
    /// All of `words`, spread over a transform of `n` words.
    pub fn new(words: &'a [u64], n: usize) -> Self {
        let lines = words.as_chunks().0;
        Self { lines, at_once: lines.len().div_ceil(STEPS * (n >> LOG_CHUNK).max(1)) }
    }

    /// Asks for the next few.
    #[inline]
    pub fn ask(&mut self) {
        let (now, later) = self.lines.split_at(self.at_once.min(self.lines.len()));
        now.iter().for_each(prefetch);
        self.lines = later;
    }
}
