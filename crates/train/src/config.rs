//! What a run is told: network, data, recipe. Everything that decides the weights stands here and in the data.

use hnn_layers::attention::Weighting;
use hnn_layers::bilinear_conv::Join;
use hnn_layers::ragged::{LengthBucket, default_buckets};
use serde::{Deserialize, Serialize};

use crate::data::corpus::DataConfig;
use crate::{Error, Result};

/// The network's shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Name of the model.
    pub name: String,
    /// Features per token, the mask feature among them.
    pub features: usize,
    /// Width of the factors in a block.
    pub rank: usize,
    /// Width of the head's h.
    pub hidden: usize,
    /// Bilinear convolution blocks; none leaves mean and quadratic head.
    pub blocks: usize,
    /// How a block's products join the features.
    pub join: Join,
    /// Length classes.
    pub buckets: Vec<LengthBucket>,
    /// Largest |β·margin| that the Soft-Argmax polynomial has to take.
    pub score_bound: f64,
    /// Degree of that polynomial.
    pub score_degree: usize,
    /// Name of the CKKS parameter set that the circuit is made for.
    pub parameters: String,
    /// A layer of power attention behind the blocks: for comparison only, the student's files have no place for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<AttentionShape>,
}

/// Power attention y = x + W(Σ (q·k/√b)^p / R · v).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionShape {
    /// Heads, a divisor of the features.
    pub heads: usize,
    /// p, a power of two.
    pub exponent: u32,
    /// R, public and the same for every length class.
    pub divisor: f64,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        NetworkConfig {
            name: "hnn-fast".into(),
            features: 128,
            rank: 128,
            hidden: 384,
            blocks: 2,
            join: Join::Appended,
            buckets: default_buckets(),
            score_bound: 12.0,
            score_degree: 31,
            parameters: "n14-leveled".into(),
            attention: None,
        }
    }
}

/// The recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecipeConfig {
    /// Seed of weights, order, dropout and noise.
    pub seed: u64,
    /// Digest of the student's files that training goes on from, hexadecimal; random weights without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Optimiser steps.
    pub steps: u64,
    /// Sentences per step.
    pub batch: usize,
    /// Share of a batch that are labelled training rows; the others are augmented texts.
    pub labelled_share: f64,
    /// Highest learning rate of everything but the table.
    pub rate: f32,
    /// Highest learning rate of the embedding table.
    pub table_rate: f32,
    /// Decoupled weight decay of matrices.
    pub decay: f32,
    /// Steps of linear warm-up, before the cosine.
    pub warm_up: u64,
    /// Largest norm of the whole gradient.
    pub clip: f32,
    /// Dropout of embeddings and means.
    pub dropout: f32,
    /// Share of tokens whose embedding is dropped.
    pub word_dropout: f32,
    /// Decay of the running mean of weights.
    pub ema: f32,
    /// Temperature T of the distillation.
    pub temperature: f32,
    /// Weight of the distillation; 0 learns from labels alone.
    #[serde(skip_serializing_if = "is_one")]
    pub distillation_weight: f32,
    /// Whether the cross-entropy is that of the Soft-Argmax layer with its learned β and with a penalty on the layer's range. Without
    /// it the cross-entropy is that of the margin itself: β stays 1 and |margin| is free.
    #[serde(skip_serializing_if = "is_true")]
    pub soft_argmax: bool,
    /// Weight of the cross-entropy on labels.
    pub label_weight: f32,
    /// Weight of Σ relu(|f| − limit)² over the factors u and v of every token.
    pub range_weight: f32,
    /// The limit of that penalty.
    pub range_limit: f32,
    /// Weight of relu(|β·margin| − ¾·score_bound)².
    pub score_range_weight: f32,
    /// Wanted noise budget ν: bits of precision of the encrypted score. A network whose circuit is predicted to leave less, or
    /// needs more levels than the parameters have, is refused before training; and every product of two encrypted values gets
    /// Gaussian noise of standard deviation 2^−ν during training.
    pub noise_budget: Option<f64>,
    /// Steps between two evaluations on the held-out sentences.
    pub evaluate_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
}

impl Default for RecipeConfig {
    fn default() -> Self {
        RecipeConfig {
            seed: 3,
            start: None,
            steps: 14_000,
            batch: 256,
            labelled_share: 0.25,
            rate: 2e-3,
            table_rate: 1e-3,
            decay: 0.01,
            warm_up: 200,
            clip: 1.0,
            dropout: 0.0,
            word_dropout: 0.0,
            ema: 0.998,
            temperature: 2.0,
            distillation_weight: 1.0,
            soft_argmax: true,
            label_weight: 0.2,
            range_weight: 0.003,
            range_limit: 6.0,
            score_range_weight: 0.1,
            noise_budget: Some(8.0),
            evaluate_every: 500,
            checkpoint_every: 500,
        }
    }
}

