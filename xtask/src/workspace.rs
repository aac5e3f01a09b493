//! Where things lie in this repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of the workspace's `Cargo.toml`.
///
/// Cargo names the folder of `xtask` when it runs the program; started by hand, the folders above the current one are searched.
pub fn root() -> Result<PathBuf> {
    if let Some(manifest) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(parent) = Path::new(&manifest).parent().filter(|parent| is_root(parent))
    {
        return Ok(parent.to_owned());
    }
    let current = std::env::current_dir().context("the current directory cannot be read")?;
    current.ancestors().find(|folder| is_root(folder)).map(Path::to_owned).with_context(|| {
        format!("no workspace at {} or above it; run this as `cargo xtask` inside the repository", current.display())
    })
}

/// Data that is downloaded or computed and never committed.
pub fn cache(root: &Path) -> PathBuf {
    root.join("data").join("cache")
}

fn is_root(folder: &Path) -> bool {
    folder.join("Cargo.toml").is_file() && folder.join("crates").is_dir() && folder.join("xtask").is_dir()
}
