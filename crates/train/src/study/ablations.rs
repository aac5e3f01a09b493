//! What each part of network and recipe is worth: trained without it, everything else equal.

use std::path::Path;

use hnn_layers::bilinear_conv::Join;
use serde::{Deserialize, Serialize};

use super::{Figures, Planned, Study, read};
use crate::config::{AttentionShape, TrainConfig};
use crate::run::Progress;
use crate::{Error, Result};

/// One change of the configuration.
pub struct Ablation {
    /// Its name in the results.
    pub name: &'static str,
    /// What it changes, in words.
    pub what: &'static str,
    change: fn(&mut TrainConfig),
}

/// The network's older form; a layer compiled on its own has no room for an h wider than a token.
fn add_products(c: &mut TrainConfig) {
    c.network.join = Join::Added;
    c.network.hidden = c.network.hidden.min(c.network.features);
}

/// All of them, the unchanged configuration first.
pub fn ablations() -> &'static [Ablation] {
    const LIST: [Ablation; 10] = [
        Ablation { name: "full", what: "nothing left out", change: |_| () },
        Ablation {
            name: "no-soft-argmax",
            what: "cross-entropy of the margin itself: no learned beta, no penalty on the range of the Soft-Argmax polynomial",
            change: |c| c.recipe.soft_argmax = false,
        },
        Ablation {
            name: "no-noise",
            what: "no noise injected into products, no wanted noise budget",
            change: |c| c.recipe.noise_budget = None,
        },
        Ablation {
            name: "no-range-penalties",
            what: "no penalty on factors beyond the limit, none on the range of the Soft-Argmax polynomial",
            change: |c| (c.recipe.range_weight, c.recipe.score_range_weight) = (0.0, 0.0),
        },
        Ablation {
            name: "no-augmentation",
            what: "every batch is labelled rows of train, with the teacher's answers",
            change: |c| c.recipe.labelled_share = 1.0,
        },
        Ablation {
            name: "no-distillation",
            what: "labels alone, cross-entropy of weight 1, on labelled rows of train (augmented texts have no label): compare with no-augmentation. \
                   The embedding table still starts from the teacher's",
            change: |c| {
                (c.recipe.distillation_weight, c.recipe.label_weight, c.recipe.labelled_share) = (0.0, 1.0, 1.0);
            },
        },
        Ablation {
            name: "dropout",
            what: "a tenth of the embeddings' and means' features dropped, and one word in twenty",
            change: |c| (c.recipe.dropout, c.recipe.word_dropout) = (0.1, 0.05),
        },
        Ablation {
            name: "added-products",
            what: "blocks y = x + W(u ⊙ v) instead of y = (x, u ⊙ v), h as wide as a token: what attention is to be compared with",
            change: add_products,
        },
        Ablation { name: "one-block", what: "one block instead of two", change: |c| c.network.blocks = 1 },
        Ablation {
            name: "attention",
            what: "power attention (p = 2, 4 heads, R = 16) instead of the last block of added-products, noise at its output; its circuit is not folded and needs more levels, \
                   so its noise budget is that of n16-leveled",
            change: |c| {
                add_products(c);
                c.network.blocks = c.network.blocks.saturating_sub(1);
                c.network.attention = Some(AttentionShape { heads: 4, exponent: 2, divisor: 16.0 });
                c.network.parameters = "n16-leveled".into();
            },
        },
    ];
    const { &LIST }
}

/// The file of results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ablations {
    /// Steps of every run.
    pub steps: u64,
    /// Seed of every run.
    pub seed: u64,
    /// Augmented texts that there are to draw from.
    pub augmented: usize,
    /// Finished runs.
    pub runs: Vec<Run>,
}

/// One trained student.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Name of the ablation.
    pub name: String,
    /// What it changes.
    pub what: String,
    /// Digest of configuration and data.
    pub digest: String,
    /// Its figures.
    pub figures: Figures,
}

/// Trains all ablations of the study's configuration, or those named in `only`, and writes `path` after each. Runs that `path` already has
/// with the same configuration and data are kept.
///
/// # Errors
/// An unknown name; whatever training refuses; a file that cannot be read or written.
pub fn run_ablations(
    study: &Study,
    only: &[String],
    path: &Path,
    progress: &mut dyn FnMut(&str, &Progress),
) -> Result<Ablations> {
    for name in only {
        if !ablations().iter().any(|a| a.name == name) {
            let known: Vec<&str> = ablations().iter().map(|a| a.name).collect();
            return Err(Error::Config(format!("no ablation {name:?}; there are {}", known.join(", "))));
        }
    }
    let old = read::<Ablations>(path)?.map(|a| a.runs).unwrap_or_default();
    let is_asked = |name: &str| only.is_empty() || only.iter().any(|n| n == name);
    let plan = ablations().iter().map(|a| study.plan(a.name, is_asked(a.name), a.change)).collect::<Result<Vec<_>>>()?;
    let what = |planned: &Planned| ablations().iter().find(|a| a.name == planned.name).map_or("", |a| a.what);
    let (steps, seed, augmented) = (study.base.recipe.steps, study.base.recipe.seed, study.base.data.texts());
    study.complete(
        &plan,
        // Runs of another length or of other data are no comparison for these.
        &|p| old.iter().find(|r| r.name == p.name && r.digest == p.digest).cloned(),
        &|p, fitted| {
            let figures = study.figures(&p.config, fitted)?;
            Ok(Run { name: p.name.clone(), what: what(p).into(), digest: p.digest.clone(), figures })
        },
        (path, &|runs| Ablations { steps, seed, augmented, runs }),
        progress,
    )
}
