//! Figures of a classifier's answers.

use serde::Serialize;

/// Answers whose confidence lies in one of ten bins of equal width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Answers.
    pub n: usize,
    /// Their mean confidence; 0 without answers.
    pub confidence: f64,
    /// How many of them are right, as a fraction; 0 without answers.
    pub accuracy: f64,
}

/// Confidence against how often answers are right, in ten bins from 0 to 1 (Guo et al. 2017, arXiv:1706.04599, §2). `answers` are
/// (probability of the answer given, whether it is right).
pub fn reliability(answers: impl IntoIterator<Item = (f64, bool)>) -> [Bin; 10] {
    let mut bins = [Bin::default(); 10];
    for (confidence, right) in answers {
        let bin = &mut bins[((confidence * 10.0) as usize).min(9)];
        bin.n += 1;
        bin.confidence += confidence;
        bin.accuracy += f64::from(u8::from(right));
    }
    bins.map(|b| {
        let n = b.n.max(1) as f64;
        Bin { n: b.n, confidence: b.confidence / n, accuracy: b.accuracy / n }
    })
}

/// Expected calibration error (the same, eq. 3): the mean distance between how sure the model is of its answer and how often it is right.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let n: usize = bins.iter().map(|b| b.n).sum();
    bins.iter().map(|b| b.n as f64 * (b.confidence - b.accuracy).abs()).sum::<f64>() / n.max(1) as f64
}

/// How the errors of single answers are distributed, in bits: −log2 |error|.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Lowest: that of the largest error.
    pub lowest: f64,
    /// Answers per bit, from `first_bit` on: the first entry is −log2 |error| in [first_bit, first_bit + 1).
    pub counts: Vec<usize>,
    /// See `counts`.
    pub first_bit: i64,
}

impl Distribution {
    /// Of errors; those that are exactly zero have no bits and are left out. `None` if nothing is left.
    pub fn of_errors(errors: impl Iterator<Item = f64>) -> Option<Self> {
        let bits: Vec<f64> = errors.filter(|&e| e != 0.0 && e.is_finite()).map(|e| -e.abs().log2()).collect();
        let n = bits.len() as f64;
        let mean = bits.iter().sum::<f64>() / n;
        let lowest = bits.iter().copied().reduce(f64::min)?;
        let highest = bits.iter().copied().reduce(f64::max)?;
        let first_bit = lowest.floor() as i64;
        let mut counts = vec![0; (highest.floor() as i64 - first_bit) as usize + 1];
        for b in &bits {
            if let Some(count) = counts.get_mut((b.floor() as i64 - first_bit) as usize) {
                *count += 1;
            }
        }
        let deviation = (bits.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / n).sqrt();
        Some(Self { mean, deviation, lowest, counts, first_bit })
    }
}

/// Entropy of a yes/no answer in bits; 0 outside (0, 1).
pub fn binary_entropy(p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return 0.0;
    }
    -(p * p.log2() + (1.0 - p) * (1.0 - p).log2())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::train::trainer::evaluate::wilson;

    #[test]
    fn wilson_against_published_values() {
        // Newcombe 1998, Stat. Med. 17, 857–872, table I, method 3.
        for (correct, n, expected) in
            [(81, 263, [0.2553, 0.3662]), (15, 148, [0.0624, 0.1605]), (0, 20, [0.0, 0.1611]), (1, 29, [0.0061, 0.1718])]
        {
            let found = wilson(correct, n);
            for side in 0..2 {
                assert!((found[side] - expected[side]).abs() < 5e-5, "{correct}/{n}: {found:?}, expected {expected:?}");
            }
        }
    }

    #[test]
    fn calibration_of_known_answers() {
        assert_eq!(calibration_error(&reliability([(1.0, true), (1.0, true)])), 0.0);
        assert_eq!(calibration_error(&reliability([(1.0, true), (1.0, false)])), 0.5);
        // Four answers at 0.75 of which three are right; two at 0.55 of which none is.
        let answers = [(0.75, true), (0.75, true), (0.75, true), (0.75, false), (0.55, false), (0.55, false)];
        assert!((calibration_error(&reliability(answers)) - 1.1 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn bits_of_known_errors() {
        let found = Distribution::of_errors([0.25, -0.25, 0.0, 0.06].into_iter()).unwrap();
        assert_eq!((found.first_bit, found.counts, found.lowest), (2, vec![2, 0, 1], 2.0));
        assert!((found.mean - (4.0 - 0.06f64.log2()) / 3.0).abs() < 1e-12);
        assert_eq!(Distribution::of_errors([0.0].into_iter()), None);
    }

    #[test]
    fn entropy_of_known_probabilities() {
        assert_eq!([binary_entropy(0.5), binary_entropy(0.0), binary_entropy(1.2)], [1.0, 0.0, 0.0]);
        assert!((binary_entropy(0.11) - 0.499_915_958_164_528_5).abs() < 1e-12);
    }
}
