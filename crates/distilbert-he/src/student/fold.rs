//! Folding: everything that is linear or constant goes into the matrices, so that the circuit spends levels on products only.

use std::ops::Range;

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::{BlockTransform, Diagonals};
use hnn_layers::bilinear_conv::{BOX_DIVISOR, BOX_REACH, BilinearConv};
use ndarray::{Array2, ArrayView2, s};
use num_complex::Complex64;

use super::circuit::{Block, Head, StudentCircuit, WINDOWS};
use super::diagonals::{DiagonalBuilder, Half, plain};
use super::{SlotLayout, Student};
use crate::Result;

/// Tokens in a box tap: those at distances 2 … [`BOX_REACH`].
pub(super) const BOX_TOKENS: usize = BOX_REACH as usize - 1;

/// Token shifts of the two boxes, to the right and to the left, which are sums of [`BOX_TOKENS`] tokens from a token on.
pub(super) const BOX_SHIFTS: [i64; 2] = [2, -BOX_REACH];

/// What a real part is made of: v + conj(v) is twice the real part.
const HALF: Complex64 = Complex64::new(0.5, 0.0);

/// Factor of the weights of b in z = a + i·b, for a real part that is taken as v + conj(v).
const HALF_OF_IMAGINARY: Complex64 = Complex64::new(0.0, -0.5);

/// Factor of the weights of a total that is given as its product with 1 + i ([`super::circuit::Views`]).
const OF_TOTAL: Complex64 = Complex64::new(0.5, -0.5);

/// Baby steps for all matrices, in features: about the root of the p steps, a power of two, so that all matrices and the
/// sums over the features share their keys.
fn baby_steps(layout: SlotLayout) -> Option<usize> {
    Some(layout.sentences() << (layout.period().ilog2() / 2))
}

/// How a state, x₀ or the products of a block, stands in the features that a matrix reads.
enum State {
    /// As these features, which are nobody else's.
    Rows(Range<usize>),
    /// Added to the first features by this matrix (inputs × features).
    Through(Array2<f64>),
}

impl State {
    /// What `matrix` (features × outputs) does with the state (inputs × outputs).
    fn seen_by(&self, matrix: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            State::Rows(rows) => matrix.slice(s![rows.clone(), ..]).to_owned(),
            State::Through(w) => w.dot(&matrix.slice(s![..w.ncols(), ..])),
        }
    }
}

pub(super) fn compile(student: &Student, positions: usize, slots: usize) -> Result<StudentCircuit> {
    let config = student.config();
    let layout = SlotLayout::new(config, positions, slots)?;
    let divisor = config.bucket(positions).map_or(1.0, |b| b.divisor);
    let network = student.network();
    let mut states = vec![State::Rows(0..config.dim)];
    let mut blocks = Vec::with_capacity(network.blocks.len());
    for block in &network.blocks {
        blocks.push(fold_block(block, &states, layout, divisor)?);
        let appended = block.features()..block.features_out();
        states.push(block.output.clone().map_or(State::Rows(appended), State::Through));
    }
    let head = fold_head(student, &states, layout, divisor)?;
    Ok(StudentCircuit { layout, blocks, head, sigmoid: student.sigmoid().clone() })
}

