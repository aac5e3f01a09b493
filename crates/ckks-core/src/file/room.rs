//! Whether a disk has room for a file, before hours or gigabytes are spent on what would not fit.

use std::path::Path;

use crate::error::{Error, Result};

/// Refuses to begin a file of `needed` bytes in a folder (which may still have to be made) whose file system has less left. Where the system
/// does not tell, nothing is refused.
///
/// # Errors
/// [`Error::NoRoom`] with both numbers.
pub fn check_room(folder: &Path, needed: u64) -> Result<()> {
    match available(folder) {
        Some(found) if found < needed => Err(Error::NoRoom { folder: folder.to_owned(), found, needed }),
        _ => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn available(folder: &Path) -> Option<u64> {
    let existing = folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let system = rustix::fs::statvfs(existing).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(not(target_os = "linux"))]
fn available(_: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn more_than_any_disk_has_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        check_room(folder.path(), 1).unwrap();
        let error = check_room(&folder.path().join("not/made"), u64::MAX).unwrap_err();
        assert!(matches!(error, Error::NoRoom { found, needed: u64::MAX, .. } if found > 0), "{error}");
    }
}
