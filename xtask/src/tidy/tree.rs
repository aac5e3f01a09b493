//! The repository's text files, read once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::lexer;

/// Folders and endings that are not the repository's: build output, downloads, version control.
const SKIPPED: [&str; 3] = ["target", ".git", "data/cache"];

/// Text files above this size are data, in bytes.
const LARGEST_TEXT: u64 = 1 << 20;

/// One text file.
pub struct SourceFile {
    /// From the root, with `/`.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// For Rust: the text with comments and the contents of literals blanked, line by line in place. Empty for other files.
    pub code: String,
}

impl SourceFile {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The lines of code, counted from 1.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The name of the crate that the file belongs to, if it lies in `crates/`.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the file is compiled into a library or program, and not an example, a test or a benchmark.
    pub fn is_product(&self) -> bool {
        let inside =
            self.path.strip_prefix("crates/").and_then(|path| path.split_once('/')).map_or(self.path.as_str(), |(_, rest)| rest);
        let name = self.path.rsplit('/').next().unwrap_or_default();
        inside.starts_with("src/") && name != "tests.rs" && !inside.contains("/tests/")
    }
}

/// All text files.
pub struct Tree {
    /// In order of their paths.
    pub files: Vec<SourceFile>,
}

impl Tree {
    /// Reads everything below `root` but build output, downloads and files that are not text.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    pub fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Names of the folders in `crates/`.
    pub fn crates(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.files.iter().filter_map(SourceFile::crate_name).collect();
        names.dedup();
        names
    }
}

fn read_folder(root: &Path, below: &str, files: &mut Vec<SourceFile>) -> Result<()> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if SKIPPED.contains(&path.as_str()) {
            continue;
        }
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            read_folder(root, &path, files)?;
        } else if metadata.is_file() && metadata.len() <= LARGEST_TEXT {
            let bytes = fs::read(entry.path()).with_context(|| format!("{path} cannot be read"))?;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let code = if path.ends_with(".rs") { lexer::code_only(&text) } else { String::new() };
            files.push(SourceFile { path, text, code });
        }
    }
    Ok(())
}
