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

    pub(super) fn pairs(&self) -> usize {
        self.outputs.div_ceil(LANE_OUTPUTS)
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn period(&self) -> usize {
        self.period
    }

    pub(super) fn pair(&self, pair: usize) -> &[Lanes<u64>] {
        let lines = self.period * self.quads();
        &self.words[pair * lines..(pair + 1) * lines]
    }
}

/// Where the products of [`gemm_classes`] go.
pub enum ClassOutputs<'o, 'l> {
    /// To limbs of their own: of each the runs of the classes, in the lower half and in the upper.
    Limbs {
        /// A pair per output.
        outs: &'o mut [[&'l mut [u64]; 2]],
        /// Past the caches, to where they are not read again soon.
        stream: bool,
    },
    /// To one limb of all words, added up after an automorphism each.
    Moved {
        /// The sum.
        acc: &'o mut [u64],
        /// Per output the Galois element, an odd g: what stands at exponent e·g of the product goes to exponent e.
        elements: &'o [u64],
    },
}

/// out_g = Σ_b w_gb·x_b on the runs of some classes: of every limb the runs of `classes` (lower half) and their conjugates (upper
/// half), which lie in the opposite order.
///
/// # Panics
/// If numbers or lengths do not belong together.
pub fn gemm_classes(
    m: &Modulus,
    outputs: &mut ClassOutputs<'_, '_>,
    inputs: &[[&[u64]; 2]],
    weights: &ClassWeights,
    classes: Range<usize>,
) {
    assert!(inputs.len() == weights.inputs);
    assert!(classes.start < classes.end && classes.end <= weights.period);
    let Some(words) = inputs.first().map(|x| x[0].len()) else { return };
    let run = words / classes.len();
    assert!(run > 0 && run * classes.len() == words && inputs.iter().flatten().all(|x| x.len() == words));
    match outputs {
        ClassOutputs::Limbs { outs, .. } => {
            assert!(outs.len() == weights.outputs && outs.iter().flatten().all(|x| x.len() == words));
        }
        ClassOutputs::Moved { acc, elements } => {
            assert!(acc.len() == 2 * weights.period * run && acc.len().is_power_of_two());
            assert!(elements.len() == weights.outputs && elements.iter().all(|g| g % 2 == 1));
        }
    }
    dispatch!(classes::gemm(m, outputs, inputs, weights, classes, run))
}

/// Where row `r` of the two runs of class `c` (of `count`) lies, for rows of equal length: half, and row there.
#[inline]
pub(super) fn place(c: usize, r: usize, rows_per_run: usize, count: usize) -> (usize, usize) {
    if r < rows_per_run { (0, c * rows_per_run + r) } else { (1, (count - 1 - c) * rows_per_run + r - rows_per_run) }
}

/// Where an automorphism moves a place of a limb of `log_n` bits, in the order out\[i\] = a(ψ^(2·bitrev(i)+1)): by the inverse of its
/// Galois element.
#[inline]
pub(super) fn moved_place(log_n: u32, inverse: u64, place: usize) -> usize {
    let reverse = |x: u32| x.reverse_bits() >> (32 - log_n);
    let exponent = (2 * u64::from(reverse(place as u32)) + 1).wrapping_mul(inverse) & ((2 << log_n) - 1);
    reverse((exponent / 2) as u32) as usize
}

/// 1/g modulo every power of two, for odd g (Newton: each step doubles the right bits, of which g itself has three).
pub(crate) fn inverse_element(g: u64) -> u64 {
    (0..5).fold(g, |h, _| h.wrapping_mul(2u64.wrapping_sub(g.wrapping_mul(h))))
}

/// The coefficients of one lane and what they are multiplied by.
#[derive(Clone, Copy)]
pub struct Lane<'a> {
    /// b_0 … b_{s−1}.
    pub coefficients: LaneCoefficients<'a>,
    /// Their factor.
    pub factor: f64,
}

/// See [`Lane`].
#[derive(Clone, Copy)]
pub enum LaneCoefficients<'a> {
    /// 32-bit integers.
    Small(&'a [i32]),
    /// Any numbers.
    Wide(&'a [f64]),
}

impl LaneCoefficients<'_> {
    /// Their number, the period s.
    pub fn period(&self) -> usize {
        match self {
            Self::Small(c) => c.len(),
            Self::Wide(c) => c.len(),
        }
    }
}

