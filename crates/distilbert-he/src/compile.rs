//! From a student and parameters to circuits, the keys they need and what they will cost, before any key is made.

use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::file::ciphertext::CiphertextHeader;
use ckks_core::file::seeded_ciphertext::SeededCiphertextHeader;
use ckks_core::file::{Hex, PayloadLen, Storable, StoredScale};
use ckks_core::keys::{GadgetShape, KeyRequirements};
use ckks_core::params::{Params, ParamsLiteral, Security};
use he_tensor::evaluator::{CostCounter, CostReport, CostTable};
use rayon::prelude::*;
use serde::Serialize;

use crate::student::{SlotLayout, Student, StudentCircuit, StudentConfig};
use crate::{Error, Result};

/// A student's circuits under fixed parameters, one per length class.
#[derive(Clone, Debug)]
pub struct CompiledStudent {
    config: StudentConfig,
    digest: [u8; 32],
    params: Params,
    circuits: Vec<StudentCircuit>,
    reports: Vec<CostReport>,
    input_level: usize,
    keys: KeyRequirements,
}

/// What a model costs under its parameters, known without keys.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Name of the model.
    pub model: String,
    /// Name of the parameter set that its configuration asks for.
    pub parameters: String,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// 128 where the security table allows the modulus, else 0.
    pub security_bits: u32,
    /// log2 of the product of all primes.
    pub log_qp: f64,
    /// log2 of the scale.
    pub log_scale: u32,
    /// Levels that the parameters have.
    pub levels_available: usize,
    /// Levels that the circuit uses: queries are encrypted at this level.
    pub levels_used: usize,
    /// Number of evaluation keys.
    pub keys: usize,
    /// Bytes of their residues in a file.
    pub key_file_bytes: u64,
    /// Bytes of the keys in memory.
    pub key_memory_bytes: u64,
    /// Bytes of a query's residues in a file.
    pub query_bytes: u64,
    /// Bytes of an answer's residues in a file.
    pub answer_bytes: u64,
    /// Per length class.
    pub buckets: Vec<BucketPlan>,
}

/// Cost of one length class.
#[derive(Clone, Debug, Serialize)]
pub struct BucketPlan {
    /// Token positions.
    pub positions: usize,
    /// Predicted seconds on one thread of this machine.
    pub seconds: f64,
    /// Counted operations and keys.
    pub cost: CostReport,
}

impl CompiledStudent {
    /// Compiles all length classes and refuses a circuit that is deeper than the parameters.
    ///
    /// # Errors
    /// [`Error::TooManyLevels`] with both numbers; whatever [`StudentCircuit::compile`] refuses.
    pub fn new(student: &Student, params: &Params) -> Result<Self> {
        let config = student.config().clone();
        let compile = |positions| StudentCircuit::compile(student, positions, params.slots());
        let circuits = config.buckets.par_iter().map(|b| compile(b.positions)).collect::<Result<Vec<_>>>()?;
        let input_level = circuits.iter().map(StudentCircuit::depth).max().unwrap_or(0);
        if input_level > params.max_level() {
            return Err(Error::TooManyLevels {
                model: config.name,
                needed: input_level,
                params: config.params,
                available: params.max_level(),
            });
        }
        let count = |circuit: &StudentCircuit| {
            let counter = CostCounter::new(params);
            circuit.run(&counter, &counter.fresh_at(input_level)?, &mut |_| ())?;
            Ok(counter.report())
        };
        let reports = circuits.par_iter().map(count).collect::<Result<Vec<_>>>()?;
        let mut keys = KeyRequirements::default();
        reports.iter().for_each(|report| keys.merge(&report.keys));
        Ok(Self { config, digest: student.digest(), params: params.clone(), circuits, reports, input_level, keys })
    }

