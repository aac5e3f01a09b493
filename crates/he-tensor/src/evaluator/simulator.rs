//! The evaluator that computes with plain numbers and predicts levels and errors.

use std::collections::BTreeMap;
use std::ops::Mul;
use std::sync::{Mutex, PoisonError};

use ckks_core::bootstrap::{BootstrapParams, Slots};
use ckks_core::circuits::arithmetic::{Giant, Giants, indexed};
use ckks_core::circuits::{Arithmetic, PlainVector};
use ckks_core::noise::NoiseModel;
use ckks_core::params::{Params, Scale};
use ckks_core::{Error, Result};
use num_complex::Complex64;

use super::gaussian::Gaussian;
use super::{BootstrapFigures, BootstrapLevels, Encryption, Evaluator, SimulatedVector, sine};

/// [`Evaluator`] on plain numbers: what a circuit would give on ciphertexts, without any.
///
/// Two ways to predict an error. [`Simulator::new`] computes exact values, and beside each slot the variance of its error
/// with all errors taken as independent. [`Simulator::with_noise`] also draws every error and adds it to the values: run
/// both and subtract, and errors that depend on each other (a polynomial of a noisy argument) are right too.
///
/// Keys count as made for the level at which they are used.
pub struct Simulator {
    model: NoiseModel,
    noise: Option<Mutex<Gaussian>>,
    ranges: Mutex<BTreeMap<String, f64>>,
    /// E|ε|² per slot that a bootstrap adds, without the sine's error, which is computed exactly.
    bootstrap: Option<BootstrapFigures<f64>>,
}

