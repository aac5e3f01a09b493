//! The figures of one evaluation.

use std::collections::BTreeMap;
use std::fmt;

use ::train::trainer::evaluate::wilson;
use anyhow::{Result, ensure};
use ckks_core::file::Hex;
use ckks_core::noise::model::bits;
use distilbert_he::student::Student;
use hnn_layers::soft_argmax::{entropy, sigmoid};
use serde::{Deserialize, Serialize};

use super::dev_set::DevSet;
use super::models::Prediction;
use super::rows::{Outcome, Row};
use super::statistics::{Bin, Distribution, calibration_error, reliability};
use super::{Mode, TEACHER};
use crate::memory;

/// Bits of ν that one bar of its distribution holds.
const SLOT_NU_BIN: f64 = 0.25;

/// What `--json` prints and `cargo xtask report` reads. Fields that a mode does not have are null.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// As it was asked for.
    pub model: String,
    /// Digest of a student's files, hexadecimal; null for an encoder.
    pub model_digest: Option<String>,
    /// How it was computed.
    pub mode: Mode,
    /// Sentences, from the beginning of dev.tsv.
    pub n: usize,
    /// Right answers.
    pub correct: usize,
    /// correct/n.
    pub accuracy: f64,
    /// Wilson score interval at 95 %.
    pub interval95: [f64; 2],
    /// The model that it is compared with.
    pub teacher: String,
    /// Of the teacher's exact form on the same sentences.
    pub teacher_accuracy: f64,
    /// accuracy/teacher_accuracy.
    pub accuracy_ratio: f64,
    /// Fraction of sentences with the same label as `agreement_with`.
    pub agreement: f64,
    /// The teacher, or `poly`: the same polynomials on plain numbers.
    pub agreement_with: String,
    /// Largest distance of a score from that of `poly`.
    pub max_abs_score_error: Option<f64>,
    /// −log2 of the root mean square over the sentences of the score's error in the simulator: of its distance from `poly`.
    pub nu_predicted_bits: Option<f64>,
    /// The same on ciphertexts.
    pub nu_measured_bits: Option<f64>,
    /// ν sentence by sentence, −log2 of the standard deviation of a slot's error around their mean, in the simulator.
    pub slot_nu_predicted: Option<Distribution>,
    /// The same on ciphertexts.
    pub slot_nu_measured: Option<Distribution>,
    /// Largest |argument| / bound of any polynomial; above 1 it was left.
    pub max_range_ratio: Option<f64>,
    /// The same by polynomial.
    pub range_ratios: BTreeMap<String, f64>,
    /// Mean distance of confidence from accuracy over the bins of `reliability`.
    pub expected_calibration_error: f64,
    /// Confidence in ten bins from ½ to 1.
    pub reliability: [Bin; 10],
    /// Mean entropy of the answers' distribution.
    pub mean_entropy_bits: f64,
    /// The same of softmax of the logits, without the Soft-Argmax layer and its learned β; null for a model that has no such layer.
    pub mean_entropy_bits_without_soft_argmax: Option<f64>,
    /// Of the computation alone, without keys, encryption and decryption. Plain numbers: all sentences together, divided by their number.
    pub seconds_per_sentence: f64,
    /// Threads at work.
    pub threads: usize,
    /// Largest resident set of the process.
    pub peak_memory_bytes: Option<u64>,
    /// Name of the parameter set.
    pub parameters: Option<String>,
    /// Security of the parameters.
    pub security_bits: Option<u32>,
}

