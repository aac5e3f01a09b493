//! `config.json` of the DistilBERT family, as Hugging Face writes it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Error, Result};

/// Largest value accepted for any dimension: far above every published model, far below what would exhaust memory.
const LARGEST_DIMENSION: u64 = 1 << 20;

/// Shape of a `DistilBertForSequenceClassification` (Sanh et al. 2019, arXiv:1910.01108).
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    /// Width of the residual stream.
    pub dim: usize,
    /// Width inside the feed-forward network.
    pub hidden_dim: usize,
    /// Number of transformer layers.
    pub n_layers: usize,
    /// Number of attention heads; divides `dim`.
    pub n_heads: usize,
    /// Rows of the word embedding table.
    pub vocab_size: usize,
    /// Rows of the position embedding table: the longest sequence.
    pub max_position_embeddings: usize,
    /// Labels by class index, e.g. `["NEGATIVE", "POSITIVE"]`.
    pub labels: Vec<String>,
}

impl EncoderConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Json`], and [`Error::Config`] with the field, what it holds and what it has to hold.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        Self::parse(&text, path)
    }

    /// Checks the text of a `config.json`; `path` only names it in messages.
    ///
    /// # Errors
    /// As [`EncoderConfig::load`], without [`Error::Io`].
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|source| Error::Json {
            path: path.to_owned(),
            kind: "model configuration",
            source,
        })?;
        let fields = Fields { value: &value, path };
        fields.expect("model_type", "distilbert")?;
        fields.expect("activation", "gelu")?;
        let config = Self {
            dim: fields.dimension("dim")?,
            hidden_dim: fields.dimension("hidden_dim")?,
            n_layers: fields.dimension("n_layers")?,
            n_heads: fields.dimension("n_heads")?,
            vocab_size: fields.dimension("vocab_size")?,
            max_position_embeddings: fields.dimension("max_position_embeddings")?,
            labels: fields.labels()?,
        };
        if !config.dim.is_multiple_of(config.n_heads) {
            return Err(fields.error("n_heads", config.n_heads, format!("a divisor of dim = {}", config.dim)));
        }
        Ok(config)
    }

    /// Features per attention head.
    pub fn head_dim(&self) -> usize {
        self.dim / self.n_heads
    }
}

/// Field access that reports what was found and what was needed.
struct Fields<'a> {
    value: &'a Value,
    path: &'a Path,
}

impl Fields<'_> {
    fn error(&self, field: &str, found: impl ToString, needed: impl ToString) -> Error {
        Error::Config {
            path: PathBuf::from(self.path),
            field: field.to_owned(),
            found: found.to_string(),
            needed: needed.to_string(),
        }
    }

    fn found(&self, field: &str) -> String {
        self.value.get(field).map_or_else(|| "nothing".to_owned(), Value::to_string)
    }

    fn expect(&self, field: &str, needed: &str) -> Result<()> {
        match self.value.get(field).and_then(Value::as_str) {
            Some(found) if found == needed => Ok(()),
            _ => Err(self.error(field, self.found(field), format!("\"{needed}\""))),
        }
    }

    fn dimension(&self, field: &str) -> Result<usize> {
        match self.value.get(field).and_then(Value::as_u64) {
            Some(n) if (1..=LARGEST_DIMENSION).contains(&n) => Ok(n as usize),
            _ => Err(self.error(field, self.found(field), format!("an integer from 1 to {LARGEST_DIMENSION}"))),
        }
    }

    /// `id2label` as a list; absent means the two labels that `transformers` makes up.
    fn labels(&self) -> Result<Vec<String>> {
        let needed = "an object {\"0\": label, \"1\": label, …} without gaps and with at least two labels";
        let Some(value) = self.value.get("id2label") else {
            return Ok(vec!["LABEL_0".to_owned(), "LABEL_1".to_owned()]);
        };
        let map = value.as_object().ok_or_else(|| self.error("id2label", value, needed))?;
        let labels: Option<Vec<String>> =
            (0..map.len()).map(|i| map.get(&i.to_string()).and_then(Value::as_str).map(str::to_owned)).collect();
        labels.filter(|l| l.len() >= 2).ok_or_else(|| self.error("id2label", value, needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"model_type":"distilbert","activation":"gelu","dim":8,"hidden_dim":16,"n_layers":2,"n_heads":2,
        "vocab_size":50,"max_position_embeddings":12,"id2label":{"0":"NEGATIVE","1":"POSITIVE"}}"#;

    fn refused(text: &str) -> String {
        EncoderConfig::parse(text, Path::new("config.json")).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_good_configuration_is_read() {
        let config = EncoderConfig::parse(GOOD, Path::new("config.json")).unwrap();
        assert_eq!((config.dim, config.hidden_dim, config.head_dim()), (8, 16, 4));
        assert_eq!(config.labels, ["NEGATIVE", "POSITIVE"]);
    }

    #[test]
    fn refusals_name_field_found_and_needed() {
        let message = refused(&GOOD.replace("\"dim\":8", "\"dim\":-8"));
        assert!(message.contains("`dim`") && message.contains("-8") && message.contains("from 1"), "{message}");
        let message = refused(&GOOD.replace("\"dim\":8,", ""));
        assert!(message.contains("`dim`") && message.contains("found nothing"), "{message}");
        let message = refused(&GOOD.replace("\"n_heads\":2", "\"n_heads\":3"));
        assert!(message.contains("`n_heads`") && message.contains("divisor of dim = 8"), "{message}");
        let message = refused(&GOOD.replace("\"gelu\"", "\"relu\""));
        assert!(message.contains("\"relu\"") && message.contains("\"gelu\""), "{message}");
        let message = refused(&GOOD.replace("\"1\":\"POSITIVE\"", "\"2\":\"POSITIVE\""));
        assert!(message.contains("id2label"), "{message}");
        let message = refused(&GOOD.replace("\"dim\":8", "\"dim\":99999999999"));
        assert!(message.contains("99999999999"), "{message}");
        assert!(refused("{").contains("not a valid model configuration"));
    }
}
