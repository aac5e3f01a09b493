//! The model card: what a student is, what it was made from, and what it was measured to do.

use std::fmt::Write;

use hnn_layers::bilinear_conv::Join;

use crate::budget::Prediction;
use crate::config::TrainConfig;
use crate::data::corpus::Corpus;
use crate::run::Report;
use crate::trainer::evaluate::Evaluation;
use crate::{Error, Result};

fn row(out: &mut String, name: &str, e: &Evaluation) -> std::fmt::Result {
    writeln!(
        out,
        "| {name} | {} | {} ({:.2} %) | {:.2} – {:.2} % | {} ({:.2} %) | {:.4} | {:.2} % | {:.4} |",
        e.n,
        e.correct,
        100.0 * e.accuracy,
        100.0 * e.interval95[0],
        100.0 * e.interval95[1],
        e.teacher_correct,
        100.0 * e.teacher_correct as f64 / e.n.max(1) as f64,
        e.correct as f64 / e.teacher_correct.max(1) as f64,
        100.0 * e.agreement,
        e.distillation,
    )
}

/// The card as Markdown.
///
/// # Errors
/// The configuration cannot be written as JSON.
pub fn text(config: &TrainConfig, corpus: &Corpus, report: &Report) -> Result<String> {
    let json = serde_json::to_string_pretty(config).map_err(|e| Error::Config(e.to_string()))?;
    let mut out = String::new();
    compose(&mut out, config, corpus, report, &json).map_err(|e| Error::Config(e.to_string()))?;
    Ok(out)
}

fn compose(out: &mut String, config: &TrainConfig, corpus: &Corpus, report: &Report, json: &str) -> std::fmt::Result {
    let n = &config.network;
    let join = match n.join {
        Join::Added => "added to the features",
        Join::Appended => "appended to the features",
    };
    writeln!(out, "# hnn-fast\n")?;
    writeln!(
        out,
        "A polynomial student for the sentiment of one English sentence, made to run on CKKS ciphertexts without bootstrapping: \
         embedding table ({} features), {}, mean over tokens with a public constant per length class, quadratic head ({} wide), Soft-Argmax.\n",
        n.features,
        match n.blocks {
            0 => "no convolution block".to_string(),
            1 => format!("one bilinear convolution block (rank {}, products {join})", n.rank),
            k => format!("{k} bilinear convolution blocks (rank {}, products {join})", n.rank),
        },
        n.hidden,
    )?;
    writeln!(
        out,
        "Made by `cargo xtask train --model hnn-fast` with the configuration below; figures are of the files in this folder, in plain f32 arithmetic.\n"
    )?;
    writeln!(out, "| sentences | n | right | 95 % interval | teacher right | ratio | agreement | T²·KL to the teacher |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    row(out, "SST-2 dev (not used for any choice)", &report.dev)?;
    row(out, "held out of train, whole sentences", &report.held_out)?;
    row(out, "held out of train, these and their phrases", &report.held_out_rows)?;
    if let Some(other) = &report.against {
        row(out, "the same rows, the student that it was compared with", other)?;
    }
    writeln!(
        out,
        "\nThe teacher was fine-tuned on SST-2 train, the held-out sentences among it: its accuracy there says little; the student saw neither \
         them nor any phrase of them.\n"
    )?;
    writeln!(out, "## Data\n")?;
    writeln!(
        out,
        "{} rows of SST-2 train (Socher et al. 2013, GLUE form) with labels, {} augmented texts without, all with the logits of the teacher \
         `minilm-sst2` (all-MiniLM-L6-v2, Apache-2.0, fine-tuned on SST-2). Held out: {} whole sentences with every row that occurs in one of them. \
         Longest augmented text: {} word pieces.\n",
        corpus.training.rows.len(),
        corpus.training.augmented.len(),
        corpus.held_out.len(),
        config.data.augment.max_tokens,
    )?;
    writeln!(out, "## Largest values\n")?;
    writeln!(out, "On the held-out sentences: {}.\n", ranges(&report.held_out))?;
    writeln!(
        out,
        "On dev: {}. β·margin has to stay below {} for the Soft-Argmax polynomial.\n",
        ranges(&report.dev),
        n.score_bound
    )?;
    noise_budget(out, &report.noise_budget)?;
    writeln!(out, "## Recipe\n")?;
    writeln!(out, "{} steps, seed {}. The whole configuration:\n\n```json\n{json}\n```\n", report.steps, config.recipe.seed)?;
    writeln!(out, "## Digests (BLAKE3)\n")?;
    writeln!(out, "| of | digest |\n|---|---|")?;
    let d = &report.digests;
    for (name, digest) in [
        ("data files, teacher, data configuration", &d.data),
        ("configuration", &d.config),
        ("code", &d.code),
        ("weights", &d.weights),
    ] {
        writeln!(out, "| {name} | `{digest}` |")?;
    }
    writeln!(
        out,
        "\nThe same data, configuration and code give the same weights for any number of threads on CPUs with the same vector instructions. \
         Weights: {:.2} MB.\n",
        report.weights_bytes as f64 / 1e6
    )?;
    writeln!(out, "## Limits\n")?;
    writeln!(
        out,
        "English film reviews only; sentences of more than {} word pieces are too long; two classes, no neutral. Trained on opinions of film critics: \
         do not decide anything about people with it.",
        config.network.buckets.iter().map(|b| b.positions).max().unwrap_or(0).saturating_sub(2)
    )
}

fn noise_budget(out: &mut String, b: &Prediction) -> std::fmt::Result {
    writeln!(
        out,
        "## Noise budget\n\nOn `{}` (N = 2^{}, scale 2^{}) the circuit uses {} of {} levels and leaves {}. Predicted ν, −log2 of a slot's error at the \
         encrypted score: {:.1} bits over all errors, {:.1} ± {:.1} over the sentences (mean and standard deviation over {} held-out sentences, \
         simulated with drawn errors).\n",
        b.parameters,
        b.log_n,
        b.log_scale,
        b.levels_used,
        b.levels_available,
        b.levels_left,
        b.bits,
        b.mean_bits,
        b.deviation_bits,
        b.sentences,
    )?;
    writeln!(out, "| positions | sentences | mean ν | standard deviation | lowest – highest |\n|---|---|---|---|---|")?;
    for c in &b.classes {
        let [low, high] = c.range_bits;
        writeln!(
            out,
            "| {} | {} | {:.2} | {:.2} | {low:.2} – {high:.2} |",
            c.positions, c.sentences, c.mean_bits, c.deviation_bits
        )?;
    }
    writeln!(out)
}

fn ranges(e: &Evaluation) -> String {
    let r = &e.ranges;
    let mut out = String::new();
    for (i, (f, p)) in r.factors.iter().zip(&r.products).enumerate() {
        out.push_str(&format!("block {}: |u| {:.1}, |v| {:.1}, |u ⊙ v| {:.1}; ", i + 1, f[0], f[1], p));
    }
    out + &format!("|features| {:.1}, |h| {:.1}, |margin| {:.1}", r.features, r.hidden, r.margin)
}
