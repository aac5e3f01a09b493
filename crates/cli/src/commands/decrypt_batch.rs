//! `decrypt` with a series of answers: one line for each line of the input, in its order.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use ckks_core::file::{Hex, SeriesReader};
use ckks_core::keys::SecretKey;
use ckks_core::params::Params;
use distilbert_he::client::{self, Prediction};
use distilbert_he::message::{Answer, BatchHead};
use serde::Serialize;

use crate::args::Decrypt;
use crate::batch_order::BatchOrder;
use crate::commands::decrypt;
use crate::errors::refused;
use crate::report;

/// One line of the output. Label, score and precision are null where the input's line holds no sentence.
#[derive(Serialize)]
struct Line {
    line: usize,
    label: Option<String>,
    score: Option<f64>,
    precision_bits: Option<f64>,
}

/// Decrypts a batch.
///
/// # Errors
/// As for a single answer; an order that is missing or another one.
pub fn run(args: &Decrypt, params: &Params, secret: &SecretKey) -> Result<()> {
    let predictions = predictions(&args.input, &args.keys, params, secret)?;
    let mut text = String::new();
    for (line, prediction) in (1..).zip(predictions) {
        if args.output.json {
            let (label, score, precision_bits) = match prediction {
                Some(p) => (Some(p.label), Some(p.score), Some(p.precision_bits)),
                None => (None, None, None),
            };
            let line = Line { line, label, score, precision_bits };
            text += &serde_json::to_string(&line).context("a report cannot be written as JSON")?;
        } else if let Some(prediction) = prediction {
            write!(text, "{}", decrypt::Report(prediction)).context("a report cannot be written")?;
        }
        text.push('\n');
    }
    report::raw(&text)
}

fn predictions(input: &Path, keys: &Path, params: &Params, secret: &SecretKey) -> Result<Vec<Option<Prediction>>> {
    let mut answers = SeriesReader::open(input, params)?;
    let head = BatchHead::of_series(answers.head())?;
    let order = BatchOrder::read(keys, head.batch_id)?;
    if answers.head().containers != order.queries.len() as u64 {
        let (found, needed) = (answers.head().containers, order.queries.len());
        return Err(refused(format!("the batch has {found} answers, {needed} queries were encrypted; ask again")));
    }
    let mut found: Vec<Option<Prediction>> = (0..order.lines).map(|_| None).collect();
    let mut queries = order.queries.iter();
    while let Some(answer) = answers.next::<Answer>(params)? {
        let Some(query) = queries.next().filter(|q| q.query_id.0 == answer.query_id && q.lines.len() == answer.sentences) else {
            return Err(refused(format!(
                "the answer to query {} ({} sentences) is not where that query was in the batch; ask again",
                Hex(answer.query_id),
                answer.sentences
            )));
        };
        for (line, prediction) in query.lines.iter().zip(client::decrypt_answers(params, secret, &answer)?) {
            // `BatchOrder::read` has checked the numbers.
            if let Some(place) = found.get_mut(line - 1) {
                *place = Some(prediction);
            }
        }
    }
    Ok(found)
}
