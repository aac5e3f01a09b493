//! Finished trainings of the student that is delivered: the same recipe from several seeds, and which of them is chosen.

use std::path::Path;

use ckks_core::file::Hex;
use serde::{Deserialize, Serialize};

use super::{Figures, Study, read};
use crate::run::Progress;
use crate::trainer::evaluate::Evaluation;
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
    /// Whether it is the one with the least distillation loss on the held-out rows, among runs with as many of them. Dev has no say.
    pub chosen: bool,
    /// Seconds of all its steps and the evaluations between them, however often it was stopped; null for a run that did not write them down.
    /// The teacher's labels came before.
    pub seconds: Option<f64>,
    /// Digest of configuration and data.
    pub digest: String,
    /// Digest of the student's files, hexadecimal: what `eval-sst2` calls `model_digest`.
    pub model_digest: String,
    /// On every held-out row, the sentences and their phrases: with ten times as many as sentences, two runs seldom differ by chance alone.
    pub held_out_rows: Evaluation,
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
                texts: p.config.data.texts(),
                steps: fitted.steps,
                chosen: false,
                seconds: fitted.seconds,
                digest: p.digest.clone(),
                model_digest: Hex(model.digest()).to_string(),
                held_out_rows: study.evaluate(&p.config, fitted, &study.corpus.held_out_rows)?,
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
    // Not the number of right answers: its differences between trainings are smaller than their own chance. Losses on other rows do not
    // compare.
    let best = |n: usize| {
        let same = runs.iter().filter(|r| r.held_out_rows.n == n);
        same.min_by(|a, b| a.held_out_rows.distillation.total_cmp(&b.held_out_rows.distillation)).map(|r| &r.digest)
    };
    let chosen: Vec<bool> = runs.iter().map(|r| best(r.held_out_rows.n) == Some(&r.digest)).collect();
    runs.iter_mut().zip(chosen).for_each(|(r, chosen)| r.chosen = chosen);
    Seeds { runs }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run with this loss on the held-out rows and so many right answers on dev.
    fn run(seed: u64, distillation: f64, dev: usize) -> SeedRun {
        let evaluation = |correct: usize, distillation: f64| {
            serde_json::json!({
                "n": 1000, "correct": correct, "accuracy": 0.0, "interval95": [0.0, 1.0], "teacher_correct": 900, "agreement": 0.0,
                "distillation": distillation, "log_loss": 0.0,
                "ranges": { "factors": [], "products": [], "features": 0.0, "hidden": 0.0, "margin": 0.0 }
            })
        };
        let json = serde_json::json!({
            "seed": seed, "texts": 10, "steps": 5, "chosen": false, "seconds": null, "digest": seed.to_string(), "model_digest": "",
            "held_out_rows": evaluation(700, distillation), "held_out": evaluation(800, 0.2), "dev": evaluation(dev, 0.0),
            "beta": 1.0, "max_range_ratio": 0.5, "entropy_bits": 0.5, "entropy_bits_without_soft_argmax": 0.5, "margin_bits": 9.0,
            "noise_budget": {
                "bits": 12.0, "mean_bits": 12.0, "deviation_bits": 1.0, "levels_left": 0, "levels_used": 11, "levels_available": 11,
                "parameters": "n14-leveled", "log_n": 14, "log_scale": 30, "sentences": 9, "classes": []
            }
        });
        serde_json::from_value(json).expect("a run")
    }

    #[test]
    fn held_out_rows_choose_and_dev_does_not() {
        let chosen = |old: &[SeedRun], new: Vec<SeedRun>| {
            let seeds = choose(old, new);
            let of = |is: bool| seeds.runs.iter().filter(|r| r.chosen == is).map(|r| r.seed).collect::<Vec<_>>();
            (of(true), of(false))
        };
        assert_eq!(chosen(&[], vec![run(3, 0.3, 770), run(1, 0.25, 760), run(2, 0.2, 750)]), (vec![2], vec![1, 3]));
        // Runs of an earlier call stay, and lose what they were if another is better; a run that was made again stands once.
        let old = [SeedRun { chosen: true, ..run(1, 0.2, 760) }, run(2, 0.3, 790)];
        assert_eq!(chosen(&old, vec![run(4, 0.1, 740), run(2, 0.3, 790)]), (vec![4], vec![1, 2]));
        assert!(choose(&[], Vec::new()).runs.is_empty());
        // Runs with other held-out rows have a choice of their own.
        let mut fewer = run(5, 0.5, 700);
        fewer.held_out_rows.n = 300;
        assert_eq!(chosen(&old, vec![fewer]), (vec![1, 5], vec![2]));
    }
}
