//! The kernels, one limb in one thread, names as in docs/performance.md. `cargo bench -p ckks-core --bench kernels -- ntt/forward`.
//!
//! Plain names run the fastest path of this CPU, names that end in a path's name run that path. Ratios to
//! `ntt/forward/n16/concrete-ntt` of the same run carry over to other CPUs and to busy machines.

use ckks_core::kernels::{
    self, AlignedBuf, BasisConverter, Digit, Finish, KernelPath, KeyProduct, Modulus, NttTable, PackedKey, Plus, force_path,
};
use ckks_core::ring::automorphism::ntt_permutation;
use ckks_core::ring::primes::is_prime;
use criterion::{Criterion, criterion_group, criterion_main};

/// The `count` largest primes ≡ 1 (mod 2N) below 2^`bits`.
fn primes(bits: u32, log_n: u32, count: usize) -> Vec<Modulus> {
    let step = 2u64 << log_n;
    let candidates = (1..((1u64 << bits) - 1) / step).rev().map(|k| k * step + 1).filter(|&c| is_prime(c));
    candidates.take(count).map(|p| Modulus::new(p).expect("a prime")).collect()
}

fn limb(m: &Modulus, n: usize, seed: u64) -> AlignedBuf {
    let words: Vec<u64> = (0..n as u64).map(|i| m.reduce_u64((i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    AlignedBuf::from_slice(&words)
}

/// The default path under its plain name, then every other path that this CPU has.
fn on_paths(c: &mut Criterion, name: &str, mut f: impl FnMut()) {
    let default = kernels::active_path();
    c.bench_function(name, |b| b.iter(&mut f));
    for path in [KernelPath::Avx2, KernelPath::ConcreteNtt, KernelPath::Portable] {
        if path != default && force_path(Some(path)).is_ok() {
            c.bench_function(&format!("{name}/{}", path.name()), |b| b.iter(&mut f));
        }
    }
    force_path(None).expect("back to the default");
}

fn transforms(c: &mut Criterion) {
    for log_n in [13, 14, 15, 16] {
        // Primes of 45 bits leave room for the fully lazy form, primes of 50 bits do not.
        for (bits, suffix) in [(50, ""), (45, "/p45")] {
            let m = primes(bits, log_n, 1)[0];
            let table = NttTable::new(m, log_n).expect("a table");
            let mut a = limb(&m, table.n(), 0);
            on_paths(c, &format!("ntt/forward/n{log_n}{suffix}"), || table.forward(&mut a));
            on_paths(c, &format!("ntt/inverse/n{log_n}{suffix}"), || table.inverse(&mut a));
        }
    }
}

fn words(c: &mut Criterion) {
    let (log_n, n) = (16, 1 << 16);
    let m = primes(50, log_n, 1)[0];
    let v: Vec<AlignedBuf> = (0..12).map(|k| limb(&m, n, 1000 * k)).collect();
    let (mut x, mut y) = (limb(&m, n, 1), limb(&m, n, 2));
    on_paths(c, "add/n16", || kernels::add_assign(&m, &mut x, &v[0]));
    on_paths(c, "mul/n16", || kernels::mul_into(&m, &mut x, &v[0], &v[1]));
    on_paths(c, "mul_add/n16", || kernels::mul_add_assign(&m, &mut x, &v[0], &v[1]));
    on_paths(c, "mul_scalar/n16", || kernels::mul_scalar_assign(&m, &mut x, 12345));
    on_paths(c, "rescale_step/n16", || kernels::sub_mul_scalar_from(&m, &mut x, &v[0], 12345));
    let table = ntt_permutation(log_n, 5);
    on_paths(c, "automorphism/n16", || kernels::permute_into(&mut x, &v[0], &table));
    let mut key = AlignedBuf::zeroed(kernels::key_words(&m, n, 3));
    (0..6).for_each(|k| kernels::pack_key(&m, &mut key, 3, (k / 2, k % 2), &v[3 + k]));
    let digits: Vec<Digit<'_>> = v[..3].iter().map(|d| Digit::Row(d)).collect();
    let product = KeyProduct { digits: &digits, key: PackedKey { words: &key, digits: 3 }, plus: Plus::NONE, factor: 0 };
    let run = |x: &mut [u64], y: &mut [u64]| kernels::key_product(&m, [x, y], &product, None, &Finish::Store);
    on_paths(c, "key_product/n16/digits3", || run(&mut x, &mut y));
}

fn matrices(c: &mut Criterion) {
    let n = 1 << 13;
    let m = primes(50, 16, 32);
    let converter = BasisConverter::new(&m[..8], &m[8..]).expect("two bases");
    let input: Vec<AlignedBuf> = m[..8].iter().map(|m| limb(m, n, 3)).collect();
    let mut output: Vec<AlignedBuf> = m[8..].iter().map(|_| AlignedBuf::zeroed(n)).collect();
    on_paths(c, "convert/8to24/columns8192", || {
        let rows: Vec<&[u64]> = input.iter().map(|r| &r[..]).collect();
        let mut out: Vec<&mut [u64]> = output.iter_mut().map(|r| &mut r[..]).collect();
        converter.convert(&rows, &mut out);
    });
    // An eighth of one limb of a 1024 × 1024 matrix on N = 2^16: 256 runs of 32 words, 32 baby and 32 giant steps.
    let m = m[0];
    let inputs: Vec<AlignedBuf> = (0..32).map(|k| limb(&m, n, k)).collect();
    let mut outs = vec![AlignedBuf::zeroed(n); 32];
    let weights: Vec<AlignedBuf> = (0..1024).map(|k| limb(&m, 256, k)).collect();
    on_paths(c, "gemm/32x32/runs256x32", || {
        let inputs: Vec<&[u64]> = inputs.iter().map(|x| &x[..]).collect();
        let weights: Vec<&[u64]> = weights.iter().map(|x| &x[..]).collect();
        let mut outs: Vec<&mut [u64]> = outs.iter_mut().map(|x| &mut x[..]).collect();
        kernels::gemm_blocks(&m, &mut outs, &inputs, &weights);
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800));
    targets = transforms, words, matrices
}
criterion_main!(benches);
