//! The student as a circuit over any evaluator: ciphertexts, simulation, cost.
//!
//! Layout: [`SlotLayout`]. Rotations are cyclic within each sentence, so a sum over all tokens is the same in every token's
//! place.
//!
//! With the block outputs kept apart, x₁ = x₀ + W₁p₁ and x₂ = x₁ + W₂p₂ are never computed: every matrix that reads x_i is
//! multiplied by the W's beforehand and reads x₀, p₁, … instead, which saves a level per block.
//!
//! All these states are real, so two share a vector as real and imaginary part ([`super::diagonals`]); a single state shares it
//! between its own views.
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

use super::fold::{self, BOX_SHIFTS, BOX_TOKENS};
use super::{SlotLayout, Student};
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
    pub(super) layout: SlotLayout,
    pub(super) blocks: Vec<Block>,
    pub(super) head: Head,
    /// σ − 1/2 on the normalised interval.
    pub(super) sigmoid: ChebyshevPolynomial,
}

/// One bilinear block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// From the views of all states before it to (u, v), whose real parts count, halved.
    pub(super) factors: BlockTransform,
    /// Bias of v.
    pub(super) bias: PlainVector,
}

/// From the totals of all states to the margin.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// To g, and g's bias; absent if o₂ is zero.
    pub(super) square: Option<(BlockTransform, PlainVector)>,
    /// Weights of each state's total in the linear term.
    pub(super) linear: Vec<PlainVector>,
    pub(super) constant: f64,
}

/// What the matrices of a block read of a vector: itself, its left and right neighbour, the box to the right and to the left,
/// the sum over all tokens.
pub(super) struct Views<V> {
    centre: V,
    neighbours: [V; 2],
    boxes: [V; 2],
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
        2 * self.blocks.len() + 1 + usize::from(self.head.square.is_some()) + self.sigmoid.depth_normalised()
    }

    /// Where the tokens stand.
    pub fn layout(&self) -> SlotLayout {
        self.layout
    }

    /// From the token matrices to the scores, the probabilities of the second label: that of sentence s in all its slots.
    ///
    /// `observe` is told about each stage before it begins.
    ///
    /// # Errors
    /// Levels, keys or slots that do not suffice: see [`ckks_core::Error`].
    pub fn run<E: Evaluator>(&self, evaluator: &E, tokens: &E::Vector, observe: &mut dyn FnMut(Stage)) -> Result<E::Vector> {
        if self.layout.slots() != evaluator.slots() {
            return Err(Error::Malformed {
                what: "circuit",
                field: "number of slots",
                found: evaluator.slots().to_string(),
                needed: format!("{}, for which it was compiled", self.layout.slots()),
            });
        }
        let total = 2 * self.blocks.len() + 3;
        let mut index = 0;
        let mut tell = |name, block, level| {
            observe(Stage { name, block, index, total, level });
            index += 1;
        };
        // Two states, finished as soon as the second is known: all their views while blocks come, then their total.
        let mut pairs: Vec<Views<E::Vector>> = Vec::new();
        let mut totals: Vec<E::Vector> = Vec::new();
        let mut single = Some(tokens.clone());
        for (i, block) in self.blocks.iter().enumerate() {
            let level = single.iter().chain(pairs.iter().map(|p| &p.centre)).map(|v| evaluator.level(v)).min().unwrap_or(0);
            tell("matrix products", i + 1, level);
            let product = {
                let alone = single.as_ref().map(|x| self.views(evaluator, x)?.folded(evaluator)).transpose()?;
                let inputs: Vec<&E::Vector> = pairs.iter().flat_map(Views::all).chain(alone.iter().flatten()).collect();
                let factors = block.factors.apply(evaluator, &inputs)?;
                let [u, v] = factors.as_slice() else {
                    return Err(Error::Malformed {
                        what: "circuit",
                        field: "number of factors",
                        found: factors.len().to_string(),
                        needed: "2".to_owned(),
                    });
                };
                tell("product of the factors", i + 1, evaluator.level(u));
                let v = evaluator.add_plain(&twice_real(evaluator, v)?, &block.bias)?;
                evaluator.mul(&twice_real(evaluator, u)?, &v)?
            };
            if i + 1 == self.blocks.len() {
                // Nothing reads neighbours any more.
                totals = std::mem::take(&mut pairs).into_iter().map(|p| p.total).collect();
            }
            match single.take() {
                None => single = Some(product),
                Some(first) => {
                    let pair = evaluator.add(&first, &evaluator.mul_by_i(&product)?)?;
                    if i + 1 == self.blocks.len() {
                        totals.push(self.sum_over_tokens(evaluator, pair)?);
                    } else {
                        pairs.push(self.views(evaluator, &pair)?);
                    }
                }
            }
        }
        let single = single.map(|x| self.sum_over_tokens(evaluator, x)).transpose()?;
        let margin = self.margin(evaluator, totals, single, &mut tell)?;
        evaluator.watch("soft-argmax", &margin, 1.0);
        tell("Soft-Argmax polynomial", 0, evaluator.level(&margin));
        let centred = evaluate_normalised(evaluator, &self.sigmoid, &margin)?;
        Ok(evaluator.add_scalar(&centred, 0.5)?)
    }

    /// β·margin / bound, from the totals of pairs and of a state without a partner.
    fn margin<E: Evaluator>(
        &self,
        evaluator: &E,
        pairs: Vec<E::Vector>,
        single: Option<E::Vector>,
        tell: &mut dyn FnMut(&'static str, usize, usize),
    ) -> Result<E::Vector> {
        let lowest = pairs.iter().chain(&single).map(|t| evaluator.level(t)).min().unwrap_or(0);
        tell("head: matrix product", 0, lowest);
        let mut totals = Vec::new();
        for z in pairs {
            let z = evaluator.drop_to_level(&z, lowest)?;
            let conjugate = evaluator.conjugate(&z)?;
            totals.extend([evaluator.add(&z, &conjugate)?, evaluator.sub(&z, &conjugate)?]);
        }
        totals.extend(single);
        let head = &self.head;
        let mut squared = None;
        if let Some((matrix, bias)) = &head.square {
            let outputs = matrix.apply(evaluator, &totals.iter().collect::<Vec<_>>())?;
            tell("head: square and sum", 0, lowest.saturating_sub(1));
            for g in &outputs {
                squared = Some(evaluator.square(&evaluator.add_plain(g, bias)?)?);
            }
            let level = lowest.saturating_sub(1);
            totals = totals.iter().map(|t| evaluator.drop_to_level(t, level)).collect::<ckks_core::Result<_>>()?;
        }
        let mut terms = evaluator.dot_plain(&totals.iter().zip(&head.linear).collect::<Vec<_>>())?;
        if let Some(squared) = squared {
            terms = evaluator.add(&terms, &squared)?;
        }
        let stride = self.layout.sentences() as i64;
        let margin = double(evaluator, terms, 1, self.layout.period(), stride)?;
        Ok(evaluator.add_scalar(&margin, head.constant)?)
    }

    fn views<E: Evaluator>(&self, evaluator: &E, x: &E::Vector) -> Result<Views<E::Vector>> {
        let (step, positions) = (self.layout.token_step(), self.layout.positions());
        let neighbours = pair(evaluator.rotate_many(x, &[-step, step])?)?;
        // The right neighbour is the first step of the sums.
        let sum = evaluator.add(x, &neighbours[1])?;
        let box_steps = BOX_SHIFTS.map(|shift| shift * step);
        let (boxes, total);
        if positions > BOX_TOKENS {
            let boxed = double(evaluator, sum, 2, BOX_TOKENS, step)?;
            let mut rotated = evaluator.rotate_many(&boxed, &[box_steps[0], box_steps[1], BOX_TOKENS as i64 * step])?;
            let next = rotated.pop().ok_or_else(too_few)?;
            total = double(evaluator, evaluator.add(&boxed, &next)?, 2 * BOX_TOKENS, positions, step)?;
            boxes = pair(rotated)?;
        } else {
            total = double(evaluator, sum, 2, positions, step)?;
            let boxed = double(evaluator, total.clone(), positions, BOX_TOKENS, step)?;
            boxes = pair(evaluator.rotate_many(&boxed, &box_steps)?)?;
        }
        Ok(Views { centre: x.clone(), neighbours, boxes, total })
    }

    fn sum_over_tokens<E: Evaluator>(&self, evaluator: &E, x: E::Vector) -> Result<E::Vector> {
        double(evaluator, x, 1, self.layout.positions(), self.layout.token_step())
    }
}

