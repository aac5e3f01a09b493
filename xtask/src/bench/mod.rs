//! `cargo xtask bench`: medians of kernels, operations and circuits, one JSON object a line.

mod kernels;
mod matrices;
mod operations;
mod report;
mod sets;

use anyhow::{Result, bail};
use ckks_core::kernels::{KernelPath, force_path};

use report::Bench;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Only rows whose name contains one of these.
    filter: Vec<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Threads to measure with, in turn.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Kernel path: ifma, concrete-ntt or portable; by default the fastest that this CPU has.
    #[arg(long)]
    kernels: Option<String>,
    /// Samples per row; fewer where one takes long.
    #[arg(long, default_value_t = 15)]
    samples: usize,
}

/// Runs the rows that the filter leaves.
pub fn run(args: &Args) -> Result<()> {
    if let Some(name) = &args.kernels {
        let paths = [KernelPath::Ifma, KernelPath::ConcreteNtt, KernelPath::Portable];
        let Some(path) = paths.into_iter().find(|p| p.name() == name) else {
            bail!("--kernels {name}: there are ifma, concrete-ntt and portable");
        };
        force_path(Some(path))?;
    }
    if args.threads.contains(&0) || args.samples == 0 {
        bail!("--threads and --samples need numbers from 1 on");
    }
    let mut bench = Bench::new(args.filter.clone(), args.json, args.samples);
    bench.header(&sets::all())?;
    for &threads in &args.threads {
        bench.threads = threads;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| -> Result<()> {
            if threads == args.threads[0] {
                kernels::run(&mut bench)?;
            }
            operations::run(&mut bench)?;
            matrices::run(&mut bench)
        })?;
    }
    if bench.rows == 0 {
        bail!("no row has a name that contains {:?}", args.filter);
    }
    Ok(())
}
