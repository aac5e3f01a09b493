//! `inspect`: what a file holds, and whether it is whole.

use std::fmt;

use anyhow::Result;
use ckks_core::file::{self, Info};
use ckks_core::params::max_log_qp_128;
use serde::Serialize;

use crate::args::Inspect;
use crate::report;

#[derive(Serialize)]
struct Report {
    file: String,
    #[serde(flatten)]
    info: Info,
    /// The digest over all bytes was checked.
    whole: bool,
}

/// Runs the command.
///
/// # Errors
/// A file that is none of this program's, or is damaged.
pub fn run(args: &Inspect) -> Result<()> {
    let info = file::verify(&args.file)?;
    report::print(args.output.json, &Report { file: args.file.display().to_string(), info, whole: true })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Info { type_name, version, params_digest, parameters, content, file_bytes, .. } = &self.info;
        writeln!(f, "{}: {type_name}, {}, format {version}, whole", self.file, report::bytes(*file_bytes))?;
        let bits: u32 = parameters.q_bits.iter().chain(&parameters.p_bits).sum();
        let limit = max_log_qp_128(parameters.log_n).map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        writeln!(
            f,
            "parameters {params_digest}\n  N = 2^{}, {} + {} primes, about {bits} bits (limit for 128-bit security: {limit}), scale 2^{}",
            parameters.log_n,
            parameters.q_bits.len(),
            parameters.p_bits.len(),
            parameters.log_scale
        )?;
        let Some(fields) = content.as_object() else { return Ok(()) };
        for (name, value) in fields {
            match value.as_array() {
                Some(list) if list.len() > 2 => writeln!(f, "{name}: {} entries", list.len())?,
                _ => writeln!(f, "{name}: {value}")?,
            }
        }
        Ok(())
    }
}
