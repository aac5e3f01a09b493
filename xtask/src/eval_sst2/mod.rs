//! `cargo xtask eval-sst2`: how often a model is right on SST-2's dev sentences, in plain numbers, in the simulator and encrypted.
//!
//! The 872 dev sentences are for this figure only. Missing data is an error, never a reason to skip.

mod circuit;
mod dev_set;
mod models;
pub mod report;
mod rows;
pub mod statistics;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ckks_core::file::Hex;
use clap::ValueEnum;
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::workspace;
use circuit::Circuit;
use dev_set::DevSet;
use models::Model;
use report::{Encrypted, Report, Subject};
use rows::{Row, Rows};

/// The model whose accuracy the others' is divided by.
pub const TEACHER: &str = "minilm-sst2";

/// Arguments of `eval-sst2`.
#[derive(clap::Args)]
pub struct Args {
    /// minilm-sst2 or distilbert-sst2 (in data/cache/models/), hnn-fast (in data/), or a model's folder.
    #[arg(long)]
    model: String,
    /// How it is computed.
    #[arg(long, value_enum)]
    mode: Mode,
    /// Only the first N sentences.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Go on with the sentences that an earlier call with the same model and mode has left.
    #[arg(long)]
    resume: bool,
}

/// How a model is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The exact functions on plain numbers.
    Plain,
    /// The polynomials of the circuit on plain numbers.
    Poly,
    /// The circuit in the simulator, with errors drawn from the noise model.
    Simulate,
    /// The circuit on ciphertexts.
    Encrypted,
}

impl Mode {
    /// As it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Poly => "poly",
            Self::Simulate => "simulate",
            Self::Encrypted => "encrypted",
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let cache = workspace::cache(&workspace::root()?);
    let mut dev = DevSet::read(&cache)?;
    if let Some(limit) = args.limit {
        dev.truncate(limit as usize);
    }
    let model = Model::load(&args.model)?;
    let same = args.model == TEACHER && args.mode == Mode::Plain;
    // Before the long part, so that a missing teacher is known at once.
    let teacher_model = if same { None } else { Some(Model::load(TEACHER)?) };
    let subject = Subject { name: &args.model, student: model.student(), mode: args.mode };
    let report = match args.mode {
        Mode::Plain | Mode::Poly => {
            let started = Instant::now();
            let predictions = model.predict(&dev, args.mode)?;
            let seconds = started.elapsed().as_secs_f64() / dev.len() as f64;
            let teacher = teacher_model.map_or_else(|| Ok(predictions.clone()), |teacher| teacher.predict(&dev, Mode::Plain))?;
            Report::new(&subject, &dev, &predictions, &teacher, None, seconds)?
        }
        Mode::Simulate | Mode::Encrypted => {
            let plain = model.predict(&dev, Mode::Poly)?;
            let teacher = teacher_model.context("the teacher has no circuit")?.predict(&dev, Mode::Plain)?;
            let (rows, security_bits) = circuit_rows(&model, args, &dev, &cache)?;
            let predictions: Vec<_> = rows.iter().map(models::Prediction::from).collect();
            let seconds = rows.iter().map(|row| row.seconds).sum::<f64>() / rows.len() as f64;
            let encrypted = Encrypted { plain: &plain, rows: &rows, security_bits };
            Report::new(&subject, &dev, &predictions, &teacher, Some(encrypted), seconds)?
        }
    };
    let text = if args.json { serde_json::to_string(&report)? } else { report.to_string() };
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}

/// The circuit's results for every sentence, those of an earlier call first.
fn circuit_rows(model: &Model, args: &Args, dev: &DevSet, cache: &Path) -> Result<(Vec<Row>, u32)> {
    let student = model.student().with_context(|| format!("{} is an encoder; only a student has a circuit", args.model))?;
    let digest = Hex(student.digest()).to_string();
    let path = cache.join("eval").join(format!("{}-{}-{}.jsonl", student.config().name, args.mode.name(), &digest[..16]));
    let mut rows = Rows::open(&path, args.resume)?;
    let ids = model.token_ids(dev, student.config().max_tokens())?;
    let mut circuit = Circuit::new(student, model.tokenizer()?, args.mode == Mode::Encrypted)?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(dev.len() as u64) } else { ProgressBar::hidden() };
    bar.set_position(rows.done().len() as u64);
    let left: Vec<(usize, &Vec<u32>)> = ids.iter().enumerate().skip(rows.done().len()).collect();
    // Encrypted sentences use all threads one by one; simulated ones have one each.
    let together = if args.mode == Mode::Encrypted { 1 } else { 4 * rayon::current_num_threads() };
    for part in left.chunks(together) {
        let named = |row: usize| move || format!("sentence {row}");
        let done: Vec<Row> = match part {
            [(row, ids)] if args.mode == Mode::Encrypted => vec![circuit.encrypted(*row, ids).with_context(named(*row))?],
            part => {
                part.par_iter().map(|(row, ids)| circuit.simulate(*row, ids).with_context(named(*row))).collect::<Result<_>>()?
            }
        };
        bar.inc(done.len() as u64);
        done.into_iter().try_for_each(|row| rows.push(row))?;
    }
    bar.finish_and_clear();
    let done = rows.done().get(..dev.len()).context("rows are missing")?.to_vec();
    ensure!(!done.is_empty(), "no sentence");
    Ok((done, circuit.params().security().bits))
}
