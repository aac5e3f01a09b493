//! A public 1024 × 1024 matrix times 32 × 2 tokens at five and three limbs: weights prepared, and as slots that are encoded each
//! time. `cargo bench -p he-tensor --bench pcmm -- l5`. All threads unless RAYON_NUM_THREADS says otherwise.

use ckks_core::circuits::CkksEvaluator;
use ckks_core::circuits::block_transform::PlanCosts;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use criterion::{Criterion, criterion_group, criterion_main};
use he_tensor::{MatrixProduct, TokenLayout};

const WIDTH: usize = 1024;

fn rows(c: &mut Criterion, limbs: usize) {
    let name = format!("pcmm1024/n16/l{limbs}");
    // Keys take seconds to make: a row that a filter excludes is not set up.
    if std::env::args().skip(1).any(|a| a.starts_with('l') && !name.ends_with(&a)) {
        return;
    }
    let params = Params::new(ParamsLiteral::leveled(16, 50, limbs - 1, 45, limbs, 50)).expect("a 128-bit set");
    let level = params.max_level();
    let layout = TokenLayout::new(WIDTH, 2 * params.slots() / WIDTH, params.slots()).expect("a layout").with_imaginary();
    let mut product = MatrixProduct::new(&layout, 1, 1);
    let weight = |r: usize, c: usize| ((r * 31 + c * 17) % 101) as f64 / 101.0 - 0.5;
    product.add_matrix((0, 0), 0, (WIDTH, WIDTH), weight).expect("a matrix");
    let plan = product.plan_with_costs(None, PlanCosts::at_level(&params, level)).expect("a plan");
    let needed = plan.key_requirements(&params, level).expect("keys");
    let mut randomness = Randomness::from_os().expect("randomness");
    let secret = SecretKey::generate(&params, &mut randomness);
    let keys = KeyGenerator::new(&params, &secret).expect("keys").evaluation_keys(&needed, &mut randomness, |_, _| ());
    let values: Vec<f64> = (0..params.slots()).map(|j| (j as f64 * 0.37).sin()).collect();
    let encoder = Encoder::new(&params).expect("encoder");
    let plain = encoder.encode(&values, level, params.scale_at(level)).expect("encoding");
    let x = encrypt_symmetric(&params, &secret, &plain, &mut randomness).expect("encryption").expand(&params);
    let e = CkksEvaluator::new(&params, &keys).expect("evaluator");
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("slots", |b| b.iter(|| plan.apply(&e, &[&x]).expect("product")));
    let prepared = plan.clone().prepared(24.0).expect("weights of 24 bits");
    group.bench_function("prepared", |b| b.iter(|| prepared.apply(&e, &[&x]).expect("product")));
    group.finish();
}

fn pcmm(c: &mut Criterion) {
    rows(c, 5);
    rows(c, 3);
}

criterion_group!(benches, pcmm);
criterion_main!(benches);
