//! `cargo xtask bench`: medians of kernels, operations and circuits, one JSON object a line.

mod bootstrap;
mod header;
mod kernels;
mod key_file;
mod machine;
mod matrices;
mod operations;
mod page;
mod report;
mod sets;
mod targets;
mod work;

use std::path::PathBuf;

use anyhow::{Result, bail};
use ckks_core::kernels::{KernelPath, active_path, force_path, path_from_environment};

use report::Bench;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Only rows whose name contains one of these.
    filter: Vec<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Numbers of threads to measure with; they take turns within every row.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Kernel paths to measure, in turn: ifma, avx2, concrete-ntt, portable; by default the one that runs otherwise.
    #[arg(long, value_delimiter = ',')]
    kernels: Vec<String>,
    /// Samples per row; fewer where one takes long.
    #[arg(long, default_value_t = 15)]
    samples: usize,
    /// Measure nothing: print the tables of docs/performance.md from the lines of earlier runs with --json.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["filter", "json", "kernels"])]
    report: Vec<PathBuf>,
    /// Put the tables between the marks of this page instead of printing them.
    #[arg(long, value_name = "PAGE", requires = "report")]
    into: Option<PathBuf>,
}

/// Runs the rows that the filter leaves.
pub fn run(args: &Args) -> Result<()> {
    if !args.report.is_empty() {
        let tables = page::Figures::read(&args.report)?.markdown();
        return match &args.into {
            Some(page) => page::replace(page, &tables),
            None => {
                print!("{tables}");
                Ok(())
            }
        };
    }
    let paths = paths(&args.kernels)?;
    if args.threads.contains(&0) || args.samples == 0 {
        bail!("--threads and --samples need numbers from 1 on");
    }
    let mut bench = Bench::new(args.filter.clone(), args.json, args.samples, &args.threads)?;
    for path in paths {
        force_path(Some(path))?;
        let header = header::describe(&sets::all())?;
        bench.header(&header, &header::text(&header));
        bench.with_each(machine::run)?;
        bench.with_first(kernels::run)?;
        operations::run(&mut bench)?;
        matrices::run(&mut bench)?;
        bootstrap::run(&mut bench, &args.threads)?;
    }
    if bench.rows == 0 {
        bail!("no row has a name that contains {:?}", args.filter);
    }
    Ok(())
}

/// The paths of these names, or the one that runs without any.
fn paths(names: &[String]) -> Result<Vec<KernelPath>> {
    if names.is_empty() {
        path_from_environment()?;
        return Ok(vec![active_path()]);
    }
    let path = |name: &String| match KernelPath::from_name(name) {
        Some(path) => Ok(path),
        None => bail!("--kernels {name}: there are ifma, avx2, concrete-ntt and portable"),
    };
    names.iter().map(path).collect()
}
