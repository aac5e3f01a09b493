//! The crate's errors: what does not fit a layout, and what the arithmetic below refuses.

/// Everything that `he-tensor` refuses. Circuits that only compute, generic over an evaluator, answer with the evaluator's own
/// [`ckks_core::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Sizes that do not fit a layout.
    #[error("{what}: found {found}, needed {needed}")]
    Layout {
        /// What was measured.
        what: &'static str,
        /// Its size.
        found: usize,
        /// What it has to be.
        needed: String,
    },
    /// A weight that is not a finite number.
    #[error("weight ({row}, {column}) of a matrix is {found}; it has to be finite")]
    Weight {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
        /// The entry.
        found: f64,
    },
    /// The arithmetic below refused.
    #[error(transparent)]
    Arithmetic(#[from] ckks_core::Error),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
