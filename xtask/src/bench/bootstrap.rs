//! Bootstraps at full size with their phases, and how errors add up over many in a row.
//!
//! Keys take some seconds and gigabytes: they are made once for all numbers of threads, and only where a row is wanted.

use std::time::Instant;

use anyhow::{Result, ensure};
use ckks_core::bootstrap::{BootstrapKeys, BootstrapParams, BootstrapParamsLiteral, Bootstrapper, Slots};
use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::ring::sampling::Randomness;
use he_tensor::evaluator::{CostCounter, CostTable, Evaluator};
use num_complex::Complex64;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::key_file;
use super::report::Bench;
use crate::memory::{self, ResidentPeak};

/// Phases of a bootstrap in their order, as rows are named.
const PHASES: [&str; 4] = ["stc", "mod_raise", "cts", "eval_mod"];
/// Samples per row at most: one takes seconds.
const MOST_SAMPLES: usize = 10;
/// Ciphertexts whose errors make a row's precision.
const CIPHERTEXTS: usize = 10;

/// Rows `bootstrap/n16/…` and `bootstrap/drift/…` where the filter names them: they take minutes and 8 GB.
pub fn run(bench: &mut Bench, threads: &[usize]) -> Result<()> {
    let full = BootstrapParams::new(BootstrapParamsLiteral::n16_boot())?;
    let short = BootstrapParams::new(BootstrapParamsLiteral::n16_boot_short())?;
    for (params, prefix) in [(full.clone(), ""), (full.with_slots(10)?, "2^10/"), (short, "short/")] {
        let phases = ["stc", "mod_raise", "cts", "eval_mod", "complex", "real", "keygen", key_file::WRITE, key_file::READ];
        let names = phases.map(|phase| name(prefix, phase));
        if names.iter().any(|name| bench.asks_for(name)) {
            rows(bench, threads, &params, prefix)?;
        }
    }
    let toy = BootstrapParams::new_insecure(BootstrapParamsLiteral::toy(11, 10, 3))?;
    for (params, name, count) in [(toy, "bootstrap/drift/toy", 1000), (full, "bootstrap/drift/n16", 10)] {
        if bench.asks_for(name) {
            drift(bench, threads, &params, name, count)?;
        }
    }
    Ok(())
}

/// `bootstrap/n16/2^10` (and `short`, the same with parameters of its own) is the whole bootstrap of complex numbers, its phases stand below it.
fn name(prefix: &str, phase: &str) -> String {
    match (prefix, phase) {
        ("", phase) => format!("bootstrap/n16/{phase}"),
        (prefix, "complex") => format!("bootstrap/n16/{}", prefix.trim_end_matches('/')),
        (prefix, phase) => format!("bootstrap/n16/{prefix}{phase}"),
    }
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)
}

/// A secret and everything that is made with it.
struct Client<'p> {
    params: &'p BootstrapParams,
    secret: SecretKey,
    encoder: Encoder,
    randomness: Randomness,
}

impl<'p> Client<'p> {
    fn new(params: &'p BootstrapParams) -> Result<Self> {
        let mut randomness = Randomness::from_os()?;
        let secret = SecretKey::generate(params.scheme(), &mut randomness);
        Ok(Self { params, secret, encoder: Encoder::new(params.scheme())?, randomness })
    }

    fn keys(&mut self) -> Result<BootstrapKeys> {
        let generator = KeyGenerator::new(self.params.scheme(), &self.secret)?;
        let (weight, needed) = (self.params.literal().sparse_weight, self.params.key_requirements());
        Ok(generator.bootstrap_keys(weight, &needed, &mut self.randomness, |_, _| ()))
    }

    /// Values whose parts are uniform in [−1, 1] (the same for the same seed), encrypted at the lowest level that bootstraps.
    fn query(&mut self, seed: usize) -> Result<(Vec<Complex64>, Ciphertext)> {
        let mut state = seed as u64 + 1;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        let values: Vec<Complex64> = (0..self.params.slots()).map(|_| Complex64::new(uniform(), uniform())).collect();
        let (scheme, level) = (self.params.scheme(), self.params.input_level());
        let plaintext = self.encoder.encode_complex(&values, level, scheme.scale_at(level))?;
        Ok((values, encrypt_symmetric(scheme, &self.secret, &plaintext, &mut self.randomness)?.expand(scheme)))
    }

