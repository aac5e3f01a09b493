//! SST-2's dev sentences from `data/cache/`, checked against their digest.

use std::path::Path;

use anyhow::{Result, bail};

use crate::fetch;

/// Sentences with their labels (1 positive, 0 negative).
pub struct DevSet {
    /// Sentences, in the file's order.
    pub sentences: Vec<String>,
    /// Whether each is positive.
    pub positive: Vec<bool>,
}

impl DevSet {
    /// Reads `sst2/dev.tsv`.
    pub fn read(cache: &Path) -> Result<Self> {
        let path = cache.join("sst2/dev.tsv");
        if !path.is_file() {
            bail!(
                "{} is missing; get it with `cargo xtask fetch --only sst2`, or from a copy with `cargo xtask fetch --from DIR`",
                path.display()
            );
        }
        fetch::check_dev_set(&path)?;
        let rows = ::train::data::tsv::sentences(&path)?;
        let (sentences, positive) = rows.into_iter().map(|(sentence, label)| (sentence, label == 1)).unzip();
        Ok(Self { sentences, positive })
    }

    /// Keeps the first `n`.
    pub fn truncate(&mut self, n: usize) {
        self.sentences.truncate(n);
        self.positive.truncate(n);
    }

    /// Number of sentences.
    pub fn len(&self) -> usize {
        self.sentences.len()
    }
}
