//! A small repository that keeps the laws, and one copy of it for each way to break them.

use std::fs;
use std::path::Path;

use super::tree::Tree;
use super::{Violation, check};

const MANIFEST: &str = r#"[workspace]
resolver = "3"
members = ["crates/*", "xtask"]

[workspace.package]
edition = "2024"
license = "MIT OR Apache-2.0"

[workspace.lints.rust]
missing_docs = "warn"
unsafe_code = "deny"

[workspace.lints.clippy]
undocumented_unsafe_blocks = "deny"
"#;

const LIBRARY: &str = "//! A library.\n\npub mod error;\n";
const ERROR: &str = "//! Errors.\n\n#[derive(Debug, thiserror::Error)]\n#[non_exhaustive]\npub enum Error {}\n";

fn crate_manifest(name: &str, dependencies: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition.workspace = true\nlicense.workspace = true\n\n\
         [dependencies]\n{dependencies}\n[lints]\nworkspace = true\n"
    )
}

/// Writes the small repository: two libraries, the two programs, and the files around them.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for path in ["README.md", "SECURITY.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/ARCHITECTURE.md", ".ci/run"] {
        write(root, path, "# Text\n");
    }
    write(root, "Cargo.toml", MANIFEST);
    write(root, "Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n");
    for (name, dependencies) in [("ckks-core", ""), ("he-tensor", "ckks-core = { path = \"../ckks-core\" }\n")] {
        write(root, &format!("crates/{name}/Cargo.toml"), &crate_manifest(name, dependencies));
        write(root, &format!("crates/{name}/src/lib.rs"), LIBRARY);
        write(root, &format!("crates/{name}/src/error.rs"), ERROR);
        write(root, &format!("crates/{name}/README.md"), "# A crate\n");
    }
    for (path, name) in [("crates/cli", "cli"), ("xtask", "xtask")] {
        write(root, &format!("{path}/Cargo.toml"), &crate_manifest(name, ""));
        write(root, &format!("{path}/src/main.rs"), "//! A program.\n\nfn main() {\n    println!(\"done\");\n}\n");
        write(root, &format!("{path}/README.md"), "# A program\n");
    }
    write(
        root,
        "crates/ckks-core/src/kernels/mod.rs",
        "//! Kernels.\n#![allow(unsafe_code)]\n\nfn first(a: &[u64; 2]) -> u64 {\n    // SAFETY: the array has two words.\n    unsafe { *a.get_unchecked(0) }\n}\n",
    );
    write(root, "xtask/src/fetch/mod.rs", "//! Downloads.\n\nuse std::net::TcpStream;\n");
    folder
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn violations(root: &Path) -> Vec<Violation> {
    check(root, &Tree::read(root).unwrap()).unwrap()
}

/// Breaks the repository by one file and expects exactly this law to be named, at this file.
#[track_caller]
fn breaks(law: &str, path: &str, text: &str) {
    let folder = repository();
    write(folder.path(), path, text);
    let found = violations(folder.path());
    assert!(found.iter().any(|violation| violation.law == law && violation.path == path), "{law}: found {found:?}");
    assert!(found.iter().all(|violation| violation.law == law), "{law} only: found {found:?}");
}

