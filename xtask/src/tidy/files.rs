//! Laws on whole files: which must be there, their names, their length, what no file may mention.

use super::Violation;
use super::tree::{SourceFile, Tree};

/// A Rust file longer than this is named in a warning, in lines.
const LONG: usize = 400;

/// A Rust file longer than this breaks the law, unless [`LONG_BY_DESIGN`] names it.
const TOO_LONG: usize = 600;

/// Files that are one idea though they are long, each with the reason.
const LONG_BY_DESIGN: [(&str, &str); 0] = [];

/// Names that say nothing about what is inside. `common` is not among them: `tests/common/` is cargo's own name for what test programs share.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "utilities", "misc", "miscellaneous", "helper", "helpers"];

/// Files that a repository for others has to have.
pub fn required(tree: &Tree) -> Vec<Violation> {
    ["README.md", "SECURITY.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/ARCHITECTURE.md", ".ci/run"]
        .into_iter()
        .filter(|path| tree.get(path).is_none_or(|file| file.text.trim().is_empty()))
        .map(|path| Violation::new("required", path, 0, "missing or empty"))
        .collect()
}

/// Every crate starts from a README, takes the workspace's lints, and its root says what it is.
pub fn crate_folders(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let folders = tree.crates().into_iter().map(|name| format!("crates/{name}")).chain(["xtask".to_owned()]);
    for folder in folders {
        let readme = format!("{folder}/README.md");
        if tree.get(&readme).is_none_or(|file| !file.text.starts_with("# ")) {
            violations.push(Violation::new("readme", &readme, 0, "missing, or it does not begin with a title"));
        }
        let manifest = format!("{folder}/Cargo.toml");
        let inherits = tree
            .get(&manifest)
            .is_some_and(|file| section(&file.text, "[lints]").any(|line| line.replace(' ', "") == "workspace=true"));
        if !inherits {
            violations.push(Violation::new(
                "lints",
                &manifest,
                0,
                "needs [lints] workspace = true, so that missing_docs and unsafe_code hold",
            ));
        }
        let roots = [format!("{folder}/src/lib.rs"), format!("{folder}/src/main.rs")];
        for file in roots.iter().filter_map(|path| tree.get(path)) {
            if !file.text.starts_with("//!") && !file.text.starts_with("#![doc = include_str!") {
                violations.push(Violation::new(
                    "docs",
                    &file.path,
                    1,
                    "the crate's root begins with a `//!` that says what it is for",
                ));
            }
        }
    }
    if let Some(workspace) = tree.get("Cargo.toml") {
        for lint in ["missing_docs", "unsafe_code", "undocumented_unsafe_blocks"] {
            if !workspace.text.lines().any(|line| line.starts_with(lint)) {
                violations.push(Violation::new("lints", "Cargo.toml", 0, format!("[workspace.lints] does not name {lint}")));
            }
        }
    }
    violations
}

/// The lines of a section of a TOML file.
fn section<'a>(text: &'a str, header: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().skip_while(move |line| line.trim() != header).skip(1).take_while(|line| !line.starts_with('['))
}

/// No file, folder or module is a drawer for everything.
pub fn names(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let stem = file.path.trim_end_matches(".rs");
        for part in stem.split('/').filter(|part| EMPTY_NAMES.contains(part)) {
            violations.push(Violation::new(
                "names",
                &file.path,
                0,
                format!("`{part}` says nothing about what is inside; name the idea"),
            ));
        }
        for (line, code) in file.code_lines() {
            let mut words = code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| !word.is_empty())
                .skip_while(|word| *word != "mod");
            if let Some(name) = words.nth(1).filter(|name| EMPTY_NAMES.contains(name)) {
                violations.push(Violation::new(
                    "names",
                    &file.path,
                    line,
                    format!("module `{name}` says nothing about what is inside; name the idea"),
                ));
            }
        }
    }
    violations
}

/// No file grows beyond what can be read at once.
pub fn lengths(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        let allowed = LONG_BY_DESIGN.iter().any(|(path, _)| *path == file.path);
        if lines > TOO_LONG && !allowed {
            violations.push(Violation::new(
                "length",
                &file.path,
                0,
                format!("{lines} lines; split it (limit {TOO_LONG}), one idea a file"),
            ));
        }
        if lines <= TOO_LONG && allowed {
            violations.push(Violation::new(
                "length",
                &file.path,
                0,
                format!("{lines} lines: the exception for it is no longer needed"),
            ));
        }
    }
    violations
}

/// Files that are on their way to being too long: a remark, not a violation.
pub fn long_files(tree: &Tree) -> Vec<String> {
    tree.rust()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| (LONG + 1..=TOO_LONG).contains(lines))
        .map(|(file, lines)| format!("{}: {lines} lines, more than {LONG}", file.path))
        .collect()
}

/// No file names a folder of the machine that it was written on.
pub fn machine_paths(tree: &Tree) -> Vec<Violation> {
    // In pieces, so that this file keeps its own law.
    let folders = [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/t", "mp/"),
        concat!("C:", "\\"),
    ];
    let mut violations = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(folder) = folders.iter().find(|folder| names_folder(line, folder)) {
                violations.push(Violation::new(
                    "machine-paths",
                    &file.path,
                    index + 1,
                    format!("names {folder}, a folder of some machine"),
                ));
            }
        }
    }
    violations
}

/// Whether an absolute path begins here: not inside a relative path or an address.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}".contains(c)))
}

/// No file holds the marks of an unfinished merge.
pub fn merge_marks(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
                violations.push(Violation::new("merge", &file.path, index + 1, "the mark of an unfinished merge"));
            }
        }
    }
    violations
}

/// The lock file names the public registry only.
pub fn lock_file(tree: &Tree) -> Vec<Violation> {
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let Some(lock) = tree.get("Cargo.lock") else {
        return vec![Violation::new("lock-file", "Cargo.lock", 0, "missing; programs are built from locked versions")];
    };
    lines_with(lock, "source = ")
        .filter(|(_, line)| *line != public)
        .map(|(index, line)| Violation::new("lock-file", "Cargo.lock", index, format!("{line}: only the public registry")))
        .collect()
}

fn lines_with<'a>(file: &'a SourceFile, start: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    file.text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(move |(_, line)| line.starts_with(start))
}
