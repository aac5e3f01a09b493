//! Matrices of diagonals: several outputs from several inputs, with shared baby steps.
//!
//! Output o is `Σ_i Σ_k D_{o,i,k} ⊙ rot_k(x_i)`. Writing k = g + b with 0 ≤ b < m and g a multiple of m,
//! `y_o = Σ_g rot_g( Σ_{i,b} rot_{−g}(D_{o,i,g+b}) ⊙ rot_b(x_i) )`: the babies rot_b(x_i) are hoisted and shared by all outputs
//! (Halevi and Shoup, eprint 2018/244 §4; Bossuat et al., eprint 2020/1203 §4), the giants of an output are shared by all
//! inputs. One level; all rotations at the inputs' level, because the rescaling comes last
//! ([`Arithmetic::matrix_product`]).
//!
//! **Several products, one input.** A product that reads a vector again later finds its babies made ([`Babies`],
//! [`BlockTransform::apply_to`]), even at a lower level: then their upper primes are left out.
//!
//! **Keys.** A key takes as long to make, to load and to expand as one or two rotations take, and tens of megabytes. So the
//! plan weighs keys as well: babies in two stages (b = coarse + fine: 3 + 3 keys for 16 babies), giants in a chain of equal
//! distances ([`Giants::chained`]: one key). How much a key weighs is [`BlockTransform::with_key_cost`]'s parameter.

use std::collections::{BTreeMap, BTreeSet};

use super::arithmetic::{Giant, Giants, giant_rotations};
use super::{Arithmetic, PlainVector};
use crate::encoding::SpecialFft;
use crate::error::{Error, Result};
use crate::keys::KeyRequirements;
use crate::params::Params;

mod babies;
mod plan;

pub use babies::Babies;
use babies::{BabySteps, sums};
use plan::Shape;
pub use plan::{DEFAULT_KEY_COST, HOISTED_ROTATION_COST, PlanCosts};

/// The diagonals from one input to one output, by step.
pub type Diagonals = BTreeMap<i64, PlainVector>;

/// A planned product of a public block matrix with encrypted vectors.
#[derive(Clone, Debug)]
pub struct BlockTransform {
    period: usize,
    /// Per input: coarse steps, each with the fine steps after it, in ascending order of their sums.
    babies: Vec<BabySteps>,
    chained: bool,
    outputs: Vec<Vec<PlannedGiant>>,
}

/// Σ over (input, baby) of plain ⊙ rot_baby(input), to be rotated by `step`.
#[derive(Clone, Debug)]
struct PlannedGiant {
    step: i64,
    terms: Vec<(usize, usize, PlainVector)>,
}

impl BlockTransform {
    /// Plans the product for vectors of period `period` (a power of two, at most the slots): steps count modulo the period.
    ///
    /// `blocks[o][i]` are the diagonals from input i to output o. Diagonals of zeros are left out; an output may have none
    /// from some inputs, but not from all.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless the period is a power of two, every diagonal's period divides it and all outputs
    /// have the same number of inputs, at least one; [`Error::ValueOutOfRange`] if a step occurs twice modulo the period or
    /// an output has no diagonal.
    pub fn new(period: usize, blocks: Vec<Vec<Diagonals>>) -> Result<Self> {
        Self::with_costs(period, None, PlanCosts::DEFAULT, blocks)
    }

    /// As [`BlockTransform::new`] with a given number m of baby steps (`None` chooses the cheapest): several products with one m
    /// share their rotation keys.
    ///
    /// # Errors
    /// As [`BlockTransform::new`]; [`Error::ValueOutOfRange`] for m = 0.
    pub fn with_babies(period: usize, m: Option<usize>, blocks: Vec<Vec<Diagonals>>) -> Result<Self> {
        Self::with_costs(period, m, PlanCosts::DEFAULT, blocks)
    }

