//! The command line: sentiment of a sentence that the computing side cannot read.
//!
//! A thin program over the libraries: arguments in [`args`], one file per command in [`commands`], what goes wrong in [`errors`].

mod args;
mod batch_order;
mod commands;
mod errors;
mod interrupt;
mod key_files;
mod memory;
mod model;
mod progress;
mod report;
mod text;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // stdout and stderr may be closed; there is nobody left to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { errors::REFUSED } else { errors::DONE });
        }
    };
    let result = interrupt::install().and_then(|()| check_environment(&cli.command)).and_then(|()| match cli.command {
        Command::Keygen(args) => commands::keygen::run(&args),
        Command::Encrypt(args) => commands::encrypt::run(&args),
        Command::Infer(args) => commands::infer::run(&args),
        Command::Decrypt(args) => commands::decrypt::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
    });
    match result {
        Ok(()) => ExitCode::from(errors::DONE),
        Err(error) => errors::report(&error),
    }
}

/// Refuses a wish for kernels that cannot be met. `doctor` says it among other things, and runs.
fn check_environment(command: &Command) -> anyhow::Result<()> {
    if !matches!(command, Command::Doctor(_)) {
        ckks_core::kernels::path_from_environment()?;
    }
    Ok(())
}
