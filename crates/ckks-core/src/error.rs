//! One error type for the crate: what was found, what was needed.

/// Everything that `ckks-core` refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter literal that cannot become [`crate::params::Params`].
    #[error("parameters refused: {0}")]
    InvalidParams(String),
    /// log2(QP) is above the limit of the security table for this ring degree.
    #[error(
        "log2(QP) = {log_qp:.1} is above {limit} for N = 2^{log_n}, the limit for 128-bit security; \
         use fewer or smaller primes or a larger N, or a constructor that says insecure"
    )]
    Insecure {
        /// log2 of the ring degree.
        log_n: u32,
        /// log2 of the product of all primes.
        log_qp: f64,
        /// The table's limit in bits.
        limit: u32,
    },
    /// A number that cannot be an RNS prime.
    #[error("{value} cannot be a modulus here: {reason}")]
    InvalidModulus {
        /// The refused number.
        value: u64,
        /// Why.
        reason: String,
    },
    /// Operands whose scales differ at the same level.
    #[error(
        "scales differ at level {level}: 2^{left:.6} and 2^{right:.6}; rescale the larger one or encode the plaintext at the \
         ciphertext's scale"
    )]
    ScaleMismatch {
        /// Level of both operands.
        level: usize,
        /// log2 of the left scale.
        left: f64,
        /// log2 of the right scale.
        right: f64,
    },
    /// A circuit that needs more levels than are left.
    #[error("{operation} needs level {needed} but the ciphertext has level {available}; use parameters with more levels")]
    LevelsExhausted {
        /// What was tried.
        operation: &'static str,
        /// Level needed before the operation.
        needed: usize,
        /// Level found.
        available: usize,
    },
    /// An evaluation key that was not generated.
    #[error("no {key} at level {level} or above among the evaluation keys; generate the keys from the circuit's KeyRequirements")]
    MissingKey {
        /// Which key.
        key: String,
        /// Level at which it was needed.
        level: usize,
    },
    /// A vector or polynomial of the wrong size.
    #[error("{what}: found length {found}, needed {needed}")]
    LengthMismatch {
        /// What was measured.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What it has to be.
        needed: String,
    },
    /// A value that cannot be encoded.
    #[error("{what}")]
    ValueOutOfRange {
        /// What was found and what was needed.
        what: String,
    },
    /// Two objects that belong to different parameter sets.
    #[error("{what} belongs to other parameters: found digest {found}, needed {needed}")]
    ParamsMismatch {
        /// Which object.
        what: &'static str,
        /// Digest found, in hexadecimal.
        found: String,
        /// Digest needed, in hexadecimal.
        needed: String,
    },
    /// The operating system gave no randomness.
    #[error("the operating system's random generator failed: {0}")]
    Randomness(String),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
