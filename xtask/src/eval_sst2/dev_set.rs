//! SST-2's dev sentences from `data/cache/`, checked against their digest.

use std::path::Path;

use anyhow::{Context, Result, bail};

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
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let (mut sentences, mut positive) = (Vec::new(), Vec::new());
        for (index, line) in text.lines().enumerate().skip(1) {
            let (sentence, label) = line.rsplit_once('\t').with_context(|| format!("line {}: no tab", index + 1))?;
            positive.push(match label.trim() {
                "1" => true,
                "0" => false,
                other => bail!("line {}: found label {other:?}, needed 0 or 1", index + 1),
            });
            sentences.push(sentence.to_owned());
        }
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

#[cfg(test)]
mod tests {
    use super::DevSet;

    #[test]
    fn rows_are_read_and_bad_ones_named() {
        let set = DevSet::parse("sentence\tlabel\na fine film \t1\na mess\t0\n").unwrap();
        assert_eq!((set.sentences, set.positive), (vec!["a fine film ".to_owned(), "a mess".to_owned()], vec![true, false]));
        for bad in ["sentence\tlabel\na fine film 1\n", "sentence\tlabel\na fine film\t2\n"] {
            let message = format!("{:#}", DevSet::parse(bad).err().unwrap());
            assert!(message.contains("line 2"), "{message}");
        }
    }
}
