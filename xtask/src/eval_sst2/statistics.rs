//! Figures of a classifier's answers.

use serde::{Deserialize, Serialize};

/// Answers whose confidence lies in one of ten bins of equal width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Answers.
    pub n: usize,
    /// How many of them are right.
    pub right: usize,
    /// Their mean confidence; 0 without answers.
    pub confidence: f64,
}

/// Confidence against how often answers are right (Guo et al. 2017, arXiv:1706.04599, §2), in ten bins from ½, the least that the answer of
/// two can have, to 1. `answers` are (probability of the answer given, whether it is right).
pub fn reliability(answers: impl IntoIterator<Item = (f64, bool)>) -> [Bin; 10] {
    let mut bins = [Bin::default(); 10];
    for (confidence, right) in answers {
        let bin = &mut bins[((confidence - 0.5) * 20.0).clamp(0.0, 9.0) as usize];
        bin.n += 1;
        bin.right += usize::from(right);
        bin.confidence += confidence;
    }
    bins.map(|b| Bin { confidence: b.confidence / b.n.max(1) as f64, ..b })
}

/// Expected calibration error (the same, eq. 3): the mean distance between how sure the model is of its answer and how often it is right.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let n: usize = bins.iter().map(|b| b.n).sum();
    bins.iter().map(|b| (b.n as f64 * b.confidence - b.right as f64).abs()).sum::<f64>() / n.max(1) as f64
}

/// How a figure is distributed over the sentences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Lowest and highest.
    pub range: [f64; 2],
    /// Lower edge of the first bin.
    pub first_edge: f64,
    /// Width of a bin.
    pub bin_width: f64,
    /// Sentences in every bin, from the lowest on.
    pub counts: Vec<usize>,
}

impl Distribution {
    /// Of `values`, which are finite, in bins of width `bin_width` that begin at multiples of it. `None` without values.
    pub fn of(values: &[f64], bin_width: f64) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let lowest = values.iter().copied().reduce(f64::min)?;
        let highest = values.iter().copied().reduce(f64::max)?;
        let bin = |v: f64| (v / bin_width).floor();
        let first = bin(lowest);
        let mut counts = vec![0; (bin(highest) - first) as usize + 1];
        values.iter().for_each(|&v| counts[(bin(v) - first) as usize] += 1);
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        Some(Self { mean, deviation, range: [lowest, highest], first_edge: first * bin_width, bin_width, counts })
    }
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
        // Four answers at 0.76 of which three are right; two at 0.52 of which none is.
        let answers = [(0.76, true), (0.76, true), (0.76, true), (0.76, false), (0.52, false), (0.52, false)];
        let bins = reliability(answers);
        assert_eq!([bins[0].n, bins[0].right, bins[5].n, bins[5].right], [2, 0, 4, 3]);
        assert!((calibration_error(&bins) - 1.08 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn distribution_of_known_values() {
        let found = Distribution::of(&[2.0, 2.2, 2.25, 3.0], 0.25).unwrap();
        assert_eq!((found.first_edge, found.counts, found.range), (2.0, vec![2, 1, 0, 0, 1], [2.0, 3.0]));
        assert!((found.mean - 2.3625).abs() < 1e-12 && (found.deviation.powi(2) - 0.144_218_75).abs() < 1e-12);
        assert_eq!(Distribution::of(&[], 1.0), None);
    }
}
