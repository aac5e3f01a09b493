//! One error type for the crate: what was found, what was needed, how to get it.

use std::path::PathBuf;

/// Everything that `distilbert-he` refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file that is not JSON, or not JSON of the expected form.
    #[error("{path} is not a valid {kind}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What it should have been.
        kind: &'static str,
        /// Where the parser stopped.
        source: serde_json::Error,
    },
    /// A field of a configuration that is absent or has a value that this crate cannot work with.
    #[error("{path}: field `{field}`: found {found}, needed {needed}")]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// The field's name.
        field: String,
        /// Its value, or "nothing".
        found: String,
        /// What it has to be.
        needed: String,
    },
    /// A weights file that is not in the safetensors format.
    #[error("{path} is not a safetensors file: {reason}; download it again or export it with `safetensors`")]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What the reader objected to.
        reason: String,
    },
    /// A tensor that the model needs and the file does not have.
    #[error("{path} has no tensor `{name}` (needed: {needed}); the file holds {count} tensors, nearest name `{nearest}`")]
    MissingTensor {
        /// The weights file.
        path: PathBuf,
        /// Full name of the tensor.
        name: String,
        /// Its shape.
        needed: String,
        /// How many tensors the file holds.
        count: usize,
        /// The name in the file with the longest common ending, for spotting another prefix.
        nearest: String,
    },
    /// A tensor of another shape than the configuration asks for.
    #[error("{path}: tensor `{name}` has shape {found:?}, the configuration needs {needed:?}")]
    TensorShape {
        /// The weights file.
        path: PathBuf,
        /// Full name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that follows from the configuration.
        needed: Vec<usize>,
    },
    /// A tensor of a number type that is not read here.
    #[error("{path}: tensor `{name}` holds {found}, needed {needed}")]
    TensorType {
        /// The weights file.
        path: PathBuf,
        /// Full name of the tensor.
        name: String,
        /// Number type in the file.
        found: String,
        /// Number types that can be read.
        needed: &'static str,
    },
    /// NaN or an infinity among the weights.
    #[error(
        "{path}: tensor `{name}` holds {value} at flat index {index}; all weights must be finite: the file is damaged or the training diverged"
    )]
    NotFinite {
        /// The weights file.
        path: PathBuf,
        /// Full name of the tensor.
        name: String,
        /// Position in row-major order.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// A vocabulary that cannot be used.
    #[error("{path}: {reason}")]
    Vocabulary {
        /// The vocabulary file.
        path: PathBuf,
        /// What was found and what was needed.
        reason: String,
    },
    /// A text that holds nothing to classify.
    #[error("the text {reason}; needed: at least one printable character")]
    EmptyText {
        /// "is empty", "holds only white space", "holds only control characters".
        reason: &'static str,
    },
    /// A text with a NUL character.
    #[error("the text holds a NUL character (character {position}): found binary data or UTF-16, needed UTF-8 text")]
    NulInText {
        /// Index of the character, counted from 1.
        position: usize,
    },
    /// A text that does not fit, where cutting was not allowed.
    #[error("the text has {found} tokens, the model takes {limit}; shorten it, or allow it to be cut")]
    TextTooLong {
        /// Tokens of the whole text with `[CLS]` and `[SEP]`.
        found: usize,
        /// Largest number of tokens that fits.
        limit: usize,
    },
    /// A text so large that it is not even tokenised.
    #[error("the text has {found} bytes, at most {limit} are looked at; pass one sentence at a time")]
    TextTooLarge {
        /// Bytes of the text.
        found: usize,
        /// Most bytes that are tokenised.
        limit: usize,
    },
    /// The tokenizer library gave up.
    #[error("tokenising failed: {0}")]
    Tokenizer(String),
    /// Token ids that the model has no embedding for, or too many of them.
    #[error("token sequence refused: found {found}, needed {needed}")]
    TokenIds {
        /// What was found.
        found: String,
        /// What was needed.
        needed: String,
    },
    /// A circuit that needs more levels than the parameters have.
    #[error(
        "the model `{model}` needs {needed} levels but the parameters `{params}` have {available}; use parameters with at least \
         {needed} levels, fewer blocks, or a Soft-Argmax polynomial of lower degree"
    )]
    TooManyLevels {
        /// Name of the model.
        model: String,
        /// Levels that its circuit uses.
        needed: usize,
        /// Name of the parameter set.
        params: String,
        /// Levels that it has.
        available: usize,
    },
    /// A query, an answer or keys that belong to something else.
    #[error("{what} does not belong to {owner}: found {found}, needed {needed}; {advice}")]
    Foreign {
        /// What was looked at ("the query", "the answer").
        what: &'static str,
        /// What it should belong to ("this model", "this secret key").
        owner: &'static str,
        /// Identification found.
        found: String,
        /// Identification needed.
        needed: String,
        /// How to put it right.
        advice: &'static str,
    },
    /// A query or an answer whose header contradicts its content.
    #[error("{what} refused: {field} is {found}, needed {needed}")]
    Malformed {
        /// What was looked at ("query", "answer").
        what: &'static str,
        /// Which part of it.
        field: &'static str,
        /// Value found.
        found: String,
        /// Value needed.
        needed: String,
    },
    /// A decrypted answer that cannot be a score.
    #[error(
        "the answer is damaged: {found}, needed {needed}; it was changed on its way, computed by something else, or encrypted \
         under another key; ask again"
    )]
    DamagedAnswer {
        /// Which figure is out of its range.
        found: String,
        /// The range.
        needed: String,
    },
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] hnn_layers::Error),
    /// The encryption scheme refused.
    #[error(transparent)]
    Ckks(#[from] ckks_core::Error),
}

impl Error {
    /// Wraps an operating-system error with the path that it is about.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
