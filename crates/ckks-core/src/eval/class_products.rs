//! Products with matrices of real plaintexts of a small period, class by class ([`crate::kernels::gemm_classes`]).

use rayon::prelude::*;

use super::Evaluator;
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::kernels::{ClassTransform, ClassWeights, LANE_INPUTS, LANE_OUTPUTS, Lanes, gemm_classes};
use crate::params::Scale;
use crate::plaintext::RealPlaintext;
use crate::ring::{Basis, Ntt, Poly};

/// Bytes of transformed weights that exist at one time, for one prime and some of the outputs.
const WEIGHT_BYTES: usize = 8 << 20;
/// Parts that the classes are cut into for parallel work.
const PARTS: usize = 16;

impl Evaluator<'_> {
    /// For every row Σ inputs\[i\] ⊙ p over its (i, p), the plaintexts at scale `scale`; nothing is rescaled. Inputs have one level
    /// and one scale and occur at most once a row; `period` is the longest among the plaintexts.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for no inputs, an input that does not exist or a period above N/2; [`Error::ScaleMismatch`].
    pub(crate) fn matrix_real(
        &self,
        inputs: &[&Ciphertext],
        rows: &[Vec<(usize, RealPlaintext<'_>)>],
        period: usize,
        scale: Scale,
    ) -> Result<Vec<Ciphertext>> {
        let n = self.params.n();
        let Some(first) = inputs.first() else {
            return Err(Error::LengthMismatch { what: "vectors of a matrix product", found: 0, needed: "at least 1".into() });
        };
        if !period.is_power_of_two() || period > n / 2 {
            let needed = format!("a power of two up to {}", n / 2);
            return Err(Error::LengthMismatch { what: "period of a matrix product", found: period, needed });
        }
        if let Some(other) = inputs.iter().find(|c| c.level() != first.level() || !c.scale.matches(first.scale)) {
            return Err(Error::ScaleMismatch { level: first.level(), left: first.scale.log2(), right: other.scale.log2() });
        }
        let basis = Basis::at_level(first.level());
        let line_bytes = size_of::<Lanes<u64>>() * period * inputs.len().div_ceil(LANE_INPUTS);
        let at_once = (WEIGHT_BYTES / line_bytes).max(1) * LANE_OUTPUTS;
        let transforms: Vec<_> =
            (0..basis.q).into_par_iter().map(|i| ClassTransform::new(self.params.ntt_q(i), period)).collect();
        let mut out = Vec::with_capacity(rows.len());
        for rows in rows.chunks(at_once) {
            let entries = dense(rows, inputs.len())?;
            let mut polys: [Vec<Poly<Ntt>>; 2] =
                std::array::from_fn(|_| rows.iter().map(|_| Poly::<Ntt>::unfilled(n, basis)).collect());
            let mut weights = ClassWeights::zeros(rows.len(), inputs.len(), period);
            for (i, transform) in transforms.iter().enumerate() {
                fill(&mut weights, transform, &entries, inputs.len());
                let parts = period.min(PARTS);
                let mut tasks: Vec<Vec<[&mut [u64]; 2]>> = (0..2 * parts).map(|_| Vec::with_capacity(rows.len())).collect();
                for (polys, tasks) in polys.iter_mut().zip(tasks.chunks_exact_mut(parts)) {
                    for poly in polys {
                        let (low, high) = poly.limb_mut(i).split_at_mut(n / 2);
                        let pieces = low.chunks_exact_mut(n / 2 / parts).zip(high.chunks_exact_mut(n / 2 / parts).rev());
                        tasks.iter_mut().zip(pieces).for_each(|(task, (low, high))| task.push([low, high]));
                    }
                }
                tasks.par_iter_mut().enumerate().for_each(|(k, outs)| {
                    let (half, part) = (k / parts, k % parts);
                    let words = n / 2 / parts;
                    let pieces: Vec<[&[u64]; 2]> = inputs
                        .iter()
                        .map(|c| {
                            let limb = if half == 0 { c.c0.limb(i) } else { c.c1.limb(i) };
                            [&limb[part * words..][..words], &limb[n - (part + 1) * words..][..words]]
                        })
                        .collect();
                    let classes = period / parts;
                    gemm_classes(self.params.q(i), outs, &pieces, &weights, part * classes..(part + 1) * classes);
                });
            }
            let [c0, c1] = polys;
            let scale = first.scale.times(scale);
            out.extend(c0.into_iter().zip(c1).map(|(c0, c1)| Ciphertext { c0, c1, scale }));
        }
        Ok(out)
    }
}

/// Rows of all inputs, in order.
fn dense<'r, 'p>(rows: &'r [Vec<(usize, RealPlaintext<'p>)>], inputs: usize) -> Result<Vec<Vec<Option<&'r RealPlaintext<'p>>>>> {
    let row = |row: &'r Vec<(usize, RealPlaintext<'p>)>| {
        let mut out = vec![None; inputs];
        for (i, p) in row {
            match out.get_mut(*i) {
                Some(place @ None) => *place = Some(p),
                _ => {
                    let needed = format!("each at most once, and below {inputs}");
                    return Err(Error::LengthMismatch { what: "input of a row of a matrix product", found: *i, needed });
                }
            }
        }
        Ok(out)
    };
    rows.iter().map(row).collect()
}

/// Transforms all plaintexts for one prime, eight at a time.
fn fill(weights: &mut ClassWeights, transform: &ClassTransform, entries: &[Vec<Option<&RealPlaintext<'_>>>], inputs: usize) {
    let period = transform.period();
    let quads = weights.quads();
    let pairs: Vec<_> = weights.pairs_mut().zip(entries.chunks(LANE_OUTPUTS)).collect();
    pairs.into_par_iter().for_each(|(lines, rows)| {
        let mut coefficients = vec![[0.0; 8]; period];
        let mut values = vec![[0; 8]; period];
        for quad in 0..quads {
            coefficients.fill([0.0; 8]);
            let mut any = false;
            for (g, row) in rows.iter().enumerate() {
                for (b, entry) in row[quad * LANE_INPUTS..inputs.min((quad + 1) * LANE_INPUTS)].iter().enumerate() {
                    if let Some(p) = entry {
                        p.fill_lane(&mut coefficients, LANE_OUTPUTS * b + g);
                        any = true;
                    }
                }
            }
            let places = lines[quad..].iter_mut().step_by(quads);
            if any {
                transform.forward(&coefficients, &mut values);
                places.zip(&values).for_each(|(place, v)| *place = *v);
            } else {
                places.for_each(|place| *place = [0; 8]);
            }
        }
    });
}
