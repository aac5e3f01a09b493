//! ModRaise through an encapsulated sparse secret.
//!
//! A ciphertext modulo q_0, read as one modulo Q, encrypts m + q_0·I, and I is as large as the secret is heavy. So it is switched to
//! a sparse secret while its modulus is small, raised, and switched back at the full modulus: the sparse secret is only ever
//! used modulo q_0·p_0 (Bossuat, Troncoso-Pastoriza, Hubaux, eprint 2022/024, section 4).

use super::keys::EncapsulationKeys;
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::eval::{Decomposed, Digits, Evaluator, Switch};
use crate::kernels::Plus;
use crate::keys::{GadgetShape, SwitchingKey};
use crate::params::{Params, Scale};
use crate::ring::{Basis, Coeff, Ntt, Poly, sum_all_rows};

/// How the key to the sparse secret cuts: everything modulo q_0 is one digit, carried by one special prime.
pub(crate) fn to_sparse_shape() -> GadgetShape {
    GadgetShape { level: 0, special: 1, digit_limbs: 1 }
}

/// How the key from the sparse secret cuts: what was raised from q_0 is smaller than one special prime, so it is its own only digit.
pub(crate) fn from_sparse_shape(level: usize) -> GadgetShape {
    GadgetShape { level, special: 1, digit_limbs: level + 1 }
}

/// A ciphertext under the sparse secret at the raised level, whose parts are still smaller than q_0/2: its key switch has a single
/// digit, so rotations of it are cheap.
pub struct Raised {
    /// c_0.
    pub(super) c0: Poly<Ntt>,
    /// c_1 over the special prime too.
    pub(super) digits: Decomposed,
    pub(super) scale: Scale,
}

impl Raised {
    /// Its level.
    pub fn level(&self) -> usize {
        self.digits.level()
    }
}

/// A ciphertext at level 0 becomes one at `level` under the sparse secret that encrypts m + q_0·I, |I| bounded by that secret. The
/// result is declared to have `scale`.
///
/// # Errors
/// [`Error::LevelsExhausted`] unless the ciphertext is at level 0.
pub(super) fn mod_raise(
    evaluator: &Evaluator<'_>,
    keys: &EncapsulationKeys,
    level: usize,
    ciphertext: &Ciphertext,
    scale: Scale,
) -> Result<Raised> {
    let params = evaluator.params();
    if ciphertext.level() != 0 {
        return Err(Error::LevelsExhausted { operation: "ModRaise", needed: 0, available: ciphertext.level() });
    }
    let digits = evaluator.decompose(&ciphertext.c1, to_sparse_shape())?;
    let sparse = switch(evaluator, &keys.to_sparse, &digits, &ciphertext.c0)?;
    let [c0, c1] = sparse.map(|part| part.into_coeff(params));
    let c0 = raised(params, &c0, Basis { q: level + 1, p: 0 })?;
    let c1 = raised(params, &c1, Basis { q: level + 1, p: 1 })?;
    Ok(Raised { c0, digits: Decomposed::single(from_sparse_shape(level), c1), scale })
}

/// The same under the secret itself.
///
/// # Errors
/// [`Error::MissingKey`].
pub(super) fn switched_back(evaluator: &Evaluator<'_>, keys: &EncapsulationKeys, x: &Raised) -> Result<Ciphertext> {
    let [c0, c1] = switch(evaluator, keys.from_sparse(0, x.level())?, &x.digits, &x.c0)?;
    Ok(Ciphertext { c0, c1, scale: x.scale })
}

/// (c_0 + ⟨digits, b⟩/P, ⟨digits, a⟩/P).
fn switch(evaluator: &Evaluator<'_>, key: &SwitchingKey, digits: &Decomposed, c0: &Poly<Ntt>) -> Result<[Poly<Ntt>; 2]> {
    let switch = Switch { params: evaluator.params(), digits: Digits::Made(digits), key, plus: Plus::Halves([Some(c0), None]) };
    switch.divided(digits.level() + 1, None)
}

/// The centred residues modulo q_0, modulo all primes of `basis`.
fn raised(params: &Params, part: &Poly<Coeff>, basis: Basis) -> Result<Poly<Ntt>> {
    let mut out = Poly::<Coeff>::unfilled(params.n(), basis);
    let to: Vec<usize> = (0..basis.limbs()).map(|i| params.prime_index(basis, i)).collect();
    let (own, others) = out.data_mut().split_at_mut(params.n());
    own.copy_from_slice(part.limb(0));
    // With one source there is nothing to scale.
    sum_all_rows(&*params.converter(&[0], &to[1..])?, vec![part.limb(0)], others.chunks_exact_mut(params.n()).collect());
    Ok(out.into_ntt(params))
}
