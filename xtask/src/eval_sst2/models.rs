//! The models that can be evaluated, and what they answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use distilbert_he::encoder::Encoder;
use distilbert_he::student::{SigmoidForm, Student};
use distilbert_he::tokenizer::{LongText, Tokenizer};
use hnn_layers::soft_argmax::sigmoid;

use super::Mode;
use super::dev_set::DevSet;
use super::rows::Row;
use crate::workspace;

/// One sentence's answer.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Probability that the sentence is positive, as the model says it; polynomials may leave [0, 1] by their error.
    pub score: f64,
    /// What the Soft-Argmax layer took, where there is one.
    pub margin: Option<f64>,
    /// |argument| / bound of every polynomial, by its name.
    pub ranges: BTreeMap<String, f64>,
}

impl Prediction {
    /// The answer.
    pub fn positive(&self) -> bool {
        self.score > 0.5
    }
}

impl From<&Row> for Prediction {
    fn from(row: &Row) -> Self {
        Self { score: row.answer().score, margin: None, ranges: row.ranges.clone() }
    }
}

/// A loaded model.
pub struct Model {
    name: String,
    folder: PathBuf,
    tokenizer: Tokenizer,
    kind: Kind,
}

enum Kind {
    Encoder(Box<Encoder<f64>>),
    Student(Box<Student>),
}

impl Model {
    /// Loads a model by name or folder.
    pub fn load(name: &str) -> Result<Self> {
        let folder = folder(name)?;
        let config = folder.join("config.json");
        let text = std::fs::read_to_string(&config).with_context(|| missing(name, &config))?;
        let config: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", config.display()))?;
        let kind = match config["model_type"].as_str() {
            Some("distilbert") => Kind::Encoder(Box::new(Encoder::load(&folder)?)),
            Some(distilbert_he::student::MODEL_TYPE) => Kind::Student(Box::new(Student::load(&folder)?)),
            found => bail!(
                "{}: found model_type {found:?}, needed \"distilbert\" or \"{}\"",
                folder.display(),
                distilbert_he::student::MODEL_TYPE
            ),
        };
        Ok(Self { name: name.to_owned(), tokenizer: Tokenizer::load(&folder)?, folder, kind })
    }

    /// The student, for what only a student has.
    pub fn student(&self) -> Option<&Student> {
        match &self.kind {
            Kind::Student(student) => Some(student),
            Kind::Encoder(_) => None,
        }
    }

    /// Another instance of the tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        Ok(Tokenizer::load(&self.folder)?)
    }

    /// Answers for all sentences on plain numbers, in order.
    pub fn predict(&self, dev: &DevSet, mode: Mode) -> Result<Vec<Prediction>> {
        match (&self.kind, mode) {
            (Kind::Encoder(encoder), Mode::Plain) => {
                let logits = encoder.logits(&self.token_ids(dev, encoder.config().max_position_embeddings)?)?;
                Ok(logits
                    .rows()
                    .into_iter()
                    .map(|row| Prediction { score: sigmoid(row[1] - row[0]), margin: None, ranges: BTreeMap::new() })
                    .collect())
            }
            (Kind::Encoder(_), mode) => {
                bail!("{}: an encoder has no {} form yet; the student hnn-fast has", self.name, mode.name())
            }
            (Kind::Student(student), mode) => {
                let form = if mode == Mode::Plain { SigmoidForm::Exact } else { SigmoidForm::Polynomial };
                let margins = student.margins(&self.token_ids(dev, student.config().max_tokens())?)?;
                let bound = student.config().soft_argmax.bound;
                Ok(margins
                    .iter()
                    .map(|&margin| Prediction {
                        score: student.score(margin, form),
                        margin: Some(margin),
                        ranges: (mode != Mode::Plain)
                            .then(|| ("soft-argmax".to_owned(), (student.beta() * margin).abs() / bound))
                            .into_iter()
                            .collect(),
                    })
                    .collect())
            }
        }
    }

    /// Token ids of every sentence; longer ones are cut to `limit`.
    pub fn token_ids(&self, dev: &DevSet, limit: usize) -> Result<Vec<Vec<u32>>> {
        dev.sentences.iter().map(|sentence| Ok(self.tokenizer.encode(sentence, limit, LongText::Cut)?.ids)).collect()
    }
}

/// A folder as given, or the place of a model known by name.
fn folder(name: &str) -> Result<PathBuf> {
    let root = workspace::root()?;
    Ok(match name {
        "hnn-fast" => root.join("data").join(name),
        "minilm-sst2" | "distilbert-sst2" => workspace::cache(&root).join("models").join(name),
        folder => PathBuf::from(folder),
    })
}

fn missing(name: &str, config: &Path) -> String {
    let get = match name {
        "minilm-sst2" => "; get it with `cargo xtask fetch --from DIR`, where DIR holds models/minilm-sst2/",
        "distilbert-sst2" => "; get it with `cargo xtask fetch --only distilbert-sst2`",
        _ => "; known by name: hnn-fast, minilm-sst2, distilbert-sst2; anything else is a model's folder",
    };
    format!("{} cannot be read{get}", config.display())
}
