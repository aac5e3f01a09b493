//! The command line, as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Sentiment of a sentence that the computing side cannot read.
#[derive(Parser)]
#[command(name = "cli", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused input or usage, 2 failure.";

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Make a secret key, a public key and the evaluation keys that a model needs.
    Keygen(Keygen),
    /// Encrypt a sentence, or a file of them (client).
    Encrypt(Encrypt),
    /// Compute the sentiment of an encrypted sentence (server; needs no secret key and takes none).
    Infer(Infer),
    /// Decrypt an answer (client).
    Decrypt(Decrypt),
    /// All four steps in one go, with what each side saw.
    Demo(Demo),
    /// Say what a file holds, and whether it is whole.
    Inspect(Inspect),
    /// Predict levels, keys, bytes and seconds of a model before anything is made.
    Plan(Plan),
    /// Examine this machine: CPU, kernels, memory, a self-test.
    Doctor(Doctor),
}

/// Which model.
#[derive(Args)]
pub struct ModelArg {
    /// The embedded model's name, or a folder with config.json, model.safetensors and vocab.txt.
    #[arg(long, value_name = "NAME|DIR", default_value = crate::model::EMBEDDED)]
    pub model: String,
}

/// How to say it.
#[derive(Args)]
pub struct OutputArg {
    /// One JSON object on one line instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `keygen`.
#[derive(Args)]
pub struct Keygen {
    #[command(flatten)]
    pub model: ModelArg,
    /// Instead of a model's keys those of a bootstrapping parameter set: n16-boot, n16-boot-short.
    #[arg(long, value_name = "SET", conflicts_with = "model")]
    pub bootstrap: Option<String>,
    /// With --bootstrap: log2 of the number of slots that are bootstrapped together. Repeat it for several at once.
    #[arg(long, value_name = "LOG2", requires = "bootstrap")]
    pub log_slots: Vec<u32>,
    /// Folder for secret.key, public.key and eval.keys (bootstrap.keys); made if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Replace keys that are there. What was encrypted under them can then never be read again.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Arguments of `encrypt`.
#[derive(Args)]
pub struct Encrypt {
    #[command(flatten)]
    pub model: ModelArg,
    /// Folder that holds secret.key.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    #[command(flatten)]
    pub text: TextArg,
    /// The query that is written.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Refuse a sentence that is too long instead of cutting it, and a line without a sentence instead of passing it over.
    #[arg(long)]
    pub strict: bool,
    /// Replace the output if it exists.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Where the sentence is.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct TextArg {
    /// The sentence. It stands in your shell's history; --input - keeps it out.
    #[arg(long, allow_hyphen_values = true)]
    pub text: Option<String>,
    /// A UTF-8 file with one sentence a line, or - for stdin. Several lines make a batch: sentences of a length class share
    /// ciphertexts, and lines without a sentence are passed over.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
}

/// Arguments of `infer`.
#[derive(Args)]
pub struct Infer {
    #[command(flatten)]
    pub model: ModelArg,
    /// The client's eval.keys.
    #[arg(long, value_name = "FILE")]
    pub eval_keys: PathBuf,
    /// The query, or a batch of them.
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// The answer that is written.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace the output if it exists.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Arguments of `decrypt`.
#[derive(Args)]
pub struct Decrypt {
    /// Folder that holds secret.key.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// The answer. For a batch one line is printed for each line of its input; one without a sentence gives an empty line.
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Arguments of `demo`.
#[derive(Args)]
pub struct Demo {
    /// The sentence.
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub text: String,
    #[command(flatten)]
    pub model: ModelArg,
    /// Refuse a sentence that is too long instead of cutting it.
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Arguments of `inspect`.
#[derive(Args)]
pub struct Inspect {
    /// A key, query or answer.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Arguments of `plan`.
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    pub model: ModelArg,
    #[command(flatten)]
    pub output: OutputArg,
}

/// Arguments of `doctor`.
#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    pub output: OutputArg,
}
