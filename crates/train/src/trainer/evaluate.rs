//! Figures of a student on labelled sentences.

use hnn_layers::ragged::{LengthBucket, Ragged};
use hnn_layers::soft_argmax::sigmoid;
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::chunk::{add_noise, embed};
use crate::Result;
use crate::data::corpus::Example;
use crate::data::random::{Purpose, stream};
use crate::distill::Loss;
use crate::student::{Ranges, Site, Student};

/// Figures over some sentences.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// Sentences.
    pub n: usize,
    /// Right answers.
    pub correct: usize,
    /// correct/n.
    pub accuracy: f64,
    /// 95 % interval of the accuracy (Wilson 1927).
    pub interval95: [f64; 2],
    /// Right answers of the teacher on the same sentences.
    pub teacher_correct: usize,
    /// Share of equal answers of student and teacher.
    pub agreement: f64,
    /// Mean T²·KL to the teacher.
    pub distillation: f64,
    /// Mean −ln of the score given to the right class.
    pub log_loss: f64,
    /// Largest absolute values.
    pub ranges: Ranges,
}

/// Wilson's interval at 95 % for `k` of `n`.
pub fn wilson(k: usize, n: usize) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (n, z) = (n as f64, 1.959_964);
    let p = k as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    [(centre - half) / scale, (centre + half) / scale]
}

/// Margins of sentences, and the largest values on the way.
///
/// # Errors
/// A sentence without tokens or longer than every length class.
pub fn margins(
    student: &Student<f32>,
    table: ArrayView2<'_, f32>,
    buckets: &[LengthBucket],
    examples: &[Example],
) -> Result<(Vec<f32>, Ranges)> {
    let parts: Vec<(Vec<f32>, Ranges)> = examples
        .par_chunks(super::SENTENCES_PER_CHUNK)
        .map(|part| {
            let batch = Ragged::new(part.iter().map(|e| e.ids.len()), buckets)?;
            let ids: Vec<u32> = part.iter().flat_map(|e| e.ids.iter().copied()).collect();
            let pass = student.forward(embed(table, &ids), &batch, &mut |_, _| ());
            Ok((pass.margins.to_vec(), pass.ranges()))
        })
        .collect::<Result<_>>()?;
    let mut ranges = Ranges::default();
    parts.iter().for_each(|(_, r)| ranges.merge(r));
    Ok((parts.into_iter().flat_map(|(m, _)| m).collect(), ranges))
}

/// Evaluates on `examples`; those without a label count as wrong.
///
/// # Errors
/// As [`margins`].
pub fn evaluate(
    student: &Student<f32>,
    table: ArrayView2<'_, f32>,
    buckets: &[LengthBucket],
    loss: &Loss,
    examples: &[Example],
) -> Result<Evaluation> {
    let (margins, ranges) = margins(student, table, buckets, examples)?;
    Ok(Evaluation::of(&margins, ranges, student.beta.sum(), loss, examples))
}

impl Evaluation {
    /// From the margins of `examples` and the largest values on the way to them.
    pub fn of(margins: &[f32], ranges: Ranges, beta: f32, loss: &Loss, examples: &[Example]) -> Evaluation {
        let beta = f64::from(beta);
        let n = examples.len();
        let count = |f: &dyn Fn(f32, &Example) -> bool| margins.iter().zip(examples).filter(|(m, e)| f(**m, e)).count();
        let correct = count(&|m, e| e.label == Some(u8::from(m > 0.0)));
        let mean = |f: &dyn Fn(f64, &Example) -> f64| {
            margins.iter().zip(examples).map(|(m, e)| f((*m).into(), e)).sum::<f64>() / n.max(1) as f64
        };
        Evaluation {
            n,
            correct,
            accuracy: correct as f64 / n.max(1) as f64,
            interval95: wilson(correct, n),
            teacher_correct: count(&|_, e| e.label == Some(u8::from(e.teacher > 0.0))),
            agreement: count(&|m, e| (m > 0.0) == (e.teacher > 0.0)) as f64 / n.max(1) as f64,
            distillation: mean(&|m, e| loss.term(m, e.teacher.into(), 1.0, None).distillation),
            log_loss: mean(&|m, e| {
                let p = sigmoid(beta * m);
                -(if e.label == Some(1) { p } else { 1.0 - p }).max(1e-12).ln()
            }),
            ranges,
        }
    }
}

/// Margins with Gaussian noise of standard deviation `deviation` on every product of two encrypted values: the outputs of blocks and
/// attention as in training, and the squares of the head, whose noise reaches the margin through o₂. Draw `draw` of `seed`.
///
/// # Errors
/// As [`margins`].
pub fn noisy_margins(
    student: &Student<f32>,
    table: ArrayView2<'_, f32>,
    buckets: &[LengthBucket],
    examples: &[Example],
    deviation: f32,
    (seed, draw): (u64, u64),
) -> Result<Vec<f32>> {
    let by_square = student.head.square.iter().map(|&o| o * o).sum::<f32>().sqrt() * deviation;
    let parts: Vec<Vec<f32>> = examples
        .par_chunks(super::SENTENCES_PER_CHUNK)
        .enumerate()
        .map(|(i, part)| {
            let mut rng = stream(seed, Purpose::Measure, draw << 32 | i as u64);
            let batch = Ragged::new(part.iter().map(|e| e.ids.len()), buckets)?;
            let ids: Vec<u32> = part.iter().flat_map(|e| e.ids.iter().copied()).collect();
            let mut products = |site, values: &mut ndarray::Array2<f32>| match site {
                Site::Product => add_noise(values, deviation, &mut rng),
                Site::Mean => (),
            };
            let pass = student.forward(embed(table, &ids), &batch, &mut products);
            Ok(pass.margins.iter().map(|m| m + by_square * rng.normal_pair().0).collect())
        })
        .collect::<Result<_>>()?;
    Ok(parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_published_one() {
        // Teacher's 780 of 872: .8725 to .9132 by Wilson's formula.
        let [low, high] = wilson(780, 872);
        assert!((low - 0.8723).abs() < 5e-4 && (high - 0.9132).abs() < 5e-4, "{low} {high}");
    }
}
