//! `cargo xtask eval-sst2`: how often a model is right on SST-2's dev sentences, in plain numbers, in the simulator and encrypted.
//!
//! The 872 dev sentences are for this figure only. Missing data is an error, never a reason to skip.

mod dev_set;
mod models;
mod report;
mod statistics;

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use crate::workspace;
use dev_set::DevSet;
use models::Model;
use report::Report;

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
}

/// How a model is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The exact functions on plain numbers.
    Plain,
    /// The polynomials of the circuit on plain numbers.
    Poly,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Poly => "poly",
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
    let started = Instant::now();
    let predictions = model.predict(&dev, args.mode)?;
    let seconds = started.elapsed().as_secs_f64();
    let teacher = match args.model == TEACHER && args.mode == Mode::Plain {
        true => predictions.clone(),
        false => Model::load(TEACHER)?.predict(&dev, Mode::Plain)?,
    };
    let report = Report::new(&model, args.mode, &dev, &predictions, &teacher, None, seconds / dev.len() as f64)?;
    let text = if args.json { serde_json::to_string(&report)? } else { report.to_string() };
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}
