//! The student as a circuit over any evaluator: ciphertexts, simulation, cost.
//!
//! Layout: slot p·t + f holds feature f of token t; the pattern repeats after `positions` tokens, so rotations by multiples of
//! p are cyclic within the length class. A sum over all tokens is then the same in every token's place.
//!
//! With the block outputs kept apart, x₁ = x₀ + W₁p₁ and x₂ = x₁ + W₂p₂ are never computed: every matrix that reads x_i is
//! multiplied by the W's beforehand and reads x₀, p₁, … instead, which saves a level per block.
//!
//! | step | levels |
//! |---|---|
//! | per block: u and v, one matrix product from x₀, p₁, …, their neighbours and their sums | 1 |
//! | per block: p = u ⊙ v | 1 |
//! | g = √\|o₂\|·(P·mean + b), times i where o₂ < 0, from the sums over all tokens (the mean's constant is in the matrix) | 1 |
//! | g² + the linear term o₁·P·mean, sum over the features by rotations | 1 |
//! | σ as an odd polynomial on \[−1, 1\] (β and the interval are folded into the two steps before) | ⌈log₂(degree + 1)⌉ |

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::BlockTransform;
use ckks_core::circuits::polynomial::{ChebyshevPolynomial, evaluate_normalised};
use he_tensor::Evaluator;

use super::Student;
use super::fold::{self, BOX_SHIFTS, BOX_TOKENS};
use crate::{Error, Result};

/// A step of the circuit, for progress reports: told before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What is computed.
    pub name: &'static str,
    /// Block that it belongs to, counted from 1; 0 for the head.
    pub block: usize,
    /// Number of this stage, from 0.
    pub index: usize,
    /// Number of stages.
    pub total: usize,
    /// Level of the vectors that go in.
    pub level: usize,
}

/// The circuit of one length class, all constants folded.
#[derive(Clone, Debug)]
pub struct StudentCircuit {
    /// Slots per token.
    pub(super) period: usize,
    pub(super) positions: usize,
    /// Per block the product from all inputs of every state before it to (u, v), and the bias of v.
    pub(super) blocks: Vec<(BlockTransform, PlainVector)>,
    /// From the totals of all states to g, and g's bias; absent if o₂ is zero.
    pub(super) square: Option<(BlockTransform, PlainVector)>,
    /// Weights of each state's total in the linear term.
    pub(super) linear: Vec<PlainVector>,
    pub(super) constant: f64,
    /// σ − 1/2 on the normalised interval.
    pub(super) sigmoid: ChebyshevPolynomial,
}

/// x₀ or the product of a block, as later matrices read it.
struct State<V> {
    value: V,
    /// Left and right neighbour, right and left box: only where a block comes later.
    neighbours: Vec<V>,
    /// Sum of all tokens, in every token's place.
    total: V,
}

impl StudentCircuit {
    /// Folds the constants of `student` for the length class of `positions`; `slots` is what a ciphertext holds.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the student has no such class or its tokens do not fit; values that cannot be encoded.
    pub fn compile(student: &Student, positions: usize, slots: usize) -> Result<Self> {
        fold::compile(student, positions, slots)
    }

    /// Levels from the encrypted tokens to the encrypted score.
    pub fn depth(&self) -> usize {
        2 * self.blocks.len() + 1 + usize::from(self.square.is_some()) + self.sigmoid.depth_normalised()
    }

    /// Slots of the token matrix, after which it repeats.
    pub fn token_slots(&self) -> usize {
        self.period * self.positions
    }

    /// Slots per token.
    pub fn period(&self) -> usize {
        self.period
    }

