//! `keygen`: three files, of which one is secret.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use ckks_core::file::{Hex, WriteOptions, write};
use ckks_core::ring::sampling::Randomness;
use distilbert_he::client::{self, ClientModel, KeySet};
use serde::Serialize;

use crate::args::Keygen;
use crate::errors::refused;
use crate::key_files::{EVALUATION, PUBLIC, SECRET};
use crate::progress::Progress;
use crate::{interrupt, memory, model, report};

use super::bootstrap_keygen;

#[derive(Serialize)]
struct Report {
    model: String,
    key_id: Hex<16>,
    folder: String,
    secret_key_bytes: u64,
    public_key_bytes: u64,
    eval_keys_bytes: u64,
    eval_keys: usize,
    security_bits: u32,
    log_qp: f64,
    seconds: f64,
    total_seconds: f64,
    peak_memory_bytes: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// Keys that are there already, a model that cannot be used, a folder that cannot be written to.
pub fn run(args: &Keygen) -> Result<()> {
    if let Some(set) = &args.bootstrap {
        return bootstrap_keygen::run(args, set);
    }
    let started = Instant::now();
    check(&args.out, [SECRET, PUBLIC, EVALUATION], args.force)?;
    let model = model::client(&args.model.model)?;
    let plan = model.compiled().plan()?;
    if !args.output.json {
        report::line(&format!(
            "{} evaluation keys for {}: about {} on disk, {} in memory",
            plan.keys,
            plan.model,
            report::bytes(plan.key_file_bytes),
            report::bytes(plan.key_memory_bytes)
        ))?;
    }
    let making = Instant::now();
    let keys = make(&model)?;
    let seconds = report::seconds(making.elapsed());
    let params = model.params();
    let [secret_key_bytes, public_key_bytes, eval_keys_bytes] = store(
        &args.out,
        args.force,
        [
            (SECRET, &|path, options| write(path, &keys.secret, params, options)),
            (PUBLIC, &|path, options| write(path, &keys.public, params, options)),
            (EVALUATION, &|path, options| write(path, &keys.evaluation, params, options)),
        ],
    )?;
    report::print(
        args.output.json,
        &Report {
            model: plan.model,
            key_id: Hex(keys.secret.id()),
            folder: args.out.display().to_string(),
            secret_key_bytes,
            public_key_bytes,
            eval_keys_bytes,
            eval_keys: plan.keys,
            security_bits: plan.security_bits,
            log_qp: plan.log_qp,
            seconds,
            total_seconds: report::seconds(started.elapsed()),
            peak_memory_bytes: memory::peak_bytes(),
        },
    )
}

/// Makes all keys of a model, with a bar on a terminal.
///
/// # Errors
/// A system without randomness.
pub fn make(model: &ClientModel) -> Result<KeySet> {
    let mut randomness = Randomness::from_os()?;
    let bar = Progress::begin("keys", model.compiled().key_requirements().count());
    Ok(client::keygen(model, &mut randomness, |done, total| bar.at(done, total, "evaluation keys"))?)
}

/// Refuses a folder that is none, or that holds one of these files while `force` is false.
pub(super) fn check(folder: &Path, names: [&str; 3], force: bool) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(refused(format!("{} is not a folder; needed for --out: a folder for the keys", folder.display())));
    }
    let present: Vec<_> = names.into_iter().filter(|name| folder.join(name).symlink_metadata().is_ok()).collect();
    if present.is_empty() || force {
        return Ok(());
    }
    Err(refused(format!(
        "{} already holds {}; choose another folder. --force replaces them, and what was encrypted under them can then never be read again",
        folder.display(),
        present.join(", ")
    )))
}

/// Writes one file and returns its size.
pub(super) type Write<'a> = &'a dyn Fn(&Path, &WriteOptions) -> ckks_core::Result<u64>;

/// Writes three files, the largest one last, and returns their sizes.
///
/// All of them or none: what a failed call has made is removed again. Where keys are replaced, the largest file goes first, so that a
/// full disk leaves the old ones as they were.
pub(super) fn store(folder: &Path, force: bool, files: [(&str, Write<'_>); 3]) -> Result<[u64; 3]> {
    let _whole = interrupt::writing();
    let new_folder = !folder.exists();
    make_folder(folder)?;
    let options = WriteOptions { overwrite: force, ..WriteOptions::default() };
    let mut sizes = [0; 3];
    let mut written = Vec::new();
    for step in if force { [2, 1, 0] } else { [0, 1, 2] } {
        let (name, write) = files[step];
        let path = folder.join(name);
        let result = write(&path, &options);
        match result {
            Ok(size) => {
                sizes[step] = size;
                written.push(path);
            }
            Err(error) => {
                if force && !written.is_empty() {
                    return Err(error).with_context(|| {
                        format!("the keys in {} do not belong together any more; run keygen --force again", folder.display())
                    });
                }
                // They were made by this call; if they cannot be removed either, the first error is still the one to report.
                written.iter().for_each(|path| drop(std::fs::remove_file(path)));
                if new_folder {
                    drop(std::fs::remove_dir(folder));
                }
                return Err(error.into());
            }
        }
    }
    Ok(sizes)
}

/// The folder is for its owner: the secret key lies in it.
fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = Path::new(&self.folder);
        writeln!(f, "{}  {}  keep it; mode 0600", folder.join(SECRET).display(), report::bytes(self.secret_key_bytes))?;
        writeln!(
            f,
            "{}  {}  for others who encrypt to you",
            folder.join(PUBLIC).display(),
            report::bytes(self.public_key_bytes)
        )?;
        writeln!(f, "{}  {}  for the server", folder.join(EVALUATION).display(), report::bytes(self.eval_keys_bytes))?;
        writeln!(f, "security: {} bits, log2(QP) = {:.1}", self.security_bits, self.log_qp)?;
        write!(
            f,
            "{:.2} s ({:.2} s with files), peak memory {}",
            self.seconds,
            self.total_seconds,
            report::memory(self.peak_memory_bytes)
        )
    }
}
