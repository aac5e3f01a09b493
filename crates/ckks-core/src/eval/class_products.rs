//! Products with matrices of real plaintexts of a small period, class by class ([`crate::kernels::gemm_classes`]).

use super::Evaluator;
use super::switched_rotation::RotatedTerm;
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::kernels::{
    self, AlignedBuf, ClassOutputs, ClassTransform, ClassWeights, LANE_INPUTS, LANE_OUTPUTS, Lane, Lanes, gemm_classes,
};
use crate::parallel::{for_each, map};
use crate::params::Scale;
use crate::plaintext::RealPlaintext;
use crate::ring::{Basis, Ntt, Poly};

/// Bytes of transformed weights that exist at one time, for one prime and some of the outputs.
const WEIGHT_BYTES: usize = 8 << 20;
/// Parts that the classes are cut into for parallel work.
const PARTS: usize = 16;
/// Outputs of more bytes than this do not stay in caches until they are read.
const CACHED_BYTES: usize = 16 << 20;

/// Real plaintexts: rows of (input, plaintext), an input at most once a row; their longest period; the scale of all products.
pub(crate) struct RealMatrix<'a> {
    pub rows: Vec<Vec<(usize, RealPlaintext<'a>)>>,
    pub period: usize,
    pub scale: Scale,
}

/// First parts of all outputs, or their sum after an automorphism each; second parts of all outputs.
struct ClassProducts {
    c0: Vec<Poly<Ntt>>,
    c1: Vec<Poly<Ntt>>,
}

/// What one task computes: some parts of the classes, of first (0) or second (1) polynomials.
struct Task<'a> {
    half: usize,
    parts: std::ops::Range<usize>,
    target: Target<'a>,
}

