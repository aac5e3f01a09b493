//! Digest of the code that decides trained weights: the sources of this crate and of `hnn-layers`, for the model card.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, list: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, list)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            list.push(path);
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    for folder in ["src", "../hnn-layers/src"] {
        let mut list = Vec::new();
        sources(&root.join(folder), &mut list)?;
        list.sort();
        for path in list {
            let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
            hasher.update(name.as_bytes()).update(&std::fs::read(&path)?);
        }
        println!("cargo::rerun-if-changed={folder}");
    }
    println!("cargo::rustc-env=TRAIN_CODE_DIGEST={}", hasher.finalize().to_hex());
    Ok(())
}
