//! `cargo xtask tidy`: the laws of the repository, checked on its files.
//!
//! Each law is a function from the tree to what breaks it. The compiler and clippy hold what they can (missing documentation, undocumented
//! unsafe blocks); here stands what they cannot see: which crate may use which, where unsafe code and sockets may stand, names, sizes.

mod dependencies;
mod files;
mod lexer;
mod source_laws;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::workspace;
use tree::Tree;

/// Arguments of `tidy`.
#[derive(clap::Args)]
pub struct Args {
    /// The repository to check; without it, the one that this program stands in.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// One broken law.
#[derive(Debug)]
pub struct Violation {
    /// The law's short name.
    law: &'static str,
    /// The file, from the repository's root.
    path: String,
    /// Line from 1, or 0 for the whole file.
    line: usize,
    /// What was found and what is needed.
    message: String,
}

impl Violation {
    fn new(law: &'static str, path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { law, path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": [{}] {}", self.law, self.message)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let root = match &args.root {
        Some(root) => root.clone(),
        None => workspace::root()?,
    };
    let tree = Tree::read(&root)?;
    for warning in files::long_files(&tree) {
        println!("warning: {warning}");
    }
    let violations = check(&root, &tree)?;
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("tidy: {} files keep the laws", tree.files.len());
            Ok(())
        }
        count => bail!("{count} violations"),
    }
}

/// Everything that breaks a law.
fn check(root: &Path, tree: &Tree) -> Result<Vec<Violation>> {
    let mut violations = dependencies::check(root)?;
    for law in [
        files::required,
        files::crate_folders,
        files::names,
        files::lengths,
        files::machine_paths,
        files::merge_marks,
        files::lock_file,
        source_laws::unsafe_code,
        source_laws::sockets,
        source_laws::terminals,
        source_laws::stubs,
        source_laws::missing_docs,
        source_laws::errors,
        source_laws::secrets,
    ] {
        violations.extend(law(tree));
    }
    violations.sort_by(|a, b| (&a.path, a.line, a.law).cmp(&(&b.path, b.line, b.law)));
    Ok(violations)
}