/// Brings coefficients side by side; the rows are a multiple of each lane's period, which then has gaps of zeros. `None` is zero.
///
/// # Panics
/// If the rows are no multiple of a period.
pub fn interleave(rows: &mut [Lanes<f64>], lanes: &[Option<Lane<'_>>; 8]) {
    assert!(lanes.iter().flatten().all(|l| l.coefficients.period() > 0 && rows.len().is_multiple_of(l.coefficients.period())));
    dispatch!(classes::interleave(rows, lanes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::portable::classes as portable;
    use crate::kernels::tests::{on_every_path, prime_below};
    use crate::params::{Params, ParamsLiteral};
    use crate::ring::automorphism::ntt_permutation;

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
        let of_bits = |bits| Modulus::new(prime_below(bits, 10, 0)).unwrap();
        let (first, second) = (*params.q(0), *params.q(1));
        let ordinary = [(first, 8), (first, 16), (second, 32), (first, 48), (second, 4), (first, 1)];
        // Sizes at which products change their form.
        for (m, run) in ordinary.into_iter().chain([30, 31, 32, 33, 50].map(|bits| (of_bits(bits), 16))) {
            let (m, p) = (&m, m.value());
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
                        let mut limbs = ClassOutputs::Limbs { outs: &mut outs, stream: worst };
                        gemm_classes(m, &mut limbs, &pieces, &weights, classes.clone());
                        // Where limbs are whole powers of two: the same, moved and added up.
                        let n = 2 * period * run;
                        let moved = n.is_power_of_two();
                        let elements: Vec<u64> = (0..outputs).map(|g| [1, 5, 2 * n as u64 - 1, 3][g % 4]).collect();
                        let inverses: Vec<Vec<u32>> = elements[..if moved { outputs } else { 0 }]
                            .iter()
                            .map(|&g| {
                                let table = ntt_permutation(n.ilog2(), g);
                                let mut inverse = vec![0; n];
                                table.iter().enumerate().for_each(|(i, &s)| inverse[s as usize] = i as u32);
                                inverse
                            })
                            .collect();
                        let mut acc = vec![p - 1; n];
                        let mut expected_acc = acc.clone();
                        if moved {
                            let mut sum = ClassOutputs::Moved { acc: &mut acc, elements: &elements };
                            gemm_classes(m, &mut sum, &pieces, &weights, classes.clone());
                        }
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
                                    if moved {
                                        let first = if half == 0 { classes.start * run } else { n - classes.end * run };
                                        let o = &mut expected_acc[inverses[g][first + k] as usize];
                                        *o = m.add(*o, expected);
                                    }
                                }
                            }
                        }
                        assert_eq!(acc, expected_acc, "run {run}, {outputs} × {inputs}");
                    });
                }
            }
        }
    }

    #[test]
    fn lanes_stand_side_by_side() {
        let small: Vec<Vec<i32>> =
            (0..8).map(|l| (0..24).map(|k| (word(l * 24 + k) >> 33) as i32 - (1 << 30)).collect()).collect();
        let wide: Vec<f64> = (0..12).map(|k| k as f64 * 0.75).collect();
        on_every_path(|| {
            for mixed in [false, true] {
                let lane = |l: usize| {
                    let coefficients = match l {
                        3 if mixed => LaneCoefficients::Wide(&wide),
                        5 if mixed => return None,
                        _ => LaneCoefficients::Small(&small[l]),
                    };
                    Some(Lane { coefficients, factor: 0.5 + l as f64 })
                };
                let mut rows = vec![[1.0; 8]; 24];
                interleave(&mut rows, &std::array::from_fn(lane));
                for (k, row) in rows.iter().enumerate() {
                    for (l, &x) in row.iter().enumerate() {
                        let expected = match lane(l) {
                            None => 0.0,
                            Some(Lane { coefficients: LaneCoefficients::Small(c), factor }) => f64::from(c[k]) * factor,
                            Some(Lane { coefficients: LaneCoefficients::Wide(c), factor }) => [c[k / 2] * factor, 0.0][k % 2],
                        };
                        assert_eq!(x, expected, "row {k}, lane {l}");
                    }
                }
            }
        });
    }
}
