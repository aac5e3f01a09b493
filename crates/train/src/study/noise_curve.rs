//! Accuracy against ν: students trained for several noise budgets, each evaluated under noise of several strengths.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Figures, Study, read};
use crate::Result;
use crate::config::TrainConfig;
use crate::data::corpus::Example;
use crate::fit::{Fitted, table_values};
use crate::run::Progress;
use crate::trainer::evaluate::noisy_margins;

/// Bits of precision of products at which every student is evaluated.
const EVALUATED_BITS: [f64; 13] = [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];

/// Evaluations with noise of their own at each strength.
const DRAWS: u64 = 5;

/// The file of results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoiseCurve {
    /// Steps of every run.
    pub steps: u64,
    /// Seed of every run.
    pub seed: u64,
    /// Augmented texts that there are to draw from.
    pub augmented: usize,
    /// Draws of the noise behind every point.
    pub draws: u64,
    /// Finished runs.
    pub runs: Vec<NoiseTrained>,
}

/// A student trained for one noise budget.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoiseTrained {
    /// ν of its training: noise of standard deviation 2^−ν at every product of a block; none without.
    pub trained_bits: Option<f64>,
    /// Digest of configuration and data.
    pub digest: String,
    /// Its figures without noise.
    pub figures: Figures,
    /// Under noise, from strong to weak.
    pub points: Vec<NoisePoint>,
}

/// A student under noise of standard deviation 2^−`bits` at every product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoisePoint {
    /// ν of the evaluation.
    pub bits: f64,
    /// Accuracy on dev: mean, lowest, highest over the draws.
    pub dev: [f64; 3],
    /// The same on the held-out sentences.
    pub held_out: [f64; 3],
}

/// Trains for every ν of `wanted` (`None`: without noise) and writes `path` after each. Runs that `path` already has with the same
/// configuration and data are kept, wanted or not.
///
/// # Errors
/// Whatever training refuses; a file that cannot be read or written.
pub fn run_noise_curve(
    study: &Study,
    wanted: &[Option<f64>],
    path: &Path,
    progress: &mut dyn FnMut(&str, &Progress),
) -> Result<NoiseCurve> {
    let old = read::<NoiseCurve>(path)?.map(|a| a.runs).unwrap_or_default();
    let mut budgets: Vec<Option<f64>> = old.iter().map(|r| r.trained_bits).chain(wanted.iter().copied()).collect();
    budgets.sort_by(|a, b| a.unwrap_or(f64::INFINITY).total_cmp(&b.unwrap_or(f64::INFINITY)));
    budgets.dedup();
    let plan = budgets.into_iter().map(|bits| {
        let name = bits.map_or("no noise".to_string(), |bits| format!("nu = {bits}"));
        study.plan(name, wanted.contains(&bits), |c| c.recipe.noise_budget = bits)
    });
    let (steps, seed, augmented) = (study.base.recipe.steps, study.base.recipe.seed, study.base.data.texts());
    study.complete(
        &plan.collect::<Result<Vec<_>>>()?,
        &|p| old.iter().find(|r| r.digest == p.digest).cloned(),
        &|p, fitted| {
            Ok(NoiseTrained {
                trained_bits: p.config.recipe.noise_budget,
                digest: p.digest.clone(),
                figures: study.figures(&p.config, fitted)?,
                points: EVALUATED_BITS.iter().map(|&bits| point(study, &p.config, fitted, bits)).collect::<Result<_>>()?,
            })
        },
        (path, &|runs| NoiseCurve { steps, seed, augmented, draws: DRAWS, runs }),
        progress,
    )
}

/// A student's accuracy with noise of standard deviation 2^−`bits`.
fn point(study: &Study, config: &TrainConfig, fitted: &Fitted, bits: f64) -> Result<NoisePoint> {
    let table = table_values(&fitted.embedding)?;
    let buckets = &config.network.buckets;
    let accuracy = |examples: &[Example]| -> Result<[f64; 3]> {
        let mut found = Vec::new();
        for draw in 0..DRAWS {
            let deviation = 2f64.powf(-bits) as f32;
            let seed = (config.recipe.seed, draw);
            let margins = noisy_margins(&fitted.student, table.view(), buckets, examples, deviation, seed)?;
            let right = margins.iter().zip(examples).filter(|(m, e)| e.label == Some(u8::from(**m > 0.0))).count();
            found.push(right as f64 / examples.len().max(1) as f64);
        }
        let mean = found.iter().sum::<f64>() / DRAWS as f64;
        let [low, high] = found.iter().fold([1.0f64, 0.0], |[l, h], &a| [l.min(a), h.max(a)]);
        Ok([mean, low, high])
    };
    Ok(NoisePoint { bits, dev: accuracy(&study.corpus.dev)?, held_out: accuracy(&study.corpus.held_out)? })
}
