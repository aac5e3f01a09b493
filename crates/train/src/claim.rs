//! One process at a time on a cache of labels or on a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::{Error, Result};

/// Opens `path` for reading and writing, made when missing, and claims it until the file is dropped or the process ends.
///
/// # Errors
/// [`Error::InUse`] while another process has it; [`Error::Io`] if it cannot be opened.
pub(crate) fn claim(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(Error::io(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(Error::io(path)(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_file_is_refused_until_it_is_let_go() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("cache");
        let first = claim(&path)?;
        assert!(matches!(claim(&path), Err(Error::InUse { .. })));
        drop(first);
        claim(&path)?;
        Ok(())
    }
}
