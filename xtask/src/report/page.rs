//! The page as Markdown.

use ::train::study::{Ablations, NoiseCurve};
use serde_json::Value;

use super::{Evaluation, Figures};

/// The whole page; `plots` are the plots that were drawn.
pub fn text(figures: &Figures, plots: &[&str]) -> String {
    let plot = |file: &str, what: &str| match plots.contains(&file) {
        true => format!("\n![{what}](results/{file})\n"),
        false => String::new(),
    };
    let mut out = String::from(
        "# Accuracy\n\nMade by `cargo xtask report` from the figures in [results](results/README.md); nothing here is typed by hand but the words.\n\n",
    );
    out += "## SST-2 dev\n\n";
    out += &evaluations(&figures.evaluations);
    out += "\nAgreement and the largest score error are against the polynomials on plain numbers for the simulated and the encrypted form, against the \
            teacher otherwise. ν is −log2 of the standard deviation of the scores' errors.\n";
    out += &plot("nu-distribution.svg", "Distribution of errors");
    out += "\n## Calibration and entropy\n\n";
    out += &calibration(&figures.evaluations);
    out += &plot("reliability.svg", "Reliability diagram");
    if let Some(ablations) = &figures.ablations {
        out += "\n## Ablations\n\n";
        out += &ablation_table(ablations);
    }
    if let Some(curve) = &figures.curve {
        out += "\n## Accuracy against ν\n\n";
        out += &curve_table(curve);
        out += &plot("nu-curve.svg", "Accuracy against the noise budget");
    }
    out += COMPARISON;
    if let Some(e) = figures.best_with("nu_predicted_bits").filter(|e| e.figures["mode"] == "encrypted") {
        out += &format!(
            "\nHere, by `eval-sst2 {}` ({} sentences): accuracy ratio to the teacher {}, {} s a sentence, {} GB at most, {} bits of security.\n",
            e.arguments,
            e.figures["n"],
            number(&e.figures["accuracy_ratio"], 4),
            number(&e.figures["seconds_per_sentence"], 2),
            e.figures["peak_memory_bytes"].as_f64().map_or("–".into(), |b| format!("{:.2}", b / 1e9)),
            e.figures["security_bits"],
        );
    }
    out
}

fn number(value: &Value, digits: usize) -> String {
    value.as_f64().map_or("–".into(), |v| format!("{v:.digits$}"))
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or("–".into(), |v| format!("{:.2} %", 100.0 * v))
}

fn evaluations(list: &[Evaluation]) -> String {
    let mut out = String::from(
        "| what | sentences | right | accuracy | 95 % interval | ratio to the teacher | agreement | largest score error | ν measured / predicted | \
         largest \\|x\\|/bound |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for Evaluation { name, figures: f, .. } in list {
        let error = f["max_abs_score_error"].as_f64().map_or("–".into(), |e| format!("2^{:.1}", e.log2()));
        out += &format!(
            "| {name} | {} | {} | {} | {} – {} | {} | {} | {error} | {} / {} | {} |\n",
            f["n"],
            f["correct"],
            percent(&f["accuracy"]),
            percent(&f["interval95"][0]),
            percent(&f["interval95"][1]),
            number(&f["accuracy_ratio"], 4),
            percent(&f["agreement"]),
            number(&f["nu_measured_bits"], 1),
            number(&f["nu_predicted_bits"], 1),
            number(&f["max_range_ratio"], 3),
        );
    }
    out += "\n| what | command |\n|---|---|\n";
    for e in list {
        out += &format!("| {} | `cargo xtask eval-sst2 {} --json` |\n", e.name, e.arguments);
    }
    out
}

fn calibration(list: &[Evaluation]) -> String {
    let mut out = String::from(
        "| what | expected calibration error | mean entropy, bits | without Soft-Argmax (softmax of the logits) |\n|---|---|---|---|\n",
    );
    for Evaluation { name, figures: f, .. } in list {
        out += &format!(
            "| {name} | {} | {} | {} |\n",
            number(&f["expected_calibration_error"], 4),
            number(&f["mean_entropy_bits"], 3),
            number(&f["mean_entropy_bits_without_soft_argmax"], 3)
        );
    }
    out
}

