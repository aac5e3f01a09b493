//! The figures of one evaluation.

use std::collections::BTreeMap;
use std::fmt;

use ::train::trainer::evaluate::wilson;
use anyhow::{Result, ensure};
use ckks_core::noise::model::bits;
use serde::Serialize;

use super::dev_set::DevSet;
use super::models::Prediction;
use super::rows::Row;
use super::statistics::{Bin, Distribution, binary_entropy, calibration_error, reliability};
use super::{Mode, TEACHER};
use crate::memory;

/// What `--json` prints. Fields that a mode does not have are null.
#[derive(Serialize)]
pub struct Report {
    model: String,
    mode: &'static str,
    /// Sentences, from the beginning of dev.tsv.
    n: usize,
    correct: usize,
    accuracy: f64,
    /// Wilson score interval at 95 %.
    interval95: [f64; 2],
    teacher: &'static str,
    /// Of the teacher's exact form on the same sentences.
    teacher_accuracy: f64,
    accuracy_ratio: f64,
    /// Fraction of sentences with the same label as `agreement_with`.
    agreement: f64,
    agreement_with: String,
    /// Largest distance of a score from that of `agreement_with`; null where that is the teacher, whose scores are others by design.
    max_abs_score_error: Option<f64>,
    /// −log2 of the error's standard deviation over all sentences, from the simulator's drawn errors.
    nu_predicted_bits: Option<f64>,
    /// The same of the scores' distances from `agreement_with`.
    nu_measured_bits: Option<f64>,
    /// Single sentences behind the two.
    nu_predicted_distribution: Option<Distribution>,
    nu_measured_distribution: Option<Distribution>,
    /// Largest |argument| / bound of any polynomial; above 1 it was left.
    max_range_ratio: Option<f64>,
    /// The same by polynomial.
    range_ratios: BTreeMap<String, f64>,
    expected_calibration_error: f64,
    /// Confidence in ten bins from 0 to 1.
    reliability: [Bin; 10],
    /// Mean entropy of the answers' distribution.
    mean_entropy_bits: f64,
    /// The same of softmax of the logits, without the Soft-Argmax layer and its learned β; null for a model that has no such layer.
    mean_entropy_bits_without_soft_argmax: Option<f64>,
    seconds_per_sentence: f64,
    peak_memory_bytes: Option<u64>,
    security_bits: Option<u32>,
}

/// What only a circuit has.
pub struct Encrypted<'a> {
    /// The same polynomials on plain numbers.
    pub plain: &'a [Prediction],
    /// The circuit's results.
    pub rows: &'a [Row],
    /// Of the parameters.
    pub security_bits: u32,
}

