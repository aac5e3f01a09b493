//! The sentences: from a file or stdin, one a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use distilbert_he::tokenizer::LARGEST_TEXT_BYTES;

use crate::errors::refused;

/// Most lines of a batch: what is kept in memory for each is its token ids and its place.
const MOST_LINES: usize = 100_000;

/// Most bytes of a batch's text, which is held in memory.
const MOST_BYTES: usize = 1 << 26;

/// Reads the lines of a UTF-8 text, without their ends, from `path` or from stdin if it is `-`. A line end behind the last line
/// begins no further one; a text without any has one line, an empty one.
///
/// # Errors
/// What cannot be read, is too large, or is not UTF-8.
pub fn lines(path: &Path) -> Result<Vec<String>> {
    if path == Path::new("-") {
        return lines_of(std::io::stdin().lock(), "stdin");
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("{name} cannot be read; needed: a UTF-8 text file, or - for stdin"))?;
    lines_of(BufReader::new(file), &name)
}

fn lines_of(mut source: impl BufRead, name: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut before = 0;
    loop {
        let mut bytes = Vec::new();
        // Two bytes more than are accepted: a line end, and one so that an endless input ends here.
        let read = source.by_ref().take(LARGEST_TEXT_BYTES as u64 + 2).read_until(b'\n', &mut bytes);
        let read = read.with_context(|| format!("{name} cannot be read; needed: a UTF-8 text file"))?;
        if read == 0 && !lines.is_empty() {
            return Ok(lines);
        }
        let number = lines.len() + 1;
        let ended = bytes.pop_if(|byte| *byte == b'\n').is_some();
        if ended {
            bytes.pop_if(|byte| *byte == b'\r');
        }
        if bytes.len() > LARGEST_TEXT_BYTES {
            let needed = format!("needed: one sentence, at most {LARGEST_TEXT_BYTES}");
            return Err(refused(format!("line {number} of {name} has more than {LARGEST_TEXT_BYTES} bytes; {needed}")));
        }
        if number > MOST_LINES || before + read > MOST_BYTES {
            return Err(refused(format!(
                "{name} has more than {MOST_LINES} lines or {MOST_BYTES} bytes; needed: at most that in one batch, split it"
            )));
        }
        lines.push(String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            refused(format!(
                "{name} is not UTF-8: found byte 0x{byte:02x} at offset {} (line {number}); convert it, for example with iconv -t UTF-8",
                before + at
            ))
        })?);
        before += read;
        if !ended {
            return Ok(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_of_all_kinds() {
        let lines = |text: &str| lines_of(text.as_bytes(), "a test").unwrap();
        assert_eq!(lines(""), [""]);
        assert_eq!(lines("\n"), [""]);
        assert_eq!(lines("a"), ["a"]);
        assert_eq!(lines("a\nb"), ["a", "b"]);
        assert_eq!(lines("a\r\n\nb\r\n"), ["a", "", "b"]);
    }

    #[test]
    fn offsets_of_bad_bytes_count_from_the_beginning() {
        let message = lines_of(&b"a\nb\xff"[..], "a test").unwrap_err().to_string();
        assert!(message.contains("0xff at offset 3 (line 2)"), "{message}");
        let many = "x\n".repeat(MOST_LINES + 1);
        assert!(lines_of(many.as_bytes(), "a test").unwrap_err().to_string().contains("more than 100000 lines"));
    }
}