#[test]
fn a_repository_that_keeps_the_laws_passes() {
    let found = violations(repository().path());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn upward_and_sideways_dependencies() {
    let manifest = "crates/ckks-core/Cargo.toml";
    breaks("layers", manifest, &crate_manifest("ckks-core", "he-tensor = { path = \"../he-tensor\" }\n"));
    breaks("layers", manifest, &crate_manifest("ckks-core", "tensor = { path = \"../he-tensor\", package = \"he-tensor\" }\n"));
    breaks(
        "layers",
        manifest,
        &(crate_manifest("ckks-core", "") + "\n[target.'cfg(unix)'.dev-dependencies]\nhe-tensor = { path = \"../he-tensor\" }\n"),
    );
    breaks("layers", "xtask/Cargo.toml", &crate_manifest("xtask", "cli = { path = \"../crates/cli\" }\n"));
}

#[test]
fn anyhow_and_ureq_in_a_library() {
    breaks("errors", "crates/he-tensor/Cargo.toml", &crate_manifest("he-tensor", "anyhow = \"1\"\n"));
    breaks("sockets", "crates/he-tensor/Cargo.toml", &crate_manifest("he-tensor", "ureq = \"3\"\n"));
}

#[test]
fn another_licence() {
    let manifest = crate_manifest("he-tensor", "").replace("license.workspace = true", "license = \"GPL-3.0\"");
    breaks("manifest", "crates/he-tensor/Cargo.toml", &manifest);
}

#[test]
fn unsafe_code_outside_the_kernels() {
    breaks(
        "unsafe",
        "crates/ckks-core/src/ring.rs",
        "//! Ring.\nfn f(a: *const u8) -> u8 {\n    // SAFETY: no.\n    unsafe { *a }\n}\n",
    );
    breaks("unsafe", "crates/he-tensor/src/layout.rs", "//! Layout.\n#![allow(unsafe_code)]\n");
    breaks("unsafe", "crates/he-tensor/tests/layout.rs", "//! Layout.\nunsafe fn f() {}\n");
}

#[test]
fn unsafe_code_without_its_reason() {
    let path = "crates/ckks-core/src/kernels/fast.rs";
    breaks("safety", path, "//! Fast.\nfn f(a: &[u64]) -> u64 {\n    unsafe { *a.get_unchecked(0) }\n}\n");
    breaks(
        "safety",
        path,
        "//! Fast.\n// SAFETY: of something else.\nfn g() {}\n\nfn f(a: &[u64]) -> u64 {\n    unsafe { *a.get_unchecked(0) }\n}\n",
    );
    breaks("safety", path, "//! Fast.\n/// Reads.\npub unsafe fn f() {}\n");
}

#[test]
fn sockets_elsewhere() {
    breaks("sockets", "xtask/src/bench.rs", "//! Bench.\nuse std::net::{IpAddr, TcpStream};\n");
    breaks("sockets", "crates/cli/src/infer.rs", "//! Infer.\nfn f() { ureq::get(\"x\"); }\n");
}

#[test]
fn a_comment_or_a_text_about_it_is_no_violation() {
    let folder = repository();
    write(
        folder.path(),
        "crates/he-tensor/src/words.rs",
        "//! Nothing unsafe, no TcpStream, no todo!().\nconst A: &str = \"unsafe { TcpStream }\";\n",
    );
    let found = violations(folder.path());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn names_that_say_nothing() {
    breaks("names", "crates/he-tensor/src/utils.rs", "//! Everything.\n");
    breaks("names", "crates/he-tensor/src/misc/row.rs", "//! Rows.\n");
    breaks("names", "crates/he-tensor/src/row.rs", "//! Rows.\npub(crate) mod helpers {}\n");
}

#[test]
fn a_file_too_long() {
    breaks("length", "crates/he-tensor/src/long.rs", &"//! Long.\n".repeat(601));
}

#[test]
fn a_path_of_some_machine() {
    breaks("machine-paths", "docs/notes.md", concat!("see /ho", "me/somebody/data\n"));
    breaks("machine-paths", "crates/he-tensor/src/path.rs", concat!("//! Path.\nconst A: &str = \"/t", "mp/x\";\n"));
}

#[test]
fn missing_files_of_a_crate() {
    breaks("readme", "crates/he-tensor/README.md", "");
    breaks("lints", "crates/he-tensor/Cargo.toml", &crate_manifest("he-tensor", "").replace("[lints]", "[package.metadata]"));
    breaks("lints", "Cargo.toml", &MANIFEST.replace("missing_docs = \"warn\"\n", ""));
    breaks("docs", "crates/he-tensor/src/lib.rs", "pub mod error;\n");
    breaks("docs", "crates/he-tensor/src/lib.rs", "//! A library.\n#![allow(missing_docs)]\n");
    breaks("errors", "crates/he-tensor/src/error.rs", "//! Errors.\n#[derive(thiserror::Error)]\npub enum Error {}\n");
    breaks(
        "errors",
        "crates/he-tensor/src/row.rs",
        "//! Rows.\n#[derive(thiserror::Error)]\n#[non_exhaustive]\npub enum RowError {}\n",
    );
}

#[test]
fn missing_files_of_the_repository() {
    for path in ["SECURITY.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/ARCHITECTURE.md", ".ci/run", "README.md"] {
        breaks("required", path, "\n");
    }
}

#[test]
fn an_unfinished_merge() {
    breaks("merge", "docs/notes.md", "one\n<<<<<<< HEAD\ntwo\n");
}

#[test]
fn another_registry() {
    breaks("lock-file", "Cargo.lock", "source = \"registry+https://example.org/index\"\n");
}

#[test]
fn printing_from_a_library() {
    breaks("terminals", "crates/he-tensor/src/row.rs", "//! Rows.\nfn f() {\n    eprintln!(\"row\");\n}\n");
}

#[test]
fn stubs() {
    breaks("stubs", "crates/he-tensor/src/row.rs", concat!("//! Rows.\nfn f() {\n    to", "do!()\n}\n"));
}

#[test]
fn a_secret_that_can_be_printed() {
    breaks(
        "secrets",
        "crates/ckks-core/src/secret.rs",
        "//! Secret.\n#[derive(Clone, Debug)]\n#[must_use]\npub struct SecretKey(u8);\n",
    );
}
