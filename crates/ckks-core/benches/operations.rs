//! Operations on ciphertexts at the sizes of docs/performance.md. `cargo bench -p ckks-core --bench operations -- rotate/n16`.
//! One thread unless RAYON_NUM_THREADS says otherwise.

use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::eval::Evaluator;
use ckks_core::keys::{EvaluationKeys, KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use criterion::{Criterion, criterion_group, criterion_main};

struct Setup {
    params: Params,
    secret: SecretKey,
    keys: EvaluationKeys,
    randomness: Randomness,
    encoder: Encoder,
}

impl Setup {
    fn new(literal: ParamsLiteral, rotations: i64) -> Self {
        let params = Params::new(literal).expect("a 128-bit set");
        let mut randomness = Randomness::from_os().expect("randomness");
        let secret = SecretKey::generate(&params, &mut randomness);
        let mut needed = KeyRequirements::default();
        needed.need_relinearisation(params.max_level());
        (1..=rotations).for_each(|k| needed.need_rotation(&params, k, params.max_level()));
        let generator = KeyGenerator::new(&params, &secret).expect("keys");
        let keys = generator.evaluation_keys(&needed, &mut randomness, |_, _| ());
        let encoder = Encoder::new(&params).expect("encoder");
        Self { params, secret, keys, randomness, encoder }
    }

    fn values(&self) -> Vec<f64> {
        (0..self.params.slots()).map(|j| (j as f64 * 0.37).sin()).collect()
    }

    fn fresh(&mut self) -> Ciphertext {
        let level = self.params.max_level();
        let plain = self.encoder.encode(&self.values(), level, self.params.scale_at(level)).expect("encoding");
        encrypt_symmetric(&self.params, &self.secret, &plain, &mut self.randomness).expect("encryption").expand(&self.params)
    }
}

/// `limbs` ciphertext primes of `bits` bits under a first one of `q0`, with `special` special primes: a set of its own per row,
/// so that each row has the keys that a circuit of that level would have.
fn rows(c: &mut Criterion, name: &str, literal: ParamsLiteral, heavy: bool) {
    // Keys take seconds to make: rows that a filter excludes are not set up.
    if std::env::args().skip(1).any(|a| a.contains('/') && !a.ends_with(name)) {
        return;
    }
    let mut s = Setup::new(literal, if heavy { 8 } else { 1 });
    let x = s.fresh();
    let keys = s.keys.clone();
    let e = Evaluator::new(&s.params, &keys).expect("evaluator");
    let level = x.level();
    c.bench_function(&format!("rotate/{name}"), |b| b.iter(|| e.rotate(&x, 1).expect("rotation")));
    c.bench_function(&format!("mul_relin_rescale/{name}"), |b| b.iter(|| e.mul_rescale(&x, &x).expect("product")));
    if heavy {
        let steps: Vec<i64> = (1..=8).collect();
        c.bench_function(&format!("hoisted8/{name}"), |b| b.iter(|| e.rotate_hoisted(&x, &steps).expect("rotations")));
        let values = s.values();
        let plain = s.encoder.encode(&values, level, e.prime_scale(level)).expect("encoding");
        c.bench_function(&format!("ptmul_rescale/{name}"), |b| {
            b.iter(|| e.mul_plain_rescale(&x, &plain).expect("product"));
        });
        c.bench_function(&format!("encode/{name}"), |b| {
            b.iter(|| s.encoder.encode(&values, level, s.params.scale_at(level)).expect("encoding"));
        });
        c.bench_function(&format!("decrypt_decode/{name}"), |b| {
            b.iter(|| s.encoder.decode(&decrypt(&s.params, &s.secret, &x).expect("decryption")).expect("decoding"));
        });
    }
}

fn operations(c: &mut Criterion) {
    rows(c, "n14/l8", ParamsLiteral::leveled(14, 47, 7, 45, 1, 47), false);
    rows(c, "n14/l12x30", ParamsLiteral::n14_leveled(), false);
    rows(c, "n15/l14", ParamsLiteral::leveled(15, 50, 13, 45, 4, 50), false);
    rows(c, "n16/l3", ParamsLiteral::leveled(16, 50, 2, 45, 3, 50), false);
    rows(c, "n16/l12", ParamsLiteral::leveled(16, 50, 11, 45, 12, 50), false);
    rows(c, "n16/l24", ParamsLiteral::leveled(16, 50, 23, 45, 12, 50), true);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_secs(2));
    targets = operations
}
criterion_main!(benches);
