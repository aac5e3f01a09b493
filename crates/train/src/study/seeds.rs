//! Finished trainings of the student that is delivered: the same recipe from several seeds, and which of them is chosen.

use std::path::Path;

use ckks_core::file::Hex;
use serde::{Deserialize, Serialize};

use super::{Figures, Study, read};
use crate::run::Progress;
use crate::{Result, export};

/// The file of results.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seeds {
    /// Every run that was ever asked for, those of other configurations and data among them.
    pub runs: Vec<SeedRun>,
}

/// One trained student.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedRun {
    /// Seed of weights, order, dropout and noise.
    pub seed: u64,
    /// Augmented texts that there are to draw from.
    pub texts: usize,
    /// Steps of training.
    pub steps: u64,
    /// Whether it is the one with most right answers on the held-out sentences, and the least distillation loss there among equals. Dev has no
    /// say.
    pub chosen: bool,
    /// Seconds of all its steps and the evaluations between them, however often it was stopped; null for a run that did not write them down.
    /// The teacher's labels came before.
    pub seconds: Option<f64>,
    /// Digest of configuration and data.
    pub digest: String,
    /// Digest of the student's files, hexadecimal: what `eval-sst2` calls `model_digest`.
    pub model_digest: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Trains the study's configuration from every one of `seeds`, or reads the finished run, and writes `path` after each. Runs that `path` already
/// has are kept.
///
/// # Errors
/// A network that cannot be delivered; whatever training refuses; a file that cannot be read or written.
pub fn run_seeds(study: &Study, seeds: &[u64], path: &Path, progress: &mut dyn FnMut(&str, &Progress)) -> Result<Seeds> {
    export::check(&study.base.network)?;
    let old = read::<Seeds>(path)?.unwrap_or_default().runs;
    let plan = seeds.iter().map(|&seed| study.plan(format!("seed {seed}"), true, |c| c.recipe.seed = seed));
    study.complete(
        &plan.collect::<Result<Vec<_>>>()?,
        &|p| old.iter().find(|r| r.digest == p.digest).cloned(),
        &|p, fitted| {
            let (model, _) = export::model(&p.config.network.name, &p.config.network, &fitted.student, &fitted.embedding)?;
            Ok(SeedRun {
                seed: p.config.recipe.seed,
                texts: p.config.data.augmented,
                steps: fitted.steps,
                chosen: false,
                seconds: fitted.seconds,
                digest: p.digest.clone(),
                model_digest: Hex(model.digest()).to_string(),
                figures: study.figures(&p.config, fitted)?,
            })
        },
        (path, &|runs| choose(&old, runs)),
        progress,
    )
}

/// `runs` and those of `old` that are not among them, with one chosen.
fn choose(old: &[SeedRun], mut runs: Vec<SeedRun>) -> Seeds {
    let others: Vec<SeedRun> = old.iter().filter(|o| runs.iter().all(|r| r.digest != o.digest)).cloned().collect();
    runs.extend(others);
    runs.sort_by_key(|r| (r.texts, r.steps, r.seed));
    let better = |a: &SeedRun, b: &SeedRun| {
        let (a, b) = (&a.figures.held_out, &b.figures.held_out);
        a.correct.cmp(&b.correct).then(b.distillation.total_cmp(&a.distillation))
    };
    let best = runs.iter().max_by(|a, b| better(a, b)).map(|r| r.digest.clone());
    runs.iter_mut().for_each(|r| r.chosen = Some(&r.digest) == best.as_ref());
    Seeds { runs }
}
