//! The teacher's answers, computed once and kept in a file.
//!
//! Layout, little-endian: 8 bytes magic, 32 bytes digest of everything that the texts and answers depend on, then two
//! f32 logits per text. A shorter file is continued, one with another digest replaced; a torn last record is dropped.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::claim::claim;
use crate::teacher::Teacher;
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"hnnlabl1";
const HEADER: u64 = 40;
const RECORD: u64 = 8;

/// Texts labelled between two writes to the file.
const BLOCK: usize = 2048;

/// Logits of `count` texts: read from `path` as far as they stand there, computed by `teacher` and appended otherwise.
/// `text(i)` gives the tokens of text `i` without `[CLS]` and `[SEP]`, which `ends` holds; `digest` names what the texts
/// are made from. `progress(done, count)` is called after every block.
///
/// # Errors
/// The file cannot be read or written, or another process is writing it; the teacher refuses a text.
pub fn cached(
    path: &Path,
    digest: [u8; 32],
    count: usize,
    teacher: &Teacher,
    ends: [u32; 2],
    text: &dyn Fn(usize) -> Vec<u32>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<[f32; 2]>> {
    let digest = {
        let mut h = blake3::Hasher::new();
        h.update(&digest).update(&teacher.digest());
        *h.finalize().as_bytes()
    };
    // Two writers would mix their records.
    let mut file = claim(path)?;
    let mut out = read(&mut file, digest, count).map_err(Error::io(path))?;
    while out.len() < count {
        let end = (out.len() + BLOCK).min(count);
        let texts: Vec<Vec<u32>> = (out.len()..end)
            .map(|i| {
                let mut ids = vec![ends[0]];
                ids.extend(text(i));
                ids.push(ends[1]);
                ids
            })
            .collect();
        let logits = teacher.logits(&texts)?;
        let bytes: Vec<u8> = logits.iter().flatten().flat_map(|l| l.to_le_bytes()).collect();
        file.write_all(&bytes).map_err(Error::io(path))?;
        out.extend(logits);
        progress(end, count);
    }
    Ok(out)
}

/// Reads what fits and leaves the file positioned and cut behind it.
fn read(file: &mut File, digest: [u8; 32], count: usize) -> std::io::Result<Vec<[f32; 2]>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let fits = bytes.len() as u64 >= HEADER && &bytes[..8] == MAGIC && bytes[8..40] == digest;
    if !fits {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(MAGIC)?;
        file.write_all(&digest)?;
        return Ok(Vec::new());
    }
    let number = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    let all: Vec<[f32; 2]> = bytes[40..].chunks_exact(8).map(|b| [number(&b[..4]), number(&b[4..])]).collect();
    let end = HEADER + all.len() as u64 * RECORD;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok(all.into_iter().take(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_record_is_dropped_and_another_digest_starts_again() -> std::io::Result<()> {
        let mut file = tempfile::tempfile()?;
        assert!(read(&mut file, [1; 32], 9)?.is_empty());
        file.write_all(&[0; 8 * 3 + 5])?;
        file.rewind()?;
        assert_eq!(read(&mut file, [1; 32], 9)?.len(), 3);
        assert_eq!(file.metadata()?.len(), 40 + 24);
        file.rewind()?;
        assert_eq!(read(&mut file, [1; 32], 2)?.len(), 2);
        file.rewind()?;
        assert!(read(&mut file, [2; 32], 9)?.is_empty());
        assert_eq!(file.metadata()?.len(), 40);
        Ok(())
    }
}
