//! One error type for the crate: what was found, what was needed.

/// Everything that `hnn-layers` refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Arrays whose shapes do not fit together.
    #[error("{what} has {found}, needed {needed}")]
    Shape {
        /// Which array of which layer.
        what: &'static str,
        /// Its shape.
        found: String,
        /// The shape that fits.
        needed: String,
    },
    /// A value outside what a layer or a fit accepts.
    #[error("{what} is {found}, needed {needed}")]
    Value {
        /// Which value.
        what: &'static str,
        /// What was given.
        found: String,
        /// What is accepted.
        needed: String,
    },
    /// An approximation that cannot reach the wanted error.
    #[error(
        "{function} on [{low}, {high}]: degree {degree} leaves an error of {error:e}, wanted {wanted:e}; allow a higher degree or a narrower interval"
    )]
    Approximation {
        /// Name of the function.
        function: String,
        /// Lower end of the interval.
        low: f64,
        /// Upper end of the interval.
        high: f64,
        /// Highest degree tried.
        degree: usize,
        /// Its error.
        error: f64,
        /// The wanted error.
        wanted: f64,
    },
    /// A matrix does not fit a layout.
    #[error(transparent)]
    Layout(#[from] he_tensor::Error),
    /// The arithmetic under a circuit refused.
    #[error(transparent)]
    Arithmetic(#[from] ckks_core::Error),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
