//! `cargo xtask train`: from data and teacher to the files of a student, or a comparison of several ways of training it.

mod study;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use ::train::{Progress, TrainConfig, Trained};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::workspace;

/// Arguments of `train`.
#[derive(clap::Args)]
pub struct Args {
    /// The student to train; its files are replaced when it is done.
    #[arg(long, value_parser = ["hnn-fast"], default_value = "hnn-fast")]
    model: String,
    /// Network, data and recipe as JSON; absent fields, and all of them without a file, have their defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with the files of a student that training goes on from. The result is written only if the held-out rows prefer it.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["ablations", "noise_curve", "seeds"])]
    start: Option<PathBuf>,
    /// Folder with the files of a student. The result is written only if the held-out rows prefer it: they have to be new to that student too.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["ablations", "noise_curve", "seeds"])]
    against: Option<PathBuf>,
    /// Folder for the student's files; without it, data/MODEL.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Train the student once without each of its parts instead, and write the comparison to docs/results/ablations.json. No student's
    /// files are written. Finished runs are kept.
    #[arg(long, conflicts_with_all = ["noise_curve", "out"])]
    ablations: bool,
    /// Train the student for several noise budgets instead, evaluate each under noise, and write docs/results/nu-curve.json.
    #[arg(long, conflicts_with = "out")]
    noise_curve: bool,
    /// Train the student from each of these seeds instead, or read the finished run, and add them to docs/results/seeds.json, with the one
    /// that the held-out sentences choose. No student's files are written.
    #[arg(long, value_name = "SEED", value_delimiter = ',', conflicts_with_all = ["ablations", "noise_curve", "out"])]
    seeds: Vec<u64>,
    /// Steps of every run, instead of the configuration's.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Only these ablations, by name.
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "ablations")]
    only: Vec<String>,
    /// Noise budgets to train for, in bits; `none` is training without noise.
    #[arg(long, value_name = "BITS", value_delimiter = ',', default_values = ["0", "1", "2", "4", "8", "none"], requires = "noise_curve")]
    nu: Vec<String>,
    /// Where the comparison is written, instead of docs/results/.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// One JSON object at the end instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs the command. A run that was stopped goes on from its last checkpoint.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let mut config = match &args.config {
        None => TrainConfig::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is not a training configuration", path.display()))?
        }
    };
    if let Some(steps) = args.steps {
        config.recipe.steps = steps;
    }
    if args.ablations || args.noise_curve || !args.seeds.is_empty() {
        return study::run(args, &config, &root);
    }
    let out = args.out.clone().unwrap_or_else(|| root.join("data").join(&args.model));
    let bar = Bar::new();
    let load = |dir: &Option<PathBuf>| dir.as_ref().map(|dir| Trained::load(dir, &config.network)).transpose();
    let (start, against) = (load(&args.start)?, load(&args.against)?);
    config.recipe.start = config.recipe.start.or_else(|| start.as_ref().map(|s| s.digest.clone()));
    let report = ::train::run(&config, start.as_ref(), against.as_ref(), &workspace::cache(&root), &out, &mut |progress| {
        bar.show(progress)
    })
    .context("training stopped")?;
    bar.finish();
    let text = if args.json {
        serde_json::to_string(&report)?
    } else {
        let (held_out, dev) = (&report.held_out, &report.dev);
        format!(
            "{} steps, {:.0} s in this call\nheld out {} of {} right\ndev      {} of {} right, accuracy {:.4}, teacher {}\n\
             nu       {:.1} bits predicted, {} levels left on {}\n{} bytes in {}",
            report.steps,
            report.seconds,
            held_out.correct,
            held_out.n,
            dev.correct,
            dev.n,
            dev.accuracy,
            dev.teacher_correct,
            report.noise_budget.bits,
            report.noise_budget.levels_left,
            report.noise_budget.parameters,
            report.weights_bytes,
            out.display()
        )
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Progress on a terminal; elsewhere one line per evaluation, since training takes long.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("[{elapsed_precise}] {bar:24} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn line(&self, text: &str) {
        if self.0.is_hidden() {
            eprintln!("{text}");
        } else {
            self.0.println(text);
        }
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }

    fn show(&self, progress: &Progress) {
        match progress {
            Progress::Labelling { what, done, of } => {
                self.0.set_length(*of as u64);
                self.0.set_position(*done as u64);
                self.0.set_message(format!("labels of {what}"));
            }
            Progress::Step(step) => {
                self.0.set_position(step.step);
                self.0.set_message(format!("loss {:.4}", step.loss));
            }
            other => {
                self.line(&serde_json::to_string(other).unwrap_or_else(|error| error.to_string()));
            }
        }
    }
}
