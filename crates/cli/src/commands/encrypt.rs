//! `encrypt`: a sentence becomes a query, or several become a batch.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use ckks_core::file::Hex;
use ckks_core::keys::SecretKey;
use ckks_core::ring::sampling::Randomness;
use distilbert_he::client::{self, ClientModel, TextReport};
use distilbert_he::message::Query;
use distilbert_he::tokenizer::LongText;
use serde::Serialize;

use crate::args::Encrypt;
use crate::commands::encrypt_batch;
use crate::errors::refused;
use crate::{key_files, memory, model, report, text};

#[derive(Serialize)]
struct Report {
    file: String,
    query_id: Hex<16>,
    query_bytes: u64,
    #[serde(flatten)]
    text: TextReport,
    warnings: Vec<String>,
    seconds: f64,
    total_seconds: f64,
    peak_memory_bytes: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// A text without content, keys of other parameters, an output that exists.
pub fn run(args: &Encrypt) -> Result<()> {
    let started = Instant::now();
    key_files::check_output(&args.out, args.force)?;
    let text = match (&args.text.text, &args.text.input) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => match <[String; 1]>::try_from(text::lines(path)?) {
            Ok([line]) => line,
            Err(lines) => return encrypt_batch::run(args, &lines, started),
        },
        (None, None) => return Err(refused("no sentence; needed: --text TEXT or --input FILE")),
    };
    let model = model::client(&args.model.model)?;
    let secret = key_files::read_secret(&args.keys, model.params())?;
    let encrypting = Instant::now();
    let (query, text) = make(&model, &secret, &text, args.strict)?;
    let seconds = report::seconds(encrypting.elapsed());
    let warnings = warnings(&text);
    warnings.iter().for_each(|warning| report::warn(warning));
    let query_bytes = key_files::write(&args.out, &query, model.params(), args.force)?;
    report::print(
        args.output.json,
        &Report {
            file: args.out.display().to_string(),
            query_id: Hex(query.query_id),
            query_bytes,
            text,
            warnings,
            seconds,
            total_seconds: report::seconds(started.elapsed()),
            peak_memory_bytes: memory::peak_bytes(),
        },
    )
}

/// Tokenises and encrypts.
///
/// # Errors
/// A text without content or, with `strict`, a text that is too long; a key of other parameters.
pub fn make(model: &ClientModel, secret: &SecretKey, text: &str, strict: bool) -> Result<(Query, TextReport)> {
    let long = if strict { LongText::Refuse } else { LongText::Cut };
    Ok(client::encrypt_text(model, secret, text, long, &mut Randomness::from_os()?)?)
}

/// What a person should know about what became of the text.
pub fn warnings(text: &TextReport) -> Vec<String> {
    let mut warnings = Vec::new();
    if text.cut_tokens > 0 {
        warnings.push(format!(
            "the text is too long: its first {} bytes ({} tokens) are used, {} tokens after them were cut; --strict refuses instead",
            text.kept_bytes, text.tokens, text.cut_tokens
        ));
    }
    if text.unknown_tokens > 0 {
        warnings.push(format!(
            "{} of {} tokens are not in the vocabulary: the model sees that something stands there, not what",
            text.unknown_tokens, text.tokens
        ));
    }
    if text.removed_characters > 0 {
        warnings.push(format!("{} control characters were left out", text.removed_characters));
    }
    warnings
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}  for the server", self.file, report::bytes(self.query_bytes))?;
        writeln!(f, "{} tokens encrypted; the server sees that they are at most {}", self.text.tokens, self.text.positions)?;
        write!(
            f,
            "{:.2} s ({:.2} s with files), peak memory {}",
            self.seconds,
            self.total_seconds,
            report::memory(self.peak_memory_bytes)
        )
    }
}
