//! A student's circuit on every sentence: in the simulator, or on ciphertexts.

use std::time::Instant;

use anyhow::{Context, Result};
use ckks_core::params::Params;
use ckks_core::ring::sampling::Randomness;
use distilbert_he::client::{self, ClientModel, KeySet, Spread};
use distilbert_he::compile::CompiledStudent;
use distilbert_he::server::{self, ServerModel};
use distilbert_he::student::Student;
use distilbert_he::tokenizer::Tokenizer;
use he_tensor::evaluator::{Encryption, Simulator};
use num_complex::Complex64;

use super::rows::{Outcome, Row};
use crate::memory;

/// Seed of the first sentence's simulated errors: the same figures in every run.
const NOISE_SEED: u64 = 1;

/// Both halves of a student, ready to run.
pub struct Circuit {
    client: ClientModel,
    server: ServerModel,
    keys: Option<(KeySet, Randomness)>,
}

impl Circuit {
    /// Compiles the student; makes keys if the circuit is to run on ciphertexts.
    pub fn new(student: &Student, tokenizer: Tokenizer, encrypted: bool) -> Result<Self> {
        let params = CompiledStudent::preset(student.config())?;
        let client = ClientModel::new(student.clone(), tokenizer, &params)?;
        let keys = match encrypted {
            true => {
                let mut randomness = Randomness::from_os()?;
                let keys = client::keygen(&client, &mut randomness, |_, _| ())?;
                Some((keys, randomness))
            }
            false => None,
        };
        Ok(Self { server: ServerModel::new(student, &params)?, client, keys })
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        self.client.params()
    }

    /// Runs one sentence in the simulator, with errors drawn for this sentence: the same in any order and on any number of threads.
    pub fn simulate(&self, row: usize, ids: &[u32]) -> Result<Row> {
        let compiled = self.client.compiled();
        let (positions, values) = self.slots(ids)?;
        let circuit = compiled.circuit(positions).with_context(|| format!("no circuit for {positions} positions"))?;
        let started = Instant::now();
        let simulator = Simulator::with_noise(self.params(), NOISE_SEED + row as u64);
        let tokens = simulator.encrypt_at(&values, compiled.input_level(), Encryption::Symmetric)?;
        let spread = Spread::of(circuit.run(&simulator, &tokens, &mut |_| ())?.values().iter());
        let seconds = started.elapsed().as_secs_f64();
        let simulated = Outcome { score: spread.mean, slot_bits: spread.precision_bits() };
        let (ranges, peak_memory_bytes) = (simulator.ranges(), memory::peak_bytes());
        Ok(Row { row, simulated, encrypted: None, ranges, seconds, peak_memory_bytes })
    }

    /// Runs one sentence on ciphertexts, and in the simulator for what ciphertexts do not show.
    pub fn encrypted(&mut self, row: usize, ids: &[u32]) -> Result<Row> {
        let simulated = self.simulate(row, ids)?;
        let (keys, randomness) = self.keys.as_mut().context("the circuit was made without keys")?;
        let (query, _) = client::encrypt_ids(&self.client, &keys.secret, ids, randomness)?;
        let started = Instant::now();
        let answer = server::infer(&self.server, &keys.evaluation, &query, &mut |_| ())?;
        let seconds = started.elapsed().as_secs_f64();
        let answer = client::decrypt_answer(self.client.params(), &keys.secret, &answer)?;
        let encrypted = Some(Outcome { score: answer.unrounded, slot_bits: answer.precision_bits });
        Ok(Row { encrypted, seconds, peak_memory_bytes: memory::peak_bytes(), ..simulated })
    }

    fn slots(&self, ids: &[u32]) -> Result<(usize, Vec<Complex64>)> {
        let student = self.client.student();
        let buckets = &student.config().buckets;
        let positions = hnn_layers::ragged::bucket_of(buckets, ids.len())?.positions;
        let values = self.client.compiled().layout(positions)?.pack(&[student.embedding().embed(ids)?])?;
        Ok((positions, values.into_iter().map(|x| Complex64::new(x, 0.0)).collect()))
    }
}
