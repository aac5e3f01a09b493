//! ν of a network whose files have no place for all its layers: each layer by its own circuit, one after the other.
//!
//! Nothing is folded from one layer into the next, so a block takes three levels instead of two and the head three instead of two: levels
//! found here are those of the layers, not of a compiled student.

use ckks_core::params::{Params, ParamsLiteral};
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

use super::{InTraining, Prediction, encrypt, over_sentences};
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
                output: b.output.as_ref().map(widen),
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

    /// Levels from the encrypted tokens to the result.
    fn depth(&self) -> usize {
        let attention = self.attention.as_ref().map_or(0, AttentionCircuit::depth);
        let score = self.score.as_ref().map_or(0, |s| s.polynomial().depth());
        3 * self.blocks.len() + attention + 3 + score
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
    InTraining { network, student, embedding }: &InTraining<'_>,
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
    let level = layers.iter().map(|(_, l)| l.depth()).max().unwrap_or(0);
    if level > params.max_level() {
        let (model, name) = (network.name.clone(), network.parameters.clone());
        return Err(
            distilbert_he::Error::TooManyLevels { model, needed: level, params: name, available: params.max_level() }.into()
        );
    }
    let run = |simulator: &Simulator, example: &Example| {
        let positions = bucket_of(&network.buckets, example.ids.len())?.positions;
        let (_, circuit) = layers
            .iter()
            .find(|(p, _)| *p == positions)
            .ok_or_else(|| Error::Config(format!("no length class of {positions} positions")))?;
        let x: Array2<f64> = embedding.embed(&example.ids)?;
        let layout = TokenLayout::new(network.features, positions, params.slots())?;
        let packed = layout.pack(x.nrows(), |t, f| x[[t, f]])?;
        let x = encrypt(simulator, packed.first().map(Vec::as_slice).unwrap_or_default(), level)?;
        Ok((positions, circuit.run(simulator, &x)?))
    };
    over_sentences(&params, (&network.parameters, level), sentences, seed, run)
}

#[cfg(test)]
mod tests {
    use hnn_layers::bilinear_conv::Join;
    use hnn_layers::ragged::Ragged;

    use super::*;
    use crate::budget::Sample;
    use crate::config::AttentionShape;

    #[test]
    fn the_circuit_computes_the_network_that_is_trained() -> Result<()> {
        let network = NetworkConfig {
            features: 8,
            rank: 8,
            hidden: 6,
            blocks: 1,
            join: Join::Added,
            buckets: vec![LengthBucket { positions: 8, divisor: 6.0 }],
            attention: Some(AttentionShape { heads: 2, exponent: 2, divisor: 6.0 }),
            ..Default::default()
        };
        let student = Student::<f32>::random(&network, 0.3, 3)?;
        let params = Params::new_insecure(ParamsLiteral::toy(10, 18)).map_err(he_tensor::Error::from)?;
        let score = SoftArgmax::new(1.0, 12.0, 31)?;
        let circuit = Layers::new(&student, &network, &network.buckets[0], params.slots(), Some(score.clone()))?;
        let layout = TokenLayout::new(8, 8, params.slots())?;
        for tokens in [1, 5, 8] {
            let mut x = Array2::from_shape_fn((tokens, 8), |(t, f)| ((t * 17 + f * 29) % 23) as f32 / 23.0 - 0.5);
            x.column_mut(7).fill(1.0);
            let batch = Ragged::new([tokens], &network.buckets)?;
            let wanted = score.score(f64::from(student.forward(x.clone(), &batch, &mut |_, _| ()).margins[0]));
            let values = layout.pack(tokens, |t, f| f64::from(x[[t, f]]))?.remove(0);
            let run = |simulator: Simulator| circuit.run(&simulator, &encrypt(&simulator, &values, params.max_level()).unwrap());
            let exact = run(Simulator::new(&params))?;
            let found = exact.values()[0].re;
            // The plain pass is in f32.
            assert!((found - wanted).abs() < 1e-5, "{tokens} tokens: {found} against {wanted}");
            let sample = Sample::of(8, &exact, &run(Simulator::with_noise(&params, 1))?);
            assert!((5.0..40.0).contains(&sample.bits()), "{} bits", sample.bits());
            assert_eq!(params.max_level() - exact.level(), circuit.depth());
        }
        Ok(())
    }
}
