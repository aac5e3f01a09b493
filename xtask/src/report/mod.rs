//! `cargo xtask report`: docs/accuracy.md and its plots from the figures in docs/results/.
//!
//! Nothing is measured here. A file of figures that is missing leaves its section out, and the command that makes it is named.

mod page;
mod plots;

use std::fs;
use std::path::{Path, PathBuf};

use ::train::study::{Ablations, NoiseCurve};
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::workspace;

/// Arguments of `report`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the figures and plots, instead of docs/results/.
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// The page, instead of docs/accuracy.md.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Files of `eval-sst2` with what each is called on the page and the arguments that make it; later files of one name replace earlier.
const EVALUATIONS: [(&str, &str, &str); 6] = [
    ("minilm-sst2-plain.json", "teacher, exact", "--model minilm-sst2 --mode plain"),
    ("hnn-fast-plain.json", "hnn-fast, exact σ", "--model hnn-fast --mode plain"),
    ("hnn-fast-poly.json", "hnn-fast, polynomials", "--model hnn-fast --mode poly"),
    ("hnn-fast-simulate.json", "hnn-fast, simulated errors", "--model hnn-fast --mode simulate"),
    ("hnn-fast-encrypted-50.json", "hnn-fast, encrypted, first 50", "--model hnn-fast --mode encrypted --limit 50"),
    ("hnn-fast-encrypted.json", "hnn-fast, encrypted", "--model hnn-fast --mode encrypted"),
];

/// One evaluation as `eval-sst2 --json` printed it.
struct Evaluation {
    name: &'static str,
    arguments: &'static str,
    figures: Value,
}

/// Everything that the page is made from.
struct Figures {
    evaluations: Vec<Evaluation>,
    ablations: Option<Ablations>,
    curve: Option<NoiseCurve>,
}

impl Figures {
    /// The evaluation on most sentences whose figures have `field`, ciphertexts before simulation.
    fn best_with(&self, field: &str) -> Option<&Evaluation> {
        let with = self.evaluations.iter().filter(|e| e.arguments.contains("hnn-fast") && !e.figures[field].is_null());
        with.max_by_key(|e| (e.figures["mode"] == "encrypted", e.figures["n"].as_u64()))
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let folder = args.results.clone().unwrap_or_else(|| root.join("docs/results"));
    let page = args.out.clone().unwrap_or_else(|| root.join("docs/accuracy.md"));
    let mut figures = Figures { evaluations: Vec::new(), ablations: None, curve: None };
    for (file, name, arguments) in EVALUATIONS {
        let made_by = format!("cargo xtask eval-sst2 {arguments} --json > {}", folder.join(file).display());
        if let Some(value) = read(&folder.join(file), &made_by)? {
            figures.evaluations.push(Evaluation { name, arguments, figures: value });
        }
    }
    figures.ablations = read(&folder.join("ablations.json"), "cargo xtask train --ablations --steps 1500")?;
    figures.curve = read(&folder.join("nu-curve.json"), "cargo xtask train --noise-curve --steps 1500")?;
    let mut plots = Vec::new();
    if let Some(e) = figures.best_with("nu_predicted_distribution") {
        plots::distributions(&folder.join("nu-distribution.svg"), &e.figures)?;
        plots.push("nu-distribution.svg");
    }
    if let Some(e) = figures.best_with("reliability") {
        plots::reliability(&folder.join("reliability.svg"), &e.figures)?;
        plots.push("reliability.svg");
    }
    if let Some(curve) = &figures.curve {
        plots::noise_curve(&folder.join("nu-curve.svg"), curve)?;
        plots.push("nu-curve.svg");
    }
    fs::write(&page, page::text(&figures, &plots)).with_context(|| format!("{} cannot be written", page.display()))?;
    Ok(())
}

/// A file of figures; `None`, said on stderr, where there is none.
fn read<T: DeserializeOwned>(path: &Path, made_by: &str) -> Result<Option<T>> {
    if !path.exists() {
        eprintln!("{} is missing and its section is left out; it is made by `{made_by}`", path.display());
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).map(Some).with_context(|| format!("{}: make it again with `{made_by}`", path.display()))
}
