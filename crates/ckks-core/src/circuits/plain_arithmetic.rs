//! Plain numbers with levels and counts, for the tests of circuits.

use std::sync::Mutex;

use num_complex::Complex64;

use super::{Arithmetic, PlainVector};
use crate::error::{Error, Result};

/// Exact slots with a level.
#[derive(Clone, Debug)]
pub struct Slots {
    pub values: Vec<Complex64>,
    pub level: usize,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub products: usize,
    pub relinearisations: usize,
    pub rotations: Vec<(i64, usize)>,
}

pub struct PlainArithmetic {
    slots: usize,
    max_level: usize,
    counts: Mutex<Counts>,
}

impl PlainArithmetic {
    pub fn new(slots: usize, max_level: usize) -> Self {
        Self { slots, max_level, counts: Mutex::default() }
    }

    pub fn vector(&self, value: impl Fn(usize) -> f64) -> Slots {
        Slots { values: (0..self.slots).map(|j| value(j).into()).collect(), level: self.max_level }
    }

    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap().clone()
    }

    fn zip(a: &Slots, b: &Slots, f: impl Fn(Complex64, Complex64) -> Complex64) -> Slots {
        let values = a.values.iter().zip(&b.values).map(|(x, y)| f(*x, *y)).collect();
        Slots { values, level: a.level.min(b.level) }
    }

    fn map(a: &Slots, f: impl Fn(usize, Complex64) -> Complex64) -> Result<Slots> {
        Ok(Slots { values: a.values.iter().enumerate().map(|(j, x)| f(j, *x)).collect(), level: a.level })
    }

    fn rescaled(mut a: Slots, operation: &'static str) -> Result<Slots> {
        if a.level == 0 {
            return Err(Error::LevelsExhausted { operation, needed: 1, available: 0 });
        }
        a.level -= 1;
        Ok(a)
    }

    fn sum(terms: impl Iterator<Item = Slots>) -> Slots {
        terms.reduce(|a, b| Self::zip(&a, &b, |x, y| x + y)).expect("not empty")
    }
}

impl Arithmetic for PlainArithmetic {
    type Vector = Slots;

    fn slots(&self) -> usize {
        self.slots
    }
    fn max_level(&self) -> usize {
        self.max_level
    }
    fn level(&self, v: &Slots) -> usize {
        v.level
    }
    fn add(&self, a: &Slots, b: &Slots) -> Result<Slots> {
        Ok(Self::zip(a, b, |x, y| x + y))
    }
    fn sub(&self, a: &Slots, b: &Slots) -> Result<Slots> {
        Ok(Self::zip(a, b, |x, y| x - y))
    }
    fn negate(&self, a: &Slots) -> Result<Slots> {
        Self::map(a, |_, x| -x)
    }
    fn mul(&self, a: &Slots, b: &Slots) -> Result<Slots> {
        self.sum_of_products(&[(a, b)])
    }
    fn sum_of_products(&self, pairs: &[(&Slots, &Slots)]) -> Result<Slots> {
        let mut counts = self.counts.lock().unwrap();
        counts.products += pairs.len();
        counts.relinearisations += 1;
        Self::rescaled(Self::sum(pairs.iter().map(|(a, b)| Self::zip(a, b, |x, y| x * y))), "product")
    }
    fn add_scalar(&self, a: &Slots, c: f64) -> Result<Slots> {
        Self::map(a, |_, x| x + c)
    }
    fn mul_integer(&self, a: &Slots, c: i64) -> Result<Slots> {
        Self::map(a, |_, x| x * c as f64)
    }
    fn mul_by_i(&self, a: &Slots) -> Result<Slots> {
        Self::map(a, |_, x| x * Complex64::i())
    }
    fn add_plain(&self, a: &Slots, p: &PlainVector) -> Result<Slots> {
        Self::map(a, |j, x| x + p.get(j))
    }
    fn dot_plain(&self, terms: &[(&Slots, &PlainVector)]) -> Result<Slots> {
        let products = terms.iter().map(|(a, p)| Self::map(a, |j, x| x * p.get(j))).collect::<Result<Vec<_>>>()?;
        Self::rescaled(Self::sum(products.into_iter()), "plaintext product")
    }
    fn linear_combination(&self, terms: &[(&Slots, f64)], constant: f64) -> Result<Slots> {
        let products = terms.iter().map(|(a, c)| Self::map(a, |_, x| x * *c)).collect::<Result<Vec<_>>>()?;
        self.add_scalar(&Self::rescaled(Self::sum(products.into_iter()), "linear combination")?, constant)
    }
    fn rotate(&self, a: &Slots, steps: i64) -> Result<Slots> {
        let k = steps.rem_euclid(self.slots as i64) as usize;
        if k != 0 {
            self.counts.lock().unwrap().rotations.push((steps.rem_euclid(self.slots as i64), a.level));
        }
        let mut a = a.clone();
        a.values.rotate_left(k);
        Ok(a)
    }
    fn conjugate(&self, a: &Slots) -> Result<Slots> {
        Self::map(a, |_, x| x.conj())
    }
    fn drop_to_level(&self, a: &Slots, level: usize) -> Result<Slots> {
        if level > a.level {
            return Err(Error::LevelsExhausted { operation: "drop to level", needed: level, available: a.level });
        }
        Ok(Slots { values: a.values.clone(), level })
    }
}
