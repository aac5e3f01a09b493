//! The page as Markdown.

use ::train::study::{Ablations, NoiseCurve, Seeds};
use ckks_core::params::Params;
use distilbert_he::compile::CompiledStudent;
use distilbert_he::student::StudentConfig;

use super::table::{interval, number, percent, power_of_two, table};
use super::{Evaluation, Figures, Found, STUDENT};
use crate::eval_sst2::Mode;
use crate::eval_sst2::report::Report;

/// File of the distribution of ν.
pub const DISTRIBUTION: &str = "nu-distribution.svg";
/// File of the reliability diagram.
pub const RELIABILITY: &str = "reliability.svg";
/// File of accuracy against ν.
pub const CURVE: &str = "nu-curve.svg";

/// The whole page.
pub fn text(figures: &Figures, student: &StudentConfig) -> distilbert_he::Result<String> {
    let params = CompiledStudent::preset(student)?;
    let sections = [
        "# Accuracy\n\nMade by `cargo xtask report` from the files in [results](results/README.md): every figure of this repository comes from them.\n"
            .to_owned(),
        format!("## SST-2 dev\n\n{}", accuracy(figures)),
        format!("## Time and memory of a sentence\n\n{}", cost(figures)),
        format!("## Noise: ν predicted and measured\n\n{}", noise(figures)),
        format!("## Ranges of polynomials\n\n{}", ranges(figures)),
        format!("## Calibration\n\n{}", calibration(figures)),
        format!("## Entropy of the answers, with and without Soft-Argmax\n\n{}", entropy(figures)),
        format!("## Seeds\n\n{}", or_missing(&figures.seeds, |s| seeds(s, &figures.digest))),
        format!("## Ablations\n\n{}", or_missing(&figures.ablations, ablations)),
        format!("## Accuracy against ν\n\n{}", or_missing(&figures.curve, curve)),
        format!("## Beside others' work\n\n{}", comparison(figures, &params, student)),
    ];
    Ok(sections.join("\n"))
}

fn or_missing<T>(found: &Found<T>, text: impl FnOnce(&T) -> String) -> String {
    found.as_ref().map_or_else(|missing| format!("{missing}\n"), text)
}

fn image(file: &str, what: &str) -> String {
    format!("\n![{what}](results/{file})\n")
}

/// A table with a line for every evaluation that there is, and what is missing below it.
fn lines(list: &[Evaluation], header: &[&str], line: impl Fn(&Report) -> Option<Vec<String>>) -> String {
    let rows = list.iter().filter_map(|e| {
        let mut cells = line(e.report.as_ref().ok()?)?;
        cells.insert(0, e.name.to_owned());
        Some(cells)
    });
    table(&[&["what"], header].concat(), rows)
}

fn accuracy(figures: &Figures) -> String {
    let list = &figures.evaluations;
    let header = ["sentences", "right", "accuracy", "95 % interval", "ratio to the teacher", "agreement", "largest score error"];
    let mut out = lines(list, &header, |r| {
        Some(vec![
            r.n.to_string(),
            r.correct.to_string(),
            percent(r.accuracy),
            interval(r.interval95),
            number(r.accuracy_ratio, 4),
            format!("{} with {}", percent(r.agreement), r.agreement_with),
            power_of_two(r.max_abs_score_error),
        ])
    });
    out += "\nThe interval is Wilson's. The ratio is to the teacher on the same sentences; `poly` are the student's own polynomials on plain numbers. Dev \
            was used for no choice.\n\n";
    let all = list.iter().filter_map(|e| e.report.as_ref().ok()).map(|r| r.n).max().unwrap_or(0);
    out += &table(
        &["what", "made by"],
        list.iter().map(|e| {
            let made = match &e.report {
                Ok(r) if r.n < all => format!("`{} --limit {}`", e.command, r.n),
                Ok(_) => format!("`{}`", e.command),
                Err(missing) => missing.clone(),
            };
            vec![e.name.to_owned(), made]
        }),
    );
    out
}

