//! What the coefficients of a polynomial multiply: numbers, or one vector for all of them.

use num_complex::Complex64;

use crate::ciphertext::{Ciphertext, Product};
use crate::encoding::Encoder;
use crate::error::Result;
use crate::eval::Evaluator;
use crate::params::Scale;
use crate::plaintext::SubringPlaintext;

/// p(y) is linear in its coefficients: with c·w in place of every c it becomes w ⊙ p(y), at no level.
#[derive(Clone, Copy)]
pub(crate) enum Weights<'a> {
    /// w = 1.
    One,
    /// One period of w.
    Vector(&'a Encoder, &'a [Complex64]),
}

impl Weights<'_> {
    fn encoded(encoder: &Encoder, w: &[Complex64], c: f64, level: usize, scale: Scale) -> Result<SubringPlaintext> {
        let values: Vec<Complex64> = w.iter().map(|w| w * c).collect();
        encoder.encode_subring_complex(&values, level, scale)
    }

    /// c·w ⊙ a with c·w encoded at `scale`.
    pub fn multiple(self, evaluator: &Evaluator<'_>, a: &Ciphertext, c: f64, scale: Scale) -> Result<Ciphertext> {
        match self {
            Self::One => evaluator.mul_constant(a, c, scale),
            Self::Vector(encoder, w) => evaluator.mul_subring(a, &Self::encoded(encoder, w, c, a.level(), scale)?),
        }
    }

    /// acc += c·w ⊙ a.
    pub fn add_multiple(self, evaluator: &Evaluator<'_>, acc: &mut Ciphertext, a: &Ciphertext, c: f64) -> Result<()> {
        match self {
            Self::One => evaluator.mul_constant_add(acc, a, c),
            Self::Vector(encoder, w) => {
                let factor = Self::encoded(encoder, w, c, acc.level(), acc.scale().over(a.scale()))?;
                evaluator.mul_subring_add([&mut acc.c0, &mut acc.c1], a, &factor)
            }
        }
    }

    /// p += c·w ⊙ a before relinearisation.
    pub fn add_multiple_to_product(self, evaluator: &Evaluator<'_>, p: &mut Product, a: &Ciphertext, c: f64) -> Result<()> {
        match self {
            Self::One => evaluator.add_multiple_to_product(p, a, c),
            Self::Vector(encoder, w) => {
                let factor = Self::encoded(encoder, w, c, p.level(), p.scale.over(a.scale()))?;
                let [d0, d1, _] = &mut p.d;
                evaluator.mul_subring_add([d0, d1], a, &factor)
            }
        }
    }

    /// a + c·w.
    pub fn add_constant(self, evaluator: &Evaluator<'_>, mut a: Ciphertext, c: f64) -> Result<Ciphertext> {
        match self {
            Self::One => evaluator.add_constant_assign(&mut a, c.into())?,
            Self::Vector(encoder, w) => {
                let constant = Self::encoded(encoder, w, c, a.level(), a.scale())?;
                evaluator.add_subring_assign(&mut a, &constant)?;
            }
        }
        Ok(a)
    }
}
