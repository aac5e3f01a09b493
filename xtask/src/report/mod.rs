//! `cargo xtask report`: docs/accuracy.md and its plots from the figures in docs/results/.
//!
//! Nothing is measured here, and no figure of this repository stands in the code. Where a file of figures is missing, or is of other weights
//! than the student's, the page says so and names the command that makes it.

mod page;
mod plots;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use ::train::study::{Ablations, NoiseCurve, Seeds};
use anyhow::{Context, Result};
use ckks_core::file::Hex;
use distilbert_he::student::Student;
use serde::de::DeserializeOwned;

use crate::eval_sst2::report::Report;
use crate::eval_sst2::{Mode, TEACHER};
use crate::workspace;

/// The student that the page is about.
const STUDENT: &str = "hnn-fast";

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

/// Figures from a file, or in words why there are none and what makes them.
type Found<T> = std::result::Result<T, String>;

/// One evaluation that the page has a line for.
struct Evaluation {
    name: &'static str,
    model: &'static str,
    mode: Mode,
    command: String,
    report: Found<Report>,
}

/// Everything that the page is made from.
struct Figures {
    /// Digest of the student's files, as [`Report`] has it.
    digest: String,
    evaluations: Vec<Evaluation>,
    ablations: Found<Ablations>,
    curve: Found<NoiseCurve>,
    seeds: Found<Seeds>,
}

impl Figures {
    /// Reads what `folder` has of the student with `digest`.
    fn read(folder: &Path, digest: String) -> Result<Self> {
        let evaluations = [
            (TEACHER, Mode::Plain, "teacher, exact"),
            (STUDENT, Mode::Plain, "student, exact σ"),
            (STUDENT, Mode::Poly, "student, polynomials"),
            (STUDENT, Mode::Simulate, "student, simulated errors"),
            (STUDENT, Mode::Encrypted, "student, encrypted"),
        ]
        .into_iter()
        .map(|(model, mode, name)| {
            let command = format!("cargo xtask eval-sst2 --model {model} --mode {} --json", mode.name());
            let file = format!("{model}-{}.json", mode.name());
            let report: Found<Report> = read(&folder.join(&file), &format!("{command} > docs/results/{file}"))?;
            let own = |r: Report| match &r.model_digest {
                Some(found) if *found != digest => Err(format!(
                    "`{file}` is of other weights than those in `data/{STUDENT}/`; make it again with `{command} > docs/results/{file}`"
                )),
                _ => Ok(r),
            };
            let report = report.and_then(own);
            Ok(Evaluation { name, model, mode, command, report })
        })
        .collect::<Result<_>>()?;
        Ok(Self {
            digest,
            evaluations,
            ablations: read(&folder.join("ablations.json"), "cargo xtask train --ablations --steps 1500")?,
            curve: read(&folder.join("nu-curve.json"), "cargo xtask train --noise-curve --steps 1500")?,
            seeds: read(&folder.join("seeds.json"), "cargo xtask train --seeds 1,2,3")?,
        })
    }

    /// What was measured of the student in one mode.
    fn of(&self, mode: Mode) -> Option<&Report> {
        self.evaluations.iter().find(|e| e.model == STUDENT && e.mode == mode)?.report.as_ref().ok()
    }

    /// The answers whose calibration is shown: the encrypted ones, where there are some.
    fn calibrated(&self) -> Option<&Report> {
        self.of(Mode::Encrypted).or_else(|| self.of(Mode::Poly))
    }

