//! The noise budget ν of a student, predicted from its circuit before any key is made.

use distilbert_he::compile::CompiledStudent;
use distilbert_he::student::Student as Model;
use he_tensor::Simulator;
use he_tensor::evaluator::{Encryption, SimulatedVector};
use hnn_layers::budget::NoiseBudget;
use hnn_layers::ragged::bucket_of;
use num_complex::Complex64;

use crate::data::corpus::Example;
use crate::{Error, Result};

/// ν of the encrypted score over some sentences: the root mean square of the simulated errors (drawn from the noise model and
/// carried through the circuit), with the levels left.
///
/// # Errors
/// A circuit that is deeper than the parameters that the model names, with both figures; no sentences.
pub fn predict(model: &Model, sentences: &[Example], seed: u64) -> Result<NoiseBudget> {
    let params = CompiledStudent::preset(model.config())?;
    let compiled = CompiledStudent::new(model, &params)?;
    let (mut square, mut levels) = (0.0, params.max_level());
    for (example, seed) in sentences.iter().zip(seed..) {
        let positions = bucket_of(&model.config().buckets, example.ids.len())?.positions;
        let circuit = compiled
            .circuit(positions)
            .ok_or_else(|| Error::Config(format!("the model has no length class of {positions} positions")))?;
        let x = model.embedding().embed::<f64>(&example.ids)?;
        let values: Vec<Complex64> = circuit.layout().pack(&[x])?.into_iter().map(Complex64::from).collect();
        let run = |simulator: Simulator| -> Result<SimulatedVector> {
            let tokens =
                simulator.encrypt_at(&values, compiled.input_level(), Encryption::Symmetric).map_err(hnn_layers::Error::from)?;
            Ok(circuit.run(&simulator, &tokens, &mut |_| ())?)
        };
        let (exact, noisy) = (run(Simulator::new(&params))?, run(Simulator::with_noise(&params, seed))?);
        let pairs = exact.values().iter().zip(noisy.values());
        square += pairs.map(|(a, b)| (a - b).norm_sqr()).sum::<f64>() / exact.values().len() as f64;
        levels = levels.min(exact.level());
    }
    if sentences.is_empty() {
        return Err(Error::Config("a noise budget was asked for without a sentence to predict it on".into()));
    }
    Ok(NoiseBudget { bits: -0.5 * (square / sentences.len() as f64).log2(), levels })
}
