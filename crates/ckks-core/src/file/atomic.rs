//! Whole file or nothing: write without a name or beside the target, flush to the disk, then give it the name.
//!
//! On Linux the file has no name until it is complete (`O_TMPFILE`), so that not even a killed process leaves a part of it
//! behind. Where the file system cannot do that, a temporary name in the same directory is used and removed on any error.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::Builder;

use crate::error::{Error, Result};

/// Calls `write` with a new file in the directory of `path`, then gives it that name. On any error the target is as it was.
pub(super) fn replace<T>(path: &Path, overwrite: bool, secret: bool, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Early, before the work; the last step refuses atomically.
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(Error::FileExists);
    }
    let io = |action| move |source: io::Error| Error::Io { action, source };
    let mut builder = Builder::new();
    builder.prefix(".ckks-").suffix(".partial");
    // Secret files are for their owner only; others follow the process's umask as ordinary files do.
    let mode = if secret { 0o600 } else { 0o666 };
    let result = if let Some(mut file) = unnamed::create(directory, mode) {
        let result = write(&mut file)?;
        file.sync_all().map_err(io("flush"))?;
        if overwrite {
            // A link does not replace: a name beside the target first, for the complete file, then an atomic rename.
            let named = builder.make_in(directory, |name| unnamed::link(&file, name)).map_err(io("name"))?;
            named.persist(path).map_err(|e| refused(e.error))?;
        } else {
            unnamed::link(&file, path).map_err(refused)?;
        }
        result
    } else {
        set_mode(&mut builder, mode);
        let mut named = builder.tempfile_in(directory).map_err(io("create a file in the directory of"))?;
        let result = write(named.as_file_mut())?;
        named.as_file().sync_all().map_err(io("flush"))?;
        let renamed = if overwrite { named.persist(path) } else { named.persist_noclobber(path) };
        renamed.map_err(|e| refused(e.error))?;
        result
    };
    sync_directory(directory).map_err(io("flush the directory of"))?;
    Ok(result)
}

fn refused(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Error::FileExists,
        _ => Error::Io { action: "give its name to", source: error },
    }
}

/// Files that have no name yet.
#[cfg(target_os = "linux")]
mod unnamed {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, OFlags, linkat};

    /// None where the file system has no such files (or the directory cannot be written to: the named way will say why).
    pub(super) fn create(directory: &Path, mode: u32) -> Option<File> {
        if !Path::new("/proc/self/fd").exists() {
            return None;
        }
        let flags = OFlags::TMPFILE.bits() as i32;
        OpenOptions::new().read(true).write(true).mode(mode).custom_flags(flags).open(directory).ok()
    }

    /// Gives the file a name that must not exist. (By its path under /proc, as `open(2)` recommends.)
    pub(super) fn link(file: &File, name: &Path) -> io::Result<()> {
        let current = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(linkat(CWD, current, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod unnamed {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn create(_: &Path, _: u32) -> Option<File> {
        None
    }

    pub(super) fn link(_: &File, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
fn set_mode(builder: &mut Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn set_mode(_: &mut Builder<'_, '_>, _: u32) {}

/// The new name itself has to survive a power cut.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn nothing_has_a_name_before_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("target");
        let names = || directory.path().read_dir().unwrap().count();
        let nameless = unnamed::create(directory.path(), 0o600).is_some();
        for (round, overwrite) in [(0, false), (1, true)] {
            replace(&path, overwrite, false, |file| {
                file.write_all(&[round; 100]).unwrap();
                let partial = usize::from(!nameless);
                assert_eq!(names(), partial + round as usize);
                Ok(())
            })
            .unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), [round; 100]);
            assert_eq!(names(), 1);
        }
    }

    #[test]
    fn a_name_taken_meanwhile_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("target");
        let result = replace(&path, false, true, |_| {
            std::fs::write(&path, "someone else").unwrap();
            Ok(())
        });
        assert!(matches!(result, Err(Error::FileExists)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "someone else");
        assert_eq!(directory.path().read_dir().unwrap().count(), 1);
    }
}