    /// As [`BlockTransform::new`], where having one more key costs as much as `key_cost` rotations: 0 for keys that stay in
    /// memory and are used again and again.
    ///
    /// # Errors
    /// As [`BlockTransform::new`].
    pub fn with_key_cost(period: usize, key_cost: f64, blocks: Vec<Vec<Diagonals>>) -> Result<Self> {
        Self::with_costs(period, None, PlanCosts { key: key_cost, ..PlanCosts::DEFAULT }, blocks)
    }

    /// As [`BlockTransform::with_babies`] with everything that the choice weighs: [`PlanCosts::at_level`] plans for time alone.
    ///
    /// # Errors
    /// As [`BlockTransform::with_babies`].
    pub fn with_costs(period: usize, m: Option<usize>, costs: PlanCosts, blocks: Vec<Vec<Diagonals>>) -> Result<Self> {
        if m == Some(0) {
            return Err(Error::ValueOutOfRange { what: "0 baby steps for a matrix product, needed at least 1".into() });
        }
        if !period.is_power_of_two() {
            let needed = "a power of two: pad the matrix with zeros".into();
            return Err(Error::LengthMismatch { what: "period of a matrix product", found: period, needed });
        }
        let inputs = blocks.first().map_or(0, Vec::len);
        if inputs == 0 || blocks.iter().any(|b| b.len() != inputs) {
            let needed = "the same for all outputs, at least 1".into();
            return Err(Error::LengthMismatch { what: "inputs of a matrix product", found: inputs, needed });
        }
        let blocks: Vec<Vec<Diagonals>> = blocks
            .into_iter()
            .map(|row| row.into_iter().map(|d| normalised(period, d)).collect::<Result<Vec<_>>>())
            .collect::<Result<_>>()?;
        if let Some(o) = blocks.iter().position(|row| row.iter().all(BTreeMap::is_empty)) {
            let what = format!("output {o} of a matrix product has only zeros; leave it out");
            return Err(Error::ValueOutOfRange { what });
        }
        Ok(Self::plan(period, inputs, &blocks, m, &costs))
    }

    /// Chooses the shape with the cheapest rotations and keys.
    fn plan(period: usize, inputs: usize, blocks: &[Vec<Diagonals>], m: Option<usize>, costs: &PlanCosts) -> Self {
        let steps_of = |input: usize| -> BTreeSet<i64> { blocks.iter().flat_map(|row| row[input].keys().copied()).collect() };
        let by_input: Vec<_> = (0..inputs).map(steps_of).collect();
        let by_output: Vec<BTreeSet<i64>> =
            blocks.iter().map(|row| row.iter().flat_map(BTreeMap::keys).copied().collect()).collect();
        // Powers of two and three halves of them: the minimum over all m is flat.
        let sizes = || (0..=period.ilog2()).flat_map(|e| [1i64 << e, 3i64 << e]);
        let given = m.map(|m| m as i64);
        let choices: Vec<i64> = given.map_or_else(|| sizes().filter(|&m| m < 2 * period as i64).collect(), |m| vec![m]);
        let mut best = (f64::INFINITY, Shape { m: given.unwrap_or(1), fine: 1, chained: false });
        for m in choices {
            for fine in sizes().filter(|&f| f <= m && m % f == 0) {
                for chained in [false, true] {
                    let shape = Shape { m, fine, chained };
                    let cost = shape.cost(&by_input, &by_output, costs);
                    if cost < best.0 {
                        best = (cost, shape);
                    }
                }
            }
        }
        let shape = best.1;
        let babies: Vec<_> = by_input.iter().map(|steps| shape.babies(steps)).collect();
        let outputs = blocks
            .iter()
            .map(|row| {
                let mut giants: BTreeMap<i64, Vec<(usize, usize, PlainVector)>> = BTreeMap::new();
                for (i, diagonals) in row.iter().enumerate() {
                    let order: Vec<i64> = sums(&babies[i]).collect();
                    for (k, d) in diagonals {
                        let b = k.rem_euclid(shape.m);
                        // `babies` was built from the same diagonals: b is there.
                        let at = order.partition_point(|&x| x < b);
                        giants.entry(k - b).or_default().push((i, at, d.rotate(b - k)));
                    }
                }
                giants.into_iter().map(|(step, terms)| PlannedGiant { step, terms }).collect()
            })
            .collect();
        Self { period, babies, chained: shape.chained, outputs }
    }

