//! From data and teacher to the files of a student.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hnn_layers::budget::NoiseBudget;
use serde::Serialize;

use crate::config::TrainConfig;
use crate::data::corpus::{Corpus, DataPaths};
use crate::distill::Loss;
use crate::export;
use crate::trainer::checkpoint::write_atomically;
use crate::trainer::evaluate::{Evaluation, evaluate};
use crate::trainer::{StepReport, Trainer};
use crate::{Error, Result, budget, card, pca};

/// Sentences on which the noise budget of a finished student is predicted.
const BUDGET_SENTENCES: usize = 8;

/// What a run is doing.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// The teacher labels texts.
    Labelling {
        /// Which texts.
        what: String,
        /// Labelled so far.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// Training goes on from a checkpoint.
    Resumed {
        /// Steps that are done.
        step: u64,
    },
    /// One optimiser step.
    Step(StepReport),
    /// The averaged weights on the held-out sentences.
    Evaluated {
        /// After this step.
        step: u64,
        /// Figures.
        held_out: Evaluation,
    },
}

/// What a run delivered.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Steps of training.
    pub steps: u64,
    /// The student as written, on the held-out sentences.
    pub held_out: Evaluation,
    /// The student as written, on dev.
    pub dev: Evaluation,
    /// Predicted noise budget of the student as written.
    pub noise_budget: NoiseBudget,
    /// Held-out sentences that it was predicted on.
    pub noise_budget_sentences: usize,
    /// Bytes of the weights file.
    pub weights_bytes: u64,
    /// Seconds of this call: less than the whole training when it was resumed or labels came from the cache.
    pub seconds: f64,
    /// BLAKE3 digests of data, configuration, code and weights, hexadecimal.
    pub digests: Digests,
}

/// BLAKE3 digests in hexadecimal.
#[derive(Clone, Debug, Serialize)]
pub struct Digests {
    /// Data files, teacher and data configuration.
    pub data: String,
    /// The whole configuration as JSON.
    pub config: String,
    /// Sources of this crate and of the layers.
    pub code: String,
    /// The weights file.
    pub weights: String,
}

impl DataPaths {
    /// The layout that `cargo xtask fetch` makes: `sst2/`, `models/minilm-sst2/`; labels go to `labels/`.
    pub fn in_folder(data_dir: &Path) -> DataPaths {
        DataPaths { sst2: data_dir.join("sst2"), teacher: data_dir.join("models/minilm-sst2"), cache: data_dir.join("labels") }
    }
}

