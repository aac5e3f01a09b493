//! Real plaintexts of a small subring, word by word.

use std::ops::Range;

use crate::kernels::Modulus;
use crate::kernels::classes::{
    ClassOutputs, ClassTransform, ClassWeights, LANE_INPUTS, LANE_OUTPUTS, Lane, LaneCoefficients, Lanes, inverse_element,
    moved_place,
};

pub fn forward(transform: &ClassTransform, coefficients: &[Lanes<f64>], values: &mut [Lanes<u64>]) {
    let m = &transform.modulus;
    for (row, x) in values.iter_mut().zip(coefficients) {
        *row = x.map(|x| m.from_i64(x.round_ties_even() as i64));
    }
    let period = values.len();
    if period == 1 {
        return;
    }
    // The first stage gives the lower half only, from b_k and the coefficient −b_{p−k} of Y^(p+k).
    let first = transform.twiddles[1].0;
    for k in 1..=period / 2 {
        for lane in 0..8 {
            let (x, y) = (values[k][lane], values[period - k][lane]);
            values[k][lane] = m.sub(x, m.mul(first, y));
            values[period - k][lane] = m.sub(y, m.mul(first, x));
        }
    }
    let (mut half, mut groups) = (period / 2, 2);
    while half >= 1 {
        for (group, &(w, _)) in values.chunks_exact_mut(2 * half).zip(&transform.twiddles[groups..]) {
            let (low, high) = group.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                for lane in 0..8 {
                    let (x, y) = (low[lane], m.mul(w, high[lane]));
                    (low[lane], high[lane]) = (m.add(x, y), m.sub(x, y));
                }
            }
        }
        groups *= 2;
        half /= 2;
    }
}

pub fn gemm(
    m: &Modulus,
    outputs: &mut ClassOutputs<'_, '_>,
    inputs: &[[&[u64]; 2]],
    weights: &ClassWeights,
    classes: Range<usize>,
    run: usize,
) {
    let quads = weights.quads();
    let product = |g: usize, half: usize, k: usize| {
        let at = if half == 0 { k / run } else { classes.len() - 1 - k / run };
        let lines = &weights.pair(g / LANE_OUTPUTS)[(classes.start + at) * quads..][..quads];
        let weight = |b: usize| lines[b / LANE_INPUTS][LANE_OUTPUTS * (b % LANE_INPUTS) + g % LANE_OUTPUTS];
        // Products are below 2^100: a quarter of a billion inputs fit 128 bits.
        m.reduce_u128(inputs.iter().enumerate().map(|(b, x)| u128::from(x[half][k]) * u128::from(weight(b))).sum())
    };
    match outputs {
        ClassOutputs::Limbs { outs, .. } => {
            for (g, out) in outs.iter_mut().enumerate() {
                for (half, out) in out.iter_mut().enumerate() {
                    out.iter_mut().enumerate().for_each(|(k, o)| *o = product(g, half, k));
                }
            }
        }
        ClassOutputs::Moved { acc, elements } => {
            let first = [classes.start * run, acc.len() - classes.end * run];
            for (g, &element) in elements.iter().enumerate() {
                let inverse = inverse_element(element);
                for (half, first) in first.into_iter().enumerate() {
                    for k in 0..classes.len() * run {
                        let log_n = acc.len().ilog2();
                        let o = &mut acc[moved_place(log_n, inverse, first + k)];
                        *o = m.add(*o, product(g, half, k));
                    }
                }
            }
        }
    }
}

pub fn interleave(rows: &mut [Lanes<f64>], lanes: &[Option<Lane<'_>>; 8]) {
    rows.fill([0.0; 8]);
    for (k, lane) in lanes.iter().enumerate() {
        let Some(Lane { coefficients, factor }) = lane else { continue };
        let gap = rows.len() / coefficients.period();
        let rows = rows.iter_mut().step_by(gap);
        match coefficients {
            LaneCoefficients::Small(c) => rows.zip(*c).for_each(|(row, &c)| row[k] = f64::from(c) * factor),
            LaneCoefficients::Wide(c) => rows.zip(*c).for_each(|(row, &c)| row[k] = c * factor),
        }
    }
}
