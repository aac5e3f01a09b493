//! The loop over all steps, with checkpoints and a log.

use std::io::Write;
use std::path::{Path, PathBuf};

use distilbert_he::student::EmbeddingTable;
use ndarray::{Array2, s};
use serde_json::Value;

use crate::budget::InTraining;
use crate::claim::claim;
use crate::config::TrainConfig;
use crate::data::corpus::Corpus;
use crate::distill::Loss;
use crate::run::Progress;
use crate::student::Student;
use crate::trained::Trained;
use crate::trainer::Trainer;
use crate::trainer::checkpoint::write_atomically;
use crate::trainer::evaluate::evaluate;
use crate::{Error, Result};

/// A trained student as it would be delivered.
pub struct Fitted {
    /// Everything behind the table.
    pub student: Student<f32>,
    /// The table, rounded to bytes.
    pub embedding: EmbeddingTable,
    /// Steps of training.
    pub steps: u64,
    /// Seconds of all steps and what was between them; `None` if the log does not have them for every step.
    pub seconds: Option<f64>,
}

/// The entries of a rounded table.
///
/// # Errors
/// None that a table made by training has.
pub fn table_values(embedding: &EmbeddingTable) -> Result<Array2<f32>> {
    let ids: Vec<u32> = (0..embedding.vocab_size() as u32).collect();
    let values = embedding.embed::<f32>(&ids)?;
    let columns = embedding.parts().0.ncols();
    Ok(values.slice_move(s![.., ..columns]))
}

/// Trains on `corpus`, from random weights and `table` or from `start`. Checkpoint and log lie in `runs`/DIGEST; a run that was
/// interrupted goes on from its checkpoint, and a finished one is only read.
///
/// # Errors
/// A wanted noise budget that the first weights do not have; divergence; files that cannot be written; another process on the same run.
pub fn fit(
    config: &TrainConfig,
    corpus: &Corpus,
    table: Array2<f32>,
    start: Option<&Trained>,
    runs: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Fitted> {
    let run_dir = runs.join(&config.digest()?[..16]);
    std::fs::create_dir_all(&run_dir).map_err(Error::io(&run_dir))?;
    let _alone = claim(&run_dir.join("lock"))?;
    let mut trainer = match start {
        None => Trainer::new(config, &corpus.training, table)?,
        Some(start) => Trainer::starting_from(config, &corpus.training, start)?,
    };
    if let Some(bits) = config.recipe.noise_budget {
        // The first weights already show whether the circuit has enough levels and what its noise will be like.
        let (student, table) = trainer.averaged();
        let embedding = EmbeddingTable::quantise(table.view(), true);
        let sentences = corpus.held_out.get(..1).unwrap_or_default();
        let first = InTraining { network: &config.network, student, embedding: &embedding };
        first.score(sentences, config.recipe.seed)?.require(bits)?;
    }
    let checkpoint = run_dir.join("checkpoint.safetensors");
    if checkpoint.exists() {
        trainer.restore(&checkpoint)?;
        progress(&Progress::Resumed { step: trainer.done() });
    }
    let mut log = Log::open(run_dir.join("log.jsonl"), trainer.done())?;
    let loss = Loss::new(&config.recipe, &config.network);
    let buckets = &config.network.buckets;
    while trainer.done() < config.recipe.steps {
        let report = trainer.step()?;
        let step = report.step;
        let last = step == config.recipe.steps;
        log.write(&Progress::Step(report), progress)?;
        if last || step.is_multiple_of(config.recipe.evaluate_every) {
            let (student, table) = trainer.averaged();
            let held_out = evaluate(student, table.view(), buckets, &loss, &corpus.held_out)?;
            log.write(&Progress::Evaluated { step, held_out }, progress)?;
        }
        if last || step.is_multiple_of(config.recipe.checkpoint_every) {
            trainer.save(&checkpoint)?;
        }
    }
    let steps = trainer.done();
    let (student, table) = trainer.averaged();
    let embedding = EmbeddingTable::quantise(table.view(), true);
    Ok(Fitted { student: student.clone(), embedding, steps, seconds: log.seconds(steps) })
}

/// One JSON object per line.
struct Log {
    path: PathBuf,
    file: std::fs::File,
    /// Seconds of every step that has them.
    seconds: Vec<f64>,
}

impl Log {
    /// Opens the log; lines of steps after `done`, written before an interruption, are dropped.
    fn open(path: PathBuf, done: u64) -> Result<Log> {
        let old = if path.exists() { std::fs::read_to_string(&path).map_err(Error::io(&path))? } else { String::new() };
        let (mut kept, mut seconds) = (String::new(), Vec::new());
        for line in old.lines() {
            let Some(event) = serde_json::from_str::<Value>(line).ok().filter(|e| step_of(e).is_some_and(|s| s <= done)) else {
                continue;
            };
            kept += line;
            kept.push('\n');
            seconds.extend(event["step"]["seconds"].as_f64());
        }
        write_atomically(&path, kept.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(&path).map_err(Error::io(&path))?;
        Ok(Log { path, file, seconds })
    }

    /// Of all steps, if each of them has them.
    fn seconds(&self, steps: u64) -> Option<f64> {
        (self.seconds.len() as u64 == steps).then(|| self.seconds.iter().sum())
    }

    fn write(&mut self, event: &Progress, progress: &mut dyn FnMut(&Progress)) -> Result<()> {
        if let Progress::Step(step) = event {
            self.seconds.push(step.seconds);
        }
        let mut line = serde_json::to_vec(event).map_err(|e| Error::Config(e.to_string()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(Error::io(&self.path))?;
        progress(event);
        Ok(())
    }
}

/// Number of the step that an event of the log tells of.
fn step_of(event: &Value) -> Option<u64> {
    event.get("step").and_then(|s| s.get("step")).or_else(|| event.get("evaluated")?.get("step"))?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_forgets_what_will_be_done_again() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log.jsonl");
        let first = "{\"step\":{\"step\":1,\"seconds\":0.5}}\n{\"evaluated\":{\"step\":1}}\n";
        std::fs::write(&path, format!("{first}{{\"step\":{{\"step\":2,\"seconds\":2.0}}}}\n{{\"step\":{{\"st"))?;
        let log = Log::open(path.clone(), 1)?;
        assert_eq!([log.seconds(1), log.seconds(2)], [Some(0.5), None]);
        assert_eq!(std::fs::read_to_string(&path)?, first);
        Ok(())
    }
}