    /// From the token matrix to the score, the probability of the second label, the same in every slot.
    ///
    /// `observe` is told about each stage before it begins.
    ///
    /// # Errors
    /// Levels, keys or slots that do not suffice: see [`ckks_core::Error`].
    pub fn run<E: Evaluator>(&self, evaluator: &E, tokens: &E::Vector, observe: &mut dyn FnMut(Stage)) -> Result<E::Vector> {
        if self.token_slots() > evaluator.slots() {
            return Err(Error::Malformed {
                what: "circuit",
                field: "number of slots",
                found: evaluator.slots().to_string(),
                needed: format!("at least {} ({} positions of {} features)", self.token_slots(), self.positions, self.period),
            });
        }
        let total = 2 * self.blocks.len() + 3;
        let mut index = 0;
        let mut tell = |name, block, level| {
            observe(Stage { name, block, index, total, level });
            index += 1;
        };
        let mut states = vec![self.state(evaluator, tokens.clone(), !self.blocks.is_empty())?];
        for (i, (transform, bias)) in self.blocks.iter().enumerate() {
            let level = states.last().map_or(0, |s| evaluator.level(&s.value));
            tell("matrix products", i + 1, level);
            let inputs: Vec<&E::Vector> =
                states.iter().flat_map(|s| std::iter::once(&s.value).chain(&s.neighbours).chain([&s.total])).collect();
            let factors = transform.apply(evaluator, &inputs)?;
            let [u, v] = factors.as_slice() else {
                return Err(Error::Malformed {
                    what: "circuit",
                    field: "number of factors",
                    found: factors.len().to_string(),
                    needed: "2".to_owned(),
                });
            };
            tell("product of the factors", i + 1, evaluator.level(u));
            let product = evaluator.mul(u, &evaluator.add_plain(v, bias)?)?;
            states.push(self.state(evaluator, product, i + 1 < self.blocks.len())?);
        }
        let totals: Vec<&E::Vector> = states.iter().map(|s| &s.total).collect();
        let margin = self.margin(evaluator, &totals, &mut tell)?;
        evaluator.watch("soft-argmax", &margin, 1.0);
        tell("Soft-Argmax polynomial", 0, evaluator.level(&margin));
        let centred = evaluate_normalised(evaluator, &self.sigmoid, &margin)?;
        Ok(evaluator.add_scalar(&centred, 0.5)?)
    }

    /// β·margin / bound.
    fn margin<E: Evaluator>(
        &self,
        evaluator: &E,
        totals: &[&E::Vector],
        tell: &mut dyn FnMut(&'static str, usize, usize),
    ) -> Result<E::Vector> {
        let mut level = totals.iter().map(|t| evaluator.level(t)).min().unwrap_or(0);
        tell("head: matrix product", 0, level);
        let mut squared = None;
        if let Some((matrix, bias)) = &self.square {
            let outputs = matrix.apply(evaluator, totals)?;
            tell("head: square and sum", 0, level.saturating_sub(1));
            for g in &outputs {
                squared = Some(evaluator.square(&evaluator.add_plain(g, bias)?)?);
            }
            level = level.saturating_sub(1);
        }
        let lowered = totals.iter().map(|t| evaluator.drop_to_level(t, level)).collect::<ckks_core::Result<Vec<_>>>()?;
        let mut terms = evaluator.dot_plain(&lowered.iter().zip(&self.linear).collect::<Vec<_>>())?;
        if let Some(squared) = squared {
            terms = evaluator.add(&terms, &squared)?;
        }
        let [margin] = doubling_sums(evaluator, &terms, 1, [self.period])?;
        Ok(evaluator.add_scalar(&margin, self.constant)?)
    }

    fn state<E: Evaluator>(&self, evaluator: &E, value: E::Vector, read_by_blocks: bool) -> Result<State<E::Vector>> {
        let p = self.period as i64;
        if !read_by_blocks {
            let [total] = doubling_sums(evaluator, &value, self.period, [self.positions])?;
            return Ok(State { value, neighbours: Vec::new(), total });
        }
        let [boxed, total] = doubling_sums(evaluator, &value, self.period, [BOX_TOKENS, self.positions])?;
        let mut neighbours = evaluator.rotate_many(&value, &[-p, p])?;
        neighbours.extend(evaluator.rotate_many(&boxed, &BOX_SHIFTS.map(|s| s * p))?);
        Ok(State { value, neighbours, total })
    }
}

/// For each count c (a power of two): the sum of the slots j, j + stride, …, j + (c − 1)·stride, by doubling.
///
/// In a vector that repeats after c·stride slots every such sum is the sum over all.
fn doubling_sums<E: Evaluator, const K: usize>(
    evaluator: &E,
    v: &E::Vector,
    stride: usize,
    counts: [usize; K],
) -> Result<[E::Vector; K]> {
    let mut found = counts.map(|_| v.clone());
    let largest = counts.into_iter().fold(1, usize::max);
    let mut sum = v.clone();
    let mut summed = 1;
    while summed < largest {
        sum = evaluator.add(&sum, &evaluator.rotate(&sum, (stride * summed) as i64)?)?;
        summed *= 2;
        for (out, _) in found.iter_mut().zip(counts).filter(|(_, count)| *count == summed) {
            *out = sum.clone();
        }
    }
    Ok(found)
}
