//! Rotations and conjugation.

use super::{Decomposed, Evaluator};
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::keys::SwitchingKey;
use crate::ring::{Ntt, Poly, divide_by_dropped};

impl<'k> Evaluator<'k> {
    /// Slot j of the result is slot j + `step` of `a`, cyclically.
    ///
    /// # Errors
    /// [`crate::Error::MissingKey`] without a key for this step and level.
    pub fn rotate(&self, a: &Ciphertext, step: i64) -> Result<Ciphertext> {
        Ok(self.rotate_hoisted(a, &[step])?.swap_remove(0))
    }

    /// Several rotations of one ciphertext; its digits are computed once (Halevi, Shoup 2018, eprint 2018/244).
    ///
    /// # Errors
    /// [`crate::Error::MissingKey`] without a key for a step and this level.
    pub fn rotate_hoisted(&self, a: &Ciphertext, steps: &[i64]) -> Result<Vec<Ciphertext>> {
        let slots = self.params.slots() as i64;
        let mut cut: Vec<Decomposed> = Vec::new();
        steps
            .iter()
            .map(|&step| {
                let step = step.rem_euclid(slots);
                if step == 0 {
                    return Ok(a.clone());
                }
                let element = self.params.galois_element(step);
                let name = || format!("key for rotation by {step}");
                let key = self.keys(&name(), a.level())?.galois(element, a.level(), name)?;
                self.apply_galois(a, element, key, &mut cut)
            })
            .collect()
    }

    /// Σ rotate(a_i, step_i) over terms of one level and scale, with one division by P for the whole sum (double hoisting:
    /// eprint 2020/1203, section 4.3): the giant steps of a linear transform.
    ///
    /// # Errors
    /// [`crate::Error::LengthMismatch`] for an empty sum, [`crate::Error::ScaleMismatch`] for unequal levels or scales,
    /// [`crate::Error::MissingKey`].
    pub fn rotate_sum(&self, terms: &[(&Ciphertext, i64)]) -> Result<Ciphertext> {
        self.rotate_sum_keeping(terms, 0)
    }

    /// [`Evaluator::rotate_sum`] and a rescaling in one division.
    ///
    /// # Errors
    /// Those of [`Evaluator::rotate_sum`]; [`crate::Error::LevelsExhausted`] at level 0.
    pub fn rotate_sum_rescale(&self, terms: &[(&Ciphertext, i64)]) -> Result<Ciphertext> {
        self.rotate_sum_keeping(terms, 1)
    }

    fn rotate_sum_keeping(&self, terms: &[(&Ciphertext, i64)], rescalings: usize) -> Result<Ciphertext> {
        let Some((first, _)) = terms.first() else {
            return Err(Error::LengthMismatch { what: "terms of a sum of rotations", found: 0, needed: "at least 1".into() });
        };
        let level = self.needs_level("a sum of rotations with rescaling", first.level(), rescalings)?;
        let slots = self.params.slots() as i64;
        // One accumulator per number of special primes that the keys use: keys of one level share it.
        let mut sums: Vec<(usize, Poly<Ntt>, Poly<Ntt>)> = Vec::new();
        let mut still: Option<Ciphertext> = None;
        for (a, step) in terms {
            if a.level() != level || !a.scale.matches(first.scale) {
                return Err(Error::ScaleMismatch { level, left: first.scale.log2(), right: a.scale.log2() });
            }
            let step = step.rem_euclid(slots);
            if step == 0 {
                still = Some(still.map_or_else(|| Ok((*a).clone()), |sum| self.add(&sum, a))?);
                continue;
            }
            let element = self.params.galois_element(step);
            let name = || format!("key for rotation by {step}");
            let key = self.keys(&name(), level)?.galois(element, level, name)?;
            let shape = key.shape();
            let (mut u0, u1) = self.inner_product(&self.decompose(&a.c1, shape)?, key);
            self.add_times_special(&mut u0, &a.c0);
            let (u0, u1) = rayon::join(|| u0.automorphism(&self.params, element), || u1.automorphism(&self.params, element));
            match sums.iter_mut().find(|(special, ..)| *special == shape.special) {
                Some((_, s0, s1)) => {
                    s0.add_assign(&self.params, &u0);
                    s1.add_assign(&self.params, &u1);
                }
                None => sums.push((shape.special, u0, u1)),
            }
        }
        let keep = level + 1 - rescalings;
        let scale = if rescalings == 0 { first.scale } else { first.scale.over(self.prime_scale(level)) };
        let mut total: Option<Ciphertext> = None;
        for (_, mut s0, mut s1) in sums {
            if let Some(a) = still.take() {
                self.add_times_special(&mut s0, &a.c0);
                self.add_times_special(&mut s1, &a.c1);
            }
            let (c0, c1) =
                rayon::join(|| divide_by_dropped(&self.params, s0, keep), || divide_by_dropped(&self.params, s1, keep));
            let part = Ciphertext { c0: c0?, c1: c1?, scale };
            total = Some(total.map_or_else(|| Ok(part.clone()), |sum| self.add(&sum, &part))?);
        }
        match (total, still) {
            (Some(total), _) => Ok(total),
            (None, Some(a)) if rescalings == 0 => Ok(a),
            (None, Some(a)) => self.rescale(&a),
            (None, None) => {
                Err(Error::LengthMismatch { what: "terms of a sum of rotations", found: 0, needed: "at least 1".into() })
            }
        }
    }

    /// The complex conjugate of every slot.
    ///
    /// # Errors
    /// [`crate::Error::MissingKey`] without a conjugation key for this level.
    pub fn conjugate(&self, a: &Ciphertext) -> Result<Ciphertext> {
        let element = self.params.conjugation_element();
        let key = self.keys("conjugation key", a.level())?.galois(element, a.level(), || "conjugation key".into())?;
        self.apply_galois(a, element, key, &mut Vec::new())
    }

    /// Keys of different levels may cut differently; digits are computed once per way of cutting.
    fn apply_galois(&self, a: &Ciphertext, element: u64, key: &SwitchingKey, cut: &mut Vec<Decomposed>) -> Result<Ciphertext> {
        let found = match cut.iter().position(|d| d.fits(key.shape())) {
            Some(found) => found,
            None => {
                cut.push(self.decompose(&a.c1, key.shape())?);
                cut.len() - 1
            }
        };
        let (mut u0, u1) = self.inner_product(&cut[found], key);
        self.add_times_special(&mut u0, &a.c0);
        let keep = a.level() + 1;
        let (c0, c1) = rayon::join(
            || divide_by_dropped(&self.params, u0, keep).map(|c| c.automorphism(&self.params, element)),
            || divide_by_dropped(&self.params, u1, keep).map(|c| c.automorphism(&self.params, element)),
        );
        Ok(Ciphertext { c0: c0?, c1: c1?, scale: a.scale })
    }
}
