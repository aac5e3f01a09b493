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
    /// A circuit that leaves less precision or fewer levels than wanted.
    #[error(
        "noise budget ν is {bits:.1} bits with {levels} levels left, wanted {wanted_bits:.1} bits and {wanted_levels} levels; take parameters with a larger scale or more levels, or a shallower network"
    )]
    Budget {
        /// Bits of precision at the output.
        bits: f64,
        /// Levels left.
        levels: usize,
        /// Wanted bits.
        wanted_bits: f64,
        /// Wanted levels.
        wanted_levels: usize,
    },
    /// The arithmetic under a circuit refused.
    #[error(transparent)]
    Arithmetic(#[from] ckks_core::Error),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
