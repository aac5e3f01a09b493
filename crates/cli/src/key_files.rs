//! Files of keys, queries and answers: where they are, whether they may be replaced, how they are read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ckks_core::file::{self, FileType, Storable, WriteOptions};
use ckks_core::keys::{EvaluationKeys, KeyRequirements, SecretKey};
use ckks_core::params::Params;

use crate::errors::refused;
use crate::interrupt;

/// Name of the secret key in a folder of keys.
pub const SECRET: &str = "secret.key";
/// Name of the public key in a folder of keys.
pub const PUBLIC: &str = "public.key";
/// Name of the evaluation keys in a folder of keys.
pub const EVALUATION: &str = "eval.keys";

/// Name of the bootstrapping keys in a folder of keys.
pub const BOOTSTRAP: &str = "bootstrap.keys";

/// Refuses an output that exists, before any work is spent on it.
///
/// # Errors
/// A file that exists while `force` is false, a directory in any case.
pub fn check_output(path: &Path, force: bool) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Err(refused(format!("{} is a directory; needed: a file name", path.display()))),
        Ok(_) if !force => Err(refused(format!("{} exists; choose another name, or replace it with --force", path.display()))),
        _ => Ok(()),
    }
}

/// Writes one output, whole or not at all, and returns its size in bytes.
///
/// # Errors
/// What the file system refuses.
pub fn write<T: Storable>(path: &Path, value: &T, params: &Params, force: bool) -> Result<u64> {
    let _whole = interrupt::writing();
    Ok(file::write(path, value, params, &WriteOptions { overwrite: force, ..WriteOptions::default() })?)
}

/// Reads one input of the server's side. A secret key is refused before its content is read.
///
/// # Errors
/// A file of another type, of other parameters, or damaged.
pub fn read_public<T: Storable>(path: &Path, params: &Params, option: &str) -> Result<T> {
    refuse_secret(path, T::TYPE, option)?;
    file::read(path, params).with_context(|| format!("reading {option}"))
}

/// Reads those of a client's evaluation keys that `needed` names.
///
/// # Errors
/// As [`read_public`].
pub fn read_evaluation(path: &Path, params: &Params, needed: &KeyRequirements) -> Result<EvaluationKeys> {
    refuse_secret(path, EvaluationKeys::TYPE, "--eval-keys")?;
    file::evaluation_keys::read_needed(path, params, needed).context("reading --eval-keys")
}

fn refuse_secret(path: &Path, needed: FileType, option: &str) -> Result<()> {
    if file::inspect(path)?.type_name == FileType::SECRET_KEY.name() {
        return Err(refused(format!(
            "{} holds a secret key; needed for {option}: {}. The computing side must never get a secret key: \
             if this one has left its owner's machine, make new keys",
            path.display(),
            needed.name()
        )));
    }
    Ok(())
}

/// The place of the secret key in a folder of keys.
///
/// # Errors
/// A folder that is none, or has no such file.
pub fn secret_path(keys: &Path) -> Result<PathBuf> {
    let path = keys.join(SECRET);
    if !keys.is_dir() {
        return Err(refused(format!(
            "{} is not a folder; needed for --keys: the folder that `keygen --out DIR` made, with {SECRET} in it",
            keys.display()
        )));
    }
    if !path.exists() {
        return Err(refused(format!(
            "{} has no {SECRET}; make keys with `keygen --out DIR`, or name the folder that holds yours",
            keys.display()
        )));
    }
    Ok(path)
}

/// Reads the secret key of a folder, for known parameters.
///
/// # Errors
/// Keys of other parameters, a damaged file.
pub fn read_secret(keys: &Path, params: &Params) -> Result<SecretKey> {
    file::read(secret_path(keys)?, params)
        .context("these keys cannot be used here; keys for a model are made with `keygen --model M --out DIR`")
}

/// Reads the secret key of a folder together with the parameters that it was made for.
///
/// # Errors
/// Parameters that are not secure, a damaged file.
pub fn read_secret_with_params(keys: &Path) -> Result<(SecretKey, Params)> {
    let path = secret_path(keys)?;
    let params = Params::new(file::inspect(&path)?.parameters).with_context(|| path.display().to_string())?;
    Ok((file::read(&path, &params)?, params))
}
