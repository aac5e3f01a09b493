//! Figures of a classifier's answers.

/// Expected calibration error over ten bins of equal width (Guo et al. 2017, arXiv:1706.04599): the mean distance between how sure the
/// model is of its answer and how often it is right. `answers` are (probability of the answer given, whether it is right).
pub fn calibration_error(answers: impl IntoIterator<Item = (f64, bool)>) -> f64 {
    let mut bins = [(0usize, 0.0, 0usize); 10];
    let mut n = 0;
    for (confidence, right) in answers {
        let bin = ((confidence * 10.0) as usize).min(9);
        bins[bin].0 += 1;
        bins[bin].1 += confidence;
        bins[bin].2 += usize::from(right);
        n += 1;
    }
    bins.iter().map(|&(_, confidence, right)| (confidence - right as f64).abs()).sum::<f64>() / n.max(1) as f64
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
        assert_eq!(calibration_error([(1.0, true), (1.0, true)]), 0.0);
        assert_eq!(calibration_error([(1.0, true), (1.0, false)]), 0.5);
        // Four answers at 0.75 of which three are right; two at 0.55 of which none is.
        let answers = [(0.75, true), (0.75, true), (0.75, true), (0.75, false), (0.55, false), (0.55, false)];
        assert!((calibration_error(answers) - 1.1 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn entropy_of_known_probabilities() {
        assert_eq!([binary_entropy(0.5), binary_entropy(0.0), binary_entropy(1.2)], [1.0, 0.0, 0.0]);
        assert!((binary_entropy(0.11) - 0.499_915_958_164_528_5).abs() < 1e-12);
    }
}
