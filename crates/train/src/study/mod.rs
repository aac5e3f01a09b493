//! The same student trained in several ways from one set of data, to compare them.
//!
//! Every run is a [`TrainConfig`] and has its checkpoints under the digest of it, like any training: an interrupted study goes on where it
//! stopped. Results are written after every run; a result whose configuration and data are those asked for is kept.

mod ablations;
mod noise_curve;
mod seeds;

use std::path::{Path, PathBuf};

use hnn_layers::soft_argmax::{SoftArgmax, entropy, sigmoid};
use ndarray::Array2;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::budget::{self, InTraining, Prediction};
use crate::config::TrainConfig;
use crate::data::corpus::{Corpus, DataPaths, Example};
use crate::distill::Loss;
use crate::fit::{Fitted, fit, table_values};
use crate::run::{Progress, prepare};
use crate::trainer::checkpoint::write_atomically;
use crate::trainer::evaluate::{Evaluation, evaluate, margins};
use crate::{Error, Result, pca};

pub use ablations::{Ablation, Ablations, ablations, run_ablations};
pub use noise_curve::{NoiseCurve, NoisePoint, NoiseTrained, run_noise_curve};
pub use seeds::{SeedRun, Seeds, run_seeds};

/// Held-out sentences of each length class on which ν is predicted.
const BUDGET_SENTENCES_PER_CLASS: usize = 3;

/// Data that several runs share.
pub struct Study {
    base: TrainConfig,
    corpus: Corpus,
    table: Array2<f32>,
    runs: PathBuf,
}

/// One run of a study.
struct Planned {
    name: String,
    config: TrainConfig,
    /// Of configuration and data.
    digest: String,
    /// Whether it is trained if there is no result of it yet.
    is_asked: bool,
}

/// What is known of one trained student.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// On the held-out sentences.
    pub held_out: Evaluation,
    /// On dev.
    pub dev: Evaluation,
    /// β of the Soft-Argmax layer.
    pub beta: f32,
    /// Largest |β·margin| / bound on both: above 1 the Soft-Argmax polynomial was left.
    pub max_range_ratio: f64,
    /// Mean entropy in bits of the dev answers behind the Soft-Argmax polynomial.
    pub entropy_bits: f64,
    /// The same of σ(margin): softmax of the logits, without the layer's learned β.
    pub entropy_bits_without_soft_argmax: f64,
    /// Predicted ν of the encrypted score.
    pub noise_budget: Prediction,
    /// Predicted ν of the encrypted margin, in units of the margin: what an answer without the Soft-Argmax layer would have.
    pub margin_bits: f64,
}

impl Study {
    /// Reads the data of `base` from the layout that `cargo xtask fetch` makes in `data_dir`.
    ///
    /// # Errors
    /// Missing data, a refused configuration.
    pub fn open(base: &TrainConfig, data_dir: &Path, progress: &mut dyn FnMut(&Progress)) -> Result<Study> {
        base.validate()?;
        let corpus = prepare(base, &DataPaths::in_folder(data_dir), progress)?;
        let table = pca::initial_table(&corpus.teacher, corpus.special, base.network.features - 1)?;
        Ok(Study { base: base.clone(), corpus, table, runs: data_dir.join("runs") })
    }

    /// A run of the base configuration with a change in network or recipe; data are shared.
    fn plan(&self, name: impl Into<String>, is_asked: bool, change: impl FnOnce(&mut TrainConfig)) -> Result<Planned> {
        let mut config = self.base.clone();
        change(&mut config);
        config.validate()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(config.digest()?.as_bytes()).update(&self.corpus.training.digest);
        Ok(Planned { name: name.into(), config, digest: hasher.finalize().to_hex().to_string(), is_asked })
    }

    /// Trains what is asked for and not `known`, and writes `path` after every run: `file` of the results that there are, in the plan's order.
    fn complete<R: Clone, F: Serialize>(
        &self,
        plan: &[Planned],
        known: &dyn Fn(&Planned) -> Option<R>,
        result: &dyn Fn(&Planned, &Fitted) -> Result<R>,
        (path, file): (&Path, &dyn Fn(Vec<R>) -> F),
        progress: &mut dyn FnMut(&str, &Progress),
    ) -> Result<F> {
        let mut runs: Vec<Option<R>> = plan.iter().map(known).collect();
        for (i, planned) in plan.iter().enumerate() {
            if planned.is_asked && runs[i].is_none() {
                let progress = &mut |p: &Progress| progress(&planned.name, p);
                let fitted = fit(&planned.config, &self.corpus, self.table.clone(), None, &self.runs, progress)?;
                runs[i] = Some(result(planned, &fitted)?);
                write(path, &file(runs.iter().flatten().cloned().collect()))?;
            }
        }
        Ok(file(runs.into_iter().flatten().collect()))
    }

    fn evaluate(&self, config: &TrainConfig, fitted: &Fitted, examples: &[Example]) -> Result<Evaluation> {
        let loss = Loss::new(&config.recipe, &config.network);
        evaluate(&fitted.student, table_values(&fitted.embedding)?.view(), &config.network.buckets, &loss, examples)
    }

    fn figures(&self, config: &TrainConfig, fitted: &Fitted) -> Result<Figures> {
        let (network, student) = (&config.network, &fitted.student);
        let loss = Loss::new(&config.recipe, network);
        let table = table_values(&fitted.embedding)?;
        let of_dev = &self.corpus.dev;
        let held_out = self.evaluate(config, fitted, &self.corpus.held_out)?;
        let (dev_margins, ranges) = margins(student, table.view(), &network.buckets, of_dev)?;
        let dev = Evaluation::of(&dev_margins, ranges, student.beta.sum(), &loss, of_dev);
        let beta = student.beta.sum();
        let layer = SoftArgmax::new(beta.into(), network.score_bound, network.score_degree)?;
        let mean =
            |f: &dyn Fn(f64) -> f64| dev_margins.iter().map(|&m| f(m.into())).sum::<f64>() / dev_margins.len().max(1) as f64;
        let sample = budget::sample(&network.buckets, &self.corpus.held_out, BUDGET_SENTENCES_PER_CLASS)?;
        let seed = config.recipe.seed;
        let in_training = InTraining { network, student, embedding: &fitted.embedding };
        Ok(Figures {
            max_range_ratio: f64::from(beta) * held_out.ranges.margin.max(dev.ranges.margin) / network.score_bound,
            entropy_bits: mean(&|m| entropy(layer.score(m))),
            entropy_bits_without_soft_argmax: mean(&|m| entropy(sigmoid(m))),
            noise_budget: in_training.score(&sample, seed)?,
            margin_bits: in_training.margin(&sample, seed)?,
            beta,
            held_out,
            dev,
        })
    }
}

/// A file of results that an earlier call may have left; `None` where there is none.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::io(path))?,
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed
        .map(Some)
        .map_err(|e| Error::malformed(path, e.to_string(), "results of an earlier call; move the file away to start again"))
}

fn write<T: Serialize>(path: &Path, results: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(results).map_err(|e| Error::Config(e.to_string()))?;
    text.push(b'\n');
    write_atomically(path, &text)
}