impl Simulator {
    /// A simulator with exact values.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self { model: NoiseModel::new(params), noise: None, ranges: Mutex::default(), bootstrap: None }
    }

    /// A simulator that adds Gaussian errors of the predicted variances, the same for the same seed and circuit.
    #[must_use]
    pub fn with_noise(params: &Params, seed: u64) -> Self {
        Self { noise: Some(Mutex::new(Gaussian::from_seed(seed))), ..Self::new(params) }
    }

    /// The same with bootstrapping.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] if `params` belong to another scheme.
    pub fn with_bootstrapping(mut self, params: &BootstrapParams) -> Result<Self> {
        let noise = |slots| params.predicted_error(slots).map(|e| e.total() - e.sine);
        self.bootstrap = Some(BootstrapFigures::new(self.params(), params, noise)?);
        Ok(self)
    }

    /// The noise model in use.
    #[must_use]
    pub fn model(&self) -> &NoiseModel {
        &self.model
    }

    /// Largest |real part|/bound seen by [`Evaluator::watch`], by name. Above 1 a polynomial was left.
    #[must_use]
    pub fn ranges(&self) -> BTreeMap<String, f64> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A fresh vector at the highest level: `values` are filled with zeros up to a power of two and repeated over the slots.
    ///
    /// # Errors
    /// As [`Simulator::encrypt_at`].
    pub fn encrypt(&self, values: &[Complex64], how: Encryption) -> Result<SimulatedVector> {
        self.encrypt_at(values, self.max_level(), how)
    }

    /// A fresh vector at `level`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for no or too many values, [`Error::LevelsExhausted`] for a level that the parameters do
    /// not have.
    pub fn encrypt_at(&self, values: &[Complex64], level: usize, how: Encryption) -> Result<SimulatedVector> {
        let slots = self.slots();
        if values.is_empty() || values.len() > slots {
            let needed = format!("1 to {slots}");
            return Err(Error::LengthMismatch { what: "values to encrypt", found: values.len(), needed });
        }
        if level > self.max_level() {
            return Err(Error::LevelsExhausted { operation: "encrypting", needed: level, available: self.max_level() });
        }
        let period = values.len().next_power_of_two();
        let repeated = (0..slots).map(|j| values.get(j % period).copied().unwrap_or_default()).collect();
        let fresh = match how {
            Encryption::Symmetric => self.model.fresh_symmetric(level),
            Encryption::Public => self.model.fresh_public(level),
        };
        let error = fresh + self.model.encoding(period, self.params().scale_at(level));
        Ok(self.with_error(SimulatedVector { values: repeated, variance: vec![0.0; slots], level }, |_| error))
    }

    /// Adds an error of the given variance per slot, which may depend on the slot's value before it.
    fn with_error(&self, mut v: SimulatedVector, variance: impl Fn(usize) -> f64) -> SimulatedVector {
        let added: Vec<f64> = (0..v.values.len()).map(variance).collect();
        if let Some(noise) = &self.noise {
            let mut noise = noise.lock().unwrap_or_else(PoisonError::into_inner);
            v.values.iter_mut().zip(&added).for_each(|(x, &s)| *x += noise.sample(s));
        }
        v.variance.iter_mut().zip(&added).for_each(|(x, s)| *x += s);
        v
    }

    fn lower(&self, v: &SimulatedVector, level: usize) -> SimulatedVector {
        let constant_error = self.model.level_drop(v.level, level, 1.0) - self.model.level_drop(v.level, level, 0.0);
        let error = self.model.level_drop(v.level, level, 0.0);
        let out = SimulatedVector { level, ..v.clone() };
        if error == 0.0 { out } else { self.with_error(out, |j| error + v.values[j].norm_sqr() * constant_error) }
    }

    fn aligned(&self, a: &SimulatedVector, b: &SimulatedVector) -> (SimulatedVector, SimulatedVector) {
        let level = a.level.min(b.level);
        (self.lower(a, level), self.lower(b, level))
    }

    fn lowered(&self, vectors: &[&SimulatedVector]) -> (usize, Vec<SimulatedVector>) {
        let level = vectors.iter().map(|v| v.level).min().unwrap_or(0);
        (level, vectors.iter().map(|v| self.lower(v, level)).collect())
    }

    fn factor_scale(&self, operation: &'static str, level: usize) -> Result<Scale> {
        self.model.plaintext_scale(level).ok_or(Error::LevelsExhausted { operation, needed: 1, available: 0 })
    }

    /// Scale of products at `level`.
    fn product_scale(&self, operation: &'static str, level: usize) -> Result<Scale> {
        Ok(self.factor_scale(operation, level)?.times(self.params().scale_at(level)))
    }

    /// Σ aᵢ ⊙ pᵢ at `level`, nothing rescaled; plaintexts are rounded at the scale that brings products to `scale`.
    fn dot(&self, terms: &[(&SimulatedVector, &PlainVector)], level: usize, scale: Scale) -> Result<SimulatedVector> {
        if terms.is_empty() {
            return Err(Error::LengthMismatch { what: "terms of a sum of products", found: 0, needed: "at least 1".into() });
        }
        let slots = self.slots();
        let mut out = SimulatedVector { values: vec![Complex64::default(); slots], variance: vec![0.0; slots], level };
        let mut rounding = vec![0.0; slots];
        for (a, p) in terms {
            if p.period() > slots {
                let needed = format!("1 to {slots} (N/2)");
                return Err(Error::LengthMismatch { what: "values to encode", found: p.period(), needed });
            }
            let encoding = self.model.encoding(p.period(), scale.over(self.params().scale_at(a.level)));
            match p.as_real() {
                Some(factors) => add_products(&mut out, a, factors, |f| f * f),
                None => add_products(&mut out, a, &p.to_complex(), |f| f.norm_sqr()),
            }
            for ((r, z), &v) in rounding.iter_mut().zip(&a.values).zip(&a.variance) {
                *r += NoiseModel::plain_product(z.norm_sqr(), v, 0.0, encoding);
            }
        }
        Ok(self.with_error(out, |j| rounding[j]))
    }

    fn rotated(v: &SimulatedVector, steps: i64) -> SimulatedVector {
        let k = steps.rem_euclid(v.values.len() as i64) as usize;
        let mut out = v.clone();
        out.values.rotate_left(k);
        out.variance.rotate_left(k);
        out
    }

    fn is_rotation(&self, steps: i64) -> bool {
        steps.rem_euclid(self.slots() as i64) != 0
    }

    fn sum(&self, terms: impl IntoIterator<Item = SimulatedVector>, what: &'static str) -> Result<SimulatedVector> {
        let plus = |mut a: SimulatedVector, b: SimulatedVector| {
            a.values.iter_mut().zip(&b.values).for_each(|(x, y)| *x += y);
            a.variance.iter_mut().zip(&b.variance).for_each(|(x, y)| *x += y);
            a
        };
        let sum = terms.into_iter().reduce(plus);
        sum.ok_or_else(|| Error::LengthMismatch { what, found: 0, needed: "at least 1".into() })
    }
}

