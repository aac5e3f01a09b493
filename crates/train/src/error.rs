//! One error type for the crate: what was found, what was needed, how to get it.

use std::path::PathBuf;

/// Everything that `train` refuses or fails at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file whose content is not what its place promises.
    #[error("{path}: {found}; needed {needed}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What stood there.
        found: String,
        /// What was needed instead.
        needed: String,
    },
    /// Data that the training cannot do without.
    #[error(
        "{what} is missing at {path}; run `cargo xtask fetch`, or `cargo xtask fetch --from DIR` where the files already are"
    )]
    MissingData {
        /// What is missing.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file that another training is writing.
    #[error("{path} is in use by another training; wait until that has ended, or stop it: what it has finished is kept")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A configuration that cannot be trained.
    #[error("configuration refused: {0}")]
    Config(String),
    /// A checkpoint that belongs to another run.
    #[error(
        "checkpoint {path} was written by a run with {field} = {found}, this run has {needed}; resume with the same configuration and data, or remove the file to start again"
    )]
    ForeignCheckpoint {
        /// The checkpoint.
        path: PathBuf,
        /// The field that differs.
        field: &'static str,
        /// Its value in the checkpoint.
        found: String,
        /// Its value in this run.
        needed: String,
    },
    /// The loss is not a number any more.
    #[error("loss became {loss} at step {step}; lower the learning rate or raise the range penalty")]
    Diverged {
        /// Optimiser step.
        step: u64,
        /// The loss of that step.
        loss: f64,
    },
    /// A student that is not better than the one it was compared with.
    #[error(
        "the loss on the {n} held-out rows is {after:.4}, that of the student it is compared with is {before:.4}: nothing was written; \
         more steps, more texts or another learning rate may help"
    )]
    NotBetter {
        /// Rows.
        n: usize,
        /// Loss of the student that it was compared with.
        before: f64,
        /// Loss after training.
        after: f64,
    },
    /// A layer or its circuit refused.
    #[error(transparent)]
    Layer(#[from] hnn_layers::Error),
    /// A layout refused.
    #[error(transparent)]
    Layout(#[from] he_tensor::Error),
    /// The student's definition refused.
    #[error(transparent)]
    Model(#[from] distilbert_he::Error),
}

impl Error {
    /// An [`Error::Io`] at `path`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }

    /// An [`Error::Malformed`] at `path`.
    pub fn malformed(path: impl Into<PathBuf>, found: impl Into<String>, needed: impl Into<String>) -> Error {
        Error::Malformed { path: path.into(), found: found.into(), needed: needed.into() }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
