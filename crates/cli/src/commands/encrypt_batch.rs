//! `encrypt` with several lines: a series of queries, each with as many sentences of one length class as a ciphertext holds.

use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result};
use ckks_core::file::{self, Hex};
use ckks_core::ring::sampling::Randomness;
use distilbert_he::Error as ModelError;
use distilbert_he::client::{self, BatchPlan, ClientModel};
use distilbert_he::message::{BatchGroup, BatchHead};
use distilbert_he::tokenizer::LongText;
use serde::Serialize;

use crate::args::Encrypt;
use crate::batch_order::{BatchOrder, OrderedQuery};
use crate::errors::refused;
use crate::progress::Progress;
use crate::{key_files, memory, model, report};

#[derive(Serialize)]
struct Report {
    file: String,
    batch_id: Hex<16>,
    query_bytes: u64,
    lines: usize,
    sentences: usize,
    empty_lines: usize,
    cut_lines: usize,
    queries: usize,
    groups: Vec<BatchGroup>,
    warnings: Vec<String>,
    seconds: f64,
    total_seconds: f64,
    peak_memory_bytes: Option<u64>,
}

/// What became of the lines.
struct Taken {
    /// Token ids; none for a line without a sentence.
    ids: Vec<Option<Vec<u32>>>,
    empty: Vec<usize>,
    cut: Vec<usize>,
}

/// Runs the command for the lines of a file.
///
/// # Errors
/// As for one sentence, with the number of the line; with `--strict` also a line without a sentence.
pub fn run(args: &Encrypt, lines: &[String], started: Instant) -> Result<()> {
    let model = model::client(&args.model.model)?;
    let params = model.params();
    let secret = key_files::read_secret(&args.keys, params)?;
    let encrypting = Instant::now();
    let taken = take(&model, lines, args.strict)?;
    let warnings = taken.warnings();
    warnings.iter().for_each(|warning| report::warn(warning));
    let sentences = taken.ids.iter().enumerate().filter_map(|(line, ids)| Some((line, ids.as_ref()?.len())));
    let plan = BatchPlan::new(&model, sentences)?;
    let mut randomness = Randomness::from_os()?;
    let head = BatchHead {
        batch_id: Hex(randomness.public_id()),
        key_id: Hex(secret.id()),
        model: Hex(model.compiled().digest()),
        groups: plan.groups.clone(),
    };
    let bar = Progress::begin("encryption", plan.queries.len());
    let (query_bytes, ()) = file::write_series(&args.out, args.force, &head.to_series()?, params, |series| -> Result<()> {
        let mut order = BatchOrder { batch_id: head.batch_id, lines: lines.len(), queries: Vec::new() };
        for (done, planned) in plan.queries.iter().enumerate() {
            bar.at(done, plan.queries.len(), "ciphertexts");
            let ids: Vec<&[u32]> = planned.members.iter().filter_map(|&line| taken.ids[line].as_deref()).collect();
            let query = client::encrypt_together(&model, &secret, &ids, planned.positions, &mut randomness)?;
            let lines = planned.members.iter().map(|line| line + 1).collect();
            order.queries.push(OrderedQuery { query_id: Hex(query.query_id), lines });
            series.put(&query)?;
        }
        order.write(&args.keys)
    })?;
    drop(bar);
    report::print(
        args.output.json,
        &Report {
            file: args.out.display().to_string(),
            batch_id: head.batch_id,
            query_bytes,
            lines: lines.len(),
            sentences: plan.groups.iter().map(|g| g.sentences).sum(),
            empty_lines: taken.empty.len(),
            cut_lines: taken.cut.len(),
            queries: plan.queries.len(),
            groups: plan.groups,
            warnings,
            seconds: report::seconds(encrypting.elapsed()),
            total_seconds: report::seconds(started.elapsed()),
            peak_memory_bytes: memory::peak_bytes(),
        },
    )
}

fn take(model: &ClientModel, lines: &[String], strict: bool) -> Result<Taken> {
    let limit = model.student().config().max_tokens();
    let long = if strict { LongText::Refuse } else { LongText::Cut };
    let mut taken = Taken { ids: Vec::with_capacity(lines.len()), empty: Vec::new(), cut: Vec::new() };
    for (number, line) in (1..).zip(lines) {
        match model.tokenizer().encode(line, limit, long) {
            Ok(text) => {
                if text.cut_tokens() > 0 {
                    taken.cut.push(number);
                }
                taken.ids.push(Some(text.ids));
            }
            Err(ModelError::EmptyText { .. }) if !strict => {
                taken.empty.push(number);
                taken.ids.push(None);
            }
            Err(error) => return Err(error).with_context(|| format!("line {number}")),
        }
    }
    if taken.empty.len() == lines.len() {
        return Err(refused(format!("none of {} lines holds a sentence; needed: at least one printable character", lines.len())));
    }
    Ok(taken)
}

impl Taken {
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(first) = self.empty.first() {
            warnings.push(format!(
                "{} lines hold no sentence and are passed over (the first is line {first}); --strict refuses instead",
                self.empty.len()
            ));
        }
        if let Some(first) = self.cut.first() {
            warnings.push(format!(
                "{} lines are too long and were cut at the end (the first is line {first}); --strict refuses instead",
                self.cut.len()
            ));
        }
        warnings
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}  for the server", self.file, report::bytes(self.query_bytes))?;
        for group in &self.groups {
            let BatchGroup { positions, sentences, queries } = group;
            writeln!(f, "{sentences} sentences of at most {positions} tokens in {queries} ciphertexts")?;
        }
        writeln!(f, "the server sees these numbers; which line is where stays in the folder of the keys")?;
        write!(
            f,
            "{:.2} s ({:.2} s with files), peak memory {}",
            self.seconds,
            self.total_seconds,
            report::memory(self.peak_memory_bytes)
        )
    }
}