    /// Everything that is missing, in words.
    fn missing(&self) -> impl Iterator<Item = &String> {
        let evaluations = self.evaluations.iter().filter_map(|e| e.report.as_ref().err());
        evaluations.chain(self.ablations.as_ref().err()).chain(self.curve.as_ref().err()).chain(self.seeds.as_ref().err())
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let folder = args.results.clone().unwrap_or_else(|| root.join("docs/results"));
    let page = args.out.clone().unwrap_or_else(|| root.join("docs/accuracy.md"));
    let student = Student::load(root.join("data").join(STUDENT))?;
    let figures = Figures::read(&folder, Hex(student.digest()).to_string())?;
    figures.missing().for_each(|what| eprintln!("{what}"));
    if let Some(report) = figures.of(Mode::Encrypted) {
        plots::distributions(&folder.join(page::DISTRIBUTION), report)?;
    }
    if let Some(report) = figures.calibrated() {
        plots::reliability(&folder.join(page::RELIABILITY), report)?;
    }
    if let Ok(curve) = &figures.curve {
        plots::noise_curve(&folder.join(page::CURVE), curve)?;
    }
    fs::write(&page, page::text(&figures, student.config())?).with_context(|| format!("{} cannot be written", page.display()))
}

/// A file of figures; the words where there is none.
fn read<T: DeserializeOwned>(path: &Path, made_by: &str) -> Result<Found<T>> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    match fs::read_to_string(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Ok(Err(format!("not measured: there is no `{file}`; make it with `{made_by}`")))
        }
        Err(e) => Err(e).with_context(|| format!("{} cannot be read", path.display())),
        Ok(text) => {
            let parsed = serde_json::from_str(&text);
            parsed.map(Ok).with_context(|| format!("{} is not what `{made_by}` writes; make it again", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval_sst2::statistics::Bin;

    fn figures(folder: &Path) -> Result<(Figures, Student)> {
        let student = Student::load(workspace::root()?.join("data").join(STUDENT))?;
        Ok((Figures::read(folder, Hex(student.digest()).to_string())?, student))
    }

    #[test]
    fn what_is_missing_is_named_with_its_command() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (figures, student) = figures(folder.path())?;
        let text = page::text(&figures, student.config())?;
        assert_eq!(figures.missing().count(), 8);
        for command in [
            "cargo xtask eval-sst2 --model minilm-sst2 --mode plain --json > docs/results/minilm-sst2-plain.json",
            "cargo xtask eval-sst2 --model hnn-fast --mode simulate --json > docs/results/hnn-fast-simulate.json",
            "cargo xtask eval-sst2 --model hnn-fast --mode encrypted --json > docs/results/hnn-fast-encrypted.json",
            "cargo xtask train --ablations",
            "cargo xtask train --noise-curve",
            "cargo xtask train --seeds",
        ] {
            assert!(text.contains(command), "{command} is not in\n{text}");
        }
        assert!(!text.contains(".svg"), "a plot that was not drawn");
        Ok(())
    }

    #[test]
    fn figures_of_other_weights_count_as_missing_and_damaged_ones_are_refused() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("hnn-fast-poly.json");
        let report = |digest: &str| {
            format!(
                r#"{{"model":"hnn-fast","model_digest":"{digest}","mode":"poly","n":2,"correct":1,"accuracy":0.5,"interval95":[0.1,0.9],
                "teacher":"minilm-sst2","teacher_accuracy":1.0,"accuracy_ratio":0.5,"agreement":0.5,"agreement_with":"minilm-sst2",
                "range_ratios":{{}},"expected_calibration_error":0.0,"reliability":{bins},"mean_entropy_bits":0.5,
                "seconds_per_sentence":1.0,"threads":2}}"#,
                bins = serde_json::json!([Bin::default(); 10].to_vec())
            )
        };
        fs::write(&path, report("00"))?;
        let (found, student) = figures(folder.path())?;
        assert!(found.of(Mode::Poly).is_none());
        assert!(page::text(&found, student.config())?.contains("of other weights"));
        fs::write(&path, report(&found.digest))?;
        let (found, student) = figures(folder.path())?;
        assert_eq!(found.of(Mode::Poly).map(|r| r.n), Some(2));
        assert!(page::text(&found, student.config())?.contains("| student, polynomials | 2 | 1 | 50.00 % |"));
        fs::write(&path, "{}")?;
        let refused = figures(folder.path()).err().map(|e| format!("{e:#}")).unwrap_or_default();
        assert!(refused.contains("--mode poly") && refused.contains("missing field"), "{refused}");
        Ok(())
    }
}
