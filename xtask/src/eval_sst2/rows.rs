//! Sentences that are done, kept in a file so that a long evaluation can go on after it was stopped.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One sentence's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Number of the sentence in dev.tsv, from 0.
    pub row: usize,
    /// The circuit in the simulator, with errors drawn from the noise model.
    pub simulated: Outcome,
    /// The circuit on ciphertexts, where it was asked for.
    pub encrypted: Option<Outcome>,
    /// Largest |x| / bound of every polynomial, by its name.
    pub ranges: BTreeMap<String, f64>,
    /// Seconds of the circuit alone: on ciphertexts, or else in the simulator.
    pub seconds: f64,
    /// Largest resident set of the process so far.
    pub peak_memory_bytes: Option<u64>,
}

/// What a circuit gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Probability that the sentence is positive, not rounded: the mean over the slots, which would all be equal without errors.
    pub score: f64,
    /// ν of the sentence: −log2 of the standard deviation of a slot's error.
    pub slot_bits: f64,
}

impl Row {
    /// What counts as the answer.
    pub fn answer(&self) -> Outcome {
        self.encrypted.unwrap_or(self.simulated)
    }
}

/// The file of the sentences that are done, one JSON object on each line.
pub struct Rows {
    done: Vec<Row>,
    file: File,
}

impl Rows {
    /// Opens the file; with `resume` its whole lines count as done, without it they are dropped.
    pub fn open(path: &Path, resume: bool) -> Result<Self> {
        let folder = path.parent().context("a file of rows has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let text = if resume { fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        // A line that was cut off when the evaluation was stopped is computed again, and so is everything after a gap.
        let done: Vec<Row> = text
            .lines()
            .map_while(|line| serde_json::from_str(line).ok())
            .enumerate()
            .map_while(|(i, row): (usize, Row)| (row.row == i).then_some(row))
            .collect();
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        for row in &done {
            writeln!(file, "{}", serde_json::to_string(row)?)?;
        }
        Ok(Self { done, file })
    }

    /// The sentences that are done, from the first one on without gaps.
    pub fn done(&self) -> &[Row] {
        &self.done
    }

    /// Adds the next sentence, on disk at once.
    pub fn push(&mut self, row: Row) -> Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(&row)?)
            .and_then(|()| self.file.flush())
            .context("a result cannot be written")?;
        self.done.push(row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: usize) -> Row {
        let simulated = Outcome { score: 0.1 * row as f64 + 1e-17, slot_bits: 12.5 };
        Row { row, simulated, encrypted: None, ranges: BTreeMap::new(), seconds: 0.5, peak_memory_bytes: None }
    }

    #[test]
    fn a_stopped_evaluation_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval/rows.jsonl");
        let mut rows = Rows::open(&path, true).unwrap();
        rows.push(row(0)).unwrap();
        rows.push(row(1)).unwrap();
        // Stopped in the middle of the third line.
        let mut text = fs::read_to_string(&path).unwrap();
        text += "{\"row\":2,\"sco";
        fs::write(&path, text).unwrap();
        let mut rows = Rows::open(&path, true).unwrap();
        assert_eq!(rows.done(), [row(0), row(1)]);
        rows.push(row(2)).unwrap();
        assert_eq!(Rows::open(&path, true).unwrap().done(), [row(0), row(1), row(2)]);
        assert_eq!(Rows::open(&path, false).unwrap().done(), []);
        assert_eq!(Rows::open(&path, true).unwrap().done(), []);
    }
}
