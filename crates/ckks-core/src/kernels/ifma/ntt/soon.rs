//! Memory that is read after a transform, asked for during it: the transform leaves the bus idle.

use super::twiddles::LOG_CHUNK;
use crate::kernels::ifma::vector::{Row, prefetch};

/// Steps of a chunk, five passes over parts of it and sixteen runs of 64 words, between which lines are asked for: few at a time, as a
/// core waits for few at a time.
const STEPS: usize = 21;

/// Lines to ask for.
pub struct Soon<'a> {
    now: &'a [Row],
    later: &'a [&'a [u64]],
    at_once: usize,
}

impl<'a> Soon<'a> {
    /// All of `parts`, one after the other, spread over a transform of `n` words.
    pub fn new(parts: &'a [&'a [u64]], n: usize) -> Self {
        let lines: usize = parts.iter().map(|words| words.len() / 8).sum();
        Self { now: &[], later: parts, at_once: lines.div_ceil(STEPS * (n >> LOG_CHUNK).max(1)) }
    }

    /// Asks for the next few.
    #[inline]
    pub fn ask(&mut self) {
        let mut left = self.at_once;
        while left > 0 {
            if self.now.is_empty() {
                let Some((next, later)) = self.later.split_first() else { return };
                (self.now, self.later) = (next.as_chunks().0, later);
                continue;
            }
            let (now, rest) = self.now.split_at(left.min(self.now.len()));
            now.iter().for_each(prefetch);
            left -= now.len();
            self.now = rest;
        }
    }
}
