//! Precision statistics: how many bits of a decoded vector are right.
//!
//! A slot's precision is −log2 |got − wanted| bits, an absolute figure: messages of size 1 with an error of 2^-20 have 20 bits.
//! The least precise slot matters for a promise, the distribution for finding out where noise comes from, and the root mean
//! square is what a noise model predicts. (Lattigo reports the same per-slot logarithms; the selection here is our own.)

use std::fmt;

use num_complex::Complex64;
use serde::Serialize;

use crate::error::{Error, Result};

/// An error of 2^-64 or less counts as 64 bits, so that exact slots do not make a mean infinite. Decoded values are `f64`:
/// values of size 1 cannot show more than 53 bits anyway.
pub const MAX_BITS: f64 = 64.0;

/// Distribution of −log2 |error| over the slots, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BitStatistics {
    /// The least precise slot.
    pub min: f64,
    /// The most precise slot (at most [`MAX_BITS`]).
    pub max: f64,
    /// Mean of the slots' bits.
    pub mean: f64,
    /// Median of the slots' bits.
    pub median: f64,
    /// Standard deviation of the slots' bits.
    pub std: f64,
    /// −log2 of the root mean square error: the noise budget ν of this vector.
    pub rms: f64,
}

/// Precision of a decoded vector against the vector that was wanted.
///
/// Printed, it is a small table. Serialized, it is a JSON object of the same figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Precision {
    /// Number of slots compared.
    pub slots: usize,
    /// Real parts.
    pub real: BitStatistics,
    /// Imaginary parts.
    pub imaginary: BitStatistics,
    /// Both: the modulus of the complex error.
    pub complex: BitStatistics,
    /// Largest modulus of an error.
    pub max_error: f64,
    /// Slot with the largest error.
    pub worst_slot: usize,
}

impl Precision {
    /// Compares complex slots.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the lengths differ or are zero, [`Error::ValueOutOfRange`] if any value is not finite.
    pub fn measure(wanted: &[Complex64], got: &[Complex64]) -> Result<Self> {
        if wanted.is_empty() || wanted.len() != got.len() {
            return Err(Error::LengthMismatch {
                what: "slots to compare",
                found: got.len(),
                needed: if wanted.is_empty() { "at least 1".into() } else { wanted.len().to_string() },
            });
        }
        if let Some(slot) = (0..got.len()).find(|&j| !(wanted[j].is_finite() && got[j].is_finite())) {
            return Err(Error::ValueOutOfRange {
                what: format!("slot {slot} is {} where {} was wanted: precision needs finite values", got[slot], wanted[slot]),
            });
        }
        let errors: Vec<Complex64> = got.iter().zip(wanted).map(|(g, w)| g - w).collect();
        let moduli: Vec<f64> = errors.iter().map(|e| e.re.hypot(e.im)).collect();
        let (worst_slot, max_error) = moduli.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
        Ok(Self {
            slots: got.len(),
            real: BitStatistics::of(errors.iter().map(|e| e.re.abs())),
            imaginary: BitStatistics::of(errors.iter().map(|e| e.im.abs())),
            complex: BitStatistics::of(moduli.iter().copied()),
            max_error,
            worst_slot,
        })
    }

    /// Compares real slots with decoded complex ones: the wanted imaginary part is 0.
    ///
    /// # Errors
    /// As [`Self::measure`].
    pub fn measure_real(wanted: &[f64], got: &[Complex64]) -> Result<Self> {
        let wanted: Vec<Complex64> = wanted.iter().map(|&x| Complex64::new(x, 0.0)).collect();
        Self::measure(&wanted, got)
    }
}

impl BitStatistics {
    /// From the absolute errors of at least one slot.
    fn of(errors: impl Iterator<Item = f64>) -> Self {
        let errors: Vec<f64> = errors.collect();
        let mut bits: Vec<f64> = errors.iter().map(|&e| bits_of(e)).collect();
        bits.sort_unstable_by(f64::total_cmp);
        let count = bits.len() as f64;
        let mean = bits.iter().sum::<f64>() / count;
        let variance = bits.iter().map(|b| (b - mean) * (b - mean)).sum::<f64>() / count;
        // Relative to the largest error, so that squares neither underflow nor overflow.
        let largest = errors.iter().copied().fold(0.0, f64::max);
        let rms = if largest == 0.0 {
            0.0
        } else {
            largest * (errors.iter().map(|e| (e / largest) * (e / largest)).sum::<f64>() / count).sqrt()
        };
        let middle = bits.len() / 2;
        let median = if bits.len() % 2 == 1 { bits[middle] } else { 0.5 * (bits[middle - 1] + bits[middle]) };
        Self { min: bits[0], max: bits[bits.len() - 1], mean, median, std: variance.sqrt(), rms: bits_of(rms) }
    }
}

/// −log2 of an absolute error, at most [`MAX_BITS`].
fn bits_of(error: f64) -> f64 {
    (-error.log2()).min(MAX_BITS)
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "precision over {} slots, bits       min    mean  median     std     rms", self.slots)?;
        for (name, row) in [("real", &self.real), ("imaginary", &self.imaginary), ("complex", &self.complex)] {
            writeln!(f, "  {name:<30} {:>8.2}{:>8.2}{:>8.2}{:>8.2}{:>8.2}", row.min, row.mean, row.median, row.std, row.rms)?;
        }
        write!(f, "  largest error {:.3e} in slot {}", self.max_error, self.worst_slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_small_example() {
        let wanted = [0.0, 1.0, -2.0, 0.5].map(|x| Complex64::new(x, 0.0));
        let errors = [0.25, -0.125, 0.0, 0.0625];
        let got: Vec<_> = wanted.iter().zip(errors).map(|(w, e)| w + Complex64::new(e, 0.0)).collect();
        let p = Precision::measure(&wanted, &got).unwrap();
        assert_eq!((p.real.min, p.real.max), (2.0, MAX_BITS));
        assert_eq!(p.real.median, 3.5);
        assert_eq!(p.real.mean, (2.0 + 3.0 + 64.0 + 4.0) / 4.0);
        let rms: f64 = (errors.iter().map(|e| e * e).sum::<f64>() / 4.0).sqrt();
        assert!((p.real.rms + rms.log2()).abs() < 1e-12);
        assert_eq!(p.imaginary.min, MAX_BITS);
        assert_eq!(p.complex.min, 2.0);
        assert_eq!((p.worst_slot, p.max_error), (0, 0.25));
        assert!(p.to_string().contains("largest error 2.500e-1 in slot 0"), "{p}");
    }

    #[test]
    fn one_slot_and_tiny_and_huge_errors() {
        let p = Precision::measure_real(&[1.0], &[Complex64::new(1.0, 1e-200)]).unwrap();
        assert_eq!((p.imaginary.rms, p.real.std), (MAX_BITS, 0.0));
        let p = Precision::measure_real(&[0.0, 0.0], &[Complex64::new(1e200, 0.0), Complex64::new(-1e200, 0.0)]).unwrap();
        assert!((p.real.rms + 1e200f64.log2()).abs() < 1e-9 && p.real.std == 0.0);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let zero = Complex64::new(0.0, 0.0);
        assert!(Precision::measure(&[], &[]).is_err());
        assert!(Precision::measure(&[zero], &[zero, zero]).is_err());
        let message = Precision::measure(&[zero], &[Complex64::new(f64::NAN, 0.0)]).unwrap_err().to_string();
        assert!(message.contains("slot 0"), "{message}");
    }
}
