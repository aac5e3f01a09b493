//! Plain numbers with error variances, for the prediction of EvalMod's error.

use num_complex::Complex64;

use crate::circuits::arithmetic::{Giant, Giants, indexed};
use crate::circuits::{Arithmetic, PlainVector};
use crate::error::{Error, Result};

/// One slot: value and E|ε|² of its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noisy {
    pub value: Complex64,
    pub variance: f64,
}

/// Slots at a level.
#[derive(Clone, Debug)]
pub(super) struct NoisySlots {
    pub slots: Vec<Noisy>,
    pub level: usize,
}

/// [`Arithmetic`] that carries error variances to first order, taking errors of different operands as independent. Each rescaling
/// adds the variance of its level; key switching is inside it, as divisions by P and by a prime are one.
pub(super) struct Variances {
    /// What a rescaling to a level adds to every slot.
    pub added: Vec<f64>,
    pub slots: usize,
}

impl Variances {
    fn zip(&self, a: &NoisySlots, b: &NoisySlots, f: impl Fn(Noisy, Noisy) -> Noisy) -> NoisySlots {
        let slots = a.slots.iter().zip(&b.slots).map(|(x, y)| f(*x, *y)).collect();
        NoisySlots { slots, level: a.level.min(b.level) }
    }

    fn map(&self, a: &NoisySlots, f: impl Fn(usize, Noisy) -> Noisy) -> Result<NoisySlots> {
        Ok(NoisySlots { slots: a.slots.iter().enumerate().map(|(j, x)| f(j, *x)).collect(), level: a.level })
    }

    fn rescaled(&self, mut a: NoisySlots, operation: &'static str) -> Result<NoisySlots> {
        let level = a.level.checked_sub(1).ok_or(Error::LevelsExhausted { operation, needed: 1, available: 0 })?;
        a.level = level;
        a.slots.iter_mut().for_each(|x| x.variance += self.added[level]);
        Ok(a)
    }

    fn sum(&self, terms: impl IntoIterator<Item = NoisySlots>) -> Result<NoisySlots> {
        let add = |x: Noisy, y: Noisy| Noisy { value: x.value + y.value, variance: x.variance + y.variance };
        let empty = || Error::LengthMismatch { what: "terms of a sum", found: 0, needed: "at least 1".into() };
        terms.into_iter().reduce(|a, b| self.zip(&a, &b, add)).ok_or_else(empty)
    }

    fn scaled(&self, a: &NoisySlots, factor: impl Fn(usize) -> Complex64) -> Result<NoisySlots> {
        self.map(a, |j, x| Noisy { value: x.value * factor(j), variance: x.variance * factor(j).norm_sqr() })
    }
}

impl Arithmetic for Variances {
    type Vector = NoisySlots;

    fn slots(&self) -> usize {
        self.slots
    }
    fn max_level(&self) -> usize {
        self.added.len() - 1
    }
    fn level(&self, v: &NoisySlots) -> usize {
        v.level
    }
    fn add(&self, a: &NoisySlots, b: &NoisySlots) -> Result<NoisySlots> {
        self.sum([a.clone(), b.clone()])
    }
    fn sub(&self, a: &NoisySlots, b: &NoisySlots) -> Result<NoisySlots> {
        self.sum([a.clone(), self.negate(b)?])
    }
    fn negate(&self, a: &NoisySlots) -> Result<NoisySlots> {
        self.mul_integer(a, -1)
    }
    fn mul(&self, a: &NoisySlots, b: &NoisySlots) -> Result<NoisySlots> {
        self.sum_of_products(&[(a, b)])
    }
    fn square(&self, a: &NoisySlots) -> Result<NoisySlots> {
        let square = |_, x: Noisy| Noisy { value: x.value * x.value, variance: 4.0 * x.value.norm_sqr() * x.variance };
        self.rescaled(self.map(a, square)?, "a product")
    }
    fn sum_of_products(&self, pairs: &[(&NoisySlots, &NoisySlots)]) -> Result<NoisySlots> {
        let product = |x: Noisy, y: Noisy| {
            let variance = x.value.norm_sqr() * y.variance + y.value.norm_sqr() * x.variance;
            Noisy { value: x.value * y.value, variance }
        };
        self.rescaled(self.sum(pairs.iter().map(|(a, b)| self.zip(a, b, product)))?, "a product")
    }
    fn add_scalar(&self, a: &NoisySlots, c: f64) -> Result<NoisySlots> {
        self.map(a, |_, x| Noisy { value: x.value + c, ..x })
    }
    fn mul_integer(&self, a: &NoisySlots, c: i64) -> Result<NoisySlots> {
        self.scaled(a, |_| Complex64::new(c as f64, 0.0))
    }
    fn mul_by_i(&self, a: &NoisySlots) -> Result<NoisySlots> {
        self.scaled(a, |_| Complex64::i())
    }
    fn add_plain(&self, a: &NoisySlots, p: &PlainVector) -> Result<NoisySlots> {
        self.map(a, |j, x| Noisy { value: x.value + p.get(j), ..x })
    }
    fn dot_plain(&self, terms: &[(&NoisySlots, &PlainVector)]) -> Result<NoisySlots> {
        let products = terms.iter().map(|(a, p)| self.scaled(a, |j| p.get(j))).collect::<Result<Vec<_>>>()?;
        self.rescaled(self.sum(products)?, "a plaintext product")
    }
    fn matrix_product(&self, vectors: &[NoisySlots], outputs: &[Giants<'_>]) -> Result<Vec<NoisySlots>> {
        // Whether the giants are chained changes keys and divisions, not the sum.
        let giant = |g: &Giant<'_>| {
            let term = |&(i, p): &(usize, &PlainVector)| self.scaled(indexed(vectors, i)?, |j| p.get(j));
            self.rotate(&self.sum(g.terms.iter().map(term).collect::<Result<Vec<_>>>()?)?, g.step)
        };
        let output = |giants: &Giants<'_>| {
            let sums = giants.giants.iter().map(giant).collect::<Result<Vec<_>>>()?;
            self.rescaled(self.sum(sums)?, "a matrix product")
        };
        outputs.iter().map(output).collect()
    }
    fn linear_combination(&self, terms: &[(&NoisySlots, f64)], constant: f64) -> Result<NoisySlots> {
        let products = terms.iter().map(|(a, c)| self.scaled(a, |_| Complex64::new(*c, 0.0))).collect::<Result<Vec<_>>>()?;
        self.add_scalar(&self.rescaled(self.sum(products)?, "a linear combination")?, constant)
    }
    fn rotate(&self, a: &NoisySlots, steps: i64) -> Result<NoisySlots> {
        let mut a = a.clone();
        a.slots.rotate_left(steps.rem_euclid(self.slots as i64) as usize);
        Ok(a)
    }
    fn conjugate(&self, a: &NoisySlots) -> Result<NoisySlots> {
        self.map(a, |_, x| Noisy { value: x.value.conj(), ..x })
    }
    fn drop_to_level(&self, a: &NoisySlots, level: usize) -> Result<NoisySlots> {
        if level > a.level {
            return Err(Error::LevelsExhausted { operation: "dropping to a level", needed: level, available: a.level });
        }
        Ok(NoisySlots { slots: a.slots.clone(), level })
    }
}
