//! Folding: everything that is linear or constant goes into the matrices, so that the circuit spends levels on products only.

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::{BlockTransform, Diagonals};
use hnn_layers::bilinear_conv::{BOX_DIVISOR, BOX_REACH, BilinearConv};
use ndarray::{Array2, s};
use num_complex::Complex64;

use super::circuit::{Block, Head, StudentCircuit};
use super::diagonals::{DiagonalBuilder, plain};
use super::{SlotLayout, Student};
use crate::Result;

/// Tokens in a box tap: those at distances 2 … [`BOX_REACH`].
pub(super) const BOX_TOKENS: usize = BOX_REACH as usize - 1;

/// Token shifts of the two boxes, to the right and to the left, which are sums of [`BOX_TOKENS`] tokens from a token on.
pub(super) const BOX_SHIFTS: [i64; 2] = [2, -BOX_REACH];

/// Tap of v (block of rows of its matrix) that reads each input of a state, in the order of [`super::circuit::Views`]; the last
/// input is the sum over all tokens, which has a matrix of its own.
const TAPS_OF_VIEWS: [usize; 5] = [1, 0, 2, 3, 4];

/// What a real part is made of: v + conj(v) is twice the real part.
const HALF: Complex64 = Complex64::new(0.5, 0.0);

/// Factor of the weights of b in z = a + i·b, for a real part that is taken as v + conj(v).
const HALF_OF_IMAGINARY: Complex64 = Complex64::new(0.0, -0.5);

/// Baby steps for all matrices, in features: about the root of the 2p − 1 steps, a power of two, so that all matrices and the
/// sums over the features share their keys.
fn baby_steps(layout: SlotLayout) -> Option<usize> {
    Some(layout.sentences() << (layout.period().ilog2() / 2))
}

pub(super) fn compile(student: &Student, positions: usize, slots: usize) -> Result<StudentCircuit> {
    let config = student.config();
    let layout = SlotLayout::new(config, positions, slots)?;
    let divisor = config.bucket(positions).map_or(1.0, |b| b.divisor);
    let network = student.network();
    // Column j of the list: how features of x are made of state j (inputs × dim); state 0 is x₀ itself.
    let mut outputs: Vec<Array2<f64>> = vec![Array2::eye(config.dim)];
    let mut blocks = Vec::with_capacity(network.blocks.len());
    for block in &network.blocks {
        blocks.push(fold_block(block, &outputs, layout, divisor)?);
        outputs.push(block.output.clone());
    }
    let head = fold_head(student, &outputs, layout, divisor)?;
    Ok(StudentCircuit { layout, blocks, head, sigmoid: student.sigmoid().clone() })
}

/// Both factors of a block from the views of all states before it, and the bias of v.
fn fold_block(block: &BilinearConv<f64>, outputs: &[Array2<f64>], layout: SlotLayout, divisor: f64) -> Result<Block> {
    let features = block.features();
    // Weights by state and view, the centre tap of u, and the global mean.
    let tap = |w: &Array2<f64>, view: usize| {
        let at = TAPS_OF_VIEWS[view];
        w.dot(&block.taps.slice(s![at * features..(at + 1) * features, ..])) / if view < 3 { 1.0 } else { BOX_DIVISOR }
    };
    let total = |w: &Array2<f64>| w.dot(&block.global) / divisor;
    let (half, of_imaginary) = (|_| HALF, |_| HALF_OF_IMAGINARY);
    let (mut u, mut v) = (Vec::new(), Vec::new());
    for pair in outputs.chunks(2) {
        let mut centre = DiagonalBuilder::new(layout);
        centre.add_token(&pair[0].dot(&block.centre), half);
        let mut inputs: Vec<DiagonalBuilder> = Vec::new();
        if let [a, b] = pair {
            centre.add_token(&b.dot(&block.centre), of_imaginary);
            for view in 0..TAPS_OF_VIEWS.len() {
                let mut input = DiagonalBuilder::new(layout);
                input.add_token(&tap(a, view), half);
                input.add_token(&tap(b, view), of_imaginary);
                inputs.push(input);
            }
            let mut input = DiagonalBuilder::new(layout);
            input.add_shared(&total(a), half);
            input.add_shared(&total(b), of_imaginary);
            inputs.push(input);
        } else {
            let a = &pair[0];
            let imaginary = [total(a), tap(a, 4), tap(a, 3)];
            for (view, weights) in imaginary.iter().enumerate() {
                let mut input = DiagonalBuilder::new(layout);
                input.add_token(&tap(a, view), half);
                input.add_token(weights, of_imaginary);
                inputs.push(input);
            }
        }
        u.push(centre.build()?);
        u.extend(std::iter::repeat_n(Diagonals::new(), inputs.len() - 1));
        for input in inputs {
            v.push(input.build()?);
        }
    }
    let bias: Vec<Complex64> = block.bias.iter().map(|&b| b.into()).collect();
    Ok(Block {
        factors: BlockTransform::with_babies(layout.slots(), baby_steps(layout), vec![u, v])?,
        bias: plain(layout, &bias)?,
    })
}

/// What the head reads: of each pair of totals z = a + i·b the vectors 2a = z + conj(z) and 2i·b = z − conj(z), of a total
/// without a partner the total itself.
fn fold_head(student: &Student, outputs: &[Array2<f64>], layout: SlotLayout, divisor: f64) -> Result<Head> {
    let config = student.config();
    let head = &student.network().head;
    let (projection, bias) = (&head.projection.weight, &head.projection.bias);
    // What the normalised polynomial wants is β·margin / bound.
    let gain = student.beta() / config.soft_argmax.bound;
    let roots: Vec<Complex64> = head.square.iter().map(|&o| Complex64::new(gain * o, 0.0).sqrt()).collect();
    let factor = |state: usize| match (state % 2, state + 1 < outputs.len()) {
        (0, false) => Complex64::ONE,
        (0, true) => HALF,
        _ => HALF_OF_IMAGINARY,
    };
    let totals = outputs.iter().enumerate().map(|(state, w)| {
        let mut diagonals = DiagonalBuilder::new(layout);
        diagonals.add_shared(&(w.dot(projection) / divisor), |row| roots[row] * factor(state));
        diagonals.build()
    });
    let totals: Vec<Diagonals> = totals.collect::<Result<_>>()?;
    let square = if totals.iter().flat_map(|d| d.values()).all(PlainVector::is_zero) {
        None
    } else {
        let bias: Vec<Complex64> = roots.iter().zip(bias).map(|(root, b)| root * b).collect();
        Some((BlockTransform::with_babies(layout.slots(), baby_steps(layout), vec![totals])?, plain(layout, &bias)?))
    };
    let linear = outputs.iter().enumerate().map(|(state, w)| {
        let weights = w.dot(projection).dot(&head.linear) * (gain / divisor);
        plain(layout, &weights.iter().map(|&x| factor(state) * x).collect::<Vec<_>>())
    });
    let mut constant = gain * (head.linear.dot(bias) + head.constant.sum());
    if square.is_none() {
        // Nothing is squared: only the bias's own square is left.
        constant += gain * head.square.iter().zip(bias).map(|(o, b)| o * b * b).sum::<f64>();
    }
    Ok(Head { square, linear: linear.collect::<Result<_>>()?, constant })
}