fn ablation_table(a: &Ablations) -> String {
    let mut out = format!(
        "One seed ({}), **{} steps** each instead of a full training, {} augmented texts to draw from: the differences count, not the heights; an interval \
         is about ± 2 points, so smaller differences are no finding. ν is predicted for the encrypted score; beside it that of the margin, which is what an \
         answer without the Soft-Argmax layer would have. `cargo xtask train --ablations --steps {}`.\n\n",
        a.seed, a.steps, a.augmented, a.steps
    );
    out += "| student | dev | 95 % interval | held out | ν score / margin, parameters | levels | largest \\|β·margin\\|/bound | entropy with / without Soft-Argmax |\n\
            |---|---|---|---|---|---|---|---|\n";
    for run in &a.runs {
        let f = &run.figures;
        let b = &f.noise_budget;
        out += &format!(
            "| {} | {:.2} % ({}) | {:.2} – {:.2} % | {:.2} % | {:.1} / {:.1}, {} | {} | {:.2} | {:.3} / {:.3} |\n",
            run.name,
            100.0 * f.dev.accuracy,
            f.dev.correct,
            100.0 * f.dev.interval95[0],
            100.0 * f.dev.interval95[1],
            100.0 * f.held_out.accuracy,
            b.bits,
            f.margin_bits,
            b.parameters,
            b.levels_used,
            f.max_range_ratio,
            f.entropy_bits,
            f.entropy_bits_without_soft_argmax,
        );
    }
    out += "\n| student | what is different |\n|---|---|\n";
    for run in &a.runs {
        out += &format!("| {} | {} |\n", run.name, run.what);
    }
    out
}

fn curve_table(c: &NoiseCurve) -> String {
    let mut out = format!(
        "Students trained with Gaussian noise of standard deviation 2^−ν on every product of their blocks, {} steps each, seed {}, and evaluated with noise on \
         every product (the head's squares too), {} draws: mean accuracy on dev. `cargo xtask train --noise-curve --steps {}`.\n\n| trained at ν | no noise |",
        c.steps, c.seed, c.draws, c.steps
    );
    let bits: Vec<f64> = c.runs.first().map(|r| r.points.iter().map(|p| p.bits).rev().collect()).unwrap_or_default();
    bits.iter().for_each(|b| out += &format!(" {b} |"));
    out += &format!("\n|---|---|{}\n", "---|".repeat(bits.len()));
    for run in &c.runs {
        let name = run.trained_bits.map_or("without noise".into(), |b| b.to_string());
        out += &format!("| {name} | {:.4} |", run.figures.dev.accuracy);
        for b in &bits {
            let found = run.points.iter().find(|p| p.bits == *b);
            out += &found.map_or(" – |".into(), |p| format!(" {:.3} |", p.dev[0]));
        }
        out += "\n";
    }
    out
}

const COMPARISON: &str = "
## Beside others' work

| | task and data | network under encryption | accuracy | time of one sentence | parameters |
|---|---|---|---|---|---|
| here, hnn-fast | SST-2, 872 dev sentences | own student, two bilinear convolution blocks, no bootstrapping | the table above, against its own teacher on the same sentences | the table above, 2 cores | N = 2^14, 128-bit |
| FHE-BERT-Tiny | SST-2 | BERT-Tiny (2 layers × 128) with bootstrapping | not taken over here: other weights | its README: 103–327 s | other parameters and hardware |
| Florencio, Alencar, Lima 2025 | text classification | network with Differentiable Soft-Argmax trained under a noise budget | 82.5 % of the plain accuracy | none given | its own |

* **Comparable:** task and public sentences with FHE-BERT-Tiny; accuracy under encryption as a fraction of the plain accuracy with the paper.
* **Not comparable:** seconds: the machines differ, and so does what is computed. FHE-BERT-Tiny runs a given transformer as it is, with bootstrapping; the student
  here was made to fit eleven levels, and its accuracy comes from a teacher that was never encrypted. A quotient of the times would measure that difference of
  networks and not an implementation.
* **Not comparable:** the paper's ratio is against its own plain network and on its own data; ours is against the teacher, which is the larger of two
  networks. Against the student's own plain form the encrypted answers are the agreement in the first table. The paper gives no times.
* Embeddings are looked up on the client here; the server learns model, parameters and the length class.
";