impl<V> Views<V> {
    fn all(&self) -> [&V; 6] {
        let ([left, right], [right_box, left_box]) = (&self.neighbours, &self.boxes);
        [&self.centre, left, right, right_box, left_box, &self.total]
    }
}

impl<V: Clone> Views<V> {
    /// The views of a real vector, two in each: the centre with the total, each neighbour with the box on its side.
    fn folded<E: Evaluator<Vector = V>>(self, evaluator: &E) -> Result<[V; 3]> {
        let with = |a: &V, b: &V| evaluator.add(a, &evaluator.mul_by_i(b)?);
        let ([left, right], [right_box, left_box]) = (&self.neighbours, &self.boxes);
        Ok([with(&self.centre, &self.total)?, with(left, left_box)?, with(right, right_box)?])
    }
}

/// v + conj(v).
fn twice_real<E: Evaluator>(evaluator: &E, v: &E::Vector) -> Result<E::Vector> {
    Ok(evaluator.add(v, &evaluator.conjugate(v)?)?)
}

/// From sums over `from` values at distances of `step` to sums over `to`, both powers of two. In a vector that repeats after
/// `to` of them every such sum is the sum over all.
fn double<E: Evaluator>(evaluator: &E, mut sum: E::Vector, from: usize, to: usize, step: i64) -> Result<E::Vector> {
    let mut summed = from;
    while summed < to {
        sum = evaluator.add(&sum, &evaluator.rotate(&sum, summed as i64 * step)?)?;
        summed *= 2;
    }
    Ok(sum)
}

fn pair<V>(vectors: Vec<V>) -> Result<[V; 2]> {
    <[V; 2]>::try_from(vectors).map_err(|_| too_few())
}

fn too_few() -> Error {
    Error::Malformed {
        what: "circuit",
        field: "number of rotations",
        found: "too few".to_owned(),
        needed: "one per step".to_owned(),
    }
}