/// Trains as `config` says from the files in `data_dir` and writes the student to `out_dir`.
///
/// Labels, checkpoints and a log with one JSON line per step are kept in `data_dir` (`labels/`, `runs/DIGEST/`). A run that
/// was interrupted goes on from its last checkpoint, with the same weights in the end as without the interruption.
///
/// # Errors
/// Missing data, a refused configuration, divergence, or files that cannot be written.
pub fn run(config: &TrainConfig, data_dir: &Path, out_dir: &Path, progress: &mut dyn FnMut(&Progress)) -> Result<Report> {
    let started = Instant::now();
    config.validate()?;
    let paths = DataPaths::in_folder(data_dir);
    let longest = config.network.buckets.iter().map(|b| b.positions).max().unwrap_or(0);
    let corpus = Corpus::prepare(&config.data, &paths, longest, &mut |what, done, of| {
        progress(&Progress::Labelling { what: what.to_string(), done, of })
    })?;
    let config_json = serde_json::to_string(config).map_err(|e| Error::Config(e.to_string()))?;
    let config_digest = blake3::hash(config_json.as_bytes()).to_hex().to_string();
    let run_dir = data_dir.join("runs").join(&config_digest[..16]);
    std::fs::create_dir_all(&run_dir).map_err(Error::io(&run_dir))?;
    std::fs::create_dir_all(out_dir).map_err(Error::io(out_dir))?;

    let table = pca::initial_table(&corpus.teacher, corpus.special, config.network.features - 1)?;
    let mut trainer = Trainer::new(config, &corpus.training, table)?;
    if let Some(bits) = config.recipe.noise_budget {
        // The first weights already show whether the circuit has enough levels and what its noise will be like.
        let (student, table) = trainer.averaged();
        let (model, _) = export::model(&config.network.name, &config.network, student, table.view())?;
        let sentences = corpus.held_out.get(..1).unwrap_or_default();
        budget::predict(&model, sentences, config.recipe.seed)?.require(NoiseBudget { bits, levels: 0 })?;
    }
    let checkpoint = run_dir.join("checkpoint.safetensors");
    if checkpoint.exists() {
        trainer.restore(&checkpoint)?;
        progress(&Progress::Resumed { step: trainer.done() });
    }
    let mut log = Log::open(run_dir.join("log.jsonl"), trainer.done())?;
    let loss = Loss::new(&config.recipe, &config.network);
    let buckets = &config.network.buckets;
    while trainer.done() < config.recipe.steps {
        let report = trainer.step()?;
        let step = report.step;
        let last = step == config.recipe.steps;
        log.write(&Progress::Step(report), progress)?;
        if last || step.is_multiple_of(config.recipe.evaluate_every) {
            let (student, table) = trainer.averaged();
            let held_out = evaluate(student, table.view(), buckets, &loss, &corpus.held_out)?;
            log.write(&Progress::Evaluated { step, held_out }, progress)?;
        }
        if last || step.is_multiple_of(config.recipe.checkpoint_every) {
            trainer.save(&checkpoint)?;
        }
    }

    let (student, table) = trainer.averaged();
    let (model, files) = export::model(&config.network.name, &config.network, student, table.view())?;
    // Figures are those of the rounded table: of what is delivered.
    let ids: Vec<u32> = (0..table.nrows() as u32).collect();
    let values = model.embedding().embed::<f32>(&ids)?;
    let values = values.slice(ndarray::s![.., ..table.ncols()]);
    let held_out = evaluate(student, values, buckets, &loss, &corpus.held_out)?;
    let dev = evaluate(student, values, buckets, &loss, &corpus.dev)?;
    let sample = corpus.held_out.get(..BUDGET_SENTENCES.min(corpus.held_out.len())).unwrap_or_default();
    let noise_budget = budget::predict(&model, sample, config.recipe.seed)?;
    if let Some(bits) = config.recipe.noise_budget {
        noise_budget.require(NoiseBudget { bits, levels: 0 })?;
    }
    export::write(out_dir, &files, &paths.teacher.join("vocab.txt"))?;
    let [_, weights] = files;
    let report = Report {
        steps: trainer.done(),
        held_out,
        dev,
        noise_budget,
        noise_budget_sentences: sample.len(),
        weights_bytes: weights.len() as u64,
        seconds: started.elapsed().as_secs_f64(),
        digests: Digests {
            data: blake3::Hash::from(corpus.training.digest).to_hex().to_string(),
            config: config_digest,
            code: env!("TRAIN_CODE_DIGEST").to_string(),
            weights: blake3::hash(&weights).to_hex().to_string(),
        },
    };
    write_atomically(&out_dir.join("README.md"), card::text(config, &corpus, &report)?.as_bytes())?;
    Ok(report)
}

/// One JSON object per line.
struct Log {
    path: PathBuf,
    file: std::fs::File,
}

impl Log {
    /// Opens the log; lines of steps after `done`, written before an interruption, are dropped.
    fn open(path: PathBuf, done: u64) -> Result<Log> {
        let old = if path.exists() { std::fs::read_to_string(&path).map_err(Error::io(&path))? } else { String::new() };
        let kept: String =
            old.lines().filter(|line| step_of(line).is_some_and(|s| s <= done)).flat_map(|line| [line, "\n"]).collect();
        write_atomically(&path, kept.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(&path).map_err(Error::io(&path))?;
        Ok(Log { path, file })
    }

    fn write(&mut self, event: &Progress, progress: &mut dyn FnMut(&Progress)) -> Result<()> {
        let mut line = serde_json::to_vec(event).map_err(|e| Error::Config(e.to_string()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(Error::io(&self.path))?;
        progress(event);
        Ok(())
    }
}

/// Number of the step that a line of the log tells of.
fn step_of(line: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    value.get("step").and_then(|s| s.get("step")).or_else(|| value.get("evaluated")?.get("step"))?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_forgets_what_will_be_done_again() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log.jsonl");
        std::fs::write(&path, "{\"step\":{\"step\":1}}\n{\"evaluated\":{\"step\":1}}\n{\"step\":{\"step\":2}}\n{\"step\":{\"st")?;
        drop(Log::open(path.clone(), 1)?);
        assert_eq!(std::fs::read_to_string(&path)?, "{\"step\":{\"step\":1}}\n{\"evaluated\":{\"step\":1}}\n");
        Ok(())
    }
}
