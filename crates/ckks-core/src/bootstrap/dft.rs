//! CoeffsToSlots and SlotsToCoeffs as products of sparse matrices, in plain numbers.
//!
//! The special FFT of [`crate::encoding::SpecialFft`] is bit reversal followed by log2(s) stages of butterflies; a stage of
//! length L has non-zero entries on the diagonals 0, L/2 and −L/2 only, and repeats with period L (Chen, Chillotti, Song,
//! eprint 2018/1043, section 4; Han, Hhan, Cheon, eprint 2018/1073). A few neighbouring stages are multiplied into one matrix, which costs
//! one level. Both directions leave the bit reversal out: EvalMod treats all slots alike, so the two permutations cancel.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use num_complex::Complex64;

const ZERO: Complex64 = Complex64 { re: 0.0, im: 0.0 };

/// A matrix by its non-zero diagonals: row i of the product with x is Σ D_k\[i\]·x\[i + k\]. All diagonals have one period.
#[derive(Clone, Debug)]
pub(super) struct Diagonals {
    /// Length after which every diagonal repeats.
    pub period: usize,
    /// All steps are multiples of this.
    pub unit: usize,
    /// Diagonals by step.
    pub by_step: BTreeMap<i64, Vec<Complex64>>,
}

impl Diagonals {
    /// One stage of length `length`: of the embedding, or of its inverse with the factor 1/2.
    fn stage(length: usize, inverse: bool) -> Self {
        let half = length / 2;
        let order = 4 * length;
        let mut exponent = 1;
        let twiddles: Vec<Complex64> = (0..half)
            .map(|_| {
                let w = Complex64::from_polar(1.0, TAU * exponent as f64 / order as f64);
                exponent = exponent * 5 % order;
                w
            })
            .collect();
        // low = a + w·b, high = a − w·b; backwards low = (a + b)/2, high = (a − b)·w̄/2.
        let entry = |low: &dyn Fn(Complex64) -> Complex64, high: &dyn Fn(Complex64) -> Complex64| {
            twiddles.iter().map(|&w| low(w)).chain(twiddles.iter().map(|&w| high(w))).collect::<Vec<_>>()
        };
        let (one, half_one) = (Complex64::new(1.0, 0.0), Complex64::new(0.5, 0.0));
        let zero = |_| ZERO;
        let [middle, up, down] = if inverse {
            [entry(&|_| half_one, &|w| -0.5 * w.conj()), entry(&|_| half_one, &zero), entry(&zero, &|w| 0.5 * w.conj())]
        } else {
            [entry(&|_| one, &|w| -w), entry(&|w| w, &zero), entry(&zero, &|_| one)]
        };
        let h = half as i64;
        Self { period: length, unit: half, by_step: BTreeMap::from([(0, middle), (h, up), (-h, down)]) }
    }

    /// self · inner.
    fn after(&self, inner: &Self) -> Self {
        let period = self.period.max(inner.period);
        let mut by_step: BTreeMap<i64, Vec<Complex64>> = BTreeMap::new();
        for (&a, outer) in &self.by_step {
            for (&b, diagonal) in &inner.by_step {
                let sum = by_step.entry(a + b).or_insert_with(|| vec![ZERO; period]);
                for (i, out) in sum.iter_mut().enumerate() {
                    let j = (i as i64 + a).rem_euclid(inner.period as i64) as usize;
                    *out += outer[i % self.period] * diagonal[j];
                }
            }
        }
        by_step.retain(|_, d| d.iter().any(|&x| x != ZERO));
        Self { period, unit: self.unit.min(inner.unit), by_step }
    }

    /// Steps modulo `slots`: where the period is all of the vector, k and k − s are the same rotation.
    fn folded(self, slots: usize) -> Self {
        if self.period < slots {
            return self;
        }
        let mut by_step: BTreeMap<i64, Vec<Complex64>> = BTreeMap::new();
        for (step, diagonal) in self.by_step {
            let sum = by_step.entry(step.rem_euclid(slots as i64)).or_insert_with(|| vec![ZERO; slots]);
            sum.iter_mut().zip(diagonal).for_each(|(s, d)| *s += d);
        }
        Self { by_step, ..self }
    }