/// out += a ⊙ `factors`, one period of them, with the variance that comes from a's; `square` is |factor|².
fn add_products<F: Copy>(out: &mut SimulatedVector, a: &SimulatedVector, factors: &[F], square: impl Fn(F) -> f64)
where
    Complex64: Mul<F, Output = Complex64>,
{
    let period = factors.len();
    let sums = out.values.chunks_mut(period).zip(out.variance.chunks_mut(period));
    for ((values, variance), (a, v)) in sums.zip(a.values.chunks(period).zip(a.variance.chunks(period))) {
        for ((sum, &z), &f) in values.iter_mut().zip(a).zip(factors) {
            *sum += z * f;
        }
        for ((sum, &v), &f) in variance.iter_mut().zip(v).zip(factors) {
            *sum += square(f) * v;
        }
    }
}

impl Arithmetic for Simulator {
    type Vector = SimulatedVector;

    fn slots(&self) -> usize {
        self.model.params().slots()
    }

    fn max_level(&self) -> usize {
        self.bootstrap_levels().map_or(self.model.params().max_level(), |levels| levels.output)
    }

    fn level(&self, v: &SimulatedVector) -> usize {
        v.level
    }

    fn add(&self, a: &SimulatedVector, b: &SimulatedVector) -> Result<SimulatedVector> {
        if std::ptr::eq(a, b) {
            return self.mul_integer(a, 2);
        }
        let (a, b) = self.aligned(a, b);
        self.sum([a, b], "terms of a sum")
    }

    fn sub(&self, a: &SimulatedVector, b: &SimulatedVector) -> Result<SimulatedVector> {
        if std::ptr::eq(a, b) {
            return self.mul_integer(a, 0);
        }
        let (a, b) = self.aligned(a, b);
        self.sum([a, self.negate(&b)?], "terms of a sum")
    }

    fn negate(&self, a: &SimulatedVector) -> Result<SimulatedVector> {
        self.mul_integer(a, -1)
    }

    fn mul(&self, a: &SimulatedVector, b: &SimulatedVector) -> Result<SimulatedVector> {
        self.sum_of_products(&[(a, b)])
    }

    fn sum_of_products(&self, pairs: &[(&SimulatedVector, &SimulatedVector)]) -> Result<SimulatedVector> {
        let level = pairs.iter().map(|(a, b)| a.level.min(b.level)).min().unwrap_or(0);
        if level == 0 && !pairs.is_empty() {
            return Err(Error::LevelsExhausted { operation: "a product", needed: 1, available: 0 });
        }
        let product = |(a, b): &(&SimulatedVector, &SimulatedVector)| {
            let same = std::ptr::eq(*a, *b);
            let (a, b) = (self.lower(a, level), self.lower(b, level));
            let variance = (0..a.values.len()).map(|j| {
                let (x, y) = (a.values[j].norm_sqr(), b.values[j].norm_sqr());
                if same { NoiseModel::square(x, a.variance[j]) } else { NoiseModel::product(x, a.variance[j], y, b.variance[j]) }
            });
            let variance = variance.collect();
            let values = a.values.iter().zip(&b.values).map(|(x, y)| x * y).collect();
            SimulatedVector { values, variance, level: level - 1 }
        };
        let sum = self.sum(pairs.iter().map(product), "terms of a sum of products")?;
        let error = self.model.relinearised_rescaling(level, level);
        Ok(self.with_error(sum, |_| error))
    }

