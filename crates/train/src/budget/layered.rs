//! ν of a network whose files have no place for all its layers: each layer by its own circuit, one after the other.
//!
//! Nothing is folded from one layer into the next, so a block takes three levels instead of two and the head three instead of two: levels
//! found here are those of the layers, not of a compiled student.

use ckks_core::params::{Params, ParamsLiteral};
use distilbert_he::student::EmbeddingTable;
use he_tensor::evaluator::SimulatedVector;
use he_tensor::{Evaluator, Simulator, TokenLayout};
use hnn_layers::attention::{Attention, AttentionCircuit};
use hnn_layers::bilinear_conv::{BilinearConv, BilinearConvCircuit};
use hnn_layers::budget::Circuit;
use hnn_layers::linear::Linear;
use hnn_layers::quadratic_head::{QuadraticHead, QuadraticHeadCircuit};
use hnn_layers::ragged::{LengthBucket, bucket_of};
use hnn_layers::soft_argmax::SoftArgmax;
use hnn_layers::token_mask::TokenMask;
use ndarray::{Array, Array2, Dimension};
use rayon::prelude::*;

use super::{Prediction, Sample, encrypt};
use crate::config::NetworkConfig;
use crate::data::corpus::Example;
use crate::student::Student;
use crate::{Error, Result};

/// A network's layers for one length class.
struct Layers {
    blocks: Vec<BilinearConvCircuit>,
    attention: Option<AttentionCircuit>,
    head: QuadraticHeadCircuit,
    score: Option<SoftArgmax>,
}

impl Circuit for Layers {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector) -> hnn_layers::Result<E::Vector> {
        let mut x = x.clone();
        for block in &self.blocks {
            x = block.run(e, &x)?;
        }
        if let Some(attention) = &self.attention {
            // The layer's own biases are zero: the mask has nothing to add, for any number of tokens.
            x = e.add(&attention.apply(e, &x, &TokenMask::Public(0))?, &x)?;
        }
        let margin = self.head.run(e, &x)?;
        self.score.as_ref().map_or(Ok(margin.clone()), |score| score.circuit(e, &margin))
    }
}

impl Layers {
    fn new(
        student: &Student<f32>,
        network: &NetworkConfig,
        bucket: &LengthBucket,
        slots: usize,
        score: Option<SoftArgmax>,
    ) -> Result<Self> {
        let layout = TokenLayout::new(network.features, bucket.positions, slots)?;
        let block = |b: &BilinearConv<f32>| {
            let wide = BilinearConv {
                centre: widen(&b.centre),
                taps: widen(&b.taps),
                global: widen(&b.global),
                bias: widen(&b.bias),
                output: widen(&b.output),
            };
            wide.plan(&layout, bucket.divisor)
        };
        let h = &student.head;
        let head = QuadraticHead {
            projection: Linear { weight: widen(&h.projection.weight), bias: widen(&h.projection.bias) },
            linear: widen(&h.linear),
            square: widen(&h.square),
            constant: widen(&h.constant),
        };
        let attention = |layer: &Attention<f32>| AttentionCircuit::new(layer, &layout);
        Ok(Layers {
            blocks: student.blocks.iter().map(block).collect::<hnn_layers::Result<_>>()?,
            attention: student.attention.as_ref().map(|a| attention(a.layer())).transpose()?,
            head: head.plan(&layout, bucket.divisor)?,
            score,
        })
    }
}

fn widen<D: Dimension>(a: &Array<f32, D>) -> Array<f64, D> {
    a.mapv(f64::from)
}

/// ν of the score, or of the margin without `with_score`, with every layer compiled on its own.
///
/// # Errors
/// More levels than the parameters have; an unknown parameter set; no sentences.
pub(super) fn predict(
    student: &Student<f32>,
    embedding: &EmbeddingTable,
    network: &NetworkConfig,
    sentences: &[Example],
    seed: u64,
    with_score: bool,
) -> Result<Prediction> {
    let literal = ParamsLiteral::preset(&network.parameters)
        .ok_or_else(|| Error::Config(format!("parameters {:?}, needed the name of a parameter set", network.parameters)))?;
    let params = Params::new(literal).map_err(he_tensor::Error::from)?;
    let beta = f64::from(student.beta.sum());
    let score = with_score.then(|| SoftArgmax::new(beta, network.score_bound, network.score_degree)).transpose()?;
    let layers = network
        .buckets
        .iter()
        .map(|b| Ok((b.positions, Layers::new(student, network, b, params.slots(), score.clone())?)))
        .collect::<Result<Vec<_>>>()?;
    let sample = |(example, seed): (&Example, u64)| -> Result<Sample> {
        let positions = bucket_of(&network.buckets, example.ids.len())?.positions;
        let (_, circuit) = layers
            .iter()
            .find(|(p, _)| *p == positions)
            .ok_or_else(|| Error::Config(format!("no length class of {positions} positions")))?;
        let x: Array2<f64> = embedding.embed(&example.ids)?;
        let layout = TokenLayout::new(network.features, positions, params.slots())?;
        let packed = layout.pack(x.nrows(), |t, f| x[[t, f]])?;
        let values = packed.first().map(Vec::as_slice).unwrap_or_default();
        let run = |simulator: Simulator| -> Result<SimulatedVector> {
            let x = encrypt(&simulator, values, params.max_level())?;
            Ok(circuit.run(&simulator, &x)?)
        };
        let (exact, noisy) = (run(Simulator::new(&params))?, run(Simulator::with_noise(&params, seed))?);
        Ok(Sample::of(positions, &exact, &noisy))
    };
    let numbered: Vec<(&Example, u64)> = sentences.iter().zip(seed..).collect();
    let samples = numbered.into_par_iter().map(sample).collect::<Result<Vec<_>>>()?;
    Prediction::of(&samples, &params, &network.parameters, params.max_level())
}
