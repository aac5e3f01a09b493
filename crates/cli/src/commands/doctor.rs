//! `doctor`: is this machine fit, and does the arithmetic come out right on it?

use std::fmt;
use std::time::Instant;

use anyhow::{Result, bail};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::kernels::{KernelPath, NttTable, active_path, force_path, path_from_environment};
use ckks_core::keys::SecretKey;
use ckks_core::noise::Precision;
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use serde::Serialize;

use crate::args::Doctor;
use crate::{memory, report};

/// Precision that a fresh encryption must have at least, in bits: the noise of symmetric encryption leaves about 21 under these
/// parameters, and a wrong kernel leaves none.
const LEAST_PRECISION: f64 = 15.0;

#[derive(Serialize)]
struct Report {
    cpu: String,
    threads: usize,
    cpu_features: Vec<&'static str>,
    kernel_path: &'static str,
    kernel_paths_available: Vec<&'static str>,
    memory_total_bytes: Option<u64>,
    memory_available_bytes: Option<u64>,
    tests: Vec<Test>,
    seconds: f64,
}

#[derive(Serialize)]
struct Test {
    name: &'static str,
    passed: bool,
    found: String,
}

/// Runs the command.
///
/// # Errors
/// A self-test that fails.
pub fn run(args: &Doctor) -> Result<()> {
    let started = Instant::now();
    let params = Params::new(ParamsLiteral::n14_leveled())?;
    let available: Vec<_> = KernelPath::ALL.into_iter().filter(|path| path.is_available()).collect();
    let active = active_path();
    let tests = vec![environment(), kernels(&params, &available)?, scheme(&params)?, security()];
    let failed: Vec<_> = tests.iter().filter(|test| !test.passed).map(|test| test.name).collect();
    let summary = failed.join(", ");
    report::print(
        args.output.json,
        &Report {
            cpu: memory::first_line("/proc/cpuinfo", "model name").unwrap_or_else(|| "not known on this system".to_owned()),
            threads: rayon::current_num_threads(),
            cpu_features: cpu_features(),
            kernel_path: active.name(),
            kernel_paths_available: available.iter().map(|path| path.name()).collect(),
            memory_total_bytes: memory::kibibytes("/proc/meminfo", "MemTotal"),
            memory_available_bytes: memory::kibibytes("/proc/meminfo", "MemAvailable"),
            tests,
            seconds: report::seconds(started.elapsed()),
        },
    )?;
    if failed.is_empty() {
        return Ok(());
    }
    // A wish that cannot be met is the caller's to mend; it says nothing against the machine.
    path_from_environment()?;
    bail!("self-test failed: {summary}; do not use this program on this machine, and please report it with this output")
}

/// What the environment asks of the kernels can be met.
fn environment() -> Test {
    let (passed, found) = match path_from_environment() {
        Ok(Some(path)) => (true, format!("CKKS_KERNELS asks for {}", path.name())),
        Ok(None) => (true, "CKKS_KERNELS is not set: the fastest kernels run".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    Test { name: "environment", passed, found }
}

/// All paths give the same bits, and the inverse transform undoes the forward one.
fn kernels(params: &Params, paths: &[KernelPath]) -> Result<Test> {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for i in 0..=params.max_level() {
        let modulus = *params.q(i);
        let input: Vec<u64> =
            (0..params.n() as u64).map(|k| modulus.reduce_u128(u128::from(k + 1) * 0x9E37_79B9_7F4A_7C15_F39C_C060)).collect();
        let mut first: Option<Vec<u64>> = None;
        for &path in paths {
            force_path(Some(path))?;
            let table = NttTable::new(modulus, params.log_n())?;
            let mut values = input.clone();
            table.forward(&mut values);
            let forward = values.clone();
            table.inverse(&mut values);
            if values != input || first.get_or_insert_with(|| forward.clone()) != &forward {
                wrong.push(format!("{} modulo {}", path.name(), modulus.value()));
            }
            compared += 1;
        }
    }
    force_path(None)?;
    let found = if wrong.is_empty() { format!("{compared} transforms, the same bits on every path") } else { wrong.join(", ") };
    Ok(Test { name: "kernels", passed: wrong.is_empty(), found })
}

/// A fresh encryption decrypts to what was encrypted.
fn scheme(params: &Params) -> Result<Test> {
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(params, &mut randomness);
    let encoder = Encoder::new(params)?;
    let values: Vec<f64> = (0..params.slots()).map(|j| (j as f64 * 0.37).sin()).collect();
    let level = params.max_level();
    let plaintext = encoder.encode(&values, level, params.scale_at(level))?;
    let ciphertext = encrypt_symmetric(params, &secret, &plaintext, &mut randomness)?.expand(params);
    let slots = encoder.decode(&decrypt(params, &secret, &ciphertext)?)?;
    let precision = Precision::measure_real(&values, &slots)?;
    let bits = precision.complex.rms;
    Ok(Test {
        name: "encryption",
        passed: bits >= LEAST_PRECISION,
        found: format!("{bits:.1} bits right, needed {LEAST_PRECISION}"),
    })
}

/// The parameter sets are within the limits of the security table.
fn security() -> Test {
    let sets = ["n14-leveled", "n15-leveled", "n16-leveled"];
    let mut found = Vec::new();
    let mut passed = true;
    for name in sets {
        match ParamsLiteral::preset(name).map(Params::new) {
            Some(Ok(params)) => {
                let security = params.security();
                passed &= security.is_secure();
                found.push(format!("{name} {} bits (log2(QP) = {:.0})", security.bits, security.log_qp));
            }
            Some(Err(error)) => {
                passed = false;
                found.push(format!("{name}: {error}"));
            }
            None => {
                passed = false;
                found.push(format!("{name} is missing"));
            }
        }
    }
    Test { name: "security", passed, found: found.join(", ") }
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512ifma", is_x86_feature_detected!("avx512ifma")),
        ("avx512vbmi", is_x86_feature_detected!("avx512vbmi")),
    ]
    .into_iter()
    .filter_map(|(name, present)| present.then_some(name))
    .collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CPU      {}, {} threads, {}", self.cpu, self.threads, self.cpu_features.join(" "))?;
        writeln!(f, "kernels  {} (available: {})", self.kernel_path, self.kernel_paths_available.join(", "))?;
        writeln!(
            f,
            "memory   {} of {} available",
            report::memory(self.memory_available_bytes),
            report::memory(self.memory_total_bytes)
        )?;
        for test in &self.tests {
            writeln!(f, "{}  {:11} {}", if test.passed { "right  " } else { "WRONG  " }, test.name, test.found)?;
        }
        write!(f, "{:.2} s", self.seconds)
    }
}
