//! `cargo xtask fetch`: the data set and the models, each file pinned by its SHA-256.
//!
//! This folder is the only place in the repository that opens a socket (`cargo xtask tidy` holds that).

mod archive;
mod digest;
mod download;
mod local;
mod pins;
#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::workspace;
use digest::{State, state};
use pins::Pin;

/// Arguments of `fetch`.
#[derive(clap::Args)]
pub struct Args {
    /// Copy from this folder instead of the network; it holds data/sst2/ and models/NAME/, or sst2/ and models/NAME/.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Only these; without it, everything that the source has.
    #[arg(long, value_enum)]
    only: Vec<Item>,
}

/// What can be fetched.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Item {
    /// The Stanford Sentiment Treebank in its GLUE form: train.tsv and dev.tsv.
    Sst2,
    /// distilbert-base-uncased-finetuned-sst-2-english, 268 MB.
    DistilbertSst2,
    /// The 6 x 384 teacher, 45 MB; it has no public address and comes with --from only.
    MinilmSst2,
}

impl Item {
    const ALL: [Item; 3] = [Item::Sst2, Item::DistilbertSst2, Item::MinilmSst2];

    fn pins(self) -> &'static [Pin] {
        match self {
            Item::Sst2 => &pins::SST2,
            Item::DistilbertSst2 => &pins::DISTILBERT,
            Item::MinilmSst2 => &pins::MINILM,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Item::Sst2 => "sst2",
            Item::DistilbertSst2 => "distilbert-sst2",
            Item::MinilmSst2 => "minilm-sst2",
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let cache = workspace::cache(&workspace::root()?);
    match &args.from {
        Some(from) => copy(from, &cache, &args.only),
        None => download(&cache, &args.only),
    }
}

fn copy(from: &Path, cache: &Path, only: &[Item]) -> Result<()> {
    if !from.is_dir() {
        bail!("{} is not a folder; --from needs one that holds data/sst2/ and models/NAME/", from.display());
    }
    let wanted = if only.is_empty() { &Item::ALL[..] } else { only };
    let mut copied = 0;
    for item in wanted {
        let found = local::copy(from, cache, item.pins())?;
        copied += found;
        if found == 0 && !only.is_empty() {
            bail!("{} holds no {}: looked for {}", from.display(), item.name(), local::places(from, &item.pins()[0]));
        }
        if found == 0 {
            println!("{}: not in {}, left out", item.name(), from.display());
        }
    }
    if copied == 0 {
        bail!("{} holds none of sst2, distilbert-sst2, minilm-sst2", from.display());
    }
    Ok(())
}

fn download(cache: &Path, only: &[Item]) -> Result<()> {
    let wanted = if only.is_empty() { &[Item::Sst2, Item::DistilbertSst2][..] } else { only };
    let client = download::Client::new();
    for item in wanted {
        match item {
            Item::Sst2 => sst2(&client, cache)?,
            Item::DistilbertSst2 => {
                for pin in item.pins() {
                    client.fetch(pin, &cache.join(pin.path))?;
                }
            }
            Item::MinilmSst2 => bail!(
                "minilm-sst2 has no public address; copy it with `cargo xtask fetch --from DIR`, where DIR holds models/minilm-sst2/"
            ),
        }
    }
    Ok(())
}

/// The archive is kept only until its two files stand.
fn sst2(client: &download::Client, cache: &Path) -> Result<()> {
    let mut missing = false;
    for pin in &pins::SST2 {
        match state(&cache.join(pin.path), pin.sha256)? {
            State::Right => println!("{}: already there", pin.path),
            State::Missing | State::Wrong(_) => missing = true,
        }
    }
    if !missing {
        return Ok(());
    }
    let archive = cache.join(pins::SST2_ARCHIVE.path);
    client.fetch(&pins::SST2_ARCHIVE, &archive)?;
    archive::unpack(&archive, cache, &pins::SST2)?;
    std::fs::remove_file(&archive)?;
    Ok(())
}

/// Refuses a dev set other than the pinned one, so that figures belong to the same sentences everywhere.
pub fn check_dev_set(path: &Path) -> Result<()> {
    let [_, dev] = &pins::SST2;
    match state(path, dev.sha256)? {
        State::Right => Ok(()),
        State::Missing => bail!("{} is missing", path.display()),
        State::Wrong(found) => bail!("{}: found SHA-256 {found}, needed {}; fetch it again", path.display(), dev.sha256),
    }
}
