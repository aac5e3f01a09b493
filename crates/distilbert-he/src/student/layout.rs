//! Where the tokens of one or several sentences stand in the slots.
//!
//! A sentence of T positions and p slots per token takes p·T slots, and a ciphertext has room for S = slots/(p·T) of them.
//! They are interleaved slot by slot: feature f of token t of sentence s stands in slot S·(p·t + f) + s. Rotations by multiples
//! of S then move every sentence within itself, cyclically: neighbours never mix, and one circuit serves 1 to S sentences. (Side
//! by side, what a rotation shifts out of one sentence would come in at the next.)

use ndarray::Array2;

use super::StudentConfig;
use crate::{Error, Result};

/// The slots of one length class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLayout {
    period: usize,
    head_period: usize,
    positions: usize,
    sentences: usize,
}

impl SlotLayout {
    /// The layout of the length class of `positions` in vectors of `slots` slots.
    ///
    /// # Errors
    /// [`Error::Malformed`] if `config` has no such class or a sentence does not fit.
    pub fn new(config: &StudentConfig, positions: usize, slots: usize) -> Result<Self> {
        let malformed = |field, found: usize, needed: String| {
            Err(Error::Malformed { what: "circuit", field, found: found.to_string(), needed })
        };
        if config.bucket(positions).is_none() {
            let known: Vec<_> = config.buckets.iter().map(|b| b.positions).collect();
            return malformed("number of positions", positions, format!("one of {known:?}"));
        }
        let period = config.period();
        if period * positions > slots || !slots.is_power_of_two() {
            let needed = format!("a power of two, at least {}: {positions} positions of {period} features", period * positions);
            return malformed("number of slots", slots, needed);
        }
        Ok(Self { period, head_period: config.head_period(), positions, sentences: slots / (period * positions) })
    }

    /// Slots that a token takes within its sentence, p: the power of two that holds its features.
    pub fn period(&self) -> usize {
        self.period
    }

    /// Slots that the head's h takes within its sentence, a multiple of p.
    pub fn head_period(&self) -> usize {
        self.head_period
    }

    /// Token positions of a sentence, T.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Sentences that one vector holds, S; also the distance in slots from one feature to the next.
    pub fn sentences(&self) -> usize {
        self.sentences
    }

    /// All slots, S·p·T.
    pub fn slots(&self) -> usize {
        self.sentences * self.period * self.positions
    }

    /// Distance in slots from a token to the next one of its sentence, S·p.
    pub fn token_step(&self) -> i64 {
        (self.sentences * self.period) as i64
    }

    /// Slot of feature `f` of token `t` of sentence `s`.
    pub fn slot(&self, s: usize, t: usize, f: usize) -> usize {
        self.sentences * (self.period * t + f) + s
    }

    /// All slots for 1 to S token matrices (tokens × features), zeros in positions that are left. Places for further sentences
    /// hold copies of those given, in turn.
    ///
    /// # Errors
    /// [`Error::TokenIds`] for no or too many sentences and for a matrix with more rows or columns than the layout.
    pub fn pack(&self, sentences: &[Array2<f64>]) -> Result<Vec<f64>> {
        let refuse = |found: String, needed: String| Err(Error::TokenIds { found, needed });
        if sentences.is_empty() || sentences.len() > self.sentences {
            return refuse(format!("{} sentences", sentences.len()), format!("1 to {} in one vector", self.sentences));
        }
        let mut slots = vec![0.0; self.slots()];
        for (s, x) in (0..self.sentences).zip(sentences.iter().cycle()) {
            let (tokens, features) = x.dim();
            if tokens > self.positions || features > self.period {
                let needed = format!("at most {} × {}", self.positions, self.period);
                return refuse(format!("{tokens} tokens × {features} features"), needed);
            }
            for ((t, f), &value) in x.indexed_iter() {
                slots[self.slot(s, t, f)] = value;
            }
        }
        Ok(slots)
    }
}
