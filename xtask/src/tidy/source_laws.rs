//! Laws on Rust source, checked on code without comments and literals.

use super::Violation;
use super::lexer::has_word;
use super::tree::{SourceFile, Tree};

/// The only room with unsafe code.
const KERNELS: &str = "crates/ckks-core/src/kernels/";

/// The only room that opens sockets.
const FETCH: &str = "xtask/src/fetch/";

/// Lines above an unsafe block in which its `SAFETY:` comment may begin.
const SAFETY_REACH: usize = 12;

/// Unsafe code stands in the kernels only, and says there why it is sound.
pub fn unsafe_code(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let inside = file.path.starts_with(KERNELS);
        for (line, code) in file.code_lines() {
            let lint_off = code.contains("allow(unsafe_code)") || code.contains("expect(unsafe_code");
            if !inside && (has_word(code, "unsafe") || lint_off) {
                violations.push(Violation::new("unsafe", &file.path, line, format!("unsafe code stands only in {KERNELS}")));
            }
            if inside && has_word(code, "unsafe") && !is_signature(code) && !explained(file, line) {
                violations.push(Violation::new(
                    "safety",
                    &file.path,
                    line,
                    "no `SAFETY:` comment or `# Safety` section above it",
                ));
            }
        }
    }
    violations
}

/// A type such as `unsafe fn(…)`, or `deny(unsafe_op_in_unsafe_fn)`: nothing happens there.
fn is_signature(code: &str) -> bool {
    code.contains("unsafe fn(") || code.contains("unsafe extern \"C\" fn(")
}

/// Whether a comment above the line, or on it, argues for it: up through comments, attributes and the beginning of the same statement.
fn explained(file: &SourceFile, line: usize) -> bool {
    let lines: Vec<_> = file.text.lines().collect();
    let code: Vec<_> = file.code.lines().collect();
    let argues = |at: usize| lines[at].contains("SAFETY:") || lines[at].contains("# Safety");
    if argues(line - 1) {
        return true;
    }
    for at in (line.saturating_sub(1 + SAFETY_REACH)..line - 1).rev() {
        if argues(at) {
            return true;
        }
        let statement = code.get(at).map_or("", |code| code.trim());
        let ends_another =
            statement.ends_with(';') || statement.ends_with('}') || (statement.ends_with('{') && !statement.contains("unsafe"));
        if ends_another && !statement.starts_with('#') {
            return false;
        }
    }
    false
}

/// Only `xtask fetch` opens a socket.
pub fn sockets(tree: &Tree) -> Vec<Violation> {
    let words = [
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "ToSocketAddrs",
        "ureq",
        "reqwest",
        "hyper",
        "socket2",
    ];
    let mut violations = Vec::new();
    for file in tree.rust().filter(|file| !file.path.starts_with(FETCH)) {
        for (line, code) in file.code_lines() {
            if code.contains("std::net") || words.iter().any(|word| has_word(code, word)) {
                violations.push(Violation::new("sockets", &file.path, line, format!("only {FETCH} opens a socket")));
            }
        }
    }
    violations
}

/// Libraries do not write to a terminal: they return figures and take callbacks.
pub fn terminals(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let libraries = tree.rust().filter(|file| file.is_product() && file.crate_name().is_some_and(|name| name != "cli"));
    for file in libraries {
        for (line, code) in file.code_lines() {
            if let Some(name) = ["println", "eprintln", "print", "eprint"]
                .iter()
                .find(|name| has_word(code, name) && code.contains(&format!("{name}!")))
            {
                violations.push(Violation::new(
                    "terminals",
                    &file.path,
                    line,
                    format!("{name}! in a library; return it or take a callback"),
                ));
            }
        }
    }
    violations
}

/// Nothing that only looks done.
pub fn stubs(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        for (line, code) in file.code_lines() {
            if let Some(name) = ["todo!", "unimplemented!", "dbg!"].iter().find(|name| code.contains(*name)) {
                violations.push(Violation::new("stubs", &file.path, line, format!("{name} is not to be committed")));
            }
        }
    }
    violations
}

/// The lint that asks for documentation is not switched off.
pub fn missing_docs(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust().filter(|file| file.is_product()) {
        for (line, code) in file.code_lines() {
            let off = code.contains("allow(") || code.contains("expect(");
            if off && (has_word(code, "missing_docs") || has_word(code, "warnings")) {
                violations.push(Violation::new("docs", &file.path, line, "switches missing_docs off; write the documentation"));
            }
        }
    }
    violations
}

/// A library has at most one error type, in `error.rs`, and it can grow. (A crate may do with the one of the crate below.)
pub fn errors(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust().filter(|file| file.is_product() && file.crate_name().is_some_and(|name| name != "cli")) {
        if file.path.ends_with("/src/error.rs") {
            let kept = ["non_exhaustive", "thiserror::Error", "pub enum Error"].iter().all(|words| file.code.contains(words));
            if !kept {
                let needed = "needs `#[derive(thiserror::Error)] #[non_exhaustive] pub enum Error`";
                violations.push(Violation::new("errors", &file.path, 0, needed));
            }
        } else if let Some((line, _)) = file.code_lines().find(|(_, code)| code.contains("thiserror::Error")) {
            violations.push(Violation::new(
                "errors",
                &file.path,
                line,
                "a second error type; errors stand in the crate's error.rs",
            ));
        }
    }
    violations
}

/// A type that holds a secret is neither printed nor written by a derived implementation.
pub fn secrets(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let mut derived = "";
        for (line, code) in file.code_lines() {
            let code = code.trim();
            if code.starts_with("#[derive(") {
                derived = code;
            } else if let Some(name) = struct_name(code) {
                if name.contains("Secret") && ["Debug", "Serialize", "Copy"].iter().any(|forbidden| has_word(derived, forbidden))
                {
                    violations.push(Violation::new(
                        "secrets",
                        &file.path,
                        line,
                        format!("{name} derives one of Debug, Serialize, Copy"),
                    ));
                }
                derived = "";
            } else if !code.is_empty() && !code.starts_with("#[") {
                derived = "";
            }
        }
    }
    violations
}

fn struct_name(code: &str) -> Option<&str> {
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.find(|word| matches!(*word, "struct" | "enum"))?;
    words.next()
}