    fn add_scalar(&self, a: &SimulatedVector, c: f64) -> Result<SimulatedVector> {
        let mut out = a.clone();
        out.values.iter_mut().for_each(|x| *x += c);
        let error = self.model.encoding_constant(self.params().scale_at(a.level));
        Ok(self.with_error(out, |_| error))
    }

    fn mul_integer(&self, a: &SimulatedVector, c: i64) -> Result<SimulatedVector> {
        let c = c as f64;
        let mut out = a.clone();
        out.values.iter_mut().for_each(|x| *x *= c);
        out.variance.iter_mut().for_each(|x| *x *= c * c);
        Ok(out)
    }

    fn mul_by_i(&self, a: &SimulatedVector) -> Result<SimulatedVector> {
        let mut out = a.clone();
        out.values.iter_mut().for_each(|x| *x *= Complex64::i());
        Ok(out)
    }

    fn add_plain(&self, a: &SimulatedVector, p: &PlainVector) -> Result<SimulatedVector> {
        let slots = self.slots();
        if p.period() > slots {
            let needed = format!("1 to {slots} (N/2)");
            return Err(Error::LengthMismatch { what: "values to encode", found: p.period(), needed });
        }
        let mut out = a.clone();
        out.values.iter_mut().enumerate().for_each(|(j, x)| *x += p.get(j));
        let error = self.model.encoding(p.period(), self.params().scale_at(a.level));
        Ok(self.with_error(out, |_| error))
    }

    fn dot_plain(&self, terms: &[(&SimulatedVector, &PlainVector)]) -> Result<SimulatedVector> {
        let level = terms.iter().map(|t| t.0.level).min().unwrap_or(0);
        let scale = self.product_scale("a plaintext product", level)?;
        let sum = SimulatedVector { level: level - 1, ..self.dot(terms, level, scale)? };
        let error = self.model.rounding(level - 1);
        Ok(self.with_error(sum, |_| error))
    }

    fn linear_combination(&self, terms: &[(&SimulatedVector, f64)], constant: f64) -> Result<SimulatedVector> {
        if terms.is_empty() {
            return Err(Error::LengthMismatch { what: "terms of a linear combination", found: 0, needed: "at least 1".into() });
        }
        let (level, lowered) = self.lowered(&terms.iter().map(|t| t.0).collect::<Vec<_>>());
        let encoding = self.model.encoding_constant(self.factor_scale("a linear combination", level)?);
        let multiple = |(a, (_, c)): (SimulatedVector, &(&SimulatedVector, f64))| {
            let message: Vec<f64> = a.values.iter().map(Complex64::norm_sqr).collect();
            let variance = a.variance.iter().map(|v| c * c * v).collect();
            let values = a.values.iter().map(|x| x * c).collect();
            self.with_error(SimulatedVector { values, variance, level: level - 1 }, |j| message[j] * encoding)
        };
        let sum = self.sum(lowered.into_iter().zip(terms).map(multiple), "terms of a linear combination")?;
        let error = self.model.rounding(level - 1);
        self.add_scalar(&self.with_error(sum, |_| error), constant)
    }

    fn rotate(&self, a: &SimulatedVector, steps: i64) -> Result<SimulatedVector> {
        if !self.is_rotation(steps) {
            return Ok(a.clone());
        }
        let error = self.model.key_switching(a.level, a.level);
        Ok(self.with_error(Self::rotated(a, steps), |_| error))
    }

    fn conjugate(&self, a: &SimulatedVector) -> Result<SimulatedVector> {
        let mut out = a.clone();
        out.values.iter_mut().for_each(|x| *x = x.conj());
        let error = self.model.key_switching(a.level, a.level);
        Ok(self.with_error(out, |_| error))
    }

    fn drop_to_level(&self, a: &SimulatedVector, level: usize) -> Result<SimulatedVector> {
        if level > a.level {
            return Err(Error::LevelsExhausted { operation: "dropping to a level", needed: level, available: a.level });
        }
        Ok(self.lower(a, level))
    }