fn cost(figures: &Figures) -> String {
    let header = ["seconds", "threads", "peak memory", "parameters", "security"];
    lines(&figures.evaluations, &header, |r| {
        // A simulation's time is nobody's.
        (r.mode != Mode::Simulate).then(|| {
            vec![
                number(r.seconds_per_sentence, if r.mode == Mode::Encrypted { 2 } else { 4 }),
                r.threads.to_string(),
                r.peak_memory_bytes.map_or("–".into(), |b| format!("{:.2} GB", b as f64 / 1e9)),
                r.parameters.clone().unwrap_or("–".into()),
                r.security_bits.map_or("–".into(), |b| format!("{b} bits")),
            ]
        })
    }) + "\nEncrypted: mean of the server's computation alone; the memory is that of the whole evaluation, in which one process holds client, server and all keys. Plain: all sentences together, divided by their number. Whole processes: [performance](performance.md).\n"
}

fn noise(figures: &Figures) -> String {
    let list = &figures.evaluations;
    let of = |d: &Option<crate::eval_sst2::statistics::Distribution>| match d {
        Some(d) => vec![number(d.mean, 2), number(d.deviation, 2), format!("{:.2} – {:.2}", d.range[0], d.range[1])],
        None => vec!["–".to_owned(); 3],
    };
    let header = [
        "sentences",
        "ν of scores: predicted",
        "measured",
        "ν of slots: predicted, mean",
        "deviation",
        "range",
        "measured, mean",
        "deviation",
        "range",
    ];
    let mut out = lines(list, &header, |r| {
        r.slot_nu_predicted.is_some().then(|| {
            let scores = vec![r.n.to_string(), number(r.nu_predicted_bits, 2), number(r.nu_measured_bits, 2)];
            [scores, of(&r.slot_nu_predicted), of(&r.slot_nu_measured)].concat()
        })
    });
    out += "\nBits. *Scores*: −log2 of the root mean square, over the sentences, of the score's distance from `poly`; a score is the mean over all slots. *Slots*: \
            every sentence has its own ν, −log2 of the standard deviation of its slots around their mean, which would all be equal without noise. Predicted: \
            the same circuit in the simulator with errors drawn from the noise model ([noise](noise.md)), nothing fitted. The noise budget in the student's \
            card counts the whole complex error of a slot, what is common to all of them included: lower by half a bit or more.\n";
    if let Some((p, m)) =
        figures.of(Mode::Encrypted).and_then(|r| Some((r.slot_nu_predicted.as_ref()?, r.slot_nu_measured.as_ref()?)))
    {
        out += &format!("\nMean of ν, predicted less measured: **{:+.2} bits**.\n", p.mean - m.mean);
        out += &image(DISTRIBUTION, "Distribution of ν over the sentences");
    }
    out
}

fn ranges(figures: &Figures) -> String {
    let mut out = lines(&figures.evaluations, &["largest \\|x\\|/bound by polynomial"], |r| {
        let each = r.range_ratios.iter().map(|(name, ratio)| format!("{name} {ratio:.3}"));
        (!r.range_ratios.is_empty()).then(|| vec![each.collect::<Vec<_>>().join(", ")])
    });
    out += "\nAbove 1 a polynomial would have been asked outside the interval that it was made for. The ratio of a circuit is the simulator's, with errors: ciphertexts \
            do not show it.\n";
    out
}

fn calibration(figures: &Figures) -> String {
    let mut out = lines(&figures.evaluations, &["sentences", "expected calibration error"], |r| {
        Some(vec![r.n.to_string(), number(r.expected_calibration_error, 4)])
    });
    out += "\nTen bins of confidence from ½ to 1 (Guo et al. 2017); no temperature was fitted on dev.\n";
    if let Some(r) = figures.calibrated() {
        out += &image(RELIABILITY, "Reliability diagram");
        out += &format!("\nThe bins of `--mode {}`:\n\n", r.mode.name());
        let bins = r.reliability.iter().zip(0..).filter(|(b, _)| b.n > 0);
        out += &table(
            &["confidence", "sentences", "mean confidence", "right", "95 % interval"],
            bins.map(|(b, i)| {
                let low = 0.5 + 0.05 * f64::from(i);
                vec![
                    format!("{low:.2} – {:.2}", low + 0.05),
                    b.n.to_string(),
                    percent(b.confidence),
                    percent(b.right as f64 / b.n as f64),
                    interval(::train::trainer::evaluate::wilson(b.right, b.n)),
                ]
            }),
        );
    }
    out
}

