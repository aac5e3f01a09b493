//! The noise budget ν of a student, predicted from its circuit before any key is made.

mod layered;

use ckks_core::params::Params;
use distilbert_he::compile::CompiledStudent;
use distilbert_he::student::{EmbeddingTable, Student as Model};
use he_tensor::Simulator;
use he_tensor::evaluator::{Encryption, SimulatedVector};
use hnn_layers::budget::NoiseBudget;
use hnn_layers::ragged::{LengthBucket, bucket_of};
use ndarray::Array2;
use num_complex::Complex64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::NetworkConfig;
use crate::data::corpus::Example;
use crate::student::Student;
use crate::{Error, Result, export};

/// ν over some sentences: bits of precision of the encrypted score and levels, predicted from errors that are drawn from the noise
/// model and carried through the circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// ν: −log2 of the root mean square of the errors, over all slots and sentences.
    pub bits: f64,
    /// Mean of ν over the sentences.
    pub mean_bits: f64,
    /// Standard deviation of ν over the sentences.
    pub deviation_bits: f64,
    /// Levels that are left behind the circuit.
    pub levels_left: usize,
    /// Levels that the circuit uses.
    pub levels_used: usize,
    /// Levels that the parameters have.
    pub levels_available: usize,
    /// Name of the parameter set.
    pub parameters: String,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of the scale.
    pub log_scale: u32,
    /// Sentences.
    pub sentences: usize,
    /// The same by length class.
    pub classes: Vec<ClassPrediction>,
}

/// ν over the sentences of one length class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassPrediction {
    /// Positions of the class.
    pub positions: usize,
    /// Sentences.
    pub sentences: usize,
    /// Mean of ν.
    pub mean_bits: f64,
    /// Standard deviation of ν.
    pub deviation_bits: f64,
    /// Lowest and highest ν.
    pub range_bits: [f64; 2],
}

/// One sentence's mean square error in a slot, and the levels left.
struct Sample {
    positions: usize,
    square: f64,
    levels: usize,
}

impl Sample {
    /// From the same circuit with and without drawn errors.
    fn of(positions: usize, exact: &SimulatedVector, noisy: &SimulatedVector) -> Sample {
        let pairs = exact.values().iter().zip(noisy.values());
        let square = pairs.map(|(a, b)| (a - b).norm_sqr()).sum::<f64>() / exact.values().len() as f64;
        Sample { positions, square, levels: exact.level() }
    }

    fn bits(&self) -> f64 {
        -0.5 * self.square.log2()
    }
}

impl Prediction {
    /// Puts single sentences together.
    fn of(samples: &[Sample], params: &Params, name: &str, input_level: usize) -> Result<Prediction> {
        if samples.is_empty() {
            return Err(Error::Config("a noise budget was asked for without a sentence to predict it on".into()));
        }
        let bits: Vec<f64> = samples.iter().map(Sample::bits).collect();
        let (mean_bits, deviation_bits) = mean_and_deviation(&bits);
        let square = samples.iter().map(|s| s.square).sum::<f64>() / samples.len() as f64;
        let levels_left = samples.iter().map(|s| s.levels).min().unwrap_or(0);
        let mut positions: Vec<usize> = samples.iter().map(|s| s.positions).collect();
        positions.sort_unstable();
        positions.dedup();
        let class = |positions: usize| {
            let bits: Vec<f64> = samples.iter().filter(|s| s.positions == positions).map(Sample::bits).collect();
            let (mean_bits, deviation_bits) = mean_and_deviation(&bits);
            let range_bits = bits.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], &b| [l.min(b), h.max(b)]);
            ClassPrediction { positions, sentences: bits.len(), mean_bits, deviation_bits, range_bits }
        };
        Ok(Prediction {
            bits: -0.5 * square.log2(),
            mean_bits,
            deviation_bits,
            levels_left,
            levels_used: input_level.saturating_sub(levels_left),
            levels_available: params.max_level(),
            parameters: name.to_string(),
            log_n: params.log_n(),
            log_scale: params.literal().log_scale,
            sentences: samples.len(),
            classes: positions.into_iter().map(class).collect(),
        })
    }

    /// Refuses less than `bits`.
    ///
    /// # Errors
    /// [`hnn_layers::Error::Budget`] with what is predicted and what was wanted.
    pub fn require(&self, bits: f64) -> Result<()> {
        let found = NoiseBudget { bits: self.bits, levels: self.levels_left };
        Ok(found.require(NoiseBudget { bits, levels: 0 })?)
    }
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// The first `per_class` of `examples` in every length class: a sample in which long sentences are not rare.
///
/// # Errors
/// A sentence that no class takes.
pub fn sample(buckets: &[LengthBucket], examples: &[Example], per_class: usize) -> Result<Vec<Example>> {
    let mut taken = vec![0; buckets.len()];
    let mut out = Vec::new();
    for example in examples {
        let class = bucket_of(buckets, example.ids.len())?;
        let index = buckets.iter().position(|b| b.positions == class.positions).unwrap_or(0);
        if taken[index] < per_class {
            taken[index] += 1;
            out.push(example.clone());
        }
    }
    Ok(out)
}

