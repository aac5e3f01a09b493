//! `cargo xtask measure-layers`: single layers of an encoder, encrypted, from a checkpoint's weights.
//!
//! Each layer gets the hidden state that the checkpoint itself produces for a text, is compiled at exactly the levels that it
//! needs, runs on ciphertexts, and is compared with its own plain polynomial form and with the exact layer. Intervals of the
//! polynomials are those of this text, widened; constants that only training can choose (the shift of power attention) are
//! round numbers. So these figures are about time, levels and noise, not about accuracy.

mod calibrated;
mod encrypted;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::ValueEnum;
use distilbert_he::config::EncoderConfig;
use distilbert_he::encoder::Encoder;
use distilbert_he::tokenizer::{LongText, Tokenizer};
use distilbert_he::weights::WeightsFile;

use crate::workspace;

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// A model's folder with config.json, model.safetensors and a tokenizer (default: minilm-sst2 in data/cache/models/).
    #[arg(long)]
    model_dir: Option<PathBuf>,
    /// Which layer of the encoder, from 0.
    #[arg(long, default_value_t = 0)]
    layer: usize,
    /// log2 of the ring degree; one sentence has to fit into 2^(this − 1) slots.
    #[arg(long, default_value_t = 16)]
    log_n: u32,
    /// Positions of the layout, a power of two.
    #[arg(long, default_value_t = 64)]
    positions: usize,
    /// Layers to measure (default: all).
    #[arg(long, value_enum, value_delimiter = ',')]
    layers: Vec<Kind>,
    /// The text whose hidden states go in; cut to the positions.
    #[arg(long, default_value = TEXT)]
    text: String,
    /// Only predict levels, keys, work and noise (no keys, no ciphertexts).
    #[arg(long)]
    plan: bool,
}

/// Long enough to fill 64 positions.
const TEXT: &str = "a gorgeous , witty , seductive movie that takes its time , trusts its actors and never once explains a joke , even \
if its second half is a lifeless , tedious mess of car chases , flashbacks and speeches that nobody in the theatre believed ; i left \
smiling all the same , and i would happily see the first hour again tomorrow with everyone i know";

/// The layers that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// (s + c)^4 / R for all tokens.
    Power,
    /// exp(s − μ − σ²/2)/n for all tokens.
    Cgf,
    /// exp and inverse for all tokens.
    Softmax,
    /// (s + c)^4 / R for the first token alone.
    PowerCls,
    /// exp and inverse for the first token alone.
    SoftmaxCls,
    /// Normalisation by polynomial and Newton.
    LayerNorm,
    /// Normalisation by learned statistics.
    AffineNorm,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Power => "attention/power",
            Self::Cgf => "attention/cgf",
            Self::Softmax => "attention/softmax",
            Self::PowerCls => "attention/power-cls",
            Self::SoftmaxCls => "attention/softmax-cls",
            Self::LayerNorm => "layer-norm/inverse-square-root",
            Self::AffineNorm => "layer-norm/affine",
        }
    }
}

/// Measures and prints one JSON object per layer and line.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let default = || Ok::<_, anyhow::Error>(workspace::cache(&workspace::root()?).join("models/minilm-sst2"));
    let dir = args.model_dir.clone().map_or_else(default, Ok)?;
    let read = || format!("reading the model in {} (`cargo xtask fetch` gets minilm-sst2)", dir.display());
    let config = EncoderConfig::load(dir.join("config.json")).with_context(read)?;
    if args.layer >= config.n_layers {
        bail!("--layer is {}, but the model has {} layers, counted from 0", args.layer, config.n_layers);
    }
    let tokens = Tokenizer::load(&dir).with_context(read)?.encode(&args.text, args.positions, LongText::Cut)?;
    let weights = WeightsFile::open(dir.join("model.safetensors")).with_context(read)?;
    let encoder = Encoder::<f64>::new(config.clone(), &weights.root())?;
    let states = encoder.hidden_states(&tokens.ids)?;
    let layer = weights.root().pp("distilbert").pp("transformer").pp("layer").pp(args.layer);
    let source = calibrated::Source::load(&layer, &config, states[args.layer].clone())?;

    let all = Kind::value_variants().to_vec();
    for kind in if args.layers.is_empty() { all } else { args.layers.clone() } {
        let layer = source.layer(kind)?;
        let figures = encrypted::measure(kind.name(), &layer, args.log_n, args.positions, args.plan)?;
        println!("{}", serde_json::to_string(&figures)?);
    }
    Ok(())
}
