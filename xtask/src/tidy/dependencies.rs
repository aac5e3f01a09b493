//! The law of layers: a crate depends only on crates below it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Violation;

/// The crates from the bottom to the top; each may use those before it.
const LAYERS: [&str; 7] = ["ckks-core", "he-tensor", "hnn-layers", "distilbert-he", "train", "cli", "xtask"];

/// The crates that may use `anyhow`: programs, whose errors are read and not matched.
const PROGRAMS: [&str; 2] = ["cli", "xtask"];

/// Asks cargo for the manifests, so that renamed, target-specific and inherited dependencies count as what they are.
pub fn check(root: &Path) -> Result<Vec<Violation>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()
        .context("cargo metadata cannot be run")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata gave something that is not JSON")?;
    let mut violations = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata names no packages")? {
        package_laws(package, &mut violations);
    }
    Ok(violations)
}

fn package_laws(package: &Value, violations: &mut Vec<Violation>) {
    let name = package["name"].as_str().unwrap_or_default();
    let manifest = if name == "xtask" { "xtask/Cargo.toml".to_owned() } else { format!("crates/{name}/Cargo.toml") };
    let Some(rank) = LAYERS.iter().position(|layer| *layer == name) else {
        violations.push(Violation::new(
            "layers",
            &manifest,
            0,
            format!("the crate {name} has no place in the order {LAYERS:?}; give it one"),
        ));
        return;
    };
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let used = dependency["name"].as_str().unwrap_or_default();
        // cli and xtask are both at the top: xtask may not use cli's code either.
        if let Some(other) = LAYERS.iter().position(|layer| *layer == used)
            && (other >= rank || used == "cli")
        {
            violations.push(Violation::new(
                "layers",
                &manifest,
                0,
                format!("{name} uses {used}; a crate uses only those before it in {LAYERS:?}"),
            ));
        }
        if used == "anyhow" && !PROGRAMS.contains(&name) {
            violations.push(Violation::new(
                "errors",
                &manifest,
                0,
                format!("{name} uses anyhow; a library has its own error type"),
            ));
        }
        if used == "ureq" && name != "xtask" {
            violations.push(Violation::new(
                "sockets",
                &manifest,
                0,
                format!("{name} uses ureq; only `cargo xtask fetch` opens a socket"),
            ));
        }
    }
    for (key, needed) in [("edition", "2024"), ("license", "MIT OR Apache-2.0")] {
        if package[key].as_str() != Some(needed) {
            violations.push(Violation::new(
                "manifest",
                &manifest,
                0,
                format!("{key} is {}; the workspace's is {needed}", package[key]),
            ));
        }
    }
}
