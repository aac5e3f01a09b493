//! Bootstrapping keys to disk and back.

use std::time::Instant;

use anyhow::Result;
use ckks_core::bootstrap::BootstrapKeys;
use ckks_core::file::{self, WriteOptions};
use ckks_core::kernels::release_idle_buffers;
use ckks_core::params::Params;
use serde_json::json;

use super::report::Bench;
use crate::memory::{self, ResidentPeak};
use crate::workspace;

/// Name of the row that writes.
pub const WRITE: &str = "key_file/write";
/// Name of the row that reads.
pub const READ: &str = "key_file/read";

/// Writes the keys into a file below `target`, forgets them, reads them again and deletes the file. `rows` are the names of both rows.
pub fn through_disk(bench: &mut Bench, rows: &[String; 2], keys: BootstrapKeys, params: &Params) -> Result<BootstrapKeys> {
    let target = workspace::root()?.join("target");
    file::check_room(&target, keys.bytes_in_memory(params) / 2 + 8 * params.n() as u64)?;
    let folder = tempfile::tempdir_in(&target)?;
    let path = folder.path().join("bootstrap.keys");
    let _ = ResidentPeak::restart();
    let start = Instant::now();
    let bytes = file::write(&path, &keys, params, &WriteOptions::default())?;
    let written = start.elapsed().as_secs_f64();
    bench.print(&rows[0], vec![written], &[("file_bytes", json!(bytes)), ("peak_memory_bytes", json!(memory::peak_bytes()))]);
    drop(keys);
    // Dropped polynomials wait for reuse; a program that only reads has none.
    release_idle_buffers();
    let _ = ResidentPeak::restart();
    let start = Instant::now();
    let keys = file::read(&path, params)?;
    let read = start.elapsed().as_secs_f64();
    bench.print(&rows[1], vec![read], &[("file_bytes", json!(bytes)), ("peak_memory_bytes", json!(memory::peak_bytes()))]);
    Ok(keys)
}
