//! A bilinear convolution block of the student's size: plain, backwards, planned, in the simulator; and Soft-Argmax on ciphertexts.
//! `cargo bench -p hnn-layers --bench layers`

use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use criterion::{Criterion, criterion_group, criterion_main};
use he_tensor::evaluator::Encryption;
use he_tensor::{CkksEvaluator, CostCounter, Simulator, TokenLayout};
use hnn_layers::bilinear_conv::BilinearConv;
use hnn_layers::budget::Circuit;
use hnn_layers::parameters::{Parameters, Real};
use hnn_layers::ragged::{LengthBucket, Ragged};
use hnn_layers::soft_argmax::SoftArgmax;
use ndarray::Array2;

/// Features, rank and sentences of a batch; 42 tokens are a sentence.
const FEATURES: usize = 128;
const RANK: usize = 96;
const SENTENCES: usize = 32;
const TOKENS: usize = 42;

fn block<T: Real>(features: usize, rank: usize) -> BilinearConv<T> {
    let mut block = BilinearConv::zeros(features, rank);
    let mut number = (0u32..).map(|i| T::of((f64::from(i) * 0.618).sin() * 0.05));
    for (_, mut array) in block.parameters_mut() {
        array.iter_mut().zip(&mut number).for_each(|(w, n)| *w = n);
    }
    block
}

fn plain(c: &mut Criterion) {
    let class = LengthBucket { positions: 64, divisor: 42.0 };
    let batch = Ragged::new([TOKENS; SENTENCES], std::slice::from_ref(&class)).expect("a batch");
    let block = block::<f32>(FEATURES, RANK);
    let x = Array2::from_shape_fn((SENTENCES * TOKENS, FEATURES), |(t, f)| ((t * 7 + f * 3) % 11) as f32 / 11.0 - 0.4);
    c.bench_function("bilinear_conv/forward/32x42x128", |b| b.iter(|| block.forward(x.view(), &batch)));
    let (y, trace) = block.forward(x.view(), &batch);
    let mut gradient = BilinearConv::zeros(FEATURES, RANK);
    c.bench_function("bilinear_conv/backward/32x42x128", |b| {
        b.iter(|| block.backward(x.view(), &batch, &trace, &y, &|_| 0.0, &mut gradient));
    });
}

fn circuits(c: &mut Criterion) {
    let params = Params::new(ParamsLiteral::n14_leveled()).expect("a 128-bit set");
    let layout = TokenLayout::new(32, 64, params.slots()).expect("64 tokens of 32 features");
    let small = block::<f64>(32, 24);
    c.bench_function("bilinear_conv/plan/64x32", |b| b.iter(|| small.plan(&layout, 42.0).expect("a plan")));
    let planned = small.plan(&layout, 42.0).expect("a plan");
    let simulator = Simulator::new(&params);
    let slots = layout.pack(TOKENS, |t, f| ((t * 7 + f * 3) % 11) as f64 / 11.0 - 0.4).expect("tokens").remove(0);
    let x = simulator.encrypt(&slots, Encryption::Symmetric).expect("simulated encryption");
    c.bench_function("bilinear_conv/simulated/64x32", |b| b.iter(|| planned.run(&simulator, &x).expect("a result")));

    let layer = SoftArgmax::new(0.9, 8.0, 15).expect("a layer");
    let counter = CostCounter::new(&params);
    layer.circuit(&counter, &counter.fresh()).expect("a cost");
    let mut randomness = Randomness::from_os().expect("randomness");
    let secret = SecretKey::generate(&params, &mut randomness);
    let generator = KeyGenerator::new(&params, &secret).expect("a generator");
    let keys = generator.evaluation_keys(&counter.report().keys, &mut randomness, |_, _| ());
    let margins: Vec<f64> = (0..64).map(|i| f64::from(i) / 4.0 - 8.0).collect();
    let top = params.max_level();
    let encoder = Encoder::new(&params).expect("an encoder");
    let plaintext = encoder.encode(&margins, top, params.scale_at(top)).expect("encoding");
    let encrypted = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness).expect("encryption").expand(&params);
    let e = CkksEvaluator::new(&params, &keys).expect("an evaluator");
    c.bench_function("soft_argmax/degree15/n14", |b| b.iter(|| layer.circuit(&e, &encrypted).expect("scores")));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = plain, circuits
}
criterion_main!(benches);
