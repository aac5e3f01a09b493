//! x + rot(x) for several steps one after the other: in a sparsely filled ring, what the copies of a vector have in common.

use super::params::subset_sums;
use super::switching::{Multiplied, Switcher, Turn};
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::eval::Evaluator;
use crate::keys::EvaluationKeys;
use crate::ring::divide_pair;

/// Π (1 + rot_k) over the steps k of one group, from one decomposition and with one division by P.
///
/// # Errors
/// [`Error::MissingKey`] names the rotation without a key.
pub(super) fn trace_group(evaluator: &Evaluator<'_>, keys: &EvaluationKeys, x: &Ciphertext, steps: &[i64]) -> Result<Ciphertext> {
    let (params, level) = (evaluator.params(), x.level());
    let turn = |step: i64| {
        let step = step.rem_euclid(params.slots() as i64);
        let element = params.galois_element(step);
        let key = keys.galois(element, level, || format!("key for rotation by {step} (bootstrapping)"))?;
        Ok((step, Turn::new(params, element, key)))
    };
    let turns = subset_sums(steps).into_iter().map(turn).collect::<Result<Vec<_>>>()?;
    let Some((_, first)) = turns.first() else { return Ok(x.clone()) };
    let shape = first.key.shape();
    let digits = evaluator.decompose(&x.c1, shape)?;
    if let Some((step, other)) = turns.iter().find(|(_, turn)| !digits.fits(turn.key.shape())) {
        let (needed, found) = (shape.special, other.key.shape().special);
        return Err(Error::MissingKey {
            key: format!("key for rotation by {step} with {needed} special primes (found {found})"),
            level,
        });
    }
    let switcher = Switcher { params, basis: shape.basis(level), digits: &digits };
    let mut sum = switcher.times_special([&x.c0, &x.c1]);
    turns.iter().for_each(|(_, turn)| switcher.add_rotated(&mut sum, turn, Multiplied::NotYet(&x.c0)));
    let [c0, c1] = divide_pair(params, sum, level + 1)?;
    Ok(Ciphertext { c0, c1, scale: x.scale })
}