/// The model that answered.
pub struct Subject<'a> {
    /// As it was asked for.
    pub name: &'a str,
    /// Where it is a student.
    pub student: Option<&'a Student>,
    /// How it was computed.
    pub mode: Mode,
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
        subject: &Subject<'_>,
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
        let nu = |outcomes: &[Outcome]| {
            let square = |(o, plain): (&Outcome, &Prediction)| (o.score - plain.score).powi(2);
            bits(mean(outcomes.iter().zip(compared).map(square)))
        };
        let slot_nu = |outcomes: &[Outcome]| {
            let bits: Vec<f64> = outcomes.iter().map(|o| o.slot_bits).collect();
            Distribution::of(&bits, SLOT_NU_BIN)
        };
        let rows = circuit.as_ref().map(|c| c.rows);
        let simulated: Option<Vec<Outcome>> = rows.map(|rows| rows.iter().map(|row| row.simulated).collect());
        let encrypted: Option<Vec<Outcome>> = rows.and_then(|rows| rows.iter().map(|row| row.encrypted).collect());
        Ok(Self {
            model: subject.name.to_owned(),
            model_digest: subject.student.map(|student| Hex(student.digest()).to_string()),
            mode: subject.mode,
            n,
            correct,
            accuracy,
            interval95: wilson(correct, n),
            teacher: TEACHER.to_owned(),
            teacher_accuracy,
            accuracy_ratio: accuracy / teacher_accuracy,
            agreement: same as f64 / n as f64,
            agreement_with: with.to_owned(),
            max_abs_score_error: rows
                .map(|_| predictions.iter().zip(compared).map(|(a, b)| (a.score - b.score).abs()).fold(0.0, f64::max)),
            nu_predicted_bits: simulated.as_deref().map(nu),
            nu_measured_bits: encrypted.as_deref().map(nu),
            slot_nu_predicted: simulated.as_deref().and_then(slot_nu),
            slot_nu_measured: encrypted.as_deref().and_then(slot_nu),
            max_range_ratio: range_ratios.values().copied().reduce(f64::max),
            range_ratios,
            expected_calibration_error: calibration_error(&bins),
            reliability: bins,
            mean_entropy_bits: mean(predictions.iter().map(|answer| entropy(answer.score))),
            mean_entropy_bits_without_soft_argmax: margins.map(|m| mean(m.iter().map(|&m| entropy(sigmoid(m))))),
            seconds_per_sentence,
            threads: rayon::current_num_threads(),
            peak_memory_bytes: match rows {
                Some(rows) => rows.iter().filter_map(|row| row.peak_memory_bytes).max(),
                None => memory::peak_bytes(),
            },
            parameters: rows.and(subject.student).map(|student| student.config().params.clone()),
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
        writeln!(f, "{} ({}): {} of {} right", self.model, self.mode.name(), self.correct, self.n)?;
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
        let optional = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.1}"));
        if self.nu_predicted_bits.is_some() {
            let [measured, predicted] = [self.nu_measured_bits, self.nu_predicted_bits].map(optional);
            writeln!(f, "nu of scores         {measured} bits   predicted {predicted}")?;
            let [measured, predicted] =
                [&self.slot_nu_measured, &self.slot_nu_predicted].map(|d| optional(d.as_ref().map(|d| d.mean)));
            writeln!(f, "nu of slots, mean    {measured} bits   predicted {predicted}")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(scores: [f64; 4]) -> Vec<Prediction> {
        let ranges = |score: f64| BTreeMap::from([("soft-argmax".to_owned(), score)]);
        scores.into_iter().map(|score| Prediction { score, margin: Some(0.0), ranges: ranges(score) }).collect()
    }

    fn four() -> DevSet {
        DevSet { sentences: vec![String::new(); 4], positive: vec![true, true, false, false] }
    }

    #[test]
    fn an_encrypted_evaluation_has_every_figure() -> Result<()> {
        let plain = answers([0.9, 0.6, 0.1, 0.45]);
        let outcome = |score, slot_bits| Outcome { score, slot_bits };
        // The last label turns over; errors of 0, 0, 0 and 0.1 on ciphertexts, of 0.01 in the simulator.
        let rows: Vec<Row> = [0.9, 0.6, 0.1, 0.55]
            .into_iter()
            .enumerate()
            .map(|(row, score)| Row {
                row,
                simulated: outcome(plain[row].score + 0.01, 12.0),
                encrypted: Some(outcome(score, 12.5)),
                ranges: plain[row].ranges.clone(),
                seconds: 1.0,
                peak_memory_bytes: Some(100 + row as u64),
            })
            .collect();
        let predictions: Vec<Prediction> = rows.iter().map(Prediction::from).collect();
        let subject = Subject { name: "m", student: None, mode: Mode::Encrypted };
        let circuit = Encrypted { plain: &plain, rows: &rows, security_bits: 128 };
        let teacher = answers([0.9, 0.1, 0.1, 0.1]);
        let report = Report::new(&subject, &four(), &predictions, &teacher, Some(circuit), 1.0)?;
        let json = serde_json::to_value(&report)?;
        for field in [
            "model",
            "mode",
            "n",
            "correct",
            "accuracy",
            "interval95",
            "teacher_accuracy",
            "accuracy_ratio",
            "agreement",
            "max_abs_score_error",
            "nu_predicted_bits",
            "nu_measured_bits",
            "max_range_ratio",
            "seconds_per_sentence",
            "peak_memory_bytes",
            "security_bits",
        ] {
            assert!(!json[field].is_null(), "{field} is missing: {json}");
        }
        assert_eq!(
            [json["n"].as_u64(), json["correct"].as_u64(), json["peak_memory_bytes"].as_u64()],
            [Some(4), Some(3), Some(103)]
        );
        assert_eq!([report.accuracy, report.teacher_accuracy, report.accuracy_ratio, report.agreement], [0.75, 0.75, 1.0, 0.75]);
        assert_eq!((report.mode, report.max_range_ratio), (Mode::Encrypted, Some(0.9)));
        let near = |found: Option<f64>, expected: f64| assert!(found.is_some_and(|f| (f - expected).abs() < 1e-9), "{found:?}");
        near(report.max_abs_score_error, 0.1);
        near(report.nu_measured_bits, -0.05f64.log2());
        near(report.nu_predicted_bits, -0.01f64.log2());
        assert_eq!(report.slot_nu_measured.map(|d| (d.mean, d.counts)), Some((12.5, vec![4])));
        // What is printed can be read again.
        assert_eq!(serde_json::to_value(serde_json::from_value::<Report>(json.clone())?)?, json);
        Ok(())
    }

    #[test]
    fn what_was_not_measured_is_null() -> Result<()> {
        let plain = answers([0.9, 0.6, 0.1, 0.45]);
        let subject = Subject { name: "m", student: None, mode: Mode::Poly };
        let report = Report::new(&subject, &four(), &plain, &plain, None, 1.0)?;
        assert_eq!((report.nu_measured_bits, report.max_abs_score_error, report.security_bits), (None, None, None));
        assert_eq!((report.agreement_with.as_str(), report.agreement), (TEACHER, 1.0));
        let rows: Vec<Row> = (0..4)
            .map(|row| Row {
                row,
                simulated: Outcome { score: plain[row].score, slot_bits: 12.0 },
                encrypted: None,
                ranges: BTreeMap::new(),
                seconds: 1.0,
                peak_memory_bytes: None,
            })
            .collect();
        let circuit = Encrypted { plain: &plain, rows: &rows, security_bits: 128 };
        let simulated = Report::new(&subject, &four(), &plain, &plain, Some(circuit), 1.0)?;
        assert!(simulated.nu_measured_bits.is_none() && simulated.slot_nu_measured.is_none());
        assert!(simulated.slot_nu_predicted.is_some());
        assert!(Report::new(&subject, &four(), &plain[..3], &plain, None, 1.0).is_err());
        Ok(())
    }
}
