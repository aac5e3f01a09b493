//! The TSV files out of GLUE's zip archive.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

use super::digest::store;
use super::pins::{LARGEST_UNSIZED, Pin};

/// Unpacks `SST-2/NAME` for every pin `sst2/NAME`; each file appears only if its digest is right.
pub fn unpack(archive: &Path, cache: &Path, pins: &[Pin]) -> Result<()> {
    let file = File::open(archive).with_context(|| format!("{} cannot be read", archive.display()))?;
    let mut zip = zip::ZipArchive::new(file).with_context(|| format!("{} is not a zip archive", archive.display()))?;
    for pin in pins {
        let name = Path::new(pin.path).file_name().and_then(|name| name.to_str()).context("a pinned path has a name")?;
        let entry = format!("SST-2/{name}");
        let mut source = zip.by_name(&entry).with_context(|| format!("{} has no {entry}", archive.display()))?;
        store(&mut source, &cache.join(pin.path), pin.bytes.unwrap_or(LARGEST_UNSIZED), pin.sha256)?;
        println!("{}: unpacked, SHA-256 right", pin.path);
    }
    Ok(())
}
