//! The sentence: from the command line, a file, or stdin.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use distilbert_he::tokenizer::LARGEST_TEXT_BYTES;

use crate::errors::refused;

/// Reads UTF-8 text from `path`, or from stdin if it is `-`.
///
/// # Errors
/// What cannot be read, is too large, or is not UTF-8.
pub fn read(path: &Path) -> Result<String> {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    // One byte more than is accepted, so that an endless input ends here.
    let limit = LARGEST_TEXT_BYTES as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("stdin cannot be read")?;
    } else {
        let file =
            File::open(path).with_context(|| format!("{name} cannot be read; needed: a UTF-8 text file, or - for stdin"))?;
        file.take(limit).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read; needed: a UTF-8 text file"))?;
    }
    if bytes.len() > LARGEST_TEXT_BYTES {
        return Err(refused(format!("{name} has more than {LARGEST_TEXT_BYTES} bytes; needed: one sentence, at most that")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(at).copied().unwrap_or_default();
        refused(format!(
            "{name} is not UTF-8: found byte 0x{byte:02x} at offset {at}; convert it, for example with iconv -t UTF-8"
        ))
    })
}
