//! One layer on ciphertexts: seconds, levels, keys, errors.

use std::time::Instant;

use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use he_tensor::evaluator::{Encryption, Operation};
use he_tensor::{CkksEvaluator, CostCounter, Evaluator, Simulator, TokenLayout};
use hnn_layers::attention::{AttentionCircuit, ClsAttentionCircuit};
use hnn_layers::layer_norm::{AffineNormCircuit, LayerNormCircuit};
use hnn_layers::token_mask::TokenMask;
use ndarray::Array2;
use num_complex::Complex64;
use serde::Serialize;

use super::calibrated::{AnyLayer, Calibrated};
use crate::memory;

/// Bits of a level.
const SCALE_BITS: u32 = 40;

/// What is printed. Errors are root mean squares over the output's entries unless they say maximum.
#[derive(Serialize)]
pub struct Figures {
    name: &'static str,
    log_n: u32,
    security_bits: u32,
    positions: usize,
    tokens: usize,
    features: usize,
    levels: usize,
    digits: usize,
    rotations: u64,
    relinearisations: u64,
    plain_products: u64,
    keys: usize,
    key_bytes: u64,
    threads: usize,
    /// Largest |argument|/bound of the polynomials.
    max_range_ratio: f64,
    output_rms: f64,
    approximation_error_rms: f64,
    predicted_noise_rms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
}

/// What only ciphertexts show.
#[derive(Serialize)]
struct Measured {
    seconds: f64,
    cpu_seconds: f64,
    keygen_seconds: f64,
    noise_rms: f64,
    noise_max: f64,
    error_to_exact_rms: f64,
    peak_memory_bytes: Option<u64>,
}

#[expect(clippy::large_enum_variant, reason = "only one is alive at a time")]
enum Circuit {
    Attention(AttentionCircuit),
    ClsAttention(ClsAttentionCircuit),
    LayerNorm(LayerNormCircuit),
    AffineNorm(AffineNormCircuit),
}

impl Circuit {
    fn new(layer: &AnyLayer, layout: &TokenLayout) -> anyhow::Result<Self> {
        Ok(match layer {
            AnyLayer::Attention(l) => Self::Attention(AttentionCircuit::new(l, layout)?),
            AnyLayer::ClsAttention(l) => Self::ClsAttention(ClsAttentionCircuit::new(l, layout)?),
            AnyLayer::LayerNorm(l) => Self::LayerNorm(LayerNormCircuit::new(l, layout)?),
            AnyLayer::AffineNorm(l) => Self::AffineNorm(AffineNormCircuit::new(l, layout)?),
        })
    }

    fn depth(&self) -> usize {
        match self {
            Self::Attention(c) => c.depth(),
            Self::ClsAttention(c) => c.depth(),
            Self::LayerNorm(c) => c.depth(),
            Self::AffineNorm(c) => c.depth(),
        }
    }

    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector, tokens: usize) -> hnn_layers::Result<E::Vector> {
        let mask = TokenMask::Public(tokens);
        match self {
            Self::Attention(c) => c.apply(e, x, &mask),
            Self::ClsAttention(c) => c.apply(e, x, &mask),
            Self::LayerNorm(c) => c.apply(e, x, &mask),
            Self::AffineNorm(c) => c.apply(e, x, &mask),
        }
    }
}

