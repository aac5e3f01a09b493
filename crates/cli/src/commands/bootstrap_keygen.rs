//! `keygen --bootstrap`: the keys of a bootstrapping parameter set instead of a model's.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use ckks_core::bootstrap::{BootstrapParams, BootstrapParamsLiteral, Slots};
use ckks_core::file::{Hex, check_room, write};
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::ring::sampling::Randomness;
use serde::Serialize;

use super::keygen::{check, store};
use crate::args::Keygen;
use crate::errors::refused;
use crate::key_files::{BOOTSTRAP, PUBLIC, SECRET};
use crate::progress::Progress;
use crate::{memory, report};

#[derive(Serialize)]
struct Report {
    set: String,
    key_id: Hex<16>,
    folder: String,
    secret_key_bytes: u64,
    public_key_bytes: u64,
    bootstrap_keys_bytes: u64,
    bootstrap_keys: usize,
    key_memory_bytes: u64,
    security_bits: u32,
    log_qp: f64,
    levels_left: usize,
    log2_failure: f64,
    predicted_bits: f64,
    seconds: f64,
    total_seconds: f64,
    peak_memory_bytes: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// A set that does not exist or is not secure, keys that are there already, a folder that cannot be written to.
pub fn run(args: &Keygen, set: &str) -> Result<()> {
    let started = Instant::now();
    check(&args.out, [SECRET, PUBLIC, BOOTSTRAP], args.force)?;
    let literal = BootstrapParamsLiteral::preset(set)
        .ok_or_else(|| refused(format!("--bootstrap {set}: found no set of that name; there are n16-boot and n16-boot-short")))?;
    let params = BootstrapParams::new(literal).map_err(|e| refused(format!("--bootstrap {set}: {e}")))?;
    let scheme = params.scheme();
    let log_slots = if args.log_slots.is_empty() { vec![params.literal().log_slots] } else { args.log_slots.clone() };
    let circuits = log_slots
        .iter()
        .map(|&log| params.with_slots(log).map_err(|e| refused(format!("--log-slots {log}: {e}"))))
        .collect::<Result<Vec<_>>>()?;
    let Some((first, others)) = circuits.split_first() else {
        return Err(refused("--log-slots: found no number, needed at least one".to_owned()));
    };
    let mut needed = first.key_requirements();
    others.iter().for_each(|circuit| needed.merge_bootstrap(&circuit.key_requirements()));
    let in_memory = needed.bytes_in_memory(scheme);
    // One half of every key; the other is a seed. The secret key and half of the public one take a polynomial each.
    let polynomial = 8 * (scheme.full_basis().limbs() * scheme.n()) as u64;
    check_room(&args.out, in_memory / 2 + 2 * polynomial).map_err(|e| refused(format!("--out: {e}")))?;
    if !args.output.json {
        report::line(&format!(
            "{} keys for {set}: about {} on disk, {} in memory",
            needed.count(),
            report::bytes(in_memory / 2),
            report::bytes(in_memory)
        ))?;
    }
    let making = Instant::now();
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(scheme, &mut randomness);
    let generator = KeyGenerator::new(scheme, &secret)?;
    let public = generator.public_key(&mut randomness);
    let bar = Progress::begin("keys", needed.count());
    let keys = generator.bootstrap_keys(params.literal().sparse_weight, &needed, &mut randomness, |done, total| {
        bar.at(done, total, "bootstrapping keys")
    });
    drop(bar);
    let seconds = report::seconds(making.elapsed());
    let [secret_key_bytes, public_key_bytes, bootstrap_keys_bytes] = store(
        &args.out,
        args.force,
        [
            (SECRET, &|path, options| write(path, &secret, scheme, options)),
            (PUBLIC, &|path, options| write(path, &public, scheme, options)),
            (BOOTSTRAP, &|path, options| write(path, &keys, scheme, options)),
        ],
    )?;
    let security = scheme.security();
    report::print(
        args.output.json,
        &Report {
            set: set.to_owned(),
            key_id: Hex(secret.id()),
            folder: args.out.display().to_string(),
            secret_key_bytes,
            public_key_bytes,
            bootstrap_keys_bytes,
            bootstrap_keys: needed.count(),
            key_memory_bytes: in_memory,
            security_bits: security.bits,
            log_qp: security.log_qp,
            levels_left: params.output_level() - params.input_level(),
            log2_failure: first.log2_failure(),
            predicted_bits: first.predicted_error(Slots::Complex)?.bits(),
            seconds,
            total_seconds: report::seconds(started.elapsed()),
            peak_memory_bytes: memory::peak_bytes(),
        },
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = Path::new(&self.folder);
        writeln!(f, "{}  {}  keep it; mode 0600", folder.join(SECRET).display(), report::bytes(self.secret_key_bytes))?;
        let public = folder.join(PUBLIC);
        writeln!(f, "{}  {}  for others who encrypt to you", public.display(), report::bytes(self.public_key_bytes))?;
        let keys = folder.join(BOOTSTRAP);
        writeln!(f, "{}  {}  for the server", keys.display(), report::bytes(self.bootstrap_keys_bytes))?;
        writeln!(f, "security: {} bits, log2(QP) = {:.1}", self.security_bits, self.log_qp)?;
        writeln!(
            f,
            "a bootstrap leaves {} levels, {:.1} bits, and fails with 2^{:.0}",
            self.levels_left, self.predicted_bits, self.log2_failure
        )?;
        write!(
            f,
            "{:.2} s ({:.2} s with files), peak memory {}",
            self.seconds,
            self.total_seconds,
            report::memory(self.peak_memory_bytes)
        )
    }
}