    /// The parameter set that a configuration names.
    ///
    /// # Errors
    /// [`Error::Config`] for a name that is no preset.
    pub fn preset(config: &StudentConfig) -> Result<Params> {
        let literal = ParamsLiteral::preset(&config.params).ok_or_else(|| Error::Config {
            path: "config.json".into(),
            field: "params".to_owned(),
            found: format!("{:?}", config.params),
            needed: "the name of a parameter set: n14-leveled, n15-leveled or n16-leveled".to_owned(),
        })?;
        Ok(Params::new(literal)?)
    }

    /// Shape and labels of the student.
    pub fn config(&self) -> &StudentConfig {
        &self.config
    }

    /// Digest of the student's files.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Level at which queries are encrypted: the depth of the circuit.
    pub fn input_level(&self) -> usize {
        self.input_level
    }

    /// The evaluation keys that all length classes together need.
    pub fn key_requirements(&self) -> &KeyRequirements {
        &self.keys
    }

    /// The evaluation keys that the length class with exactly this many positions needs; those of all classes if there is none.
    pub fn key_requirements_of(&self, positions: usize) -> &KeyRequirements {
        let mut classes = self.config.buckets.iter().zip(&self.reports);
        classes.find(|(bucket, _)| bucket.positions == positions).map_or(&self.keys, |(_, report)| &report.keys)
    }

    /// The circuit of the length class with exactly this many positions.
    pub fn circuit(&self, positions: usize) -> Option<&StudentCircuit> {
        let index = self.config.buckets.iter().position(|b| b.positions == positions)?;
        self.circuits.get(index)
    }

    /// Where tokens of the length class with exactly this many positions stand in slots.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no such class.
    pub fn layout(&self, positions: usize) -> Result<SlotLayout> {
        SlotLayout::new(&self.config, positions, self.params.slots())
    }

    /// Levels, keys, bytes and seconds; measures the machine's kernels for some milliseconds.
    ///
    /// # Errors
    /// Those of [`CostTable::measure`].
    pub fn plan(&self) -> Result<Plan> {
        let table = CostTable::measure(&self.params)?;
        let Security { bits, log_qp, .. } = self.params.security();
        let buckets = self.config.buckets.iter().zip(&self.reports);
        Ok(Plan {
            model: self.config.name.clone(),
            parameters: self.config.params.clone(),
            log_n: self.params.log_n(),
            security_bits: bits,
            log_qp,
            log_scale: self.params.literal().log_scale,
            levels_available: self.params.max_level(),
            levels_used: self.input_level,
            keys: self.keys.count(),
            key_file_bytes: key_file_bytes(&self.params, &self.keys),
            key_memory_bytes: self.keys.bytes_in_memory(&self.params),
            query_bytes: query_bytes(&self.params, self.input_level)?,
            answer_bytes: answer_bytes(&self.params)?,
            buckets: buckets
                .map(|(b, cost)| BucketPlan { positions: b.positions, seconds: cost.seconds(&table), cost: cost.clone() })
                .collect(),
        })
    }
}

/// Residues of the halves that are stored; the uniform halves are seeds.
fn key_file_bytes(params: &Params, keys: &KeyRequirements) -> u64 {
    let bytes = |level: usize| {
        let shape = GadgetShape::for_level(params, level);
        let basis = shape.basis(level);
        let half = (0..basis.limbs()).fold(PayloadLen::new(), |len, i| len.limb(params.modulus(basis, i).value(), params.n()));
        half.get() * shape.digits(level) as u64
    };
    keys.levels().map(bytes).sum()
}

fn query_bytes(params: &Params, level: usize) -> Result<u64> {
    let header = SeededCiphertextHeader { level, scale: StoredScale(params.scale_at(level)), seed: Hex([0; 32]) };
    Ok(SeededCiphertext::payload_len(&header, params)?.get())
}

fn answer_bytes(params: &Params) -> Result<u64> {
    let header = CiphertextHeader { level: 0, scale: StoredScale(params.scale_at(0)) };
    Ok(Ciphertext::payload_len(&header, params)?.get())
}