/// Plans the layer and, unless `only_plan`, runs it encrypted.
pub fn measure(name: &'static str, layer: &Calibrated, log_n: u32, positions: usize, only_plan: bool) -> anyhow::Result<Figures> {
    let (tokens, features) = layer.input.dim();
    let layout = TokenLayout::new(features, positions, 1 << (log_n - 1))?;
    let circuit = Circuit::new(&layer.layer, &layout)?;
    let levels = circuit.depth();
    // Three digits: the switching key's noise stays below the rescaling's, and keys stay small.
    let special = (levels + 1).div_ceil(3).max(1);
    let params = Params::new(ParamsLiteral::leveled(log_n, 50, levels, SCALE_BITS, special, 50))?;
    let slots = layout.pack(tokens, |t, f| layer.input[[t, f]])?.remove(0);

    let counter = CostCounter::new(&params);
    circuit.run(&counter, &counter.fresh(), tokens)?;
    let report = counter.report();
    let simulator = Simulator::with_noise(&params, 1);
    let simulated = circuit.run(&simulator, &simulator.encrypt(&slots, Encryption::Symmetric)?, tokens)?;
    let predicted = rms(&layer.polynomial, &layout, simulated.values());
    let max_range_ratio = simulator.ranges().into_values().fold(0.0, f64::max);

    let measured = if only_plan { None } else { Some(encrypted(layer, &circuit, &params, &layout, &report.keys, &slots)?) };
    let root = |a: &Array2<f64>| (a.iter().map(|v| v * v).sum::<f64>() / a.len() as f64).sqrt();
    Ok(Figures {
        name,
        log_n,
        security_bits: params.security().bits,
        positions,
        tokens,
        features,
        levels,
        digits: (levels + 1).div_ceil(special),
        rotations: report.count(Operation::Rotation),
        relinearisations: report.count(Operation::Relinearisation),
        plain_products: report.count(Operation::PlainProduct),
        keys: report.keys.count(),
        key_bytes: report.key_bytes_in_memory,
        threads: rayon::current_num_threads(),
        max_range_ratio,
        output_rms: root(&layer.exact),
        approximation_error_rms: root(&(&layer.polynomial - &layer.exact)),
        predicted_noise_rms: predicted.0,
        measured,
    })
}

fn encrypted(
    layer: &Calibrated,
    circuit: &Circuit,
    params: &Params,
    layout: &TokenLayout,
    keys: &ckks_core::keys::KeyRequirements,
    slots: &[Complex64],
) -> anyhow::Result<Measured> {
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(params, &mut randomness);
    let start = Instant::now();
    let keys = KeyGenerator::new(params, &secret)?.evaluation_keys(keys, &mut randomness, |_, _| ());
    let keygen_seconds = start.elapsed().as_secs_f64();

    let encoder = Encoder::new(params)?;
    let level = params.max_level();
    let plaintext = encoder.encode_complex(slots, level, params.scale_at(level))?;
    let x: Ciphertext = encrypt_symmetric(params, &secret, &plaintext, &mut randomness)?.expand(params);
    let evaluator = CkksEvaluator::new(params, &keys)?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let out = circuit.run(&evaluator, &x, layer.input.nrows())?;
    let (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);

    let values = encoder.decode(&decrypt(params, &secret, &out)?)?;
    let (noise_rms, noise_max) = rms(&layer.polynomial, layout, &values);
    let (error_to_exact_rms, _) = rms(&layer.exact, layout, &values);
    let peak_memory_bytes = memory::peak_bytes();
    Ok(Measured { seconds, cpu_seconds, keygen_seconds, noise_rms, noise_max, error_to_exact_rms, peak_memory_bytes })
}

/// Root mean square and maximum of the difference of real parts.
fn rms(wanted: &Array2<f64>, layout: &TokenLayout, values: &[Complex64]) -> (f64, f64) {
    let difference = |((t, f), w): ((usize, usize), &f64)| (values[layout.place(t).slot + f].re - w).abs();
    let (sum, max) = wanted.indexed_iter().map(difference).fold((0.0, 0.0f64), |(sum, max), d| (sum + d * d, max.max(d)));
    ((sum / wanted.len() as f64).sqrt(), max)
}

/// User and system time of this process; NaN where the system does not say. Other processes disturb it less than wall time.
fn cpu_seconds() -> f64 {
    /// Ticks per second of `/proc`, fixed by Linux's interface (`USER_HZ`).
    const TICKS: f64 = 100.0;
    let ticks = |stat: String| -> Option<f64> {
        // After the command's name, which may hold anything, fields 14 and 15 are the 12th and 13th.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / TICKS)
    };
    std::fs::read_to_string("/proc/self/stat").ok().and_then(ticks).unwrap_or(f64::NAN)
}
