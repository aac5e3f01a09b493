//! The evaluator that computes nothing and counts everything.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ckks_core::bootstrap::{BootstrapKeyRequirements, BootstrapParams, Slots};
use ckks_core::circuits::arithmetic::{GIANTS_AT_ONCE, Giants, indexed};
use ckks_core::circuits::{Arithmetic, PlainVector};
use ckks_core::keys::{GadgetShape, KeyRequirements};
use ckks_core::params::Params;
use ckks_core::{Error, Result};

use super::{BootstrapFigures, BootstrapLevels, CostReport, Evaluator, Operation, OperationCount, Work, bootstrap_cost};

/// What stands for a ciphertext: its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedVector {
    level: usize,
}

#[derive(Default)]
struct Counts {
    operations: BTreeMap<(Operation, usize), (u64, Work)>,
    keys: KeyRequirements,
    lowest: Option<usize>,
}

/// [`Evaluator`] that follows levels and counts operations: the keys, bytes and seconds of a circuit before any key is made.
///
/// The vectors carry no values; a circuit whose steps depend on values cannot be counted (nor run on ciphertexts).
pub struct CostCounter {
    params: Params,
    counts: Mutex<Counts>,
    bootstrap: Option<BootstrapFigures<Work>>,
}

impl CostCounter {
    /// A counter with nothing counted.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self { params: params.clone(), counts: Mutex::default(), bootstrap: None }
    }

    /// The same with bootstrapping. Its keys are counted from the first bootstrap on.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] if `params` belong to another scheme.
    pub fn with_bootstrapping(mut self, params: &BootstrapParams) -> Result<Self> {
        self.bootstrap = Some(BootstrapFigures::new(&self.params, params, |slots| bootstrap_cost::bootstrap(params, slots))?);
        Ok(self)
    }

    /// A fresh vector at the highest level.
    #[must_use]
    pub fn fresh(&self) -> CountedVector {
        CountedVector { level: self.max_level() }
    }

    /// A fresh vector at `level`.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] for a level that the parameters do not have.
    pub fn fresh_at(&self, level: usize) -> Result<CountedVector> {
        if level > self.params.max_level() {
            let available = self.params.max_level();
            return Err(Error::LevelsExhausted { operation: "encrypting", needed: level, available });
        }
        Ok(CountedVector { level })
    }

    /// What was counted so far.
    #[must_use]
    pub fn report(&self) -> CostReport {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = counts.operations.iter();
        let operations: Vec<_> =
            entries.map(|(&(operation, level), &(count, work))| OperationCount { operation, level, count, work }).collect();
        let mut work = Work::default();
        operations.iter().for_each(|o| work += o.work);
        let lowest_level = counts.lowest.unwrap_or(self.max_level());
        let key_bytes = match self.bootstraps(&counts) {
            Some(needed) => needed.bytes_in_memory(&self.params),
            None => counts.keys.bytes_in_memory(&self.params),
        };
        CostReport {
            levels_used: self.max_level().saturating_sub(lowest_level),
            lowest_level,
            operations,
            work,
            keys: counts.keys.clone(),
            key_bytes_in_memory: key_bytes,
        }
    }

    /// The keys needed so far.
    #[must_use]
    pub fn key_requirements(&self) -> KeyRequirements {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// The keys needed so far if there was a bootstrap among it: what [`KeyRequirements`] has no words for is in here too.
    #[must_use]
    pub fn bootstrap_key_requirements(&self) -> Option<BootstrapKeyRequirements> {
        self.bootstraps(&self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn bootstraps(&self, counts: &Counts) -> Option<BootstrapKeyRequirements> {
        let params = &self.bootstrap.as_ref()?.params;
        counts.operations.keys().any(|(operation, _)| *operation == Operation::Bootstrap).then(|| {
            let mut needed = params.key_requirements();
            needed.merge(&counts.keys);
            needed
        })
    }

    fn count(&self, operation: Operation, level: usize, times: usize, work: Work) {
        if times == 0 {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.lowest = Some(counts.lowest.map_or(level, |l| l.min(level)));
        let entry = counts.operations.entry((operation, level)).or_default();
        entry.0 += times as u64;
        entry.1 += work * times as f64;
    }

    fn need(&self, note: impl FnOnce(&mut KeyRequirements)) {
        note(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner).keys);
    }

    /// A result at `level`.
    fn vector(&self, level: usize) -> CountedVector {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.lowest = Some(counts.lowest.map_or(level, |l| l.min(level)));
        CountedVector { level }
    }

    /// Two operands are read and a result is written.
    fn linear(&self, level: usize) {
        let limbs = 2.0 * (level + 1) as f64;
        self.count(Operation::Linear, level, 1, Work { limb_operations: limbs, streamed_limbs: 3.0 * limbs, ..Work::default() });
    }

    /// `times` products, in which so many ciphertexts come from or go to memory.
    fn plain_product(&self, level: usize, times: usize, streamed: usize) {
        let limbs = 2.0 * (level + 1) as f64;
        let streamed_limbs = limbs * streamed as f64 / times.max(1) as f64;
        self.count(Operation::PlainProduct, level, times, Work { limb_operations: limbs, streamed_limbs, ..Work::default() });
    }

    /// Encoding a vector of period s: transforms of 2s words, counted by their share of those of N, and one slot transform in
    /// doubles, which takes about four times as long.
    fn encode(&self, p: &PlainVector, level: usize) -> Result<()> {
        let (period, slots) = (p.period(), self.params.slots());
        if period > slots {
            let needed = format!("1 to {slots} (N/2)");
            return Err(Error::LengthMismatch { what: "values to encode", found: period, needed });
        }
        let words = 2.0 * period as f64;
        let n = self.params.n() as f64;
        let share = words * words.log2() / (n * n.log2());
        self.count(Operation::Encoding, level, 1, Work { transforms: share * (level + 5) as f64, ..Work::default() });
        Ok(())
    }

    fn divide(&self, level: usize, from: usize, to: usize) {
        self.count(Operation::Division, level, 1, bootstrap_cost::division(from, to));
    }

    fn decompose(&self, level: usize) {
        self.count(Operation::Decomposition, level, 1, bootstrap_cost::decomposition(&self.params, level));
    }

    /// Inner products with the keys and the automorphisms.
    fn switch(&self, operation: Operation, level: usize, times: usize) {
        self.count(operation, level, times, bootstrap_cost::switch(&self.params, level));
    }

    fn special(&self, level: usize) -> usize {
        GadgetShape::for_level(&self.params, level).special
    }

    fn needs_key(&self, steps: i64) -> bool {
        steps.rem_euclid(self.params.slots() as i64) != 0
    }

    fn lower(&self, v: CountedVector, level: usize) -> CountedVector {
        if v.level == level || self.params.scale_at(v.level).matches(self.params.scale_at(level)) {
            return self.vector(level);
        }
        let limbs = (level + 2) as f64;
        let work = Work { transforms: 2.0 * limbs, limb_operations: 4.0 * limbs, ..Work::default() };
        self.count(Operation::LevelDrop, v.level, 1, work);
        self.vector(level)
    }

    fn lowered<'a>(&self, vectors: impl Iterator<Item = &'a CountedVector> + Clone) -> usize {
        let level = vectors.clone().map(|v| v.level).min().unwrap_or(0);
        vectors.for_each(|v| {
            self.lower(*v, level);
        });
        level
    }

    fn below(operation: &'static str, level: usize) -> Result<usize> {
        level.checked_sub(1).ok_or(Error::LevelsExhausted { operation, needed: 1, available: 0 })
    }

    /// Rotations of a vector each, not divided by P yet, and their number without those that move nothing.
    fn rotate_each(&self, level: usize, steps: impl IntoIterator<Item = i64>) -> usize {
        let mut count = 0;
        for k in steps.into_iter().filter(|&k| self.needs_key(k)) {
            self.decompose(level);
            self.need(|keys| keys.need_rotation(&self.params, k, level));
            count += 1;
        }
        self.switch(Operation::Rotation, level, count);
        count
    }

    fn rotations(&self, level: usize, steps: &[i64]) {
        let real: Vec<i64> = steps.iter().copied().filter(|&k| self.needs_key(k)).collect();
        if real.is_empty() {
            return;
        }
        self.decompose(level);
        self.switch(Operation::Rotation, level, real.len());
        for &k in &real {
            self.divide(level, level + 1 + self.special(level), level + 1);
            self.need(|keys| keys.need_rotation(&self.params, k, level));
        }
    }
}

fn empty(what: &'static str) -> Error {
    Error::LengthMismatch { what, found: 0, needed: "at least 1".into() }
}

impl Arithmetic for CostCounter {
    type Vector = CountedVector;

    fn slots(&self) -> usize {
        self.params.slots()
    }

    fn max_level(&self) -> usize {
        self.bootstrap_levels().map_or(self.params.max_level(), |levels| levels.output)
    }

    fn level(&self, v: &CountedVector) -> usize {
        v.level
    }

    fn add(&self, a: &CountedVector, b: &CountedVector) -> Result<CountedVector> {
        let level = self.lowered([a, b].into_iter());
        self.linear(level);
        Ok(self.vector(level))
    }

    fn sub(&self, a: &CountedVector, b: &CountedVector) -> Result<CountedVector> {
        self.add(a, b)
    }

    fn negate(&self, a: &CountedVector) -> Result<CountedVector> {
        self.linear(a.level);
        Ok(*a)
    }

    fn mul(&self, a: &CountedVector, b: &CountedVector) -> Result<CountedVector> {
        self.sum_of_products(&[(a, b)])
    }

    fn sum_of_products(&self, pairs: &[(&CountedVector, &CountedVector)]) -> Result<CountedVector> {
        if pairs.is_empty() {
            return Err(empty("terms of a sum of products"));
        }
        let level = self.lowered(pairs.iter().flat_map(|(a, b)| [*a, *b]));
        let below = Self::below("a product", level)?;
        let tensor = bootstrap_cost::tensor(level);
        self.count(Operation::Tensor, level, pairs.len(), tensor);
        self.decompose(level);
        self.switch(Operation::Relinearisation, level, 1);
        self.divide(level, level + 1 + self.special(level), level);
        self.need(|keys| keys.need_relinearisation(level));
        Ok(self.vector(below))
    }

    fn add_scalar(&self, a: &CountedVector, _: f64) -> Result<CountedVector> {
        self.linear(a.level);
        Ok(*a)
    }

    fn mul_integer(&self, a: &CountedVector, _: i64) -> Result<CountedVector> {
        self.linear(a.level);
        Ok(*a)
    }

    fn mul_by_i(&self, a: &CountedVector) -> Result<CountedVector> {
        self.linear(a.level);
        Ok(*a)
    }

    fn add_plain(&self, a: &CountedVector, p: &PlainVector) -> Result<CountedVector> {
        self.encode(p, a.level)?;
        self.linear(a.level);
        Ok(*a)
    }

    fn dot_plain(&self, terms: &[(&CountedVector, &PlainVector)]) -> Result<CountedVector> {
        if terms.is_empty() {
            return Err(empty("terms of a sum of products"));
        }
        let level = terms.iter().map(|t| t.0.level).min().unwrap_or(0);
        let below = Self::below("a plaintext product", level)?;
        terms.iter().try_for_each(|t| self.encode(t.1, level))?;
        self.plain_product(level, terms.len(), terms.len());
        self.divide(level, level + 1, level);
        Ok(self.vector(below))
    }

    fn linear_combination(&self, terms: &[(&CountedVector, f64)], _: f64) -> Result<CountedVector> {
        if terms.is_empty() {
            return Err(empty("terms of a linear combination"));
        }
        let level = self.lowered(terms.iter().map(|t| t.0));
        let below = Self::below("a linear combination", level)?;
        self.plain_product(level, terms.len(), terms.len());
        self.divide(level, level + 1, level);
        Ok(self.vector(below))
    }

    fn rotate(&self, a: &CountedVector, steps: i64) -> Result<CountedVector> {
        self.rotations(a.level, &[steps]);
        Ok(*a)
    }

    fn rotate_many(&self, a: &CountedVector, steps: &[i64]) -> Result<Vec<CountedVector>> {
        self.rotations(a.level, steps);
        Ok(vec![*a; steps.len()])
    }

    fn conjugate(&self, a: &CountedVector) -> Result<CountedVector> {
        self.decompose(a.level);
        self.switch(Operation::Rotation, a.level, 1);
        self.divide(a.level, a.level + 1 + self.special(a.level), a.level + 1);
        self.need(|keys| keys.need_conjugation(a.level));
        Ok(*a)
    }

    fn drop_to_level(&self, a: &CountedVector, level: usize) -> Result<CountedVector> {
        if level > a.level {
            return Err(Error::LevelsExhausted { operation: "dropping to a level", needed: level, available: a.level });
        }
        Ok(self.lower(*a, level))
    }

    fn sum_of_rotations(&self, terms: &[(&CountedVector, i64)]) -> Result<CountedVector> {
        if terms.is_empty() {
            return Err(empty("terms of a sum of rotations"));
        }
        let level = self.lowered(terms.iter().map(|t| t.0));
        if self.rotate_each(level, terms.iter().map(|t| t.1)) > 0 {
            self.divide(level, level + 1 + self.special(level), level + 1);
        }
        Ok(self.vector(level))
    }

    fn matrix_product(&self, vectors: &[&CountedVector], outputs: &[Giants<'_>]) -> Result<Vec<CountedVector>> {
        let level = vectors.iter().map(|v| v.level).min().unwrap_or(0);
        let below = Self::below("a matrix product", level)?;
        for giants in outputs {
            if giants.giants.is_empty() || giants.giants.iter().any(|g| g.terms.is_empty()) {
                return Err(empty("terms of a matrix product"));
            }
            let mut read = 0;
            for some in giants.giants.chunks(GIANTS_AT_ONCE) {
                let mut seen = vec![false; vectors.len()];
                for &(i, p) in some.iter().flat_map(|g| &g.terms) {
                    indexed(vectors, i)?;
                    self.encode(p, level)?;
                    seen[i] = true;
                }
                read += seen.into_iter().filter(|&seen| seen).count();
            }
            // Inner sums are written, and read by what rotates them.
            let products = giants.giants.iter().map(|g| g.terms.len()).sum();
            self.plain_product(level, products, read + 2 * giants.giants.len());
            let rotations = self.rotate_each(level, giants.rotations());
            let separate = if giants.chained { rotations.saturating_sub(1) } else { 0 };
            for _ in 0..separate {
                self.divide(level, level + 1 + self.special(level), level + 1);
                self.linear(level);
            }
            self.divide(level, level + 1 + self.special(level), level);
        }
        Ok(outputs.iter().map(|_| self.vector(below)).collect())
    }
}

impl Evaluator for CostCounter {
    fn params(&self) -> &Params {
        &self.params
    }

    fn bootstrap_levels(&self) -> Option<BootstrapLevels> {
        self.bootstrap.as_ref().map(BootstrapFigures::levels)
    }

    fn bootstrap(&self, v: &CountedVector, slots: Slots) -> Result<CountedVector> {
        let (figures, levels) = BootstrapFigures::admit(self.bootstrap.as_ref(), v.level)?;
        let lowered = self.lower(*v, levels.input);
        self.count(Operation::Bootstrap, lowered.level, 1, figures.of(slots));
        Ok(self.vector(levels.output))
    }
}
