//! Which line of a batch is where. It stays with the client, beside the keys: the server sees how many sentences of each length
//! class there are, not which.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ckks_core::file::Hex;
use serde::{Deserialize, Serialize};

use crate::errors::refused;

/// Folder of these files in a folder of keys.
const FOLDER: &str = "batches";

/// The order of one batch.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchOrder {
    /// The batch.
    pub batch_id: Hex<16>,
    /// Lines of the input, those without a sentence among them.
    pub lines: usize,
    /// The ciphertexts in their order.
    pub queries: Vec<OrderedQuery>,
}

/// One ciphertext of a batch.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderedQuery {
    /// Identifier of the query.
    pub query_id: Hex<16>,
    /// Lines, from 1, of its sentences.
    pub lines: Vec<usize>,
}

impl BatchOrder {
    /// Writes the order into the folder of keys.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn write(&self, keys: &Path) -> Result<()> {
        let path = path(keys, self.batch_id);
        let folder = keys.join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let text = serde_json::to_vec(self).context("the order of a batch cannot be written as JSON")?;
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Reads the order of a batch.
    ///
    /// # Errors
    /// A file that is missing or says something impossible.
    pub fn read(keys: &Path, batch_id: Hex<16>) -> Result<Self> {
        let path = path(keys, batch_id);
        let text = fs::read(&path).with_context(|| {
            format!(
                "{} cannot be read; it says which line of the batch is where, and `encrypt` wrote it into the folder given as --keys",
                path.display()
            )
        })?;
        let order: Self = serde_json::from_slice(&text)
            .map_err(|error| refused(format!("{} is not what `encrypt` wrote: {error}", path.display())))?;
        let mut seen = vec![false; order.lines];
        for &line in order.queries.iter().flat_map(|q| &q.lines) {
            match line.checked_sub(1).and_then(|at| seen.get_mut(at)) {
                Some(seen) if !*seen => *seen = true,
                _ => {
                    let needed = format!("needed each of 1 to {} at most once", order.lines);
                    return Err(refused(format!("{} names line {line}; {needed}", path.display())));
                }
            }
        }
        if order.batch_id != batch_id {
            return Err(refused(format!("{} is for batch {}", path.display(), order.batch_id)));
        }
        Ok(order)
    }
}

fn path(keys: &Path, batch_id: Hex<16>) -> PathBuf {
    keys.join(FOLDER).join(format!("{batch_id}.json"))
}
