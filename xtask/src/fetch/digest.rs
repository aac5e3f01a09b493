//! SHA-256 of files, and files that appear whole or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// What stands at a path.
pub enum State {
    /// Nothing.
    Missing,
    /// A file with the pinned digest.
    Right,
    /// A file with this other digest.
    Wrong(String),
}

/// Compares the file at `path` with its pin.
pub fn state(path: &Path, sha256: &str) -> Result<State> {
    if !path.exists() {
        return Ok(State::Missing);
    }
    let found = of_file(path)?;
    Ok(if found == sha256 { State::Right } else { State::Wrong(found) })
}

/// SHA-256 of a file in lower-case hexadecimal.
pub fn of_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("{} cannot be read", path.display()))?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

/// Copies at most `limit` bytes of `source` to a temporary file beside `path`, and gives it that name only if its digest is `sha256`.
pub fn store(source: &mut dyn Read, path: &Path, limit: u64, sha256: &str) -> Result<()> {
    let folder = path.parent().context("a pinned path has a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut file =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("{} cannot be written to", folder.display()))?;
    let copied = io::copy(&mut source.take(limit + 1), file.as_file_mut())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    if copied > limit {
        bail!("{}: found more than {limit} bytes, needed at most that; not kept", path.display());
    }
    file.as_file_mut().flush()?;
    file.as_file().sync_all()?;
    let found = of_file(file.path())?;
    if found != sha256 {
        bail!("{}: found SHA-256 {found}, needed {sha256}; not kept", path.display());
    }
    file.persist(path).with_context(|| format!("{} cannot be put in place", path.display()))?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