// Fields at their defaults that older configurations do not have stay out of the JSON: equal runs keep equal digests.
fn is_one(v: &f32) -> bool {
    *v == 1.0
}

fn is_true(v: &bool) -> bool {
    *v
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The network.
    pub network: NetworkConfig,
    /// The data.
    pub data: DataConfig,
    /// The recipe.
    pub recipe: RecipeConfig,
}

impl TrainConfig {
    /// BLAKE3 digest of the configuration as JSON, hexadecimal: runs with equal digests on equal data give equal weights.
    ///
    /// # Errors
    /// The configuration cannot be written as JSON.
    pub fn digest(&self) -> Result<String> {
        let json = serde_json::to_string(self).map_err(|e| Error::Config(e.to_string()))?;
        Ok(blake3::hash(json.as_bytes()).to_hex().to_string())
    }

    /// Refuses what cannot be trained, naming the value.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<()> {
        let (n, r) = (&self.network, &self.recipe);
        let refuse = |ok: bool, what: String| if ok { Ok(()) } else { Err(Error::Config(what)) };
        let is_share = |v: f64| (0.0..=1.0).contains(&v);
        refuse(
            n.features >= 2 && n.rank >= 1 && n.hidden >= 1,
            format!("features {}, rank {}, hidden {}: needed at least 2, 1, 1", n.features, n.rank, n.hidden),
        )?;
        refuse(!n.buckets.is_empty(), "no length class".into())?;
        for b in &n.buckets {
            refuse(
                b.positions.is_power_of_two() && b.divisor > 0.0,
                format!(
                    "length class of {} positions with divisor {}: needed a power of two and a positive divisor",
                    b.positions, b.divisor
                ),
            )?;
        }
        let longest = n.buckets.iter().map(|b| b.positions).max().unwrap_or(0);
        for set in self.data.text_sets() {
            let (max_tokens, [fewest, most]) = (set.augment.max_tokens, set.augment.swaps);
            refuse(max_tokens >= 1, format!("max_tokens is {max_tokens}, needed at least 1"))?;
            refuse(fewest <= most, format!("swaps are {fewest} to {most}, needed two numbers in rising order"))?;
        }
        refuse(longest >= 3, format!("the longest length class has {longest} positions, [CLS], [SEP] and a word need 3"))?;
        refuse(
            n.score_bound > 0.0 && n.score_degree >= 1,
            format!("score_bound {} with degree {}", n.score_bound, n.score_degree),
        )?;
        if let Some(a) = &n.attention {
            refuse(
                a.heads >= 1 && n.features.is_multiple_of(a.heads),
                format!("{} attention heads, needed a divisor of {} features", a.heads, n.features),
            )?;
            Weighting::power(a.exponent, a.divisor)?;
            refuse(
                n.join == Join::Added,
                "attention behind blocks that append: needed blocks that add (\"join\": \"added\")".into(),
            )?;
        }
        refuse(r.batch >= 1 && r.steps >= 1, format!("batch {} and steps {}: needed at least 1", r.batch, r.steps))?;
        refuse(
            r.evaluate_every >= 1 && r.checkpoint_every >= 1,
            "evaluate_every and checkpoint_every have to be at least 1".into(),
        )?;
        for (name, v) in [
            ("labelled_share", r.labelled_share),
            ("dropout", r.dropout.into()),
            ("word_dropout", r.word_dropout.into()),
            ("ema", r.ema.into()),
        ] {
            refuse(is_share(v), format!("{name} is {v}, needed 0 to 1"))?;
        }
        if let Some(nu) = r.noise_budget {
            refuse((0.0..=60.0).contains(&nu), format!("noise_budget is {nu} bits, needed 0 to 60"))?;
        }
        refuse(r.dropout < 1.0 && r.word_dropout < 1.0, "a dropout of 1 leaves nothing".into())?;
        refuse(
            r.temperature > 0.0 && r.rate > 0.0 && r.table_rate >= 0.0 && r.clip > 0.0,
            "temperature, rates and clip have to be positive".into(),
        )?;
        refuse(
            r.distillation_weight >= 0.0 && r.label_weight >= 0.0 && r.distillation_weight + r.label_weight > 0.0,
            format!(
                "distillation_weight {} and label_weight {}: needed two numbers that are not negative, one of them positive",
                r.distillation_weight, r.label_weight
            ),
        )
    }
}
