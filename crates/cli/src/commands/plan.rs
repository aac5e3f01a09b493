//! `plan`: what a model will cost, before anything is made.

use std::fmt;

use anyhow::Result;
use distilbert_he::compile;
use distilbert_he::server;
use serde::Serialize;

use crate::args;
use crate::{model, report};

#[derive(Serialize)]
struct Report(compile::Plan);

/// Runs the command.
///
/// # Errors
/// A model that cannot be used or needs more levels than its parameters have.
pub fn run(args: &args::Plan) -> Result<()> {
    let plan = server::plan(&model::server(&args.model.model)?)?;
    report::print(args.output.json, &Report(plan))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.0;
        writeln!(
            f,
            "{} under {}: N = 2^{}, log2(QP) = {:.1}, security {} bits",
            plan.model, plan.parameters, plan.log_n, plan.log_qp, plan.security_bits
        )?;
        writeln!(f, "levels: {} of {}, scale 2^{}", plan.levels_used, plan.levels_available, plan.log_scale)?;
        writeln!(
            f,
            "evaluation keys: {}, {} on disk, {} in memory",
            plan.keys,
            report::bytes(plan.key_file_bytes),
            report::bytes(plan.key_memory_bytes)
        )?;
        writeln!(f, "query {}, answer {}", report::bytes(plan.query_bytes), report::bytes(plan.answer_bytes))?;
        for bucket in &plan.buckets {
            writeln!(f, "up to {} tokens: {:.2} s on one thread of this machine (predicted)", bucket.positions, bucket.seconds)?;
        }
        Ok(())
    }
}
