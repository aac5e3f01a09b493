//! One training step of a student of full size on made-up sentences: batch 256, two blocks of 128 features. `cargo bench -p train`

use criterion::{Criterion, criterion_group, criterion_main};
use hnn_layers::ragged::LengthBucket;
use ndarray::Array2;
use train::config::{NetworkConfig, RecipeConfig, TrainConfig};
use train::data::corpus::{Example, TrainingSet};
use train::trainer::Trainer;

const VOCABULARY: usize = 30_522;
const FEATURES: usize = 128;

fn config() -> TrainConfig {
    let bucket = |positions, divisor| LengthBucket { positions, divisor };
    TrainConfig {
        network: NetworkConfig {
            features: FEATURES,
            blocks: 2,
            buckets: vec![bucket(16, 12.0), bucket(32, 24.0), bucket(64, 42.0)],
            ..Default::default()
        },
        recipe: RecipeConfig { steps: 1_000_000, batch: 256, ..Default::default() },
        ..Default::default()
    }
}

/// Sentences of 3 to 40 tokens with some teacher's answer.
fn data() -> TrainingSet {
    let sentence = |i: usize| {
        let ids: Vec<u32> = (0..3 + i * 7 % 38).map(|k| ((i * 31 + k * k * 1717 + k) % VOCABULARY) as u32).collect();
        Example {
            ids,
            teacher: (i as f32 * 0.37).sin() * 4.0,
            label: i.is_multiple_of(2).then_some(u8::from(i.is_multiple_of(4))),
        }
    };
    TrainingSet { rows: (0..1000).map(sentence).collect(), augmented: (1000..4000).map(sentence).collect(), digest: [7; 32] }
}

fn step(c: &mut Criterion) {
    let (config, data) = (config(), data());
    let table = Array2::from_shape_fn((VOCABULARY, FEATURES - 1), |(i, j)| ((i * 13 + j * 29) % 17) as f32 / 17.0 - 0.5);
    let mut trainer = Trainer::new(&config, &data, table).expect("a trainer");
    c.bench_function("train/step/batch256", |b| b.iter(|| trainer.step().expect("a step")));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(3));
    targets = step
}
criterion_main!(benches);