/// Both factors of a block from the views of all states before it, and the bias of v. The inputs are the windows of each state in
/// the order of [`super::circuit::Views`], then the totals of all states, two in each.
fn fold_block(block: &BilinearConv<f64>, states: &[State], layout: SlotLayout, divisor: f64) -> Result<Block> {
    let features = block.features();
    let tap = |state: &State, k: usize| {
        state.seen_by(block.taps.slice(s![k * features..(k + 1) * features, ..])) / if k < 3 { 1.0 } else { BOX_DIVISOR }
    };
    let input = |parts: &[(&Array2<f64>, Half, Complex64)]| {
        let mut diagonals = DiagonalBuilder::new(layout);
        parts.iter().for_each(|&(matrix, half, factor)| diagonals.add_half(matrix, half, factor));
        diagonals.build()
    };
    let (a, b) = (HALF, HALF_OF_IMAGINARY);
    let (mut u, mut v) = (Vec::new(), Vec::new());
    for state in states {
        let [left, centre, right, right_box, left_box] = std::array::from_fn(|k| tap(state, k));
        let alone = state.seen_by(block.centre.view());
        u.push(input(&[(&alone, Half::Within, a), (&alone, Half::Wrapped, b)])?);
        u.extend(std::iter::repeat_n(Diagonals::new(), WINDOWS - 1));
        // x[t] + i·x[t − 1]; then x[t + 1] + i·x[t − 2].
        v.push(input(&[
            (&centre, Half::Within, a),
            (&centre, Half::Wrapped, b),
            (&left, Half::Within, b),
            (&right, Half::Wrapped, a),
        ])?);
        v.push(input(&[(&right, Half::Within, a), (&left, Half::Wrapped, b)])?);
        v.push(input(&[(&right_box, Half::Within, a), (&right_box, Half::Wrapped, b)])?);
        v.push(input(&[(&left_box, Half::Within, a), (&left_box, Half::Wrapped, b)])?);
    }
    for pair in states.chunks(2) {
        let mut totals = DiagonalBuilder::new(layout);
        for (state, factor) in pair.iter().zip([HALF, HALF_OF_IMAGINARY]) {
            totals.add_shared(&(state.seen_by(block.global.view()) / divisor), |_| factor * OF_TOTAL);
        }
        u.push(Diagonals::new());
        v.push(totals.build()?);
    }
    let bias: Vec<Complex64> = block.bias.iter().map(|&b| b.into()).collect();
    Ok(Block {
        factors: BlockTransform::with_babies(layout.slots(), baby_steps(layout), vec![u, v])?,
        bias: plain(layout, layout.period(), &bias)?,
    })
}

/// What the head reads: the totals of all states, all but the last times 1 + i.
fn fold_head(student: &Student, states: &[State], layout: SlotLayout, divisor: f64) -> Result<Head> {
    let config = student.config();
    let head = &student.network().head;
    let (projection, bias) = (&head.projection.weight, &head.projection.bias);
    // What the normalised polynomial wants is β·margin / bound.
    let gain = student.beta() / config.soft_argmax.bound;
    let roots: Vec<Complex64> = head.square.iter().map(|&o| Complex64::new(gain * o, 0.0).sqrt()).collect();
    let projected: Vec<Array2<f64>> = states.iter().map(|state| state.seen_by(projection.view())).collect();
    let factor = |state: usize| if state + 1 < states.len() { OF_TOTAL } else { Complex64::ONE };
    let totals = projected.iter().enumerate().map(|(state, projection)| {
        let mut diagonals = DiagonalBuilder::for_head(layout);
        diagonals.add_shared(&(projection / divisor), |row| roots[row] * factor(state));
        diagonals.build()
    });
    let totals: Vec<Diagonals> = totals.collect::<Result<_>>()?;
    let square = if totals.iter().flat_map(|d| d.values()).all(PlainVector::is_zero) {
        None
    } else {
        let bias: Vec<Complex64> = roots.iter().zip(bias).map(|(root, b)| root * b).collect();
        Some((
            BlockTransform::with_babies(layout.slots(), baby_steps(layout), vec![totals])?,
            plain(layout, layout.head_period(), &bias)?,
        ))
    };
    let linear = projected.iter().enumerate().map(|(state, projection)| {
        let weights = projection.dot(&head.linear) * (gain / divisor);
        plain(layout, layout.head_period(), &weights.iter().map(|&x| factor(state) * x).collect::<Vec<_>>())
    });
    let mut constant = gain * (head.linear.dot(bias) + head.constant.sum());
    if square.is_none() {
        // Nothing is squared: only the bias's own square is left.
        constant += gain * head.square.iter().zip(bias).map(|(o, b)| o * b * b).sum::<f64>();
    }
    Ok(Head { square, linear: linear.collect::<Result<_>>()?, constant })
}