    fn sum_of_rotations(&self, terms: &[(&SimulatedVector, i64)]) -> Result<SimulatedVector> {
        let (level, lowered) = self.lowered(&terms.iter().map(|t| t.0).collect::<Vec<_>>());
        let switches = terms.iter().filter(|t| self.is_rotation(t.1)).count() as f64;
        let rotated = lowered.iter().zip(terms).map(|(v, t)| Self::rotated(v, t.1));
        let sum = self.sum(rotated, "terms of a sum of rotations")?;
        let rounding = if switches > 0.0 { self.model.rounding(level) } else { 0.0 };
        let error = switches * self.model.switched(level, level) + rounding;
        Ok(self.with_error(sum, |_| error))
    }

    fn matrix_product(&self, vectors: &[&SimulatedVector], outputs: &[Giants<'_>]) -> Result<Vec<SimulatedVector>> {
        let level = vectors.iter().map(|v| v.level).min().unwrap_or(0);
        let scale = self.product_scale("a matrix product", level)?;
        // A chain divides by P while the scale is still that of the product.
        let within = self.model.key_switching_at_scale(level, level, scale);
        let output = |giants: &Giants<'_>| {
            let inner = |g: &Giant<'_>| {
                let terms = g.terms.iter().map(|&(i, p)| Ok((indexed(vectors, i)?, p))).collect::<Result<Vec<_>>>()?;
                Ok(Self::rotated(&self.dot(&terms, level, scale)?, g.step))
            };
            let sums = giants.giants.iter().map(inner).collect::<Result<Vec<_>>>()?;
            let sum = self.sum(sums, "terms of a sum of rotations")?;
            let switches = giants.rotations().into_iter().filter(|&k| self.is_rotation(k)).count() as f64;
            // The last rotation of a chain, by the first step, is divided together with the rescaling.
            let last = giants.chained && giants.giants.first().is_some_and(|g| self.is_rotation(g.step));
            let joint = if giants.chained { f64::from(u8::from(last)) } else { switches };
            let error = joint * self.model.switched_and_rescaled(level, level) + self.model.rounding(level - 1);
            let error = error + (switches - joint) * within;
            Ok(self.with_error(SimulatedVector { level: level - 1, ..sum }, |_| error))
        };
        outputs.iter().map(output).collect()
    }
}

impl Evaluator for Simulator {
    fn params(&self) -> &Params {
        self.model.params()
    }

    fn watch(&self, name: &str, v: &SimulatedVector, bound: f64) {
        let ratio = v.values.iter().fold(0.0f64, |m, z| m.max(z.re.abs())) / bound;
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = ranges.entry(name.to_string()).or_insert(ratio);
        *entry = entry.max(ratio);
    }

    fn bootstrap_levels(&self) -> Option<BootstrapLevels> {
        self.bootstrap.as_ref().map(BootstrapFigures::levels)
    }

    fn bootstrap(&self, v: &SimulatedVector, slots: Slots) -> Result<SimulatedVector> {
        let (figures, levels) = BootstrapFigures::admit(self.bootstrap.as_ref(), v.level)?;
        let params = &figures.params;
        self.watch("bootstrap", v, 1.0);
        let lowered = self.lower(v, levels.input);
        let period = params.slots();
        let copies = (self.slots() / period) as f64;
        let mean = |j: usize| lowered.values.iter().skip(j % period).step_by(period).sum::<Complex64>() / copies;
        let one: Vec<(Complex64, f64)> = (0..period)
            .map(|j| {
                let z = mean(j);
                let variance = lowered.variance.iter().skip(j).step_by(period).sum::<f64>() / (copies * copies);
                match slots {
                    Slots::Complex => (Complex64::new(sine(params, z.re), sine(params, z.im)), variance),
                    // Half of the variance is that of the imaginary part.
                    Slots::Real => (sine(params, z.re).into(), 0.5 * variance),
                }
            })
            .collect();
        let (values, variance) = (0..self.slots()).map(|j| one[j % period]).unzip();
        Ok(self.with_error(SimulatedVector { values, variance, level: levels.output }, |_| figures.of(slots)))
    }
}