    fn scaled(mut self, factor: f64) -> Self {
        self.by_step.values_mut().flatten().for_each(|x| *x *= factor);
        self
    }

    /// Rows j of one period become real parts, those of the next one imaginary parts: with z the product, the result plus its
    /// conjugate is 2·Re z in the first of two periods of s = `slots` and 2·Im z in the second.
    pub fn packed(mut self, slots: usize) -> Self {
        let turned = Complex64::new(0.0, -1.0);
        for diagonal in self.by_step.values_mut() {
            let row = |j: usize| diagonal[j % diagonal.len()] * if j < slots { Complex64::new(1.0, 0.0) } else { turned };
            *diagonal = (0..2 * slots).map(row).collect();
        }
        self.period = 2 * slots;
        self
    }

    #[cfg(test)]
    fn apply(&self, x: &[Complex64]) -> Vec<Complex64> {
        let s = x.len() as i64;
        (0..s)
            .map(|i| self.by_step.iter().map(|(k, d)| d[i as usize % self.period] * x[(i + k).rem_euclid(s) as usize]).sum())
            .collect()
    }
}

/// How many stages of the FFT each of `matrices` matrices takes, the shortest butterflies first. The last one gets the fewest: its
/// diagonals have no short period.
pub(super) fn stages_of(log_slots: u32, matrices: usize) -> Vec<u32> {
    let matrices = (matrices as u32).min(log_slots);
    (0..matrices).map(|i| (log_slots + matrices - 1 - i) / matrices).collect()
}

/// Stages of the matrix that is applied right after ModRaise, where a rotation costs a third of an ordinary one.
const STAGES_AFTER_RAISING: u32 = 4;

/// Most stages that are worth a level less elsewhere.
const MOST_STAGES: u32 = 5;

/// How many stages each matrix of CoeffsToSlots takes, the shortest butterflies first, that is the last matrix first. At most
/// `matrices`; two at least where there are two stages, so that something can be done between them.
pub(super) fn coeffs_to_slots_stages(log_slots: u32, matrices: usize) -> Vec<u32> {
    let others = matrices as u32 - 1;
    if others == 0 || log_slots == 1 {
        return vec![log_slots];
    }
    let first = STAGES_AFTER_RAISING.max(log_slots.saturating_sub(MOST_STAGES * others)).min(log_slots - 1);
    let rest = log_slots - first;
    let mut stages = stages_of(rest, others.min(rest.div_ceil(4)) as usize);
    stages.push(first);
    stages
}

fn grouped(log_slots: u32, stages: Vec<u32>, inverse: bool) -> Vec<Diagonals> {
    let slots = 1usize << log_slots;
    let mut length = 1;
    stages
        .into_iter()
        .map(|stages| {
            let mut product: Option<Diagonals> = None;
            for _ in 0..stages {
                length *= 2;
                let stage = Diagonals::stage(length, inverse);
                // Forwards the longer butterflies come after the shorter ones, backwards before them.
                product = Some(match product {
                    None => stage,
                    Some(p) if inverse => p.after(&stage),
                    Some(p) => stage.after(&p),
                });
            }
            product.unwrap_or_else(|| Diagonals::stage(2, inverse)).folded(slots)
        })
        .collect()
}

/// SlotsToCoeffs: matrices in the order of their use whose product is the embedding without its bit reversal, for vectors of
/// 2^`log_slots` ≥ 2 values.
pub(super) fn slots_to_coeffs(log_slots: u32, matrices: usize) -> Vec<Diagonals> {
    grouped(log_slots, stages_of(log_slots, matrices), false)
}

