//! The student as a circuit over any evaluator: ciphertexts, simulation, cost.
//!
//! Layout: [`SlotLayout`]. Rotations are cyclic within each sentence, so a sum over all tokens is the same in every token's
//! place.
//!
//! Block outputs are kept apart: a block that appends leaves x₁ = (x₀, p₁), and where one adds, x₁ = x₀ + W₁p₁ is never computed:
//! every matrix that reads x_i is multiplied by the W's beforehand and reads x₀, p₁, … instead, which saves a level per block.
//!
//! All these states are real, so a vector holds two views of one of them as real and imaginary part ([`Views`]). Their baby
//! rotations are made when the state is new and serve every block after it: a block whose matrices read states of a higher
//! level than its own uses their rotations as they are, without the upper primes.
//!
//! | step | levels |
//! |---|---|
//! | per block: u and v, one matrix product from x₀, p₁, …, their neighbours and their sums | 1 |
//! | per block: p = u ⊙ v | 1 |
//! | g = √\|o₂\|·(P·mean + b), times i where o₂ < 0, from the sums over all tokens (the mean's constant is in the matrix) | 1 |
//! | g² + the linear term o₁·P·mean, sum over the features by rotations | 1 |
//! | σ as an odd polynomial on \[−1, 1\] (β and the interval are folded into the two steps before) | ⌈log₂(degree + 1)⌉ |

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::{Babies, BlockTransform};
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
    /// From the windows and totals of all states before it to (u, v), whose real parts count, halved.
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

/// Vectors in [`Views::windows`].
pub(super) const WINDOWS: usize = 4;

/// What the matrices of a block read of a state x. Every tap reads x at some token, and, for the half of its matrix that wraps
/// around ([`super::diagonals`]), one token before.
pub(super) struct Views<V> {
    /// x\[t\] + i·x\[t − 1\]; x\[t + 1\] + i·x\[t − 2\]; B\[t + 2\] + i·B\[t + 1\]; B\[t − 9\] + i·B\[t − 10\] with the box sums
    /// B\[t\] = x\[t\] + … + x\[t + 7\]. The first serves the tap in the centre and the inner halves of its two neighbours.
    windows: [V; WINDOWS],
    /// (1 + i) times the sum over all tokens.
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
        let mut windows: Vec<Babies<E::Vector>> = Vec::new();
        let mut totals: Vec<E::Vector> = Vec::new();
        let mut pairs_of_totals: Vec<Babies<E::Vector>> = Vec::new();
        let mut newest = tokens.clone();
        for (i, block) in self.blocks.iter().enumerate() {
            tell("matrix products", i + 1, evaluator.level(&newest));
            let views = self.views(evaluator, &newest)?;
            windows.extend(views.windows.map(Babies::of));
            totals.push(views.total);
            // Two totals share a vector as soon as there are two.
            let mut alone = None;
            match totals.as_slice() {
                [.., first, second] if totals.len().is_multiple_of(2) => {
                    pairs_of_totals.push(Babies::of(with_imaginary(evaluator, first, second)?));
                }
                [.., last] => alone = Some(Babies::of(last.clone())),
                [] => {}
            }
            let inputs = windows.iter_mut().chain(&mut pairs_of_totals).chain(&mut alone);
            let factors = block.factors.apply_to(evaluator, inputs)?;
            let [u, v] = exactly(factors)?;
            tell("product of the factors", i + 1, evaluator.level(&u));
            let v = evaluator.add_plain(&twice_real(evaluator, &v)?, &block.bias)?;
            newest = evaluator.mul(&twice_real(evaluator, &u)?, &v)?;
        }
        // Nothing reads neighbours any more.
        drop((windows, pairs_of_totals));
        totals.push(double(evaluator, newest, 1, self.layout.positions(), self.layout.token_step())?);
        let margin = self.margin(evaluator, &totals, &mut tell)?;
        evaluator.watch("soft-argmax", &margin, 1.0);
        tell("Soft-Argmax polynomial", 0, evaluator.level(&margin));
        let centred = evaluate_normalised(evaluator, &self.sigmoid, &margin)?;
        Ok(evaluator.add_scalar(&centred, 0.5)?)
    }

    /// β·margin / bound, from the totals of all states.
    fn margin<E: Evaluator>(
        &self,
        evaluator: &E,
        totals: &[E::Vector],
        tell: &mut dyn FnMut(&'static str, usize, usize),
    ) -> Result<E::Vector> {
        let totals: Vec<&E::Vector> = totals.iter().collect();
        let lowest = totals.iter().map(|t| evaluator.level(t)).min().unwrap_or(0);
        tell("head: matrix product", 0, lowest);
        let head = &self.head;
        let mut squared = None;
        if let Some((matrix, bias)) = &head.square {
            let [g] = exactly(matrix.apply(evaluator, &totals)?)?;
            tell("head: square and sum", 0, lowest.saturating_sub(1));
            squared = Some(evaluator.square(&evaluator.add_plain(&g, bias)?)?);
        }
        let mut terms = evaluator.dot_plain(&totals.into_iter().zip(&head.linear).collect::<Vec<_>>())?;
        if let Some(squared) = squared {
            terms = evaluator.add(&terms, &squared)?;
        }
        let stride = self.layout.sentences() as i64;
        let margin = double(evaluator, terms, 1, self.layout.head_period(), stride)?;
        Ok(evaluator.add_scalar(&margin, head.constant)?)
    }

    fn views<E: Evaluator>(&self, evaluator: &E, x: &E::Vector) -> Result<Views<E::Vector>> {
        let (step, positions) = (self.layout.token_step(), self.layout.positions());
        let [left, right, before_left] = exactly(evaluator.rotate_many(x, &[-step, step, -2 * step])?)?;
        let here = with_imaginary(evaluator, x, &left)?;
        let around = with_imaginary(evaluator, &right, &before_left)?;
        // `here` and `here` one token on: the first step of the sums needs no rotation.
        let sum = evaluator.add(&here, &with_imaginary(evaluator, &right, x)?)?;
        let [to_right, to_left] = BOX_SHIFTS.map(|shift| shift * step);
        let ([right_box, left_box], total);
        if positions > BOX_TOKENS {
            let boxed = double(evaluator, sum, 2, BOX_TOKENS, step)?;
            let steps = [to_right, to_left, BOX_TOKENS as i64 * step];
            let next;
            [right_box, left_box, next] = exactly(evaluator.rotate_many(&boxed, &steps)?)?;
            total = double(evaluator, evaluator.add(&boxed, &next)?, 2 * BOX_TOKENS, positions, step)?;
        } else {
            total = double(evaluator, sum, 2, positions, step)?;
            let boxed = double(evaluator, total.clone(), positions, BOX_TOKENS, step)?;
            [right_box, left_box] = exactly(evaluator.rotate_many(&boxed, &[to_right, to_left])?)?;
        }
        Ok(Views { windows: [here, around, right_box, left_box], total })
    }
}

/// a + i·b.
fn with_imaginary<E: Evaluator>(evaluator: &E, a: &E::Vector, b: &E::Vector) -> Result<E::Vector> {
    Ok(evaluator.add(a, &evaluator.mul_by_i(b)?)?)
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

fn exactly<V, const N: usize>(vectors: Vec<V>) -> Result<[V; N]> {
    <[V; N]>::try_from(vectors).map_err(|vectors| Error::Malformed {
        what: "circuit",
        field: "number of vectors",
        found: vectors.len().to_string(),
        needed: N.to_string(),
    })
}