fn entropy(figures: &Figures) -> String {
    lines(&figures.evaluations, &["mean entropy, bits", "without Soft-Argmax"], |r| {
        let without = number(r.mean_entropy_bits_without_soft_argmax, 3);
        Some(vec![number(r.mean_entropy_bits, 3), without])
    }) + "\nWithout: softmax of the student's own logits on plain numbers, as they are before the layer and its learned β.\n"
}

fn seeds(s: &Seeds, digest: &str) -> String {
    let header = [
        "seed",
        "augmented texts",
        "steps",
        "held-out rows",
        "distillation loss there",
        "held-out sentences",
        "dev",
        "95 % interval",
        "ratio",
        "predicted ν",
        "minutes",
        "",
    ];
    let mut out = table(
        &header,
        s.runs.iter().map(|run| {
            let (held_out, dev) = (&run.figures.held_out, &run.figures.dev);
            let marks = [(run.chosen, "**chosen**"), (run.model_digest == digest, "in `data/hnn-fast/`")];
            vec![
                run.seed.to_string(),
                run.texts.to_string(),
                run.steps.to_string(),
                format!("{} of {}", run.held_out_rows.correct, run.held_out_rows.n),
                number(run.held_out_rows.distillation, 4),
                format!("{} of {}", held_out.correct, held_out.n),
                format!("{} of {} ({})", dev.correct, dev.n, percent(dev.accuracy)),
                interval(dev.interval95),
                number(dev.correct as f64 / dev.teacher_correct.max(1) as f64, 4),
                number(run.figures.noise_budget.bits, 1),
                number(run.seconds.map(|s| s / 60.0), 0),
                marks.into_iter().filter_map(|(is, text)| is.then_some(text)).collect::<Vec<_>>().join(", "),
            ]
        }),
    );
    out += "\nChosen by the least distillation loss on the held-out rows of train (sentences and their phrases), among runs with the same rows: the numbers of right answers there \
            differ by less than their own chance. Minutes are those of all steps, the teacher's labels from the cache.\n";
    if s.runs.iter().all(|run| run.model_digest != digest) {
        out += &format!("\n**The files in `data/{STUDENT}/` are of none of these runs.**\n");
    }
    out
}

fn ablations(a: &Ablations) -> String {
    let mut out = format!(
        "One seed ({}), **{} steps** each instead of a whole training, {} augmented texts to draw from: the differences count, not the heights; where the \
         intervals overlap a difference is no finding. ν is predicted, of a slot of the encrypted score; beside it that of the margin, which is what an answer \
         without the Soft-Argmax layer would have. `cargo xtask train --ablations --steps {}`, with the configuration that stands in [results](results/README.md).\n\n",
        a.seed, a.steps, a.augmented, a.steps
    );
    let header = [
        "student",
        "dev",
        "95 % interval",
        "held out",
        "ν score / margin, parameters",
        "levels",
        "\\|β·margin\\|/bound",
        "entropy with / without Soft-Argmax",
    ];
    out += &table(
        &header,
        a.runs.iter().map(|run| {
            let (f, b) = (&run.figures, &run.figures.noise_budget);
            vec![
                run.name.clone(),
                format!("{} ({})", percent(f.dev.accuracy), f.dev.correct),
                interval(f.dev.interval95),
                percent(f.held_out.accuracy),
                format!("{:.1} / {:.1}, {}", b.bits, f.margin_bits, b.parameters),
                b.levels_used.to_string(),
                number(f.max_range_ratio, 2),
                format!("{:.3} / {:.3}", f.entropy_bits, f.entropy_bits_without_soft_argmax),
            ]
        }),
    );
    out += "\n";
    out += &table(&["student", "what is different"], a.runs.iter().map(|run| vec![run.name.clone(), run.what.clone()]));
    let left_out: Vec<&str> = ::train::study::ablations()
        .iter()
        .map(|known| known.name)
        .filter(|name| a.runs.iter().all(|run| run.name != *name))
        .collect();
    if !left_out.is_empty() {
        out += &format!("\nNot trained yet: {}; the command above goes on with them.\n", left_out.join(", "));
    }
    out
}

