//! `decrypt`: an answer becomes a label and a score.

use std::fmt;

use anyhow::Result;
use ckks_core::file::{self, FileType};
use distilbert_he::client::{self, Prediction};
use distilbert_he::message::Answer;
use serde::Serialize;

use crate::args::Decrypt;
use crate::commands::decrypt_batch;
use crate::{key_files, report};

/// Label and score in Hugging Face's shape, and how good the decryption was.
#[derive(Serialize)]
pub struct Report(pub Prediction);

/// Runs the command.
///
/// # Errors
/// An answer under another key, a damaged answer.
pub fn run(args: &Decrypt) -> Result<()> {
    let (secret, params) = key_files::read_secret_with_params(&args.keys)?;
    if file::inspect(&args.input)?.type_name == FileType::SERIES.name() {
        return decrypt_batch::run(args, &params, &secret);
    }
    let answer: Answer = file::read(&args.input, &params)?;
    report::print(args.output.json, &Report(client::decrypt_answer(&params, &secret, &answer)?))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prediction { label, score, precision_bits, .. } = &self.0;
        write!(f, "{label}  {score:.3}   ({precision_bits:.1} bits of precision)")
    }
}
