//! `demo`: all four steps through the code of the four commands, and what each side saw.
//!
//! Everything passes between the sides as the bytes of the files that the commands write.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use ckks_core::file::{Hex, Storable, read_from, write_to};
use ckks_core::keys::EvaluationKeys;
use ckks_core::params::Params;
use distilbert_he::client::{self, Prediction, TextReport};
use distilbert_he::message::{Answer, Query};
use serde::Serialize;

use crate::args::Demo;
use crate::commands::{encrypt, infer, keygen};
use crate::{memory, model, report};

/// How much of the encrypted sentence is shown, in bytes.
const SHOWN: usize = 24;

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    prediction: Prediction,
    security_bits: u32,
    log_qp: f64,
    levels_used: usize,
    levels_available: usize,
    text: TextReport,
    warnings: Vec<String>,
    /// What stands for the sentence on the server: the first bytes of the ciphertext, in hexadecimal.
    server_saw: String,
    secret_key_bytes: usize,
    public_key_bytes: usize,
    eval_keys_bytes: usize,
    eval_keys: usize,
    query_bytes: usize,
    answer_bytes: usize,
    keygen_seconds: f64,
    encrypt_seconds: f64,
    infer_seconds: f64,
    decrypt_seconds: f64,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    #[serde(skip)]
    sentence: String,
    #[serde(skip)]
    key_id: Hex<16>,
}

/// Runs the command.
///
/// # Errors
/// A text without content, a model that cannot be used.
pub fn run(args: &Demo) -> Result<()> {
    let started = Instant::now();
    let model = model::client(&args.model.model)?;
    let params = model.params();

    // Client: keys.
    let step = Instant::now();
    let keys = keygen::make(&model)?;
    let keygen_seconds = report::seconds(step.elapsed());
    let [secret_key_bytes, public_key_bytes] = [bytes(&keys.secret, params)?.len(), bytes(&keys.public, params)?.len()];
    let eval_keys = keys.evaluation.galois_keys().len() + usize::from(keys.evaluation.relinearisation_key().is_some());
    let eval_keys_file = bytes(&keys.evaluation, params)?;
    drop(keys.evaluation);
    let eval_keys_bytes = eval_keys_file.len();

    // Client: the sentence.
    let step = Instant::now();
    let (query, text) = encrypt::make(&model, &keys.secret, &args.text, args.strict)?;
    let encrypt_seconds = report::seconds(step.elapsed());
    let warnings = encrypt::warnings(&text);
    warnings.iter().for_each(|warning| report::warn(warning));
    let query_file = bytes(&query, params)?;
    let query_bytes = query_file.len();
    drop(query);

    // Server: from here on nothing but its model and the bytes of two files.
    let server = model::server(&args.model.model)?;
    let evaluation: EvaluationKeys = read(&eval_keys_file, server.params())?;
    drop(eval_keys_file);
    let query: Query = read(&query_file, server.params())?;
    let server_saw = query_file.iter().rev().skip(DIGEST_BYTES).take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let step = Instant::now();
    let answer = infer::compute(&server, &evaluation, &query)?;
    let infer_seconds = report::seconds(step.elapsed());
    let answer_file = bytes(&answer, server.params())?;
    drop(evaluation);

    // Client: the answer.
    let step = Instant::now();
    let answer: Answer = read(&answer_file, params)?;
    let prediction = client::decrypt_answer(params, &keys.secret, &answer)?;
    let decrypt_seconds = report::seconds(step.elapsed());

    let security = params.security();
    report::print(
        args.output.json,
        &Report {
            prediction,
            security_bits: security.bits,
            log_qp: security.log_qp,
            levels_used: server.compiled().input_level(),
            levels_available: params.max_level(),
            text,
            warnings,
            server_saw,
            secret_key_bytes,
            public_key_bytes,
            eval_keys_bytes,
            eval_keys,
            query_bytes,
            answer_bytes: answer_file.len(),
            keygen_seconds,
            encrypt_seconds,
            infer_seconds,
            decrypt_seconds,
            seconds: report::seconds(started.elapsed()),
            peak_memory_bytes: memory::peak_bytes(),
            sentence: args.text.clone(),
            key_id: Hex(keys.secret.id()),
        },
    )
}

/// The digest at the end of every file; what stands before it is ciphertext.
const DIGEST_BYTES: usize = 32;

fn bytes<T: Storable>(value: &T, params: &Params) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    write_to(&mut file, value, params, &serde_json::Map::new())?;
    Ok(file)
}

fn read<T: Storable>(mut file: &[u8], params: &Params) -> Result<T> {
    let length = file.len() as u64;
    Ok(read_from(&mut file, length, params)?.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |count: usize| report::bytes(count as u64);
        let Prediction { label, score, precision_bits, model, .. } = &self.prediction;
        writeln!(f, "client  sentence      {:?}, {} tokens", self.sentence, self.text.tokens)?;
        writeln!(
            f,
            "        keys          {} secret, {} public, {} for the server ({} keys)   {:.2} s",
            size(self.secret_key_bytes),
            size(self.public_key_bytes),
            size(self.eval_keys_bytes),
            self.eval_keys,
            self.keygen_seconds
        )?;
        writeln!(f, "        query         {}   {:.2} s", size(self.query_bytes), self.encrypt_seconds)?;
        writeln!(
            f,
            "server  saw           {}… and that it is at most {} tokens of key {}",
            self.server_saw, self.text.positions, self.key_id
        )?;
        writeln!(
            f,
            "        computed      {model}, {} of {} levels   {:.2} s",
            self.levels_used, self.levels_available, self.infer_seconds
        )?;
        writeln!(f, "        sent back     {}, encrypted", size(self.answer_bytes))?;
        writeln!(f, "client  decrypted     {precision_bits:.1} bits of precision   {:.2} s", self.decrypt_seconds)?;
        writeln!(
            f,
            "security {} bits, log2(QP) = {:.1}; what is and is not hidden: SECURITY.md",
            self.security_bits, self.log_qp
        )?;
        writeln!(f, "all together {:.2} s, peak memory {}", self.seconds, report::memory(self.peak_memory_bytes))?;
        write!(f, "{label}  {score:.3}")
    }
}