fn curve(c: &NoiseCurve) -> String {
    let mut out = format!(
        "Students trained with Gaussian noise of standard deviation 2^−ν on every product of their blocks, {} steps each, seed {}, and evaluated with noise on \
         every product (the head's squares too), {} draws: mean accuracy on dev. `cargo xtask train --noise-curve --steps {}`, with the configuration that stands in [results](results/README.md).\n\n",
        c.steps, c.seed, c.draws, c.steps
    );
    let mut bits: Vec<f64> = c.runs.iter().flat_map(|r| r.points.iter().map(|p| p.bits)).collect();
    bits.sort_by(|a, b| b.total_cmp(a));
    bits.dedup();
    let header: Vec<String> =
        ["trained at ν".to_owned(), "no noise".to_owned()].into_iter().chain(bits.iter().map(f64::to_string)).collect();
    out += &table(
        &header.iter().map(String::as_str).collect::<Vec<_>>(),
        c.runs.iter().map(|run| {
            let name = run.trained_bits.map_or("without noise".into(), |b| b.to_string());
            let at = |b: &f64| run.points.iter().find(|p| p.bits == *b).map(|p| p.dev[0]);
            let points = bits.iter().map(|b| number(at(b), 3));
            [name, number(run.figures.dev.accuracy, 3)].into_iter().chain(points).collect()
        }),
    );
    out + &image(CURVE, "Accuracy against the noise budget")
}

fn comparison(figures: &Figures, params: &Params, student: &StudentConfig) -> String {
    let (ratio, seconds) = match figures.of(Mode::Encrypted) {
        Some(r) => (
            format!("{} of its teacher's, {} sentences", percent(r.accuracy_ratio), r.n),
            format!("{:.2} s, {} threads", r.seconds_per_sentence, r.threads),
        ),
        None => ("not measured".to_owned(), "not measured".to_owned()),
    };
    let network = format!(
        "own student, {} bilinear convolution blocks, {} levels, no bootstrapping",
        student.blocks.len(),
        params.max_level()
    );
    let parameters = format!("N = 2^{}, {} bits", params.log_n(), params.security().bits);
    let row = |cells: [&str; 6]| cells.map(str::to_owned).to_vec();
    table(
        &["", "task and data", "network under encryption", "accuracy", "time of one sentence", "parameters"],
        [
            row([&format!("here, {STUDENT}"), "SST-2 dev", &network, &ratio, &seconds, &parameters]),
            row([
                "[FHE-BERT-Tiny](https://github.com/narger-ef/FHE-BERT-Tiny) (Rovida, Leporati 2024)",
                "SST-2",
                "BERT-Tiny, 2 layers × 128, with bootstrapping",
                "not taken over: other weights",
                "103 – 327 s as reported (the copy of its README that was read has no times)",
                "128 bits with `--secure`",
            ]),
            row([
                "Florencio, Alencar, Lima 2025",
                "text classification",
                "network with Differentiable Soft-Argmax, trained under a noise budget",
                "82.5 % of the plain network's",
                "none given",
                "its own",
            ]),
        ],
    ) + "
* **Comparable:** the task with FHE-BERT-Tiny; with the paper, the accuracy under encryption as a share of a plain network's.
* **Not comparable, seconds:** the machines differ, and so does what is computed. FHE-BERT-Tiny runs a given transformer as it is, with bootstrapping; the
  student here was made to fit the levels of one parameter set, and its accuracy comes from a teacher that was never encrypted. A quotient of the times
  would measure that difference of networks and not an implementation. The paper gives no times.
* **Not comparable, the paper's ratio:** it is to the paper's plain network on the paper's data; ours is to the teacher, a larger network than the student.
  To the student's own plain form the encrypted answers have the agreement in the first table.
* The client looks embeddings up and sends them encrypted; the server learns model, parameters and the length class.
"
}
