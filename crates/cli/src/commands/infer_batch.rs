//! `infer` with a series of queries: one is read, answered and written at a time.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use ckks_core::file::{self, Hex, SeriesReader};
use ckks_core::keys::KeyRequirements;
use distilbert_he::message::{BatchHead, Query};
use distilbert_he::server::{self, ServerModel};
use serde::Serialize;

use crate::args::Infer;
use crate::progress::Progress;
use crate::{key_files, memory, report};

#[derive(Serialize)]
struct Report {
    file: String,
    model: String,
    batch_id: Hex<16>,
    sentences: usize,
    queries: u64,
    answer_bytes: u64,
    levels_used: usize,
    security_bits: u32,
    seconds: f64,
    seconds_per_sentence: f64,
    total_seconds: f64,
    peak_memory_bytes: Option<u64>,
}

/// Answers a batch.
///
/// # Errors
/// As for a single query. The answer appears whole or not at all.
pub fn run(args: &Infer, model: &ServerModel, started: Instant) -> Result<()> {
    let params = model.params();
    let mut queries = SeriesReader::open(&args.input, params)?;
    let head = BatchHead::of_series(queries.head())?;
    let total = queries.head().containers;
    let mut needed = KeyRequirements::default();
    head.groups.iter().for_each(|group| needed.merge(model.compiled().key_requirements_of(group.positions)));
    let keys = key_files::read_evaluation(&args.eval_keys, params, &needed)?;
    let computing = Instant::now();
    let bar = Progress::begin("inference", 0);
    let (answer_bytes, sentences) =
        file::write_series(&args.out, args.force, &head.to_series()?, params, |answers| -> Result<usize> {
            let (mut done, mut sentences) = (0, 0);
            while let Some(query) = queries.next::<Query>(params)? {
                let observe = &mut |server::Progress { stage, .. }| {
                    let doing = format!("ciphertext {} of {total}: {}", done + 1, stage.name);
                    bar.at(done * stage.total + stage.index, total as usize * stage.total, &doing);
                };
                answers.put(&server::infer(model, &keys, &query, observe)?)?;
                done += 1;
                sentences += query.sentences;
            }
            Ok(sentences)
        })?;
    drop(bar);
    let seconds = report::seconds(computing.elapsed());
    report::print(
        args.output.json,
        &Report {
            file: args.out.display().to_string(),
            model: model.compiled().config().name.clone(),
            batch_id: head.batch_id,
            sentences,
            queries: total,
            answer_bytes,
            levels_used: model.compiled().input_level(),
            security_bits: params.security().bits,
            seconds,
            seconds_per_sentence: seconds / sentences.max(1) as f64,
            total_seconds: report::seconds(started.elapsed()),
            peak_memory_bytes: memory::peak_bytes(),
        },
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}  for the client", self.file, report::bytes(self.answer_bytes))?;
        writeln!(
            f,
            "{}: {} sentences in {} ciphertexts, {} levels, security {} bits",
            self.model, self.sentences, self.queries, self.levels_used, self.security_bits
        )?;
        write!(
            f,
            "{:.2} s, {:.2} s a sentence ({:.2} s with keys and files), peak memory {}",
            self.seconds,
            self.seconds_per_sentence,
            self.total_seconds,
            report::memory(self.peak_memory_bytes)
        )
    }
}