impl Report {
    /// Computes all figures; every list has one entry per sentence.
    pub fn new(
        model: &str,
        mode: Mode,
        dev: &DevSet,
        predictions: &[Prediction],
        teacher: &[Prediction],
        circuit: Option<Encrypted<'_>>,
        seconds_per_sentence: f64,
    ) -> Result<Self> {
        let n = dev.len();
        ensure!(
            n > 0 && predictions.len() == n && teacher.len() == n,
            "{n} sentences, {} answers, {} of the teacher",
            predictions.len(),
            teacher.len()
        );
        for (row, prediction) in predictions.iter().enumerate() {
            ensure!(prediction.score.is_finite(), "sentence {row}: the score is {}", prediction.score);
        }
        let right = |answers: &[Prediction]| {
            answers.iter().zip(&dev.positive).filter(|(answer, label)| answer.positive() == **label).count()
        };
        let correct = right(predictions);
        let accuracy = correct as f64 / n as f64;
        let teacher_accuracy = right(teacher) as f64 / n as f64;
        let (with, compared) = circuit.as_ref().map_or((TEACHER, teacher), |circuit| ("poly", circuit.plain));
        let same = predictions.iter().zip(compared).filter(|(a, b)| a.positive() == b.positive()).count();
        ensure!(compared.len() == n, "{n} sentences, {} answers to compare with", compared.len());
        let errors: Vec<f64> = predictions.iter().zip(compared).map(|(a, b)| (a.score - b.score).abs()).collect();
        let confidence = predictions.iter().zip(&dev.positive).map(|(answer, label)| {
            let score = answer.score.clamp(0.0, 1.0);
            (score.max(1.0 - score), answer.positive() == *label)
        });
        let bins = reliability(confidence);
        let mut range_ratios = BTreeMap::new();
        for (name, &ratio) in predictions.iter().flat_map(|answer| &answer.ranges) {
            let largest = range_ratios.entry(name.clone()).or_insert(ratio);
            *largest = ratio.max(*largest);
        }
        // A circuit's margins stay encrypted: those on plain numbers stand for them.
        let with_margins = circuit.as_ref().map_or(predictions, |circuit| circuit.plain);
        let margins: Option<Vec<f64>> = with_margins.iter().map(|answer| answer.margin).collect();
        Ok(Self {
            model: model.to_owned(),
            mode: mode.name(),
            n,
            correct,
            accuracy,
            interval95: wilson(correct, n),
            teacher: TEACHER,
            teacher_accuracy,
            accuracy_ratio: accuracy / teacher_accuracy,
            agreement: same as f64 / n as f64,
            agreement_with: with.to_owned(),
            max_abs_score_error: circuit.as_ref().map(|_| errors.iter().copied().fold(0.0, f64::max)),
            nu_predicted_bits: circuit
                .as_ref()
                .map(|circuit| bits(mean(circuit.rows.iter().map(|row| row.predicted_error * row.predicted_error)))),
            nu_measured_bits: circuit.as_ref().map(|_| bits(mean(errors.iter().map(|error| error * error)))),
            nu_predicted_distribution: circuit
                .as_ref()
                .and_then(|circuit| Distribution::of_errors(circuit.rows.iter().map(|row| row.predicted_error))),
            nu_measured_distribution: circuit.as_ref().and_then(|_| Distribution::of_errors(errors.iter().copied())),
            max_range_ratio: range_ratios.values().copied().reduce(f64::max),
            range_ratios,
            expected_calibration_error: calibration_error(&bins),
            reliability: bins,
            mean_entropy_bits: predictions.iter().map(|answer| binary_entropy(answer.score)).sum::<f64>() / n as f64,
            mean_entropy_bits_without_soft_argmax: margins
                .map(|m| mean(m.iter().map(|&m| binary_entropy(::train::distill::sigmoid(m))))),
            seconds_per_sentence,
            peak_memory_bytes: memory::peak_bytes(),
            security_bits: circuit.map(|circuit| circuit.security_bits),
        })
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}): {} of {} right", self.model, self.mode, self.correct, self.n)?;
        let [low, high] = self.interval95;
        writeln!(f, "accuracy             {:.4}   95 % interval {low:.4} to {high:.4}", self.accuracy)?;
        writeln!(f, "teacher {:12} {:.4}   ratio {:.4}", self.teacher, self.teacher_accuracy, self.accuracy_ratio)?;
        writeln!(f, "same label as {:6} {:.4}", self.agreement_with, self.agreement)?;
        writeln!(
            f,
            "calibration error    {:.4}   mean entropy {:.3} bits",
            self.expected_calibration_error, self.mean_entropy_bits
        )?;
        if let Some(without) = self.mean_entropy_bits_without_soft_argmax {
            writeln!(f, "entropy without Soft-Argmax {without:.3} bits")?;
        }
        if let Some(error) = self.max_abs_score_error {
            writeln!(f, "largest score error  {error:.2e}")?;
        }
        if let (Some(predicted), Some(measured)) = (self.nu_predicted_bits, self.nu_measured_bits) {
            writeln!(f, "nu                   {measured:.1} bits   predicted {predicted:.1}")?;
        }
        if let Some(ratio) = self.max_range_ratio {
            writeln!(f, "largest |x| / bound  {ratio:.3}")?;
        }
        write!(f, "seconds a sentence   {:.4}", self.seconds_per_sentence)?;
        if let Some(bytes) = self.peak_memory_bytes {
            write!(f, "   peak memory {:.2} GB", bytes as f64 / 1e9)?;
        }
        Ok(())
    }
}
