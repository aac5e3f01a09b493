//! Matrices of real plaintexts of a small subring: their transforms, eight at a time, and their products with limbs.
//!
//! A real vector of period p is a polynomial in Y = X^(N/2p) that conjugation fixes, so p coefficients b_0 … b_{p−1} say all of
//! it: b_0 + Σ b_k·(Y^k − Y^(2p−k)). In NTT form it is constant on 2p runs, and equal on run c and run 2p − 1 − c, whose
//! exponents are each other's negatives: p words, one per *class* of two runs.

use std::ops::Range;

use super::{Modulus, NttTable, dispatch};

/// Eight plaintexts side by side.
pub type Lanes<T> = [T; 8];

/// Coefficients that [`ClassTransform::forward`] takes are below this in magnitude.
pub const LARGEST_COEFFICIENT: f64 = 2_251_799_813_685_248.0; // 2^51

/// Twiddle factors of the transform of real plaintexts of one period for one prime.
pub struct ClassTransform {
    pub(super) modulus: Modulus,
    /// (w, ⌊w·2^52/p⌋) in a heap: the two groups below place h are 2h and 2h + 1.
    pub(super) twiddles: Vec<(u64, u64)>,
}

impl ClassTransform {
    /// The transform for period `period`, a power of two up to N/2, in the ring of `table`.
    pub fn new(table: &NttTable, period: usize) -> Self {
        assert!(period.is_power_of_two() && 2 * period <= table.n(), "period {period} in a ring of degree {}", table.n());
        let modulus = *table.modulus();
        let root = modulus.pow(table.psi(), (table.n() / (2 * period)) as u64);
        let mut twiddles = vec![(0, 0); 2 * period];
        let shift = usize::BITS - (2 * period).trailing_zeros();
        let mut power = 1;
        for k in 0..2 * period {
            twiddles[k.reverse_bits() >> shift] = (power, modulus.shoup52(power));
            power = modulus.mul(power, root);
        }
        Self { modulus, twiddles }
    }

    /// Number of classes.
    pub fn period(&self) -> usize {
        self.twiddles.len() / 2
    }

    /// Eight plaintexts: the coefficients b_k, rounded to integers (ties to even), become their values in the order of the runs.
    ///
    /// # Panics
    /// If the rows are not as many as the period.
    pub fn forward(&self, coefficients: &[Lanes<f64>], values: &mut [Lanes<u64>]) {
        assert!(coefficients.len() == self.period() && values.len() == self.period());
        debug_assert!(coefficients.iter().flatten().all(|x| x.abs() < LARGEST_COEFFICIENT));
        dispatch!(classes::forward(self, coefficients, values))
    }
}

/// Inputs and outputs that stand side by side in the eight lanes of a [`ClassWeights`] line.
pub const LANE_INPUTS: usize = 4;
/// See [`LANE_INPUTS`].
pub const LANE_OUTPUTS: usize = 2;

/// The words of a matrix of real plaintexts modulo one prime, in the order in which the product reads them: by pair of
/// outputs, class and four inputs.
pub struct ClassWeights {
    inputs: usize,
    outputs: usize,
    period: usize,
    words: Vec<Lanes<u64>>,
}

impl ClassWeights {
    /// Zeros for `outputs` × `inputs` plaintexts of period `period`.
    pub fn zeros(outputs: usize, inputs: usize, period: usize) -> Self {
        let lines = outputs.div_ceil(LANE_OUTPUTS) * period * inputs.div_ceil(LANE_INPUTS);
        Self { inputs, outputs, period, words: vec![[0; 8]; lines] }
    }

    /// Groups of four inputs.
    pub fn quads(&self) -> usize {
        self.inputs.div_ceil(LANE_INPUTS)
    }

    /// For every pair of outputs, in order, its lines: line c·quads + q holds class c; there lane 2·b + g belongs to input
    /// 4·q + b and the pair's output g.
    pub fn pairs_mut(&mut self) -> std::slice::ChunksExactMut<'_, Lanes<u64>> {
        let lines = (self.period * self.inputs.div_ceil(LANE_INPUTS)).max(1);
        self.words.chunks_exact_mut(lines)
    }

    pub(super) fn pair(&self, pair: usize) -> &[Lanes<u64>] {
        let lines = self.period * self.quads();
        &self.words[pair * lines..(pair + 1) * lines]
    }
}

