//! From data and a teacher, both tiny, to the files of a student, and what a comparison with another student decides.

use std::path::{Path, PathBuf};

use hnn_layers::ragged::LengthBucket;
use train::config::{NetworkConfig, RecipeConfig, TrainConfig};
use train::data::augment::AugmentConfig;
use train::data::corpus::DataConfig;
use train::{Error, Result, Trained};

/// Sentences of the tiny teacher's words, and that teacher, in the layout that `cargo xtask fetch` makes.
fn data_in(folder: &Path) -> std::io::Result<()> {
    let teacher = Path::new(env!("CARGO_MANIFEST_DIR")).join("../distilbert-he/tests/fixtures/tiny");
    let (sst2, models) = (folder.join("sst2"), folder.join("models/minilm-sst2"));
    std::fs::create_dir_all(&sst2)?;
    std::fs::create_dir_all(&models)?;
    for name in ["config.json", "model.safetensors", "vocab.txt"] {
        std::fs::copy(teacher.join(name), models.join(name))?;
    }
    let rows = |first: &[&str], second: &[&str]| {
        let sentences = ["good", "bad", "great", "dull", "lifeless", "tedious"].iter().enumerate().flat_map(|(i, word)| {
            let label = usize::from(i % 2 == 0);
            first.iter().flat_map(move |a| second.iter().map(move |b| format!("{a} {b} is {word}\t{label}\n")))
        });
        format!("sentence\tlabel\n{}", sentences.collect::<String>())
    };
    std::fs::write(sst2.join("train.tsv"), rows(&["the", "a", "x"], &["movie", "plot", "film"]))?;
    std::fs::write(sst2.join("dev.tsv"), rows(&["the very"], &["movie", "plot"]))
}

fn config(steps: u64) -> TrainConfig {
    TrainConfig {
        network: NetworkConfig {
            features: 8,
            rank: 6,
            hidden: 5,
            blocks: 1,
            buckets: vec![LengthBucket { positions: 16, divisor: 6.0 }],
            ..Default::default()
        },
        data: DataConfig {
            held_out: 8,
            augmented: 100,
            augment: AugmentConfig { max_tokens: 12, neighbours: 3, ..Default::default() },
            further: Vec::new(),
            ..Default::default()
        },
        recipe: RecipeConfig {
            steps,
            batch: 32,
            warm_up: 5,
            rate: 2e-2,
            table_rate: 2e-2,
            ema: 0.8,
            noise_budget: None,
            ..Default::default()
        },
    }
}

fn run(config: &TrainConfig, against: Option<&Trained>, data: &Path, out: &Path) -> Result<train::Report> {
    train::run(config, None, against, data, out, &mut |_| {})
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).map(|list| list.flatten().map(|e| e.path()).collect());
    entries.unwrap_or_default()
}

#[test]
fn a_student_is_written_unless_the_held_out_rows_prefer_another() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    data_in(folder.path()).expect("files in a folder that is there");
    let trained = run(&config(150), None, folder.path(), &at("trained"))?;
    assert_eq!(files(&at("trained")).len(), 4, "configuration, weights, vocabulary and card");
    assert!(trained.against.is_none() && trained.held_out_rows.n >= 8);

    let network = config(1).network;
    let rival = Trained::load(&at("trained"), &network)?;
    let refused = run(&config(1), Some(&rival), folder.path(), &at("untrained"));
    let Err(Error::NotBetter { n, before, after }) = refused else { panic!("one step was enough: {refused:?}") };
    assert!(n == trained.held_out_rows.n && before < after);
    assert!((before - trained.held_out_rows.distillation).abs() < 1e-6, "the same rows as before");
    assert!(files(&at("untrained")).is_empty(), "nothing is written");

    // The other way round: what was trained is written beside the untrained one.
    run(&config(1), None, folder.path(), &at("untrained"))?;
    let rival = Trained::load(&at("untrained"), &network)?;
    let taken = run(&config(150), Some(&rival), folder.path(), &at("again"))?;
    assert!(taken.against.is_some_and(|other| other.distillation > taken.held_out_rows.distillation));
    Ok(())
}

#[test]
fn a_start_has_to_be_the_one_that_the_configuration_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = config(1);
    config.recipe.start = Some("abc".into());
    let error = run(&config, None, folder.path(), folder.path()).expect_err("no such start was given").to_string();
    assert!(error.contains("abc") && error.contains("none"), "{error}");
}
