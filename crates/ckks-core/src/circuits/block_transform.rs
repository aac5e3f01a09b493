//! Matrices of diagonals: several outputs from several inputs, with shared baby steps.
//!
//! Output o is `Σ_i Σ_k D_{o,i,k} ⊙ rot_k(x_i)`. Writing k = g + b with 0 ≤ b < m and g a multiple of m,
//! `y_o = Σ_g rot_g( Σ_{i,b} rot_{−g}(D_{o,i,g+b}) ⊙ rot_b(x_i) )`: the babies rot_b(x_i) are hoisted and shared by all outputs
//! (Halevi and Shoup, eprint 2018/244 §4; Bossuat et al., eprint 2020/1203 §4), the giants of an output are shared by all
//! inputs. One level; all rotations at the inputs' level, because the rescaling comes last
//! ([`Arithmetic::matrix_product`]).
//!
//! **Keys.** A key takes as long to make, to load and to expand as one or two rotations take, and tens of megabytes. So the
//! plan weighs keys as well: babies in two stages (b = coarse + fine: 3 + 3 keys for 16 babies), giants in a chain of equal
//! distances ([`Giants::chained`]: one key). How much a key weighs is [`BlockTransform::with_key_cost`]'s parameter.

use std::collections::{BTreeMap, BTreeSet};

use super::arithmetic::{Giant, Giants, giant_rotations};
use super::{Arithmetic, PlainVector};
use crate::encoding::SpecialFft;
use crate::error::{Error, Result};
use crate::keys::{GadgetShape, KeyRequirements};
use crate::params::Params;

/// Time of a hoisted rotation relative to one on its own: without the decomposition.
pub const HOISTED_ROTATION_COST: f64 = PlanCosts::DEFAULT.inner_product + PlanCosts::DEFAULT.division;

/// What a key weighs by default, in rotations: for keys that are made or loaded, and used for one or a few circuits.
pub const DEFAULT_KEY_COST: f64 = 1.5;

/// What the choice of babies and giants weighs: the parts of a rotation's time, in one unit, and a key in the same.
#[derive(Clone, Copy, Debug)]
pub struct PlanCosts {
    /// Decomposition into digits, which hoisting shares between babies.
    pub decomposition: f64,
    /// Inner product of the digits with the key.
    pub inner_product: f64,
    /// Division by P, which giants that are not chained share.
    pub division: f64,
    /// One more key to make, to load and to hold.
    pub key: f64,
}

impl PlanCosts {
    /// A rotation at a high level is 1; keys weigh [`DEFAULT_KEY_COST`].
    pub const DEFAULT: Self = Self { decomposition: 0.45, inner_product: 0.4, division: 0.15, key: DEFAULT_KEY_COST };

    /// Time only, at `level`, in number-theoretic transforms, for keys that stay in memory and are used again and again. Measured on
    /// a Zen 4 with N = 2^16: the words of one limb of digit and key stream in about one and a half times the time of a
    /// transform, and a converted limb adds three fifths to its transform.
    #[must_use]
    pub fn at_level(params: &Params, level: usize) -> Self {
        const INNER_PRODUCT: f64 = 1.5;
        const CONVERSION: f64 = 0.6;
        let shape = GadgetShape::for_level(params, level);
        let (limbs, special) = ((level + 1) as f64, shape.special as f64);
        let extended = shape.digits(level) as f64 * (limbs + special);
        Self {
            decomposition: limbs + (extended - limbs) * (1.0 + CONVERSION),
            inner_product: INNER_PRODUCT * extended,
            division: 2.0 * (special + limbs * (1.0 + CONVERSION)),
            key: 0.0,
        }
    }
}

/// The diagonals from one input to one output, by step.
pub type Diagonals = BTreeMap<i64, PlainVector>;

/// A planned product of a public block matrix with encrypted vectors.
#[derive(Clone, Debug)]
pub struct BlockTransform {
    period: usize,
    /// Per input: coarse steps, each with the fine steps after it, in ascending order of their sums.
    babies: Vec<Vec<(i64, Vec<i64>)>>,
    chained: bool,
    outputs: Vec<Vec<PlannedGiant>>,
}

