//! The student as a circuit over any evaluator: ciphertexts, simulation, cost.
//!
//! Layout: slot p·t + f holds feature f of token t; the pattern repeats after `positions` tokens, so rotations by multiples of
//! p are cyclic within the length class. The sum over all tokens is then the same in every token's place: a vector of period p,
//! whose rotations by less than p are cyclic within the features, and the head's matrix needs no masks.
//!
//! | step | levels |
//! |---|---|
//! | sum over the tokens by rotations | 0 |
//! | g = √|o₂|·(P·mean + b), times i where o₂ < 0 (the mean's constant is folded into the matrix) | 1 |
//! | g² + the linear term o₁·P·mean, sum over the features by rotations | 1 |
//! | σ as an odd polynomial on [−1, 1] (β and the interval are folded into the two steps before) | ⌈log₂(degree + 1)⌉ |

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::linear_transform::LinearTransform;
use ckks_core::circuits::polynomial::{ChebyshevPolynomial, evaluate_normalised};
use he_tensor::Evaluator;
use num_complex::Complex64;

use super::Student;
use crate::{Error, Result};

/// A step of the circuit, for progress reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sum over the tokens.
    Pool,
    /// Matrix of the head.
    Projection,
    /// Square, linear term, sum over the features.
    Margin,
    /// The polynomial for σ.
    SoftArgmax,
}

impl Stage {
    /// All stages in their order.
    pub const ALL: [Self; 4] = [Self::Pool, Self::Projection, Self::Margin, Self::SoftArgmax];

    /// What the stage does, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pool => "sum over the tokens",
            Self::Projection => "head: matrix product",
            Self::Margin => "head: square and sum over the features",
            Self::SoftArgmax => "Soft-Argmax polynomial",
        }
    }
}

/// The circuit of one length class, all constants folded.
#[derive(Clone, Debug)]
pub struct StudentCircuit {
    /// Slots per token.
    period: usize,
    positions: usize,
    /// g without its bias; absent if o₂ is zero.
    square: Option<(LinearTransform, PlainVector)>,
    /// Weights of the token sum in the linear term.
    linear: PlainVector,
    constant: f64,
    /// σ − 1/2 on the normalised interval.
    sigmoid: ChebyshevPolynomial,
}

impl StudentCircuit {
    /// Folds the constants of `student` for the length class of `positions`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the student has no such class or has blocks, which this circuit does not assemble.
    pub fn compile(student: &Student, positions: usize) -> Result<Self> {
        let config = student.config();
        let bucket = config.bucket(positions).ok_or_else(|| Error::Malformed {
            what: "circuit",
            field: "number of positions",
            found: positions.to_string(),
            needed: format!("one of {:?}", config.buckets.iter().map(|b| b.positions).collect::<Vec<_>>()),
        })?;
        if !config.blocks.is_empty() {
            return Err(Error::Malformed {
                what: "circuit",
                field: "number of blocks",
                found: config.blocks.len().to_string(),
                needed: "0: this circuit has no bilinear convolution".to_owned(),
            });
        }
        let period = config.period();
        let head = &student.network().head;
        let (projection, bias) = (&head.projection.weight, &head.projection.bias);
        // What the normalised polynomial wants is β·margin / bound.
        let gain = student.beta() / config.soft_argmax.bound;
        let roots: Vec<Complex64> = head.square.iter().map(|&o| Complex64::new(gain * o, 0.0).sqrt()).collect();
        let entry = |row: usize, column: usize| match (roots.get(row), projection.get((column, row))) {
            (Some(&root), Some(&weight)) => root * weight / bucket.divisor,
            _ => Complex64::ZERO,
        };
        let any = (0..period).any(|r| (0..period).any(|c| entry(r, c) != Complex64::ZERO));
        let square = match any {
            true => {
                let bias = (0..period).map(|j| match (roots.get(j), bias.get(j)) {
                    (Some(&root), Some(&b)) => root * b,
                    _ => Complex64::ZERO,
                });
                Some((LinearTransform::from_complex_matrix(period, entry)?, PlainVector::complex(bias.collect::<Vec<_>>())?))
            }
            false => None,
        };
        let linear = projection.dot(&head.linear) * (gain / bucket.divisor);
        let linear = PlainVector::from_fn(period, |f| linear.get(f).copied().unwrap_or(0.0))?;
        let mut constant = gain * (head.linear.dot(bias) + head.constant.sum());
        if square.is_none() {
            constant += gain * head.square.iter().zip(bias).map(|(o, b)| o * b * b).sum::<f64>();
        }
        let sigmoid = student.sigmoid().clone();
        Ok(Self { period, positions, square, linear, constant, sigmoid })
    }

    /// Levels from the encrypted tokens to the encrypted score.
    pub fn depth(&self) -> usize {
        1 + usize::from(self.square.is_some()) + self.sigmoid.depth_normalised()
    }

    /// Slots of the token matrix, after which it repeats.
    pub fn slots(&self) -> usize {
        self.period * self.positions
    }

    /// Slots per token.
    pub fn period(&self) -> usize {
        self.period
    }

    /// From the token matrix to the score, the probability of the second label, the same in every slot.
    ///
    /// `observe` is told about each stage before it begins, with the level of the vector that goes in.
    ///
    /// # Errors
    /// Levels, keys or slots that do not suffice: see [`ckks_core::Error`].
    pub fn run<E: Evaluator>(
        &self,
        evaluator: &E,
        tokens: &E::Vector,
        observe: &mut dyn FnMut(Stage, usize),
    ) -> Result<E::Vector> {
        if self.slots() > evaluator.slots() {
            return Err(Error::Malformed {
                what: "circuit",
                field: "number of slots",
                found: evaluator.slots().to_string(),
                needed: format!("at least {} ({} positions of {} features)", self.slots(), self.positions, self.period),
            });
        }
        observe(Stage::Pool, evaluator.level(tokens));
        let sum = sum_cyclic(evaluator, tokens, self.period, self.positions)?;
        observe(Stage::Projection, evaluator.level(&sum));
        let squared = match &self.square {
            None => None,
            Some((matrix, bias)) => {
                let g = evaluator.add_plain(&matrix.apply(evaluator, &sum)?, bias)?;
                observe(Stage::Margin, evaluator.level(&g));
                Some(evaluator.square(&g)?)
            }
        };
        let below = evaluator.level(&sum) - usize::from(squared.is_some());
        let mut terms = evaluator.mul_plain(&evaluator.drop_to_level(&sum, below)?, &self.linear)?;
        if let Some(squared) = squared {
            terms = evaluator.add(&terms, &squared)?;
        }
        let margin = sum_cyclic(evaluator, &terms, 1, self.period)?;
        let margin = evaluator.add_scalar(&margin, self.constant)?;
        evaluator.watch("soft-argmax", &margin, 1.0);
        observe(Stage::SoftArgmax, evaluator.level(&margin));
        let centred = evaluate_normalised(evaluator, &self.sigmoid, &margin)?;
        Ok(evaluator.add_scalar(&centred, 0.5)?)
    }
}

/// Sums `count` (a power of two) slots at distance `stride`; in a vector that repeats after `stride · count` slots the sum
/// stands in each of them.
fn sum_cyclic<E: Evaluator>(evaluator: &E, v: &E::Vector, stride: usize, count: usize) -> Result<E::Vector> {
    let mut sum = v.clone();
    let mut step = stride * count / 2;
    while step >= stride {
        sum = evaluator.add(&sum, &evaluator.rotate(&sum, step as i64)?)?;
        step /= 2;
    }
    Ok(sum)
}
