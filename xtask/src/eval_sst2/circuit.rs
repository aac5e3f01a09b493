//! A student's circuit on every sentence: in the simulator, or on ciphertexts.

use std::time::Instant;

use anyhow::{Context, Result};
use ckks_core::params::Params;
use ckks_core::ring::sampling::Randomness;
use distilbert_he::client::{self, ClientModel, KeySet};
use distilbert_he::compile::CompiledStudent;
use distilbert_he::server::{self, ServerModel};
use distilbert_he::student::Student;
use distilbert_he::tokenizer::Tokenizer;
use he_tensor::evaluator::{Encryption, Simulator};
use num_complex::Complex64;

use super::rows::Row;

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
        let started = Instant::now();
        let score = self.score(&Simulator::with_noise(self.params(), NOISE_SEED + row as u64), ids)?;
        let seconds = started.elapsed().as_secs_f64();
        let exact = Simulator::new(self.params());
        let predicted_error = score - self.score(&exact, ids)?;
        Ok(Row { row, score, predicted_error, ranges: exact.ranges(), seconds })
    }

    /// Runs one sentence on ciphertexts; the predicted error and the ranges are the simulator's.
    pub fn encrypted(&mut self, row: usize, ids: &[u32]) -> Result<Row> {
        let simulated = self.simulate(row, ids)?;
        let (keys, randomness) = self.keys.as_mut().context("the circuit was made without keys")?;
        let (query, _) = client::encrypt_ids(&self.client, &keys.secret, ids, randomness)?;
        let started = Instant::now();
        let answer = server::infer(&self.server, &keys.evaluation, &query, &mut |_| ())?;
        let seconds = started.elapsed().as_secs_f64();
        let score = client::decrypt_answer(self.client.params(), &keys.secret, &answer)?.unrounded;
        Ok(Row { score, seconds, ..simulated })
    }

    /// The score in the simulator: the mean over the slots, which would all be the same without errors.
    fn score(&self, simulator: &Simulator, ids: &[u32]) -> Result<f64> {
        let compiled = self.client.compiled();
        let (positions, values) = self.slots(ids)?;
        let circuit = compiled.circuit(positions).with_context(|| format!("no circuit for {positions} positions"))?;
        let tokens = simulator.encrypt_at(&values, compiled.input_level(), Encryption::Symmetric)?;
        let score = circuit.run(simulator, &tokens, &mut |_| ())?;
        let values = score.real();
        Ok(values.iter().sum::<f64>() / values.len() as f64)
    }

    fn slots(&self, ids: &[u32]) -> Result<(usize, Vec<Complex64>)> {
        let student = self.client.student();
        let buckets = &student.config().buckets;
        let positions = hnn_layers::ragged::bucket_of(buckets, ids.len())?.positions;
        let values = self.client.compiled().layout(positions)?.pack(&[student.embedding().embed(ids)?])?;
        Ok((positions, values.into_iter().map(|x| Complex64::new(x, 0.0)).collect()))
    }
}