    /// The same product with all plaintexts in compact form ([`PlainVector::compact`]): four bytes a slot and no transform of slots
    /// when it is applied, at any level and scale. Every plaintext keeps at least `bits` bits of its root mean square.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] for complex plaintexts and where 32-bit coefficients keep fewer bits.
    pub fn prepared(mut self, bits: f64) -> Result<Self> {
        let terms = || self.outputs.iter().flatten().flat_map(|g| &g.terms);
        let fft = SpecialFft::new(terms().map(|t| t.2.period()).max().unwrap_or(1))?;
        for giant in self.outputs.iter_mut().flatten() {
            for (_, _, plain) in &mut giant.terms {
                *plain = plain.compact_with(&fft, bits)?;
            }
        }
        Ok(self)
    }

    /// Bytes that the plaintexts take in memory.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.outputs.iter().flatten().flat_map(|g| &g.terms).map(|t| t.2.bytes()).sum()
    }

    /// Period of the vectors: steps count modulo it.
    #[must_use]
    pub fn period(&self) -> usize {
        self.period
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.babies.len()
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Products with plaintexts.
    #[must_use]
    pub fn plain_products(&self) -> usize {
        self.outputs.iter().flatten().map(|g| g.terms.len()).sum()
    }

    /// Rotations of one product.
    #[must_use]
    pub fn rotations(&self) -> usize {
        let babies =
            self.babies.iter().flatten().map(|(c, fine)| usize::from(*c != 0) + fine.iter().filter(|f| **f != 0).count());
        babies.sum::<usize>() + self.outputs.iter().map(|o| self.giant_rotations(o).len()).sum::<usize>()
    }

    fn giant_rotations(&self, output: &[PlannedGiant]) -> Vec<i64> {
        giant_rotations(self.chained, output.iter().map(|g| g.step))
    }

    /// The distinct steps by which vectors are rotated, all at the inputs' level.
    #[must_use]
    pub fn steps(&self) -> BTreeSet<i64> {
        let babies = self.babies.iter().flatten().flat_map(|(c, fine)| fine.iter().chain([c])).copied();
        let giants = self.outputs.iter().flat_map(|o| self.giant_rotations(o));
        babies.chain(giants).filter(|&k| k != 0).collect()
    }

    /// The keys that [`BlockTransform::apply`] needs for inputs at `level`.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] at level 0.
    pub fn key_requirements(&self, params: &Params, level: usize) -> Result<KeyRequirements> {
        if level == 0 {
            return Err(Error::LevelsExhausted { operation: "a matrix product", needed: 1, available: 0 });
        }
        let mut keys = KeyRequirements::default();
        self.steps().into_iter().for_each(|k| keys.need_rotation(params, k, level));
        Ok(keys)
    }

    /// The outputs for `inputs`, all brought to the lowest level among them first: one level below that.
    ///
    /// # Errors
    /// As said at [`Arithmetic`]; a wrong number of inputs and a period above the slots are refused.
    pub fn apply<A: Arithmetic>(&self, arithmetic: &A, inputs: &[&A::Vector]) -> Result<Vec<A::Vector>> {
        let lowest = inputs.iter().map(|v| arithmetic.level(v)).min().unwrap_or(0);
        let lowered = inputs.iter().map(|x| Ok(Babies::of(arithmetic.drop_to_level(x, lowest)?)));
        self.apply_to(arithmetic, &mut lowered.collect::<Result<Vec<_>>>()?)
    }

    /// The outputs for inputs whose babies may have been made for other products already; those that are missing are made, each
    /// at its input's level. One level below the lowest among the inputs.
    ///
    /// # Errors
    /// As [`BlockTransform::apply`].
    pub fn apply_to<'b, A: Arithmetic<Vector: 'b>>(
        &self,
        arithmetic: &A,
        inputs: impl IntoIterator<Item = &'b mut Babies<A::Vector>>,
    ) -> Result<Vec<A::Vector>> {
        let mut inputs: Vec<_> = inputs.into_iter().collect();
        if self.period > arithmetic.slots() {
            let needed = format!("at most {}, the number of slots", arithmetic.slots());
            return Err(Error::LengthMismatch { what: "period of a matrix product", found: self.period, needed });
        }
        if inputs.len() != self.babies.len() {
            let needed = self.babies.len().to_string();
            return Err(Error::LengthMismatch { what: "inputs of a matrix product", found: inputs.len(), needed });
        }
        for (input, steps) in inputs.iter_mut().zip(&self.babies) {
            input.make(arithmetic, steps)?;
        }
        let mut vectors = Vec::new();
        let mut first = Vec::new();
        for (input, steps) in inputs.iter().zip(&self.babies) {
            first.push(vectors.len());
            // All of them are there: they were made above.
            vectors.extend(sums(steps).filter_map(|step| input.get(step)));
        }
        let outputs: Vec<Giants<'_>> = self
            .outputs
            .iter()
            .map(|o| Giants { chained: self.chained, giants: o.iter().map(|g| g.with(&first)).collect() })
            .collect();
        arithmetic.matrix_product(&vectors, &outputs)
    }
}

