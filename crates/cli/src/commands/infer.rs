//! `infer`: a query becomes an answer. The server's side: no secret key, no text, no label.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use ckks_core::file::{self, FileType, Hex};
use ckks_core::keys::EvaluationKeys;
use distilbert_he::message::{Answer, Query};
use distilbert_he::server::{self, ServerModel};
use serde::Serialize;

use crate::args::Infer;
use crate::commands::infer_batch;
use crate::progress::Progress;
use crate::{key_files, memory, model, report};

#[derive(Serialize)]
struct Report {
    file: String,
    model: String,
    query_id: Hex<16>,
    positions: usize,
    answer_bytes: u64,
    levels_used: usize,
    security_bits: u32,
    seconds: f64,
    total_seconds: f64,
    peak_memory_bytes: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// A secret key in place of evaluation keys, files of other parameters, models or keys, an output that exists.
pub fn run(args: &Infer) -> Result<()> {
    let started = Instant::now();
    key_files::check_output(&args.out, args.force)?;
    let model = model::server(&args.model.model)?;
    let params = model.params();
    if file::inspect(&args.input)?.type_name == FileType::SERIES.name() {
        return infer_batch::run(args, &model, started);
    }
    // The query first: it is small, and what is wrong with it is known before the keys are loaded.
    let query: Query = key_files::read_public(&args.input, params, "--input")?;
    let needed = model.compiled().key_requirements_of(query.positions);
    let keys = key_files::read_evaluation(&args.eval_keys, params, needed)?;
    let computing = Instant::now();
    let answer = compute(&model, &keys, &query)?;
    let seconds = report::seconds(computing.elapsed());
    let answer_bytes = key_files::write(&args.out, &answer, params, args.force)?;
    report::print(
        args.output.json,
        &Report {
            file: args.out.display().to_string(),
            model: answer.model_name,
            query_id: Hex(answer.query_id),
            positions: query.positions,
            answer_bytes,
            levels_used: model.compiled().input_level(),
            security_bits: params.security().bits,
            seconds,
            total_seconds: report::seconds(started.elapsed()),
            peak_memory_bytes: memory::peak_bytes(),
        },
    )
}

/// Runs the model on ciphertexts, with a bar on a terminal.
///
/// # Errors
/// A query of another model or other keys, incomplete keys.
pub fn compute(model: &ServerModel, keys: &EvaluationKeys, query: &Query) -> Result<Answer> {
    let bar = Progress::begin("inference", 0);
    let observe = &mut |server::Progress { stage, .. }| {
        let part = if stage.block > 0 { format!("block {}: {}", stage.block, stage.name) } else { stage.name.to_owned() };
        bar.at(stage.index, stage.total, &format!("{part} at level {}", stage.level));
    };
    Ok(server::infer(model, keys, query, observe)?)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}  for the client", self.file, report::bytes(self.answer_bytes))?;
        writeln!(
            f,
            "{} on at most {} tokens, {} levels, security {} bits",
            self.model, self.positions, self.levels_used, self.security_bits
        )?;
        write!(
            f,
            "{:.2} s ({:.2} s with keys and files), peak memory {}",
            self.seconds,
            self.total_seconds,
            report::memory(self.peak_memory_bytes)
        )
    }
}
