//! What goes wrong: printed once with its whole chain, and turned into an exit code.

use std::io::ErrorKind;
use std::process::ExitCode;

use ckks_core::Error as CkksError;
use distilbert_he::Error as ModelError;

/// The process did what was asked.
pub const DONE: u8 = 0;
/// The input or the call was refused: another input may work.
pub const REFUSED: u8 = 1;
/// The machine failed: the same input may work later.
pub const FAILED: u8 = 2;

/// Input that this program itself refuses. The text says what was found, what was needed and how to get it.
#[derive(Debug)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// An [`anyhow::Error`] around [`Refused`].
pub fn refused(message: impl Into<String>) -> anyhow::Error {
    Refused(message.into()).into()
}

/// Prints the error to stderr and returns the exit code that belongs to it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", chain(error));
    ExitCode::from(code(error))
}

/// The messages of an error and its causes on one line. Several of the libraries' messages hold their cause's text already: it is not
/// said twice.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let message = cause.to_string();
        if !text.contains(&message) {
            if !text.is_empty() {
                text += ": ";
            }
            text += &message;
        }
    }
    text
}

/// [`FAILED`] where the machine is at fault, [`REFUSED`] for everything that follows from what was given.
fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<ModelError>() {
            return model_code(error);
        }
        if let Some(error) = cause.downcast_ref::<CkksError>() {
            return ckks_code(error);
        }
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            return io_code(error.kind());
        }
        if cause.is::<Refused>() {
            return REFUSED;
        }
    }
    FAILED
}

fn model_code(error: &ModelError) -> u8 {
    match error {
        ModelError::Io { source, .. } => io_code(source.kind()),
        ModelError::Ckks(error) => ckks_code(error),
        ModelError::Tokenizer(_) => FAILED,
        _ => REFUSED,
    }
}

fn ckks_code(error: &CkksError) -> u8 {
    match error {
        CkksError::InFile { problem, .. } => ckks_code(problem),
        // `open` asks for metadata first; what it then objects to is a directory or a pipe.
        CkksError::Io { action: "open", source } if source.kind() == ErrorKind::Other => REFUSED,
        CkksError::Io { source, .. } => io_code(source.kind()),
        CkksError::Randomness(_) => FAILED,
        _ => REFUSED,
    }
}

/// A path that names nothing usable is the caller's; a full disk or a broken device is the machine's.
fn io_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::AlreadyExists
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidData
        | ErrorKind::InvalidFilename => REFUSED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let inner = std::io::Error::other("disk on fire");
        let error = anyhow::Error::new(ModelError::Io { path: "a".into(), source: inner }).context("writing the answer");
        assert_eq!(chain(&error), "writing the answer: a: disk on fire");
    }

    #[test]
    fn codes_tell_the_callers_mistakes_from_the_machines() {
        let io = |action, kind: ErrorKind| CkksError::InFile {
            path: "a".into(),
            problem: Box::new(CkksError::Io { action, source: kind.into() }),
        };
        assert_eq!(code(&io("open", ErrorKind::NotFound).into()), REFUSED);
        assert_eq!(code(&io("open", ErrorKind::Other).into()), REFUSED);
        assert_eq!(code(&io("write", ErrorKind::StorageFull).into()), FAILED);
        assert_eq!(code(&io("write", ErrorKind::FileTooLarge).into()), FAILED);
        assert_eq!(code(&ModelError::Ckks(CkksError::Randomness(String::new())).into()), FAILED);
        assert_eq!(code(&ModelError::EmptyText { reason: "" }.into()), REFUSED);
        assert_eq!(code(&refused("no").context("around it")), REFUSED);
        assert_eq!(code(&anyhow::anyhow!("something else")), FAILED);
    }
}
