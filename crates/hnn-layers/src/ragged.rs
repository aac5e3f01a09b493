//! Several sentences of different lengths in one matrix, one row per token.

use std::ops::Range;

use crate::{Error, Result};

/// Public length classes. A sentence is padded to the class's number of positions, so that the number of its tokens stays
/// unknown inside the class.
///
/// Positions are cyclic: rotating a ciphertext of `positions` tokens moves what leaves at one end in at the other. Layers
/// that look at neighbours therefore count positions modulo the class, in training as in the circuit; padding is zero.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LengthBucket {
    /// Positions, a power of two.
    pub positions: usize,
    /// What sums over tokens are divided by to make a mean: public, near the mean number of tokens in the class.
    pub divisor: f64,
}

/// The classes used for SST-2: 16, 32 and 64 positions with divisors 12, 24 and 42.
pub fn default_buckets() -> Vec<LengthBucket> {
    [(16, 12.0), (32, 24.0), (64, 42.0)].map(|(positions, divisor)| LengthBucket { positions, divisor }).to_vec()
}

/// The smallest class that holds `tokens` tokens.
///
/// # Errors
/// No class is long enough, or there are no tokens.
pub fn bucket_of(buckets: &[LengthBucket], tokens: usize) -> Result<&LengthBucket> {
    buckets.iter().filter(|b| b.positions >= tokens && tokens > 0).min_by_key(|b| b.positions).ok_or_else(|| Error::Value {
        what: "number of tokens",
        found: tokens.to_string(),
        needed: format!("1 to {}", buckets.iter().map(|b| b.positions).max().unwrap_or(0)),
    })
}

/// Where each sentence of a batch lies: its tokens are consecutive rows, padding has no rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Ragged {
    sentences: Vec<Sentence>,
}

/// One sentence of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// Its rows.
    pub rows: Range<usize>,
    /// Positions of its length class.
    pub positions: usize,
    /// Divisor of its length class.
    pub divisor: f64,
}

impl Ragged {
    /// Sentences of the given numbers of tokens, each in its smallest class.
    ///
    /// # Errors
    /// A sentence without tokens or longer than every class.
    pub fn new(lengths: impl IntoIterator<Item = usize>, buckets: &[LengthBucket]) -> Result<Ragged> {
        let mut start = 0;
        let sentences = lengths
            .into_iter()
            .map(|n| {
                let bucket = bucket_of(buckets, n)?;
                let rows = start..start + n;
                start += n;
                Ok(Sentence { rows, positions: bucket.positions, divisor: bucket.divisor })
            })
            .collect::<Result<_>>()?;
        Ok(Ragged { sentences })
    }

    /// The sentences in their order.
    pub fn sentences(&self) -> &[Sentence] {
        &self.sentences
    }

    /// Rows of all sentences together.
    pub fn tokens(&self) -> usize {
        self.sentences.last().map_or(0, |s| s.rows.end)
    }
}

impl Sentence {
    /// The row at cyclic distance `shift` from `row`, or `None` where padding stands.
    pub fn neighbour(&self, row: usize, shift: i64) -> Option<usize> {
        let position = (row - self.rows.start) as i64 + shift;
        let position = position.rem_euclid(self.positions as i64) as usize;
        (position < self.rows.len()).then(|| self.rows.start + position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_wrap_around_the_class_and_see_padding_as_nothing() -> Result<()> {
        let batch = Ragged::new([3, 16, 17], &default_buckets())?;
        let [short, full, long] = batch.sentences() else { unreachable!() };
        assert_eq!(short.neighbour(0, -1), None);
        assert_eq!(short.neighbour(0, 2), Some(2));
        assert_eq!(short.neighbour(2, 14), Some(0));
        assert_eq!(full.neighbour(3, -1), Some(18));
        assert_eq!(full.neighbour(18, 1), Some(3));
        assert_eq!((long.positions, long.divisor), (32, 24.0));
        assert_eq!(batch.tokens(), 36);
        assert!(Ragged::new([0], &default_buckets()).is_err());
        assert!(Ragged::new([65], &default_buckets()).is_err());
        Ok(())
    }
}