impl PlannedGiant {
    /// The giant over a list of vectors in which the babies of input i begin at `first[i]`.
    fn with(&self, first: &[usize]) -> Giant<'_> {
        Giant { step: self.step, terms: self.terms.iter().map(|(i, b, p)| (first[*i] + b, p)).collect() }
    }
}

/// Steps in (−period/2, period/2], zero diagonals left out.
fn normalised(period: usize, diagonals: Diagonals) -> Result<Diagonals> {
    let n = period as i64;
    let mut out = BTreeMap::new();
    for (k, d) in diagonals {
        if d.period() > period {
            let needed = format!("at most {period}, the period of the vectors");
            return Err(Error::LengthMismatch { what: "period of a diagonal", found: d.period(), needed });
        }
        let positive = k.rem_euclid(n);
        let step = if positive > n / 2 { positive - n } else { positive };
        if !d.is_zero() && out.insert(step, d).is_some() {
            return Err(Error::ValueOutOfRange {
                what: format!("the diagonal of step {k} was given twice modulo the period {period}"),
            });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuits::plain_arithmetic::PlainArithmetic;
    use crate::params::ParamsLiteral;

    #[test]
    fn several_inputs_and_outputs_share_babies() {
        // Diagonals of period 8 on vectors of period 64: what a matrix product per token is made of.
        let diagonal =
            |o: i64, i: i64, k: i64| PlainVector::from_fn(8, |f| ((f as i64 + 3 * k + 5 * o + 7 * i) % 9) as f64 - 4.0);
        let block = |o, i| (-7..=12).map(|k| (k, diagonal(o, i, k).unwrap())).collect::<Diagonals>();
        let blocks: Vec<Vec<_>> = (0..2).map(|o| (0..3).map(|i| block(o, i)).collect()).collect();
        let transform = BlockTransform::new(64, blocks).unwrap();
        let arithmetic = PlainArithmetic::new(64, 3);
        let x: Vec<_> = (0..3).map(|i| arithmetic.vector(|j| ((j * j + i) % 7) as f64)).collect();
        let lower = arithmetic.drop_to_level(&x[2], 2).unwrap();
        let y = transform.apply(&arithmetic, &[&x[0], &x[1], &lower]).unwrap();
        for o in 0..2i64 {
            assert_eq!(y[o as usize].level, 1);
            for j in 0..64usize {
                let mut expected = 0.0;
                for i in 0..3usize {
                    for k in -7..=12i64 {
                        let slot = (j as i64 + k).rem_euclid(64) as usize;
                        expected += diagonal(o, i as i64, k).unwrap().get(j).re * ((slot * slot + i) % 7) as f64;
                    }
                }
                assert_eq!(y[o as usize].values[j].re, expected, "output {o}, slot {j}");
            }
        }
        // The promised keys are those used, at the promised levels.
        let params = Params::new_insecure(ParamsLiteral::toy(10, 3)).unwrap();
        let keys = transform.key_requirements(&params, 2).unwrap();
        let mut used = KeyRequirements::default();
        arithmetic
            .counts()
            .rotations
            .iter()
            .for_each(|&(k, level)| used.need_rotation(&params, if k > 32 { k - 64 } else { k }, level));
        for (step, level) in &used.rotations {
            assert!(keys.rotations.get(step).is_some_and(|l| l >= level), "step {step} at level {level}");
        }
        assert_eq!(keys.count(), used.count());
    }

    #[test]
    fn babies_that_were_made_for_one_product_serve_the_next() {
        let diagonal = |i: i64, k: i64| PlainVector::from_fn(8, |f| ((3 * f as i64 + 5 * k + i) % 7) as f64 - 3.0).unwrap();
        let block = |i, steps: std::ops::Range<i64>| steps.map(|k| (k, diagonal(i, k))).collect::<Diagonals>();
        let plan = |blocks| BlockTransform::with_babies(32, Some(4), blocks).unwrap();
        let first = plan(vec![vec![block(0, 0..7)]]);
        let second = plan(vec![vec![block(1, 0..8), block(2, 1..8)]]);
        let arithmetic = PlainArithmetic::new(32, 4);
        let x: Vec<_> = (0..2).map(|i| arithmetic.vector(|j| ((j * j + 3 * i) % 5) as f64)).collect();
        let mut inputs = vec![Babies::of(x[0].clone())];
        first.apply_to(&arithmetic, &mut inputs).unwrap();
        inputs.push(Babies::of(arithmetic.drop_to_level(&x[1], 2).unwrap()));
        let before = arithmetic.counts().rotations.len();
        let shared = second.apply_to(&arithmetic, &mut inputs).unwrap();
        // Three babies of the new input and one giant step, none at the level of the first.
        let made = arithmetic.counts().rotations.split_off(before);
        assert_eq!(made.len(), 4);
        assert!(made.iter().all(|&(_, level)| level <= 2));
        let alone = second.apply(&arithmetic, &[&x[0], inputs[1].get(0).unwrap()]).unwrap();
        assert_eq!((shared[0].level, &shared[0].values), (1, &alone[0].values));
        assert!(second.apply_to(&arithmetic, &mut inputs[..1]).unwrap_err().to_string().contains("found length 1"));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let d = || Diagonals::from([(1, PlainVector::constant(1.0).unwrap())]);
        assert!(BlockTransform::new(12, vec![vec![d()]]).unwrap_err().to_string().contains("found length 12"));
        assert!(BlockTransform::new(8, vec![]).is_err());
        assert!(BlockTransform::new(8, vec![vec![d()], vec![d(), d()]]).is_err());
        let zeros = Diagonals::from([(1, PlainVector::constant(0.0).unwrap())]);
        assert!(BlockTransform::new(8, vec![vec![d()], vec![zeros]]).unwrap_err().to_string().contains("output 1"));
        let twice = Diagonals::from([(1, PlainVector::constant(1.0).unwrap()), (9, PlainVector::constant(1.0).unwrap())]);
        assert!(BlockTransform::new(8, vec![vec![twice]]).unwrap_err().to_string().contains("twice"));
        let arithmetic = PlainArithmetic::new(4, 1);
        let transform = BlockTransform::new(8, vec![vec![d()]]).unwrap();
        assert!(transform.apply(&arithmetic, &[&arithmetic.vector(|_| 1.0)]).unwrap_err().to_string().contains("at most 4"));
        let transform = BlockTransform::new(4, vec![vec![d()]]).unwrap();
        assert!(transform.apply(&arithmetic, &[]).unwrap_err().to_string().contains("found length 0"));
        let exhausted = PlainArithmetic::new(4, 0);
        assert!(matches!(transform.apply(&exhausted, &[&exhausted.vector(|_| 1.0)]), Err(Error::LevelsExhausted { .. })));
    }
}
