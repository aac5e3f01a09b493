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
    /// The operating system refused an operation on a file.
    #[error("cannot {action} the file: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file that must not be replaced.
    #[error("the file exists; choose another name or ask for overwriting")]
    FileExists,
    /// A file whose first bytes are not those of the container.
    #[error("not a file of this library: it starts with \"{found}\"")]
    NotAContainer {
        /// Its first bytes, escaped.
        found: String,
    },
    /// A container of another version of the format.
    #[error(
        "file format version {found}, this program reads version {needed}; use the program that wrote it or make the file again"
    )]
    FormatVersion {
        /// Version in the file.
        found: u32,
        /// Version of this library.
        needed: u32,
    },
    /// A container of another type.
    #[error("the file holds: {found}, needed: {needed}")]
    FileType {
        /// What the file says that it is.
        found: String,
        /// What was asked for.
        needed: &'static str,
    },
    /// A file whose length is not what its fields add up to.
    #[error("the file has {found} bytes, its header needs {needed}: it was cut off or damaged; copy or make it again")]
    FileLength {
        /// Bytes found.
        found: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// A file that was changed after it was written.
    #[error("the file is damaged: {what}; copy or make it again")]
    Corrupt {
        /// What does not match.
        what: &'static str,
    },
    /// A container header that makes no sense.
    #[error("file header refused: {reason}")]
    FileHeader {
        /// Why.
        reason: String,
    },
    /// A stored residue that is not reduced.
    #[error("word {index} of a limb is {found}, needed below its prime {modulus}")]
    ResidueOutOfRange {
        /// Place in the limb.
        index: usize,
        /// Value found.
        found: u64,
        /// The prime.
        modulus: u64,
    },
    /// A disk with too little room for a file.
    #[error("{}: {found} bytes are free there, the files need {needed}; make room or choose a folder on another disk", folder.display())]
    NoRoom {
        /// Where the file would be.
        folder: std::path::PathBuf,
        /// Bytes free.
        found: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// Any of the above, with the file's name.
    #[error("{}: {problem}", path.display())]
    InFile {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        problem: Box<Error>,
    },
    /// The operating system gave no randomness.
    #[error("the operating system's random generator failed: {0}")]
    Randomness(String),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
