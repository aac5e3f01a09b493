//! Development tasks of this repository: `cargo xtask --help`.
//!
//! One file or folder per command. Nothing here is part of what a user of the crates builds.

mod bench;
mod eval_sst2;
mod fetch;
mod measure_layers;
mod memory;
mod report;
mod tidy;
mod train;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development tasks: data, evaluation, training, benchmarks, repository laws.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Get SST-2 and the models into data/cache/, every file checked against its SHA-256.
    Fetch(fetch::Args),
    /// Measure a model's accuracy on SST-2's dev sentences.
    EvalSst2(eval_sst2::Args),
    /// Train a student from data and teacher to its files.
    Train(train::Args),
    /// Make docs/accuracy.md and its plots from the figures in docs/results/.
    Report(report::Args),
    /// Measure kernels, operations and circuits.
    Bench(bench::Args),
    /// Run single layers of an encoder encrypted: seconds, levels, keys, errors.
    MeasureLayers(measure_layers::Args),
    /// Check the laws of the repository: dependencies downward, unsafe code in one room, and so on.
    Tidy(tidy::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A misspelt wish for kernels must not change what is measured.
    let result = ckks_core::kernels::path_from_environment().map_err(anyhow::Error::from).and_then(|_| match cli.command {
        Command::Fetch(args) => fetch::run(&args),
        Command::EvalSst2(args) => eval_sst2::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::MeasureLayers(args) => measure_layers::run(&args),
        Command::Tidy(args) => tidy::run(&args),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