enum Target<'a> {
    Limbs(Vec<[&'a mut [u64]; 2]>),
    Sum(&'a mut [u64]),
}

impl Evaluator<'_> {
    /// For every row Σ inputs\[i\] ⊙ p over its (i, p), at the lowest level among the inputs; nothing is rescaled.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for no inputs, an input that does not exist or a period above N/2.
    pub(crate) fn matrix_real(&self, inputs: &[&Ciphertext], matrix: &RealMatrix<'_>) -> Result<Vec<Ciphertext>> {
        let scale = matrix.scale;
        let ClassProducts { c0, c1 } = self.class_products(inputs, matrix, None)?;
        Ok(c0.into_iter().zip(c1).map(|(c0, c1)| Ciphertext { c0, c1, scale }).collect())
    }

    /// Σ over rows of the row's product, rotated by its step, with one division by P and the last prime. First parts are added up
    /// where they are computed: they need no key.
    ///
    /// # Errors
    /// As [`Evaluator::matrix_real`]; [`Error::MissingKey`]; [`Error::LevelsExhausted`] at level 0.
    pub(crate) fn matrix_real_rotated_rescale(
        &self,
        inputs: &[&Ciphertext],
        matrix: &RealMatrix<'_>,
        steps: &[i64],
    ) -> Result<Ciphertext> {
        let scale = matrix.scale;
        let level = lowest(inputs)?;
        let keys = steps.iter().map(|&step| self.rotation_key(step, level)).collect::<Result<Vec<_>>>()?;
        let mut products = self.class_products(inputs, matrix, Some(steps))?;
        let c0 = products.c0.swap_remove(0);
        let mut still = Poly::<Ntt>::zero(self.params.n(), Basis::at_level(level));
        let mut terms = Vec::with_capacity(steps.len());
        for (c1, key) in products.c1.iter().zip(keys) {
            match key {
                Some((element, key)) => terms.push(RotatedTerm { c0: None, c1, element, key }),
                None => still.add_assign(&self.params, c1),
            }
        }
        self.divide_rotated(&terms, Some(Ciphertext { c0, c1: still, scale }), scale, level, 1)
    }

    fn class_products(&self, inputs: &[&Ciphertext], matrix: &RealMatrix<'_>, steps: Option<&[i64]>) -> Result<ClassProducts> {
        let (n, period) = (self.params.n(), matrix.period);
        if !period.is_power_of_two() || period > n / 2 {
            let needed = format!("a power of two up to {}", n / 2);
            return Err(Error::LengthMismatch { what: "period of a matrix product", found: period, needed });
        }
        let basis = Basis::at_level(lowest(inputs)?);
        let line_bytes = size_of::<Lanes<u64>>() * period * inputs.len().div_ceil(LANE_INPUTS);
        let at_once = (WEIGHT_BYTES / line_bytes.max(1)).max(1) * LANE_OUTPUTS;
        let transforms: Vec<_> = map(0..basis.q, |i| ClassTransform::new(self.params.ntt_q(i), period));
        let elements: Vec<u64> = steps.unwrap_or(&[]).iter().map(|&k| self.params.galois_element(k)).collect();
        let parts = period.min(PARTS);
        let threads = rayon::current_num_threads();
        let sums = if threads == 1 { 1 } else { (2 * threads).next_power_of_two().min(parts) };
        let mut partial: Vec<AlignedBuf> =
            if steps.is_some() { (0..sums).map(|_| AlignedBuf::zeroed(n)).collect() } else { vec![] };
        let stream = matrix.rows.len() * basis.limbs() * n * size_of::<u64>() > CACHED_BYTES;
        let new = || Poly::<Ntt>::unfilled(n, basis);
        let mut c1: Vec<_> = matrix.rows.iter().map(|_| new()).collect();
        let mut c0: Vec<_> = match steps {
            Some(_) => vec![Poly::<Ntt>::zero(n, basis)],
            None => matrix.rows.iter().map(|_| new()).collect(),
        };
        for (chunk, rows) in matrix.rows.chunks(at_once).enumerate() {
            let entries = dense(rows, inputs.len())?;
            let range = chunk * at_once..chunk * at_once + rows.len();
            let elements = elements.get(range.clone()).unwrap_or(&[]);
            let mut weights = ClassWeights::zeros(rows.len(), inputs.len(), period);
            for (i, transform) in transforms.iter().enumerate() {
                fill(&mut weights, transform, &entries);
                let mut tasks = Vec::new();
                if steps.is_some() {
                    for (k, sum) in partial.iter_mut().enumerate() {
                        sum.fill(0);
                        let parts = k * parts / sums..(k + 1) * parts / sums;
                        tasks.push(Task { half: 0, parts, target: Target::Sum(sum) });
                    }
                } else {
                    tasks.extend(limb_tasks(0, &mut c0[range.clone()], i, parts));
                }
                tasks.extend(limb_tasks(1, &mut c1[range.clone()], i, parts));
                for_each(tasks, |mut task| {
                    let words = n / 2 / parts;
                    let (start, end) = (task.parts.start, task.parts.end);
                    let pieces: Vec<[&[u64]; 2]> = inputs
                        .iter()
                        .map(|c| {
                            let limb = if task.half == 0 { c.c0.limb(i) } else { c.c1.limb(i) };
                            [&limb[start * words..end * words], &limb[n - end * words..n - start * words]]
                        })
                        .collect();
                    let mut outputs = match &mut task.target {
                        Target::Limbs(outs) => ClassOutputs::Limbs { outs, stream },
                        Target::Sum(acc) => ClassOutputs::Moved { acc, elements },
                    };
                    let classes = period / parts;
                    gemm_classes(self.params.q(i), &mut outputs, &pieces, &weights, start * classes..end * classes);
                });
                if steps.is_some() {
                    partial.iter().for_each(|sum| kernels::add_assign(self.params.q(i), c0[0].limb_mut(i), sum));
                }
            }
        }
        Ok(ClassProducts { c0, c1 })
    }
}

fn lowest(inputs: &[&Ciphertext]) -> Result<usize> {
    let none = || Error::LengthMismatch { what: "vectors of a matrix product", found: 0, needed: "at least 1".into() };
    inputs.iter().map(|c| c.level()).min().ok_or_else(none)
}

/// Limb `i` of some polynomials, cut into the parts of the classes.
fn limb_tasks(half: usize, polys: &mut [Poly<Ntt>], i: usize, parts: usize) -> Vec<Task<'_>> {
    let mut targets: Vec<Vec<[&mut [u64]; 2]>> = (0..parts).map(|_| Vec::with_capacity(polys.len())).collect();
    for poly in polys {
        let limb = poly.limb_mut(i);
        let words = limb.len() / 2 / parts;
        let (low, high) = limb.split_at_mut(words * parts);
        let pieces = low.chunks_exact_mut(words).zip(high.chunks_exact_mut(words).rev());
        targets.iter_mut().zip(pieces).for_each(|(target, (low, high))| target.push([low, high]));
    }
    let task = |(part, outs)| Task { half, parts: part..part + 1, target: Target::Limbs(outs) };
    targets.into_iter().enumerate().map(task).collect()
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
fn fill(weights: &mut ClassWeights, transform: &ClassTransform, entries: &[Vec<Option<&RealPlaintext<'_>>>]) {
    let period = transform.period();
    let quads = weights.quads();
    let pairs: Vec<_> = weights.pairs_mut().zip(entries.chunks(LANE_OUTPUTS)).collect();
    for_each(pairs, |(lines, rows)| {
        let mut coefficients = vec![[0.0; 8]; period];
        let mut values = vec![[0; 8]; period];
        for quad in 0..quads {
            let lanes: [Option<Lane<'_>>; 8] = std::array::from_fn(|lane| {
                let row = rows.get(lane % LANE_OUTPUTS)?;
                row.get(quad * LANE_INPUTS + lane / LANE_OUTPUTS).copied().flatten().map(|p| p.lane())
            });
            let places = lines[quad..].iter_mut().step_by(quads);
            if lanes.iter().any(Option::is_some) {
                kernels::interleave(&mut coefficients, &lanes);
                transform.forward(&coefficients, &mut values);
                places.zip(&values).for_each(|(place, v)| *place = *v);
            } else {
                places.for_each(|place| *place = [0; 8]);
            }
        }
    });
}
