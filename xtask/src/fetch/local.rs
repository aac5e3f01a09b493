//! Copies from a folder on this machine, for work without a network.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::digest::{State, state, store};
use super::pins::{LARGEST_UNSIZED, Pin};

/// Copies the pinned files that `from` holds into the cache and returns how many stand there now.
///
/// None of an item's files there: 0. Some but not all, or one with another digest: an error.
pub fn copy(from: &Path, cache: &Path, pins: &[Pin]) -> Result<usize> {
    let sources: Vec<_> = pins.iter().map(|pin| (pin, candidates(from, pin).into_iter().find(|path| path.is_file()))).collect();
    if sources.iter().all(|(_, source)| source.is_none()) {
        return Ok(0);
    }
    for (pin, source) in sources {
        let target = cache.join(pin.path);
        if let State::Right = state(&target, pin.sha256)? {
            println!("{}: already there", pin.path);
            continue;
        }
        let Some(source) = source else {
            bail!("{} is missing: looked for {}", pin.path, places(from, pin));
        };
        let mut file = File::open(&source).with_context(|| format!("{} cannot be read", source.display()))?;
        store(&mut file, &target, pin.bytes.unwrap_or(LARGEST_UNSIZED), pin.sha256)
            .with_context(|| format!("copying {}", source.display()))?;
        println!("{}: copied, SHA-256 right", pin.path);
    }
    Ok(pins.len())
}

/// The places where [`copy`] looks for a file, for messages.
pub fn places(from: &Path, pin: &Pin) -> String {
    let all: Vec<_> = candidates(from, pin).iter().map(|path| path.display().to_string()).collect();
    all.join(" and ")
}

fn candidates(from: &Path, pin: &Pin) -> [PathBuf; 2] {
    [from.join(pin.path), from.join("data").join(pin.path)]
}