/// ν of the encrypted score of `model` over `sentences`, each with errors of its own.
///
/// # Errors
/// A circuit that is deeper than the parameters that the model names, with both figures; no sentences.
pub fn predict(model: &Model, sentences: &[Example], seed: u64) -> Result<Prediction> {
    let params = CompiledStudent::preset(model.config())?;
    let compiled = CompiledStudent::new(model, &params)?;
    let run = |simulator: &Simulator, example: &Example| {
        let positions = bucket_of(&model.config().buckets, example.ids.len())?.positions;
        let circuit = compiled
            .circuit(positions)
            .ok_or_else(|| Error::Config(format!("the model has no length class of {positions} positions")))?;
        let x: Array2<f64> = model.embedding().embed(&example.ids)?;
        let values: Vec<Complex64> = circuit.layout().pack(&[x])?.into_iter().map(Complex64::from).collect();
        let tokens = encrypt(simulator, &values, compiled.input_level())?;
        Ok((positions, circuit.run(simulator, &tokens, &mut |_| ())?))
    };
    over_sentences(&params, (&model.config().params, compiled.input_level()), sentences, seed, run)
}

/// ν of what `run` computes for each sentence (and the positions of its length class) on the parameters of a name, from a level.
fn over_sentences(
    params: &Params,
    (name, input_level): (&str, usize),
    sentences: &[Example],
    seed: u64,
    run: impl Fn(&Simulator, &Example) -> Result<(usize, SimulatedVector)> + Sync,
) -> Result<Prediction> {
    let numbered: Vec<(&Example, u64)> = sentences.iter().zip(seed..).collect();
    let sample = |(example, seed): (&Example, u64)| {
        let (positions, exact) = run(&Simulator::new(params), example)?;
        let (_, noisy) = run(&Simulator::with_noise(params, seed), example)?;
        Ok(Sample::of(positions, &exact, &noisy))
    };
    let samples = numbered.into_par_iter().map(sample).collect::<Result<Vec<_>>>()?;
    Prediction::of(&samples, params, name, input_level)
}

/// A student in training.
#[derive(Clone, Copy)]
pub struct InTraining<'a> {
    /// Its shape.
    pub network: &'a NetworkConfig,
    /// Everything behind the table.
    pub student: &'a Student<f32>,
    /// The table.
    pub embedding: &'a EmbeddingTable,
}

impl InTraining<'_> {
    /// ν of the score.
    ///
    /// # Errors
    /// As [`predict`].
    pub fn score(&self, sentences: &[Example], seed: u64) -> Result<Prediction> {
        if self.network.attention.is_some() {
            return layered::predict(self, sentences, seed, true);
        }
        predict(&self.model(self.network)?, sentences, seed)
    }

    /// Bits of precision of the margin, in units of the margin: what an answer without the Soft-Argmax layer would have.
    ///
    /// # Errors
    /// As [`predict`].
    pub fn margin(&self, sentences: &[Example], seed: u64) -> Result<f64> {
        if self.network.attention.is_some() {
            return Ok(layered::predict(self, sentences, seed, false)?.bits);
        }
        // The circuit up to the margin is that of a student whose Soft-Argmax polynomial is a straight line; its slope is taken out again.
        let model = self.model(&NetworkConfig { score_degree: 1, ..self.network.clone() })?;
        let bound = self.network.score_bound;
        let slope = model.sigmoid().eval(bound) / bound * model.beta();
        Ok(predict(&model, sentences, seed)?.bits + slope.abs().log2())
    }

    fn model(&self, network: &NetworkConfig) -> Result<Model> {
        Ok(export::model(&network.name, network, self.student, self.embedding)?.0)
    }
}

fn encrypt(simulator: &Simulator, values: &[Complex64], level: usize) -> Result<SimulatedVector> {
    Ok(simulator.encrypt_at(values, level, Encryption::Symmetric).map_err(he_tensor::Error::from)?)
}
