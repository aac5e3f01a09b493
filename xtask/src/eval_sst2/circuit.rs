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

/// Seed of the simulated errors: the same figures in every run.
const NOISE_SEED: u64 = 1;

/// Both halves of a student, ready to run.
pub struct Circuit {
    client: ClientModel,
    server: ServerModel,
    keys: Option<(KeySet, Randomness)>,
    exact: Simulator,
    noisy: Simulator,
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
        Ok(Self {
            server: ServerModel::new(student, &params)?,
            client,
            keys,
            exact: Simulator::new(&params),
            noisy: Simulator::with_noise(&params, NOISE_SEED),
        })
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        self.client.params()
    }

    /// Runs one sentence: on ciphertexts if there are keys, otherwise in the simulator with drawn errors.
    pub fn run(&mut self, row: usize, ids: &[u32]) -> Result<Row> {
        let started = Instant::now();
        let simulated = self.simulate(&self.noisy, ids)?;
        let mut seconds = started.elapsed().as_secs_f64();
        let predicted_error = simulated - self.simulate(&self.exact, ids)?;
        let score = match &mut self.keys {
            None => simulated,
            Some((keys, randomness)) => {
                let (query, _) = client::encrypt_ids(&self.client, &keys.secret, ids, randomness)?;
                let started = Instant::now();
                let answer = server::infer(&self.server, &keys.evaluation, &query, &mut |_| ())?;
                seconds = started.elapsed().as_secs_f64();
                client::decrypt_answer(self.client.params(), &keys.secret, &answer)?.unrounded
            }
        };
        let range_ratio = self.exact.ranges().values().copied().reduce(f64::max);
        Ok(Row { row, score, predicted_error, range_ratio, seconds })
    }

    /// The score in the simulator: the mean over the slots, which would all be the same without errors.
    fn simulate(&self, simulator: &Simulator, ids: &[u32]) -> Result<f64> {
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