/// Σ over (input, baby) of plain ⊙ rot_baby(input), to be rotated by `step`.
#[derive(Clone, Debug)]
struct PlannedGiant {
    step: i64,
    terms: Vec<(usize, usize, PlainVector)>,
}

/// What the search for a plan varies.
#[derive(Clone, Copy)]
struct Shape {
    /// k = g + b, b = k mod m.
    m: i64,
    /// b = coarse + fine, fine = b mod this.
    fine: i64,
    chained: bool,
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
                    let order: Vec<i64> = babies[i].iter().flat_map(|(c, f)| f.iter().map(move |f| c + f)).collect();
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
        if self.period > arithmetic.slots() {
            let needed = format!("at most {}, the number of slots", arithmetic.slots());
            return Err(Error::LengthMismatch { what: "period of a matrix product", found: self.period, needed });
        }
        if inputs.len() != self.babies.len() {
            let needed = self.babies.len().to_string();
            return Err(Error::LengthMismatch { what: "inputs of a matrix product", found: inputs.len(), needed });
        }
        let lowest = inputs.iter().map(|v| arithmetic.level(v)).min().unwrap_or(0);
        let mut vectors = Vec::new();
        let mut first = Vec::new();
        for (x, babies) in inputs.iter().zip(&self.babies) {
            first.push(vectors.len());
            let coarse: Vec<i64> = babies.iter().map(|b| b.0).collect();
            let coarse = arithmetic.rotate_many(&arithmetic.drop_to_level(x, lowest)?, &coarse)?;
            for (v, (_, fine)) in coarse.iter().zip(babies) {
                vectors.extend(arithmetic.rotate_many(v, fine)?);
            }
        }
        let outputs: Vec<Giants<'_>> = self
            .outputs
            .iter()
            .map(|o| Giants { chained: self.chained, giants: o.iter().map(|g| g.with(&first)).collect() })
            .collect();
        arithmetic.matrix_product(&vectors, &outputs)
    }
}

impl Shape {
    fn babies(&self, steps: &BTreeSet<i64>) -> Vec<(i64, Vec<i64>)> {
        let mut out: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for k in steps {
            let b = k.rem_euclid(self.m);
            out.entry(b - b % self.fine).or_default().insert(b % self.fine);
        }
        out.into_iter().map(|(c, fine)| (c, fine.into_iter().collect())).collect()
    }

    /// In the unit of the costs.
    fn cost(&self, by_input: &[BTreeSet<i64>], by_output: &[BTreeSet<i64>], costs: &PlanCosts) -> f64 {
        let mut keys: BTreeSet<i64> = BTreeSet::new();
        let mut cost = 0.0;
        let mut hoisted = |steps: &mut dyn Iterator<Item = i64>, keys: &mut BTreeSet<i64>| {
            let steps: Vec<i64> = steps.filter(|&k| k != 0).collect();
            if !steps.is_empty() {
                cost += costs.decomposition + steps.len() as f64 * (costs.inner_product + costs.division);
            }
            keys.extend(steps);
        };
        for steps in by_input {
            let babies = self.babies(steps);
            hoisted(&mut babies.iter().map(|b| b.0), &mut keys);
            babies.iter().for_each(|(_, fine)| hoisted(&mut fine.iter().copied(), &mut keys));
        }
        for steps in by_output {
            let giants: BTreeSet<i64> = steps.iter().map(|k| k - k.rem_euclid(self.m)).collect();
            let rotations = giant_rotations(self.chained, giants.into_iter());
            let divisions = if self.chained { rotations.len() as f64 } else { 1.0 };
            cost += rotations.len() as f64 * (costs.decomposition + costs.inner_product) + divisions * costs.division;
            keys.extend(rotations);
        }
        cost + costs.key * keys.len() as f64
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
