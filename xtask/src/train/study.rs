//! Comparisons: ablations, and accuracy against the noise budget.

use std::io::Write;
use std::path::Path;

use ::train::TrainConfig;
use ::train::study::{Ablations, NoiseCurve, Seeds, Study, run_ablations, run_noise_curve, run_seeds};
use anyhow::{Context, Result};

use super::{Args, Bar};
use crate::workspace;

/// Runs what `args` asks for on top of `config` and prints a table, or the results as JSON.
pub fn run(args: &Args, config: &TrainConfig, root: &Path) -> Result<()> {
    let budgets = args.nu.iter().map(|text| parse_bits(text)).collect::<Result<Vec<_>>>()?;
    let file = match (args.ablations, args.noise_curve) {
        (true, _) => "ablations.json",
        (_, true) => "nu-curve.json",
        _ => "seeds.json",
    };
    let path = args.results.clone().unwrap_or_else(|| root.join("docs/results").join(file));
    let bar = Bar::new();
    let study = Study::open(config, &workspace::cache(root), &mut |progress| bar.show(progress))
        .context("nothing was trained; data and teacher come with `cargo xtask fetch --from DIR`")?;
    let mut name_shown = String::new();
    let mut show = |name: &str, progress: &::train::Progress| {
        if name_shown != name {
            name_shown = name.to_owned();
            bar.line(name);
        }
        bar.show(progress);
    };
    let (text, json) = if args.ablations {
        let results = run_ablations(&study, &args.only, &path, &mut show)?;
        (ablation_table(&results), serde_json::to_string(&results)?)
    } else if args.noise_curve {
        let results = run_noise_curve(&study, &budgets, &path, &mut show)?;
        (curve_table(&results), serde_json::to_string(&results)?)
    } else {
        let results = run_seeds(&study, &args.seeds, &path, &mut show)?;
        (seed_table(&results), serde_json::to_string(&results)?)
    };
    bar.finish();
    let end = if args.json { json } else { format!("{text}results in {}", path.display()) };
    writeln!(std::io::stdout(), "{end}")?;
    Ok(())
}

fn parse_bits(text: &str) -> Result<Option<f64>> {
    match text {
        "none" => Ok(None),
        bits => Ok(Some(bits.parse().with_context(|| format!("{bits:?} is neither a number of bits nor `none`"))?)),
    }
}

fn ablation_table(results: &Ablations) -> String {
    let head = format!("{} steps each, seed {}, {} augmented texts\n", results.steps, results.seed, results.augmented);
    results.runs.iter().fold(head, |text, run| {
        let f = &run.figures;
        format!(
            "{text}{:20} dev {:.4} ({} of {})   held out {:.4}   nu {:.1} bits   range {:.2}   entropy {:.3}\n",
            run.name,
            f.dev.accuracy,
            f.dev.correct,
            f.dev.n,
            f.held_out.accuracy,
            f.noise_budget.bits,
            f.max_range_ratio,
            f.entropy_bits
        )
    })
}

fn curve_table(results: &NoiseCurve) -> String {
    let head = format!(
        "{} steps each, seed {}, {} augmented texts; mean accuracy on dev over {} draws\n",
        results.steps, results.seed, results.augmented, results.draws
    );
    results.runs.iter().fold(head, |text, run| {
        let trained = run.trained_bits.map_or("none".to_owned(), |bits| bits.to_string());
        let points = run.points.iter().map(|p| format!("{}:{:.3}", p.bits, p.dev[0])).collect::<Vec<_>>().join(" ");
        format!("{text}trained at {trained:>4}: without noise {:.4}; {points}\n", run.figures.dev.accuracy)
    })
}

fn seed_table(results: &Seeds) -> String {
    results.runs.iter().fold(String::new(), |text, run| {
        let (held_out, dev) = (&run.held_out_rows, &run.figures.dev);
        format!(
            "{text}seed {:3}  {} texts, {} steps   held out {} of {}   dev {} of {}   nu {:.1} bits{}\n",
            run.seed,
            run.texts,
            run.steps,
            held_out.correct,
            held_out.n,
            dev.correct,
            dev.n,
            run.figures.noise_budget.bits,
            if run.chosen { "   chosen" } else { "" }
        )
    })
}

#[cfg(test)]
mod tests {
    use super::parse_bits;

    #[test]
    fn budgets_are_numbers_or_none() {
        assert_eq!(parse_bits("2.5").unwrap(), Some(2.5));
        assert_eq!(parse_bits("none").unwrap(), None);
        assert!(parse_bits("many").unwrap_err().to_string().contains("many"));
    }
}
