//! Reductions and products of two ciphertexts on the parameters of the small model: 64 tokens of 128 features in N = 2^14.
//! `cargo bench -p he-tensor --bench circuits`

use ckks_core::Result;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use criterion::{Criterion, criterion_group, criterion_main};
use he_tensor::ccmm::{HeadLayout, RowScores, ScoreProduct};
use he_tensor::reduce::{mean_over_tokens, sum_over_features, sum_over_tokens};
use he_tensor::{CkksEvaluator, CostCounter, Evaluator, TokenLayout};

/// What a row runs.
#[derive(Clone, Copy)]
enum Part {
    TokenSum,
    TokenMean,
    FeatureSum,
    RowScores,
    Scores,
}

impl Part {
    const ALL: [(&'static str, Self); 5] = [
        ("reduce/sum_over_tokens/n14", Self::TokenSum),
        ("reduce/mean_over_tokens/n14", Self::TokenMean),
        ("reduce/sum_over_features/n14", Self::FeatureSum),
        ("ccmm/scores_of_one_token/n14/heads4", Self::RowScores),
        ("ccmm/scores/n14/heads4", Self::Scores),
    ];

    fn run<E: Evaluator>(self, e: &E, heads: &HeadLayout, x: &E::Vector) -> Result<Vec<E::Vector>> {
        let layout = heads.tokens();
        Ok(match self {
            Self::TokenSum => vec![sum_over_tokens(e, layout, x)?],
            Self::TokenMean => vec![mean_over_tokens(e, layout, x, 64.0)?],
            Self::FeatureSum => vec![sum_over_features(e, layout, x)?],
            Self::RowScores => vec![RowScores::new(heads, 0.125)?.apply(e, x, x)?],
            Self::Scores => ScoreProduct::new(heads)?.apply(e, x, x)?,
        })
    }
}

fn circuits(c: &mut Criterion) {
    let params = Params::new(ParamsLiteral::n14_leveled()).expect("a 128-bit set");
    let layout = TokenLayout::new(128, 64, params.slots()).expect("64 tokens of 128 features");
    let heads = HeadLayout::new(layout, 4).expect("four heads");
    let mut randomness = Randomness::from_os().expect("randomness");
    let secret = SecretKey::generate(&params, &mut randomness);
    let generator = KeyGenerator::new(&params, &secret).expect("a generator");
    let encoder = Encoder::new(&params).expect("an encoder");
    let values: Vec<f64> = (0..params.slots()).map(|j| (j as f64 * 0.37).sin()).collect();
    let top = params.max_level();
    let plain = encoder.encode(&values, top, params.scale_at(top)).expect("encoding");
    let x = encrypt_symmetric(&params, &secret, &plain, &mut randomness).expect("encryption").expand(&params);
    for (name, part) in Part::ALL {
        // Keys take seconds to make: only where a row is wanted.
        if std::env::args().skip(1).any(|a| !a.starts_with('-') && !name.contains(&a)) {
            continue;
        }
        let counter = CostCounter::new(&params);
        part.run(&counter, &heads, &counter.fresh()).expect("a cost");
        let keys = generator.evaluation_keys(&counter.report().keys, &mut randomness, |_, _| ());
        let e = CkksEvaluator::new(&params, &keys).expect("an evaluator");
        c.bench_function(name, |b| b.iter(|| part.run(&e, &heads, &x).expect("a result")));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = circuits
}
criterion_main!(benches);
