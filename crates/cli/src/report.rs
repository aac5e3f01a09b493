//! What a command has to say: for people, or with `--json` as one object on one line.

use std::fmt::Display;
use std::io::Write;

use anyhow::{Context, Result};
use serde::Serialize;

/// Prints a report to stdout.
///
/// # Errors
/// stdout that is closed or full.
pub fn print(json: bool, report: &(impl Serialize + Display)) -> Result<()> {
    let text =
        if json { serde_json::to_string(report).context("a report cannot be written as JSON")? } else { report.to_string() };
    line(&text)
}

/// Prints one text to stdout, with a line end if it has none.
///
/// # Errors
/// stdout that is closed or full.
pub fn line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()).context("stdout cannot be written to")
}

/// Prints finished lines to stdout, those without content among them.
///
/// # Errors
/// stdout that is closed or full.
pub fn raw(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("stdout cannot be written to")
}

/// A remark on stderr.
pub fn warn(message: &str) {
    eprintln!("warning: {message}");
}

/// A size for people: `11.8 MB`, powers of ten.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}

/// The same for a figure that not every system has.
pub fn memory(count: Option<u64>) -> String {
    count.map_or_else(|| "not known on this system".to_owned(), bytes)
}

/// Seconds to the millisecond, for JSON.
pub fn seconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        assert_eq!(
            [bytes(999), bytes(1_500), bytes(11_800_000), bytes(2_300_000_000)],
            ["999 B", "1.5 kB", "11.8 MB", "2.30 GB"]
        );
    }
}