/// CoeffsToSlots: matrices in the order of their use whose product is `factor` times the inverse of
/// [`slots_to_coeffs`]. Each carries an equal part of the factor.
pub(super) fn coeffs_to_slots(log_slots: u32, matrices: usize, factor: f64) -> Vec<Diagonals> {
    let mut list = grouped(log_slots, coeffs_to_slots_stages(log_slots, matrices), true);
    list.reverse();
    let each = factor.powf(1.0 / list.len() as f64);
    list.into_iter().map(|d| d.scaled(each)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::SpecialFft;

    fn vector(s: usize) -> Vec<Complex64> {
        (0..s).map(|j| Complex64::new((j as f64 * 0.7).sin(), (j as f64 * 1.9 + 1.0).cos())).collect()
    }

    fn bit_reversed(x: &[Complex64]) -> Vec<Complex64> {
        let bits = x.len().trailing_zeros();
        (0..x.len()).map(|i| x[i.reverse_bits() >> (usize::BITS - bits)]).collect()
    }

    fn apply(list: &[Diagonals], x: &[Complex64]) -> Vec<Complex64> {
        list.iter().fold(x.to_vec(), |v, d| d.apply(&v))
    }

    #[test]
    fn the_product_is_the_embedding_without_its_permutation() {
        for log_slots in 1..=9 {
            let s = 1usize << log_slots;
            let fft = SpecialFft::new(s).unwrap();
            for matrices in 1..=4 {
                let x = vector(s);
                let mut wanted = x.clone();
                fft.embed(&mut wanted).unwrap();
                let got = apply(&slots_to_coeffs(log_slots, matrices), &bit_reversed(&x));
                // 4.3·u of the 1-norm per stage (see the FFT's own tests), twice for the merged matrices.
                let bound = 8.6 * f64::EPSILON * f64::from(log_slots) * 1.5 * s as f64;
                for (g, w) in got.iter().zip(&wanted) {
                    assert!((g - w).norm() <= bound, "s = {s}, {matrices} matrices: {g} against {w}");
                }
                let back = apply(&coeffs_to_slots(log_slots, matrices, 0.125), &got);
                for (b, w) in back.iter().zip(bit_reversed(&x)) {
                    assert!((b - 0.125 * w).norm() <= bound, "s = {s}, {matrices} matrices back");
                }
            }
        }
    }

    #[test]
    fn diagonals_are_few_and_short() {
        let list = coeffs_to_slots(15, 4, 1.0);
        let shape: Vec<_> = list.iter().map(|d| (d.by_step.len(), d.period, d.unit)).collect();
        assert_eq!(shape, [(16, 1 << 15, 1 << 11), (15, 1 << 11, 1 << 8), (31, 1 << 8, 1 << 4), (31, 1 << 4, 1)]);
        assert!(list.iter().all(|d| d.by_step.keys().all(|k| k % d.unit as i64 == 0)));
    }

    #[test]
    fn the_stages_are_shared_out() {
        let shares = [
            (15, 4, vec![4, 4, 3, 4]),
            (10, 4, vec![3, 3, 4]),
            (10, 2, vec![5, 5]),
            (9, 2, vec![5, 4]),
            (3, 2, vec![1, 2]),
            (1, 4, vec![1]),
            (7, 1, vec![7]),
        ];
        for (log_slots, matrices, wanted) in shares {
            assert_eq!(coeffs_to_slots_stages(log_slots, matrices), wanted, "{log_slots} stages, {matrices} matrices");
        }
    }

    #[test]
    fn packing_separates_the_parts() {
        let s = 16;
        let last = coeffs_to_slots(4, 2, 1.0).pop().unwrap();
        let x: Vec<Complex64> = vector(s).into_iter().cycle().take(4 * s).collect();
        let (plain, packed) = (last.apply(&x), last.clone().packed(s).apply(&x));
        for j in 0..4 * s {
            let part = if j / s % 2 == 0 { plain[j].re } else { plain[j].im };
            assert!((packed[j] + packed[j].conj() - 2.0 * part).norm() < 1e-12, "{j}");
        }
    }
}
