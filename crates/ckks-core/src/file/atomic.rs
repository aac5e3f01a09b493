//! Whole file or nothing: write beside the target, flush to the disk, rename.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Calls `write` with a temporary file in the directory of `path`, then gives it that name. On any error the target is as it was
/// and the temporary file is gone.
pub(super) fn replace<T>(path: &Path, overwrite: bool, secret: bool, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Early, before the work; the rename below refuses atomically.
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(Error::FileExists);
    }
    let io = |action| move |source: io::Error| Error::Io { action, source };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ckks-").suffix(".partial");
    set_mode(&mut builder, secret);
    let mut temporary = builder.tempfile_in(directory).map_err(io("create a file in the directory of"))?;
    let result = write(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(io("flush"))?;
    let renamed = if overwrite { temporary.persist(path) } else { temporary.persist_noclobber(path) };
    renamed.map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => Error::FileExists,
        _ => Error::Io { action: "rename the finished file to", source: e.error },
    })?;
    sync_directory(directory).map_err(io("flush the directory of"))?;
    Ok(result)
}

/// Secret files are for their owner only; others follow the process's umask as ordinary files do.
#[cfg(unix)]
fn set_mode(builder: &mut tempfile::Builder<'_, '_>, secret: bool) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(if secret { 0o600 } else { 0o666 }));
}

#[cfg(not(unix))]
fn set_mode(_: &mut tempfile::Builder<'_, '_>, _: bool) {}

/// The rename itself has to survive a power cut.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
