//! `config.json` of a student.

use std::path::Path;

use hnn_layers::bilinear_conv::Join;
use hnn_layers::ragged::LengthBucket;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// `model_type` of a student's configuration.
pub const MODEL_TYPE: &str = "hnn-student";

/// Each block takes two levels; no parameter set here has more than 28.
const MOST_BLOCKS: usize = 12;

/// Features and appended products together, factors of a block, width of h.
const MOST_FEATURES: usize = 4096;

/// Shape of a student and what its circuit needs to know beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentConfig {
    /// Always [`MODEL_TYPE`].
    pub model_type: String,
    /// Name for people, e.g. `hnn-fast`.
    pub name: String,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Features per token.
    pub dim: usize,
    /// Whether the last feature is not in the table but 1 on every token (and 0 on padding).
    #[serde(default)]
    pub mask_feature: bool,
    /// Public length classes; positions are powers of two.
    pub buckets: Vec<LengthBucket>,
    /// Bilinear convolution blocks, first to last.
    #[serde(default)]
    pub blocks: Vec<BlockShape>,
    /// Width of h in the quadratic head.
    pub head_size: usize,
    /// The polynomial that stands for σ.
    pub soft_argmax: SoftArgmaxShape,
    /// Name of the parameter set that the model is meant for, e.g. `n14-leveled`.
    pub params: String,
    /// Names of the two classes, negative margins first.
    pub labels: [String; 2],
}

/// Shape of one bilinear convolution block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockShape {
    /// Width of the two factors.
    pub rank: usize,
    /// How their products join the features.
    #[serde(default)]
    pub join: Join,
}

/// The polynomial for σ(x), x = β·margin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftArgmaxShape {
    /// Degree: odd, because σ − 1/2 is. ⌈log₂(degree + 1)⌉ levels.
    pub degree: usize,
    /// The polynomial is fitted on [−bound, bound]. Margins beyond that give wrong scores.
    pub bound: f64,
}

impl StudentConfig {
    /// Reads and checks a student's `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Json`], [`Error::Config`] with the field, what it holds and what it has to hold.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        Self::parse(&bytes, path)
    }

    /// Checks the bytes of a `config.json`; `path` only names it in messages.
    ///
    /// # Errors
    /// As [`StudentConfig::load`], without [`Error::Io`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let config: Self = serde_json::from_slice(bytes).map_err(|source| Error::Json {
            path: path.to_owned(),
            kind: "student configuration",
            source,
        })?;
        config.check(path)?;
        Ok(config)
    }

    /// Checks every value; `path` only names the file in messages.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn check(&self, path: &Path) -> Result<()> {
        let refuse = |field: &str, found: String, needed: &str| {
            Err(Error::Config { path: path.to_owned(), field: field.to_owned(), found, needed: needed.to_owned() })
        };
        if self.model_type != MODEL_TYPE {
            return refuse("model_type", format!("{:?}", self.model_type), "\"hnn-student\"");
        }
        let widths = [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("dim", self.dim, MOST_FEATURES),
            ("head_size", self.head_size, MOST_FEATURES),
        ];
        for (field, found, most) in widths {
            if found == 0 || found > most {
                return refuse(field, found.to_string(), &format!("1 to {most}"));
            }
        }
        if self.mask_feature && self.dim < 2 {
            return refuse("dim", self.dim.to_string(), "at least 2 with a mask feature");
        }
        if self.buckets.is_empty() {
            return refuse("buckets", "none".to_owned(), "at least one length class");
        }
        for (i, bucket) in self.buckets.iter().enumerate() {
            if !bucket.positions.is_power_of_two() || !(4..=4096).contains(&bucket.positions) {
                return refuse(&format!("buckets[{i}].positions"), bucket.positions.to_string(), "a power of two from 4 to 4096");
            }
            if !(bucket.divisor.is_finite() && bucket.divisor > 0.0) {
                return refuse(&format!("buckets[{i}].divisor"), bucket.divisor.to_string(), "a positive finite number");
            }
            if self.buckets[..i].iter().any(|b| b.positions >= bucket.positions) {
                return refuse("buckets", format!("{} positions after as many or more", bucket.positions), "ascending positions");
            }
        }
        if self.blocks.len() > MOST_BLOCKS {
            return refuse("blocks", self.blocks.len().to_string(), &format!("at most {MOST_BLOCKS}"));
        }
        let mut features = self.dim;
        for (i, block) in self.blocks.iter().enumerate() {
            let most = MOST_FEATURES - if block.join == Join::Appended { features } else { 0 };
            if block.rank == 0 || block.rank > most {
                let needed = format!("1 to {most}, for at most {MOST_FEATURES} features");
                return refuse(&format!("blocks[{i}].rank"), block.rank.to_string(), &needed);
            }
            if block.join == Join::Appended {
                features += block.rank;
            }
        }
        let room = self.period() * self.buckets.first().map_or(0, |b| b.positions);
        if self.head_size > room {
            return refuse(
                "head_size",
                self.head_size.to_string(),
                &format!("at most {room}, the slots of the shortest length class"),
            );
        }
        if !self.blocks.is_empty() && !self.mask_feature {
            return refuse("mask_feature", "false".to_owned(), "true, because the blocks take their bias from it");
        }
        let sigmoid = &self.soft_argmax;
        if sigmoid.degree.is_multiple_of(2) || sigmoid.degree > 63 {
            return refuse("soft_argmax.degree", sigmoid.degree.to_string(), "an odd number from 1 to 63");
        }
        if !(sigmoid.bound.is_finite() && sigmoid.bound > 0.0) {
            return refuse("soft_argmax.bound", sigmoid.bound.to_string(), "a positive finite number");
        }
        Ok(())
    }

    /// Columns of the embedding table.
    pub fn table_columns(&self) -> usize {
        self.dim - usize::from(self.mask_feature)
    }

    /// Slots per token: the smallest power of two that holds the features and the factors.
    pub fn period(&self) -> usize {
        self.blocks.iter().map(|b| b.rank).fold(self.dim, usize::max).next_power_of_two()
    }

    /// Slots that h takes, a multiple of the period: the head reads sums over all tokens, which stand at every token, and may spread
    /// over several tokens' slots.
    pub fn head_period(&self) -> usize {
        self.head_size.next_power_of_two().max(self.period())
    }

    /// Most tokens of a text, `[CLS]` and `[SEP]` included.
    pub fn max_tokens(&self) -> usize {
        self.buckets.last().map_or(0, |b| b.positions)
    }

    /// The length class with exactly this many positions.
    pub fn bucket(&self, positions: usize) -> Option<&LengthBucket> {
        self.buckets.iter().find(|b| b.positions == positions)
    }
}