    /// |mean of decrypted − wanted|: what all slots' errors have in common.
    fn mean_error(&self, ciphertext: &Ciphertext, wanted: impl Fn(usize) -> Complex64) -> Result<f64> {
        let got = self.encoder.decode(&decrypt(self.params.scheme(), &self.secret, ciphertext)?)?;
        let sum: Complex64 = got.iter().enumerate().map(|(j, z)| z - wanted(j)).sum();
        Ok(sum.norm() / got.len() as f64)
    }

    /// |decrypted − wanted| of every slot.
    fn errors(&self, ciphertext: &Ciphertext, wanted: impl Fn(usize) -> Complex64) -> Result<Vec<f64>> {
        let got = self.encoder.decode(&decrypt(self.params.scheme(), &self.secret, ciphertext)?)?;
        Ok(got.iter().enumerate().map(|(j, z)| (z - wanted(j)).norm()).collect())
    }
}

/// −log2, to two decimals.
fn bits(x: f64) -> Value {
    json!((-x.log2() * 100.0).round() / 100.0)
}

/// What a row says about errors: mean and largest over all slots of all ciphertexts.
fn precision(errors: &[f64]) -> [(&'static str, Value); 2] {
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    [("mean_bits", bits(mean)), ("worst_bits", bits(errors.iter().fold(0.0, |m: f64, e| m.max(*e))))]
}

fn rows(bench: &mut Bench, threads: &[usize], params: &BootstrapParams, prefix: &str) -> Result<()> {
    // Where this cannot be had, the peak is that of all rows before.
    let _ = ResidentPeak::restart();
    let mut client = Client::new(params)?;
    let most = threads.iter().copied().max().unwrap_or(1);
    let start = Instant::now();
    let keys = pool(most)?.install(|| client.keys())?;
    let seconds = start.elapsed().as_secs_f64();
    let key_bytes = keys.bytes_in_memory(params.scheme());
    bench.threads = most;
    bench.print(&name(prefix, "keygen"), vec![seconds], &[("key_bytes", json!(key_bytes))]);
    let files = [key_file::WRITE, key_file::READ].map(|row| name(prefix, row));
    let keys = match files.iter().any(|row| bench.wants(row)) {
        true => pool(most)?.install(|| key_file::through_disk(bench, &files, keys, params.scheme()))?,
        false => keys,
    };
    let bootstrapper = pool(most)?.install(|| Bootstrapper::new(params, &keys))?;
    for (kind, slots) in [("complex", Slots::Complex), ("real", Slots::Real)] {
        let phases = PHASES.map(|phase| name(prefix, phase));
        let asks_for_phases = kind == "complex" && phases.iter().any(|row| bench.wants(row));
        let whole = name(prefix, kind);
        if !(bench.wants(&whole) || asks_for_phases) {
            continue;
        }
        let mut fields = match bench.wants(&whole) {
            true => pool(most)?.install(|| described(&mut client, &bootstrapper, slots))?,
            false => Vec::new(),
        };
        for &threads in threads {
            bench.threads = threads;
            let samples = bench.samples().min(MOST_SAMPLES);
            let times = pool(threads)?.install(|| timed(&mut client, &bootstrapper, slots, samples))?;
            if bench.wants(&whole) {
                fields.retain(|(field, _)| *field != "peak_memory_bytes");
                fields.push(("peak_memory_bytes", json!(memory::peak_bytes())));
                bench.print(&whole, times.iter().map(|t| t.iter().sum()).collect(), &fields);
            }
            for (i, row) in phases.iter().enumerate() {
                if kind == "complex" && bench.wants(row) {
                    bench.print(row, times.iter().map(|t| t[i]).collect(), &[]);
                }
            }
        }
    }
    Ok(())
}

/// Precision over [`CIPHERTEXTS`] ciphertexts, sizes, and what the cost counter expects.
fn described(client: &mut Client<'_>, bootstrapper: &Bootstrapper<'_>, slots: Slots) -> Result<Vec<(&'static str, Value)>> {
    let params = client.params;
    let mut errors = Vec::new();
    for seed in 0..CIPHERTEXTS {
        let (values, ciphertext) = client.query(seed)?;
        let out = bootstrapper.bootstrap(&ciphertext, slots)?;
        ensure!(out.level() == params.output_level(), "a bootstrap ended at level {}", out.level());
        let wanted = |j: usize| {
            let z = values[j % values.len()];
            if slots == Slots::Real { z.re.into() } else { z }
        };
        errors.extend(client.errors(&out, wanted)?);
    }
    let counter = CostCounter::new(params.scheme()).with_bootstrapping(params)?;
    counter.bootstrap(&counter.fresh_at(params.input_level())?, slots)?;
    let seconds = CostTable::measure(params.scheme())?.seconds(counter.report().work);
    let mut fields = precision(&errors).to_vec();
    fields.extend([
        ("ciphertexts", json!(CIPHERTEXTS)),
        ("levels_left", json!(params.output_level() - params.input_level())),
        ("bits_left", json!((params.residual_bits() * 10.0).round() / 10.0)),
        ("key_bytes", json!(bootstrapper.keys().bytes_in_memory(params.scheme()))),
        ("matrix_bytes", json!(bootstrapper.plaintext_bytes())),
        ("counted_one_thread_s", json!((seconds * 1000.0).round() / 1000.0)),
    ]);
    Ok(fields)
}

/// Seconds of every phase, sample by sample. The first one fills buffers and does not count.
fn timed(
    client: &mut Client<'_>,
    bootstrapper: &Bootstrapper<'_>,
    slots: Slots,
    samples: usize,
) -> Result<Vec<[f64; PHASES.len()]>> {
    let mut times = Vec::new();
    for sample in 0..=samples {
        let (_, ciphertext) = client.query(sample)?;
        let start = Instant::now();
        let coefficients = bootstrapper.slots_to_coeffs(&ciphertext)?;
        let down = Instant::now();
        let raised = bootstrapper.mod_raise(&coefficients)?;
        let up = Instant::now();
        let coefficients = bootstrapper.coeffs_to_slots(&raised, slots)?;
        drop(raised);
        let slots_again = Instant::now();
        bootstrapper.eval_mod(&coefficients)?;
        if sample > 0 {
            let ends = [start, down, up, slots_again, Instant::now()];
            times.push(std::array::from_fn(|i| (ends[i + 1] - ends[i]).as_secs_f64()));
        }
    }
    Ok(times)
}

/// `count` bootstraps in a row on one ciphertext: all of the error, that of a bootstrap without noise iterated on plain numbers (the bias), and
/// what is left without it, which should be a random walk of the predicted length.
fn drift(bench: &mut Bench, threads: &[usize], params: &BootstrapParams, name: &str, count: usize) -> Result<()> {
    let most = threads.iter().copied().max().unwrap_or(1);
    bench.threads = most;
    pool(most)?.install(|| {
        let mut client = Client::new(params)?;
        let keys = client.keys()?;
        let bootstrapper = Bootstrapper::new(params, &keys)?;
        let (values, mut ciphertext) = client.query(0)?;
        let mut seconds = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            ciphertext = bootstrapper.bootstrap(&ciphertext, Slots::Complex)?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        let mean_result = params.mean_result()?;
        let biased = |z: f64| (0..count).fold(z, |z, _| mean_result(z));
        let bent: Vec<Complex64> = values.par_iter().map(|z| Complex64::new(biased(z.re), biased(z.im))).collect();
        let rms = |errors: &[f64]| (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        let all = client.errors(&ciphertext, |j| values[j % values.len()])?;
        let walk = client.errors(&ciphertext, |j| bent[j % bent.len()])?;
        let shift = client.mean_error(&ciphertext, |j| bent[j % bent.len()])?;
        let bias: Vec<f64> = bent.iter().zip(&values).map(|(b, z)| (b - z).norm()).collect();
        let predicted = params.predicted_error(Slots::Complex)?;
        let steps = ((predicted.total() - predicted.sine) * count as f64).sqrt();
        bench.print(
            name,
            seconds,
            &[
                ("count", json!(count)),
                ("all_bits", bits(rms(&all))),
                ("bias_alone_bits", bits(rms(&bias))),
                ("without_bias_bits", bits(rms(&walk))),
                ("predicted_walk_bits", bits(steps)),
                ("mean_without_bias_bits", bits(shift)),
                ("predicted_mean_bits", bits(steps / (client.params.slots() as f64).sqrt())),
            ],
        );
        Ok(())
    })
}
