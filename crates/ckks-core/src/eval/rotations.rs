//! Rotations and conjugation.

use super::{Decomposed, Evaluator};
use crate::ciphertext::Ciphertext;
use crate::error::Result;
use crate::keys::SwitchingKey;
use crate::ring::divide_by_dropped;

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
