//! Rotations and conjugation.

use super::digits::Digits;
use super::key_switch::Source;
use super::switch::Switch;
use super::switched_rotation::RotatedTerm;
use super::{Decomposed, Evaluator};
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::kernels::Plus;
use crate::keys::SwitchingKey;
use crate::parallel::{awake, map};
use crate::params::Scale;
use crate::ring::divide_pair;

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
        awake(|| self.rotations(a, steps))
    }

    fn rotations(&self, a: &Ciphertext, steps: &[i64]) -> Result<Vec<Ciphertext>> {
        let keys = steps.iter().map(|&step| self.rotation_key(step, a.level())).collect::<Result<Vec<_>>>()?;
        // Keys of different levels may cut differently; digits that several rotations share are computed once.
        let mut cut: Vec<Decomposed> = Vec::new();
        for (place, (_, key)) in keys.iter().flatten().enumerate() {
            let again = keys.iter().flatten().skip(place + 1).any(|(_, other)| other.shape().cuts_like(&key.shape()));
            if again && !cut.iter().any(|d| d.fits(key.shape())) {
                cut.push(self.decompose(&a.c1, key.shape())?);
            }
        }
        let rotated = |key: &Option<(u64, &SwitchingKey)>| match key {
            None => Ok(a.clone()),
            Some((element, key)) => self.apply_galois(a, cut.iter().find(|d| d.fits(key.shape())), *element, key),
        };
        map(&keys, rotated).into_iter().collect()
    }

    /// Galois element and key of a rotation; `None` for one that moves nothing.
    pub(super) fn rotation_key(&self, step: i64, level: usize) -> Result<Option<(u64, &'k SwitchingKey)>> {
        let step = step.rem_euclid(self.params.slots() as i64);
        if step == 0 {
            return Ok(None);
        }
        let element = self.params.galois_element(step);
        let name = || format!("key for rotation by {step}");
        Ok(Some((element, self.keys(&name(), level)?.galois(element, level, name)?)))
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
        let mut rotated = Vec::with_capacity(terms.len());
        let mut still: Option<Ciphertext> = None;
        for (a, step) in terms {
            if a.level() != level || !a.scale.matches(first.scale) {
                return Err(Error::ScaleMismatch { level, left: first.scale.log2(), right: a.scale.log2() });
            }
            match self.rotation_key(*step, level)? {
                Some((element, key)) => rotated.push(RotatedTerm { c0: Some(&a.c0), c1: &a.c1, element, key }),
                None => still = Some(still.map_or_else(|| Ok((*a).clone()), |sum| self.add(&sum, a))?),
            }
        }
        awake(|| self.divide_rotated(&rotated, still, first.scale, level, rescalings))
    }

    /// Σ of rotated terms and of one that stands still, all of a scale and level, with one division by P and so many of the last
    /// primes for each number of special primes that the keys use: keys of one level share it.
    pub(super) fn divide_rotated(
        &self,
        terms: &[RotatedTerm<'_>],
        mut still: Option<Ciphertext>,
        scale: Scale,
        level: usize,
        rescalings: usize,
    ) -> Result<Ciphertext> {
        self.needs_level("a sum of rotations with rescaling", level, rescalings)?;
        let mut groups: Vec<(usize, Vec<&RotatedTerm<'_>>)> = Vec::new();
        for term in terms {
            let special = term.key.shape().special;
            match groups.iter_mut().find(|(s, _)| *s == special) {
                Some((_, group)) => group.push(term),
                None => groups.push((special, vec![term])),
            }
        }
        let sums = groups.iter().map(|(_, group)| self.switch_rotated(level, group)).collect::<Result<Vec<_>>>()?;
        let keep = level + 1 - rescalings;
        let scale = if rescalings == 0 { scale } else { scale.over(self.prime_scale(level)) };
        let mut total: Option<Ciphertext> = None;
        for (mut s0, mut s1) in sums {
            if let Some(a) = still.take() {
                self.add_times_special(&mut s0, &a.c0);
                self.add_times_special(&mut s1, &a.c1);
            }
            let [c0, c1] = divide_pair(&self.params, [s0, s1], keep)?;
            let part = Ciphertext { c0, c1, scale };
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
        awake(|| self.apply_galois(a, None, element, key))
    }

    /// The image of `a` under X → X^g, perhaps from digits of its second part that were made before.
    fn apply_galois(&self, a: &Ciphertext, digits: Option<&Decomposed>, element: u64, key: &SwitchingKey) -> Result<Ciphertext> {
        let plus = Plus::Halves([Some(&a.c0), None]);
        let switch = match digits {
            Some(made) => Switch { params: &self.params, digits: Digits::Made(made), key, plus },
            None => self.switch(Source::Poly(&a.c1), key, plus)?,
        };
        let [c0, c1] = switch.divided(a.level() + 1, Some(&self.params.automorphism(element)))?;
        Ok(Ciphertext { c0, c1, scale: a.scale })
    }
}