/// out_g = Σ_b w_gb·x_b on the runs of some classes: of every limb the runs of `classes` (lower half) and their conjugates (upper
/// half), which lie in the opposite order.
///
/// # Panics
/// If numbers or lengths do not belong together.
pub fn gemm_classes(
    m: &Modulus,
    outs: &mut [[&mut [u64]; 2]],
    inputs: &[[&[u64]; 2]],
    weights: &ClassWeights,
    classes: Range<usize>,
) {
    assert!(outs.len() == weights.outputs && inputs.len() == weights.inputs);
    assert!(classes.start < classes.end && classes.end <= weights.period);
    let Some(words) = inputs.first().map(|x| x[0].len()) else { return };
    assert!(inputs.iter().flatten().all(|x| x.len() == words) && outs.iter().flatten().all(|x| x.len() == words));
    let run = words / classes.len();
    assert!(run > 0 && run * classes.len() == words);
    dispatch!(classes::gemm(m, outs, inputs, weights, classes, run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::portable::classes as portable;
    use crate::kernels::tests::on_every_path;
    use crate::params::{Params, ParamsLiteral};

    /// A fixed sequence of words.
    fn word(k: u64) -> u64 {
        let x = (k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn values_are_those_of_the_large_transform() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 1)).unwrap();
        for limb in 0..2 {
            let table = params.ntt_q(limb);
            let m = table.modulus();
            for log_period in 0..=9 {
                let period = 1usize << log_period;
                let gap = params.n() / (2 * period);
                // Ends of the range, halves (ties) and anything.
                let coefficient = |k: usize, lane: usize| match (k + lane) % 4 {
                    0 => LARGEST_COEFFICIENT - 1.0,
                    1 => 1.0 - LARGEST_COEFFICIENT,
                    2 => (k + lane) as f64 + 0.5,
                    _ => (word((k * 8 + lane) as u64) >> 14) as f64 - 2f64.powi(49),
                };
                let rows: Vec<Lanes<f64>> = (0..period).map(|k| std::array::from_fn(|lane| coefficient(k, lane))).collect();
                let transform = ClassTransform::new(table, period);
                let mut values = vec![[0; 8]; period];
                portable::forward(&transform, &rows, &mut values);
                on_every_path(|| {
                    let mut other = vec![[1; 8]; period];
                    transform.forward(&rows, &mut other);
                    assert_eq!(values, other, "period {period}");
                });
                for lane in 0..8 {
                    let mut large = vec![0; params.n()];
                    for (k, row) in rows.iter().enumerate() {
                        let b = m.from_i64(row[lane].round_ties_even() as i64);
                        large[k * gap] = b;
                        if k > 0 {
                            large[params.n() - k * gap] = m.neg(b);
                        }
                    }
                    table.forward(&mut large);
                    for (i, &v) in large.iter().enumerate() {
                        let run = i / gap;
                        let class = run.min(2 * period - 1 - run);
                        assert_eq!(v, values[class][lane], "period {period}, place {i}, lane {lane}");
                    }
                }
            }
        }
    }

    /// All words p − 1, and any words; numbers of inputs around the lanes and the lazy sums' lengths; every length of run.
    #[test]
    fn products_are_those_of_single_words() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 1)).unwrap();
        for (limb, run) in [(0, 8), (0, 16), (1, 32), (0, 48), (1, 4), (0, 1)] {
            let m = params.q(limb);
            let p = m.value();
            for (outputs, inputs, period, classes) in [(1, 1, 2, 0..2), (3, 15, 4, 1..3), (4, 17, 4, 0..4), (2, 70, 2, 1..2)] {
                for worst in [true, false] {
                    let draw = |k: u64| if worst { p - 1 } else { word(k) % p };
                    let mut weights = ClassWeights::zeros(outputs, inputs, period);
                    let quads = weights.quads();
                    let weight = |g: usize, b: usize, c: usize| draw((g * 1000 + b * 10 + c) as u64);
                    for (pair, lines) in weights.pairs_mut().enumerate() {
                        for c in 0..period {
                            for b in 0..inputs {
                                for g in (0..2).filter(|g| 2 * pair + g < outputs) {
                                    lines[c * quads + b / 4][2 * (b % 4) + g] = weight(2 * pair + g, b, c);
                                }
                            }
                        }
                    }
                    let words = classes.len() * run;
                    let x: Vec<Vec<u64>> =
                        (0..2 * inputs).map(|i| (0..words).map(|k| draw((i * words + k) as u64 + 7)).collect()).collect();
                    let pieces: Vec<[&[u64]; 2]> = x.chunks(2).map(|x| [&x[0][..], &x[1][..]]).collect();
                    on_every_path(|| {
                        let mut out = vec![vec![1u64; words]; 2 * outputs];
                        let mut outs: Vec<[&mut [u64]; 2]> = out
                            .chunks_mut(2)
                            .map(|pair| {
                                let (a, b) = pair.split_at_mut(1);
                                [&mut a[0][..], &mut b[0][..]]
                            })
                            .collect();
                        gemm_classes(m, &mut outs, &pieces, &weights, classes.clone());
                        for g in 0..outputs {
                            for half in 0..2 {
                                for k in 0..words {
                                    let at = if half == 0 { k / run } else { classes.len() - 1 - k / run };
                                    let expected = (0..inputs).fold(0, |sum, b| {
                                        m.add(sum, m.mul(weight(g, b, classes.start + at), x[2 * b + half][k]))
                                    });
                                    assert_eq!(
                                        out[2 * g + half][k],
                                        expected,
                                        "run {run}, {outputs} × {inputs}, output {g}, place {k}"
                                    );
                                }
                            }
                        }
                    });
                }
            }
        }
    }
}
