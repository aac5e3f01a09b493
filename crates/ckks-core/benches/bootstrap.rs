//! One full-size bootstrap with its phases: `cargo bench -p ckks-core --bench bootstrap -- [n16|n15|toy] [samples] [log_slots] [drift]`.
//!
//! No criterion: one sample takes seconds, and key generation is part of what is measured. `drift` bootstraps in a row follow. Prints one JSON object per line.

use std::time::Instant;

use ckks_core::bootstrap::{BootstrapParams, BootstrapParamsLiteral, Bootstrapper, Slots};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::ring::sampling::Randomness;
use num_complex::Complex64;

fn timed<T>(name: &str, f: impl FnOnce() -> T) -> T {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let out = f();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!(r#"{{"name":"{name}","unit":"s","value":{wall:.3},"cpu":{cpu:.2}}}"#);
    out
}

/// Processor time of this process so far, in ticks of 1/100 s, where the system tells: on a busy machine it says more than the clock.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Peak resident memory of this process in bytes, where the system tells.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

fn main() -> ckks_core::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (name, literal) = match arguments.first().map(String::as_str) {
        Some("n16") => ("n16", BootstrapParamsLiteral::n16_boot()),
        Some("n15") => ("n15", BootstrapParamsLiteral::n15_boot()),
        _ => ("toy", BootstrapParamsLiteral::toy(11, 10, 3)),
    };
    let log_slots = arguments.get(2).and_then(|s| s.parse().ok()).unwrap_or(literal.log_slots);
    let literal = BootstrapParamsLiteral { log_slots, ..literal };
    let samples = arguments.get(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let params = BootstrapParams::new_insecure(literal)?;
    let scheme = params.scheme();
    let needed = params.key_requirements();
    println!(
        r#"{{"name":"bootstrap/{name}/2^{log_slots}","threads":{},"secure":{},"log_qp":{:.1},"levels_left":{},"bits_left":{:.1},"keys":{},"key_bytes":{},"log2_failure":{:.1},"predicted_bits":{:.2}}}"#,
        rayon::current_num_threads(),
        params.is_secure(),
        scheme.security().log_qp,
        params.output_level() - params.input_level(),
        params.residual_bits(),
        needed.count(),
        needed.bytes_in_memory(scheme),
        params.log2_failure(),
        params.predicted_error(Slots::Complex)?.bits(),
    );
    for (source, bits) in params.predicted_error(Slots::Complex)?.parts() {
        println!(r#"{{"name":"predicted/{source}","unit":"bits","value":{bits:.2}}}"#);
    }
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(scheme, &mut randomness);
    let generator = KeyGenerator::new(scheme, &secret)?;
    let keys = timed("keygen", || generator.bootstrap_keys(params.literal().sparse_weight, &needed, &mut randomness, |_, _| ()));
    let bootstrapper = timed("encode_matrices", || Bootstrapper::new(&params, &keys))?;
    println!(r#"{{"name":"matrices","unit":"bytes","value":{}}}"#, bootstrapper.plaintext_bytes());
    let encoder = Encoder::new(scheme)?;
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    for _ in 0..samples {
        let x: Vec<Complex64> = (0..params.slots()).map(|_| Complex64::new(uniform(), uniform())).collect();
        let level = params.input_level();
        let plaintext = encoder.encode_complex(&x, level, scheme.scale_at(level))?;
        let ciphertext = encrypt_symmetric(scheme, &secret, &plaintext, &mut randomness)?.expand(scheme);
        let start = Instant::now();
        let coefficients = timed("slots_to_coeffs", || bootstrapper.slots_to_coeffs(&ciphertext))?;
        let raised = timed("mod_raise", || bootstrapper.mod_raise(&coefficients))?;
        let coefficients = timed("coeffs_to_slots", || bootstrapper.coeffs_to_slots(&raised, Slots::Complex))?;
        timed("eval_mod", || bootstrapper.eval_mod(&coefficients))?;
        drop((raised, coefficients));
        let phases = start.elapsed().as_secs_f64();
        let out = timed("bootstrap/complex", || bootstrapper.bootstrap(&ciphertext, Slots::Complex))?;
        timed("bootstrap/real", || bootstrapper.bootstrap(&ciphertext, Slots::Real))?;
        let decoded = encoder.decode(&decrypt(scheme, &secret, &out)?)?;
        let errors: Vec<f64> = decoded.iter().zip(x.iter().cycle()).map(|(a, b)| (a - b).norm()).collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let worst = errors.iter().fold(0.0f64, |m, e| m.max(*e));
        let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        println!(
            r#"{{"name":"precision","mean_bits":{:.2},"worst_bits":{:.2},"rms_bits":{:.2},"phases_s":{phases:.3},"peak_memory_bytes":{}}}"#,
            -mean.log2(),
            -worst.log2(),
            -rms.log2(),
            peak_memory()
        );
    }
    let drift: usize = arguments.get(3).and_then(|s| s.parse().ok()).unwrap_or(0);
    if drift > 0 {
        let x: Vec<Complex64> = (0..params.slots()).map(|_| Complex64::new(uniform(), uniform())).collect();
        let level = params.input_level();
        let plaintext = encoder.encode_complex(&x, level, scheme.scale_at(level))?;
        let mut ciphertext = encrypt_symmetric(scheme, &secret, &plaintext, &mut randomness)?.expand(scheme);
        for _ in 0..drift {
            ciphertext = bootstrapper.bootstrap(&ciphertext, Slots::Complex)?;
        }
        // What the sine alone does to each part, as often.
        let turn = std::f64::consts::TAU / params.message_ratio();
        let sine = |z: f64| (0..drift).fold(z, |z, _| (z * turn).sin() / turn);
        let rms = |errors: Vec<f64>| (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        let decoded = encoder.decode(&decrypt(scheme, &secret, &ciphertext)?)?;
        let biased: Vec<Complex64> = x.iter().map(|z| Complex64::new(sine(z.re), sine(z.im))).collect();
        let all = rms(decoded.iter().zip(x.iter().cycle()).map(|(a, b)| (a - b).norm()).collect());
        let bias = rms(biased.iter().zip(&x).map(|(a, b)| (a - b).norm()).collect());
        let walk = rms(decoded.iter().zip(biased.iter().cycle()).map(|(a, b)| (a - b).norm()).collect());
        let predicted = params.predicted_error(Slots::Complex)?;
        let predicted = ((predicted.total() - predicted.sine) * drift as f64).sqrt();
        println!(
            r#"{{"name":"drift","count":{drift},"all_bits":{:.2},"bias_alone_bits":{:.2},"without_bias_bits":{:.2},"predicted_walk_bits":{:.2}}}"#,
            -all.log2(),
            -bias.log2(),
            -walk.log2(),
            -predicted.log2()
        );
    }
    Ok(())
}
