//! Where the numbers of a (tokens × features) matrix stand in slots.
//!
//! The period p is the next power of two of the number of features, and slot p·t + f holds feature f of token t. A vector that
//! is the same for all tokens (a bias, a diagonal of a weight matrix) has period p and is a cheap plaintext. The number of
//! positions T is a power of two as well; if p·T is less than the slots, the pattern repeats (one sentence), or further
//! sentences follow (a batch). If it is more, the tokens continue in the imaginary parts and then in further vectors.

use ckks_core::circuits::PlainVector;
use num_complex::Complex64;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How (tokens × features) matrices are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLayout {
    slots: usize,
    features: usize,
    positions: usize,
    imaginary: bool,
    batched: bool,
}

/// Where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which vector.
    pub part: usize,
    /// In the imaginary parts of its slots.
    pub imaginary: bool,
    /// Slot of its first feature.
    pub slot: usize,
}

impl TokenLayout {
    /// A layout of `positions` tokens (a power of two) with `features` features each in vectors of `slots` slots, real parts
    /// only.
    ///
    /// # Errors
    /// [`Error::Layout`] for no features, for more than the slots, and unless `positions` and `slots` are powers of
    /// two.
    pub fn new(features: usize, positions: usize, slots: usize) -> Result<Self> {
        let refuse = |what, found, needed: String| Err(Error::Layout { what, found, needed });
        if !slots.is_power_of_two() {
            return refuse("slots of a layout", slots, "a power of two".into());
        }
        if features == 0 || features > slots {
            return refuse("features of a layout", features, format!("1 to {slots}, the number of slots"));
        }
        if !positions.is_power_of_two() {
            return refuse("positions of a layout", positions, "a power of two: choose the next larger length class".into());
        }
        Ok(Self { slots, features, positions, imaginary: false, batched: false })
    }

    /// The same layout with tokens in imaginary parts where real parts do not suffice: half the vectors. Real matrices act on
    /// both parts at once; products of two vectors mix them.
    #[must_use]
    pub fn with_imaginary(self) -> Self {
        Self { imaginary: true, ..self }
    }

    /// The same layout for several sentences per vector, one behind the other ([`TokenLayout::sentences`]). Rotations are then
    /// cyclic within all slots, not within a sentence: what is shifted out of a sentence comes from its neighbour.
    #[must_use]
    pub fn batched(self) -> Self {
        Self { batched: true, ..self }
    }

    /// Slots of a vector.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Features of a token.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Slots of a token, p: the next power of two of the features.
    #[must_use]
    pub fn period(&self) -> usize {
        self.features.next_power_of_two()
    }

    /// Tokens of a sentence, T.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Tokens of a sentence that stand side by side in one vector, in its real (or imaginary) parts.
    #[must_use]
    pub fn positions_per_vector(&self) -> usize {
        self.positions.min(self.slots / self.period())
    }

    /// Slots after which a vector repeats or the next sentence begins.
    #[must_use]
    pub fn pattern(&self) -> usize {
        self.period() * self.positions_per_vector()
    }

    /// Number of slots modulo which rotations count: the pattern, or all slots in a batch.
    #[must_use]
    pub fn rotation_period(&self) -> usize {
        if self.batched { self.slots } else { self.pattern() }
    }

    /// Vectors that a sentence takes.
    #[must_use]
    pub fn parts(&self) -> usize {
        let halves = self.positions.div_ceil(self.positions_per_vector());
        if self.imaginary { halves.div_ceil(2) } else { halves }
    }

    /// Different sentences that one vector can hold: 1 unless the layout is batched and a sentence takes one vector.
    #[must_use]
    pub fn sentences(&self) -> usize {
        if self.batched && self.parts() == 1 { self.slots / self.pattern() } else { 1 }
    }

    /// Where token `t` of the first sentence stands, for t below the number of positions.
    #[must_use]
    pub fn place(&self, t: usize) -> Place {
        let per_vector = self.positions_per_vector();
        let (half, token) = (t / per_vector, t % per_vector);
        let (part, imaginary) = if self.imaginary { (half / 2, half % 2 == 1) } else { (half, false) };
        Place { part, imaginary, slot: token * self.period() }
    }

    /// The slot vectors of one sentence of `tokens` tokens, `value(t, f)` each; positions beyond them are zero. The pattern
    /// repeats over all slots.
    ///
    /// # Errors
    /// [`Error::Layout`] for more tokens than positions.
    pub fn pack(&self, tokens: usize, value: impl Fn(usize, usize) -> f64) -> Result<Vec<Vec<Complex64>>> {
        self.check_tokens(tokens)?;
        let mut parts = vec![vec![Complex64::default(); self.slots]; self.parts()];
        for t in 0..tokens {
            let place = self.place(t);
            for f in 0..self.features {
                let x = value(t, f);
                for copy in (0..self.slots).step_by(self.pattern()) {
                    let slot = &mut parts[place.part][copy + place.slot + f];
                    if place.imaginary { slot.im = x } else { slot.re = x }
                }
            }
        }
        Ok(parts)
    }

