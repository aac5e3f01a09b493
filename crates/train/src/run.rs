//! From data and teacher to the files of a student.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::budget::{self, Prediction};
use crate::config::TrainConfig;
use crate::data::corpus::{Corpus, DataPaths};
use crate::distill::Loss;
use crate::fit::{Fitted, fit, table_values};
use crate::trained::Trained;
use crate::trainer::StepReport;
use crate::trainer::checkpoint::write_atomically;
use crate::trainer::evaluate::{Evaluation, evaluate};
use crate::{Error, Result, card, export, pca};

/// Held-out sentences of each length class on which the noise budget of a finished student is predicted.
const BUDGET_SENTENCES_PER_CLASS: usize = 8;

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
    /// The student as written, on every held-out row.
    pub held_out_rows: Evaluation,
    /// The student that it was compared with, on the same rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Evaluation>,
    /// The student as written, on dev.
    pub dev: Evaluation,
    /// Predicted noise budget of the student as written, on held-out sentences of every length class.
    pub noise_budget: Prediction,
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

/// Trains as `config` says from the files in `data_dir` and writes the student to `out_dir`. With `start`, training goes on from that
/// student. With `against`, or else `start`, the result is written only if its distillation loss on the held-out rows is lower than that
/// student's: held out have to be sentences that it has not seen either, as a smaller number of them with the same seed of data is.
///
/// Labels, checkpoints and a log with one JSON line per step are kept in `data_dir` (`labels/`, `runs/DIGEST/`). A run that
/// was interrupted goes on from its last checkpoint, with the same weights in the end as without the interruption.
///
/// # Errors
/// Missing data, a refused configuration, divergence, files that cannot be written; a `start` that `config` does not name or that is not
/// improved; an `against` that is better.
pub fn run(
    config: &TrainConfig,
    start: Option<&Trained>,
    against: Option<&Trained>,
    data_dir: &Path,
    out_dir: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report> {
    let started = Instant::now();
    config.validate()?;
    let (named, given) = (config.recipe.start.as_deref(), start.map(|s| s.digest.as_str()));
    if named != given {
        let digest = |d: Option<&str>| d.unwrap_or("none").to_owned();
        return Err(Error::Config(format!(
            "training starts from the student {}, the files given are of {}",
            digest(named),
            digest(given)
        )));
    }
    export::check(&config.network)?;
    let paths = DataPaths::in_folder(data_dir);
    let corpus = prepare(config, &paths, progress)?;
    let loss = Loss::new(&config.recipe, &config.network);
    let buckets = &config.network.buckets;
    let before =
        against.or(start).map(|s| evaluate(&s.student, s.table.view(), buckets, &loss, &corpus.held_out_rows)).transpose()?;
    std::fs::create_dir_all(out_dir).map_err(Error::io(out_dir))?;

    let table = pca::initial_table(&corpus.teacher, corpus.special, config.network.features - 1)?;
    let Fitted { student, embedding, steps, .. } = fit(config, &corpus, table, start, &data_dir.join("runs"), progress)?;
    let (model, files) = export::model(&config.network.name, &config.network, &student, &embedding)?;
    let values = table_values(&embedding)?;
    let held_out_rows = evaluate(&student, values.view(), buckets, &loss, &corpus.held_out_rows)?;
    if let Some(before) = before.as_ref().filter(|before| before.distillation <= held_out_rows.distillation) {
        let (before, after) = (before.distillation, held_out_rows.distillation);
        return Err(Error::NotBetter { n: held_out_rows.n, before, after });
    }
    let held_out = evaluate(&student, values.view(), buckets, &loss, &corpus.held_out)?;
    let dev = evaluate(&student, values.view(), buckets, &loss, &corpus.dev)?;
    let sample = budget::sample(buckets, &corpus.held_out, BUDGET_SENTENCES_PER_CLASS)?;
    let noise_budget = budget::predict(&model, &sample, config.recipe.seed)?;
    if let Some(bits) = config.recipe.noise_budget {
        noise_budget.require(bits)?;
    }
    export::write(out_dir, &files, &paths.teacher.join("vocab.txt"))?;
    let [_, weights] = files;
    let report = Report {
        steps,
        held_out,
        held_out_rows,
        against: before,
        dev,
        noise_budget,
        weights_bytes: weights.len() as u64,
        seconds: started.elapsed().as_secs_f64(),
        digests: Digests {
            data: blake3::Hash::from(corpus.training.digest).to_hex().to_string(),
            config: config.digest()?,
            code: env!("TRAIN_CODE_DIGEST").to_string(),
            weights: blake3::hash(&weights).to_hex().to_string(),
        },
    };
    write_atomically(&out_dir.join("README.md"), card::text(config, &corpus, &report)?.as_bytes())?;
    Ok(report)
}

/// The data of a run, labels included.
pub(crate) fn prepare(config: &TrainConfig, paths: &DataPaths, progress: &mut dyn FnMut(&Progress)) -> Result<Corpus> {
    let longest = config.network.buckets.iter().map(|b| b.positions).max().unwrap_or(0);
    Corpus::prepare(&config.data, paths, longest, &mut |what, done, of| {
        progress(&Progress::Labelling { what: what.to_string(), done, of })
    })
}
