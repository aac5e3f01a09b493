//! Folding: everything that is linear or constant goes into the matrices, so that the circuit spends levels on products only.

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::{BlockTransform, Diagonals};
use hnn_layers::bilinear_conv::{BOX_DIVISOR, BOX_REACH, BilinearConv, TAPS};
use ndarray::{Array2, s};
use num_complex::Complex64;

use super::diagonals::{DiagonalBuilder, plain};
use super::{Student, StudentCircuit};
use crate::{Error, Result};

/// Tokens in a box tap: those at distances 2 … [`BOX_REACH`].
pub(super) const BOX_TOKENS: usize = BOX_REACH as usize - 1;

/// Where each tap of v stands among the [`INPUTS`] of a state.
const TAP_INPUTS: [usize; TAPS] = [1, 0, 2, 3, 4];

/// Vectors that a block reads of each state: the state, its left and right neighbour, the box to the right and to the left, the
/// sum over all tokens.
pub(super) const INPUTS: usize = 6;

/// Token shifts of the two boxes, which are sums of [`BOX_TOKENS`] tokens from a token on.
pub(super) const BOX_SHIFTS: [i64; 2] = [2, -BOX_REACH];

/// Baby steps for all matrices: about the root of the 2p − 1 steps, a power of two, so that all matrices and the sums over the
/// features share their keys.
fn baby_steps(period: usize) -> usize {
    1 << period.ilog2().div_ceil(2)
}

pub(super) fn compile(student: &Student, positions: usize, slots: usize) -> Result<StudentCircuit> {
    let config = student.config();
    let malformed =
        |field, found: usize, needed: String| Error::Malformed { what: "circuit", field, found: found.to_string(), needed };
    let bucket = config.bucket(positions).ok_or_else(|| {
        let known: Vec<_> = config.buckets.iter().map(|b| b.positions).collect();
        malformed("number of positions", positions, format!("one of {known:?}"))
    })?;
    let period = config.period();
    if period * positions > slots {
        let needed = format!("at least {}: {positions} positions of {period} features", period * positions);
        return Err(malformed("number of slots", slots, needed));
    }
    let network = student.network();
    // Column j of the list: how features of x are made of state j (inputs × dim); state 0 is x₀ itself.
    let mut outputs: Vec<Array2<f64>> = vec![Array2::eye(config.dim)];
    let mut blocks = Vec::with_capacity(network.blocks.len());
    for block in &network.blocks {
        blocks.push(fold_block(block, &outputs, period, slots, bucket.divisor)?);
        outputs.push(block.output.clone());
    }
    let head = &network.head;
    let (projection, bias) = (&head.projection.weight, &head.projection.bias);
    // What the normalised polynomial wants is β·margin / bound.
    let gain = student.beta() / config.soft_argmax.bound;
    let roots: Vec<Complex64> = head.square.iter().map(|&o| Complex64::new(gain * o, 0.0).sqrt()).collect();
    let padded = |j: usize, value: Option<&f64>| match (roots.get(j), value) {
        (Some(&root), Some(&v)) => root * v,
        _ => Complex64::ZERO,
    };
    let totals = outputs.iter().map(|w| {
        let mut diagonals = DiagonalBuilder::new(period, slots);
        diagonals.add_shared(&(w.dot(projection) / bucket.divisor), |row| roots[row]);
        diagonals.build()
    });
    let totals: Vec<Diagonals> = totals.collect::<Result<_>>()?;
    let square = if totals.iter().flat_map(|d| d.values()).all(PlainVector::is_zero) {
        None
    } else {
        let bias = plain((0..period).map(|j| padded(j, bias.get(j))).collect())?;
        Some((BlockTransform::with_babies(slots, Some(baby_steps(period)), vec![totals])?, bias))
    };
    let linear = outputs.iter().map(|w| {
        let weights = w.dot(projection).dot(&head.linear) * (gain / bucket.divisor);
        Ok(PlainVector::from_fn(period, |f| weights.get(f).copied().unwrap_or(0.0))?)
    });
    let mut constant = gain * (head.linear.dot(bias) + head.constant.sum());
    if square.is_none() {
        // Nothing is squared: only the bias's own square is left.
        constant += gain * head.square.iter().zip(bias).map(|(o, b)| o * b * b).sum::<f64>();
    }
    Ok(StudentCircuit {
        period,
        positions,
        blocks,
        square,
        linear: linear.collect::<Result<_>>()?,
        constant,
        sigmoid: student.sigmoid().clone(),
    })
}

/// Both factors of a block from the [`INPUTS`] of each state before it, and the bias of v.
fn fold_block(
    block: &BilinearConv<f64>,
    outputs: &[Array2<f64>],
    period: usize,
    slots: usize,
    divisor: f64,
) -> Result<(BlockTransform, PlainVector)> {
    let (features, one) = (block.features(), |_| Complex64::ONE);
    let (mut u, mut v) = (Vec::new(), Vec::new());
    for w in outputs {
        let mut inputs: [_; INPUTS] = std::array::from_fn(|_| DiagonalBuilder::new(period, slots));
        for (tap, input) in TAP_INPUTS.into_iter().enumerate() {
            let weights = w.dot(&block.taps.slice(s![tap * features..(tap + 1) * features, ..]));
            let divisor = if input < 3 { 1.0 } else { BOX_DIVISOR };
            inputs[input].add_token(&(weights / divisor), one);
        }
        inputs[INPUTS - 1].add_shared(&(w.dot(&block.global) / divisor), one);
        for input in inputs {
            v.push(input.build()?);
        }
        let mut centre = DiagonalBuilder::new(period, slots);
        centre.add_token(&w.dot(&block.centre), one);
        u.push(centre.build()?);
        u.extend(std::iter::repeat_n(Diagonals::new(), INPUTS - 1));
    }
    let bias = PlainVector::from_fn(period, |r| block.bias.get(r).copied().unwrap_or(0.0))?;
    Ok((BlockTransform::with_babies(slots, Some(baby_steps(period)), vec![u, v])?, bias))
}