    /// The slot vector of several sentences: `lengths[s]` tokens each, `value(s, t, f)`.
    ///
    /// # Errors
    /// [`Error::Layout`] for more sentences than fit or more tokens than positions.
    pub fn pack_batch(&self, lengths: &[usize], value: impl Fn(usize, usize, usize) -> f64) -> Result<Vec<Complex64>> {
        if lengths.len() > self.sentences() {
            let needed = format!("at most {} of {} positions in {} slots", self.sentences(), self.positions, self.slots);
            return Err(Error::Layout { what: "sentences of a batch", found: lengths.len(), needed });
        }
        let mut out = vec![Complex64::default(); self.slots];
        for (s, &tokens) in lengths.iter().enumerate() {
            self.check_tokens(tokens)?;
            for t in 0..tokens {
                for f in 0..self.features {
                    out[s * self.pattern() + t * self.period() + f].re = value(s, t, f);
                }
            }
        }
        Ok(out)
    }

    /// The rows of the first `tokens` tokens from the slot vectors of a sentence.
    ///
    /// # Errors
    /// [`Error::Layout`] for more tokens than positions and for parts of the wrong number or length.
    pub fn unpack(&self, parts: &[Vec<Complex64>], tokens: usize) -> Result<Vec<Vec<f64>>> {
        self.check_tokens(tokens)?;
        if parts.len() != self.parts() || parts.iter().any(|p| p.len() != self.slots) {
            let needed = format!("{} of {} slots", self.parts(), self.slots);
            return Err(Error::Layout { what: "vectors of a sentence", found: parts.len(), needed });
        }
        let row = |t| {
            let place = self.place(t);
            let slots = &parts[place.part][place.slot..place.slot + self.features];
            slots.iter().map(|z| if place.imaginary { z.im } else { z.re }).collect()
        };
        Ok((0..tokens).map(row).collect())
    }

    /// A plaintext that is the same for all tokens: feature f is `value(f)`, the padding features are zero.
    ///
    /// # Errors
    /// Values that are not finite.
    pub fn feature_vector(&self, value: impl Fn(usize) -> f64) -> ckks_core::Result<PlainVector> {
        PlainVector::from_fn(self.period(), |f| if f < self.features { value(f) } else { 0.0 })
    }

    fn check_tokens(&self, tokens: usize) -> Result<()> {
        if tokens > self.positions {
            let needed = format!("at most {}, the layout's positions", self.positions);
            return Err(Error::Layout { what: "tokens of a sentence", found: tokens, needed });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(t: usize, f: usize) -> f64 {
        (100 * t + f) as f64 + 1.0
    }

    #[test]
    fn places_and_repetitions() {
        let layout = TokenLayout::new(6, 4, 64).unwrap();
        assert_eq!((layout.period(), layout.pattern(), layout.parts(), layout.sentences()), (8, 32, 1, 1));
        let parts = layout.pack(3, value).unwrap();
        assert_eq!(parts[0][8 + 5].re, 106.0);
        assert_eq!(parts[0][32 + 8 + 5].re, 106.0);
        assert_eq!(parts[0][6].re, 0.0);
        assert_eq!(parts[0][24].re, 0.0, "the fourth position is padding");
        assert_eq!(layout.unpack(&parts, 3).unwrap()[2], (0..6).map(|f| value(2, f)).collect::<Vec<_>>());
    }

    #[test]
    fn long_sentences_go_to_imaginary_parts_and_further_vectors() {
        let plain = TokenLayout::new(8, 32, 64).unwrap();
        assert_eq!((plain.parts(), plain.positions_per_vector()), (4, 8));
        let packed = plain.with_imaginary();
        assert_eq!(packed.parts(), 2);
        assert_eq!(packed.place(13), Place { part: 0, imaginary: true, slot: 40 });
        assert_eq!(packed.place(17), Place { part: 1, imaginary: false, slot: 8 });
        for layout in [plain, packed] {
            let rows = layout.unpack(&layout.pack(30, value).unwrap(), 30).unwrap();
            for (t, row) in rows.iter().enumerate() {
                assert_eq!(*row, (0..8).map(|f| value(t, f)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn batches() {
        let layout = TokenLayout::new(4, 4, 64).unwrap().batched();
        assert_eq!((layout.sentences(), layout.rotation_period()), (4, 64));
        let slots = layout.pack_batch(&[4, 1, 2], |s, t, f| (1000 * s) as f64 + value(t, f)).unwrap();
        assert_eq!(slots[2 * 16 + 4 + 3].re, 2104.0);
        assert_eq!(slots[16 + 4].re, 0.0);
        assert!(layout.pack_batch(&[1; 5], |_, _, _| 0.0).unwrap_err().to_string().contains("at most 4"));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(TokenLayout::new(0, 4, 64).is_err());
        assert!(TokenLayout::new(65, 4, 64).is_err());
        assert!(TokenLayout::new(4, 3, 64).unwrap_err().to_string().contains("length class"));
        let layout = TokenLayout::new(4, 4, 64).unwrap();
        assert!(layout.pack(5, value).unwrap_err().to_string().contains("at most 4"));
        assert!(layout.unpack(&[], 1).is_err());
    }
}
