//! Key generation.

use super::secret::SecretPoly;
use super::{EvaluationKeys, GadgetShape, KeyRequirements, PublicKey, SecretKey, SwitchingKey};
use crate::error::Result;
use crate::kernels;
use crate::params::Params;
use crate::ring::sampling::{Randomness, uniform_poly};
use crate::ring::{Basis, Ntt, Poly};

/// Makes the keys of one secret key.
pub struct KeyGenerator<'s> {
    params: Params,
    secret: &'s SecretKey,
}

impl<'s> KeyGenerator<'s> {
    /// A generator for `secret`.
    ///
    /// # Errors
    /// [`crate::Error::ParamsMismatch`] if the secret belongs to other parameters.
    pub fn new(params: &Params, secret: &'s SecretKey) -> Result<Self> {
        params.check_digest("the secret key", secret.params_digest())?;
        Ok(Self { params: params.clone(), secret })
    }

    /// The public encryption key.
    pub fn public_key(&self, randomness: &mut Randomness) -> PublicKey {
        let basis = Basis::at_level(self.params.max_level());
        let seed = randomness.public_seed();
        let b = self.encryption_of_zero(basis, &uniform_poly(&self.params, basis, &seed, 0), &self.secret.s.0, randomness);
        PublicKey::from_seeded(&self.params, self.secret.id(), seed, b)
    }

    /// The relinearisation key: s² → s, up to `level`.
    pub fn relinearisation_key(&self, level: usize, randomness: &mut Randomness) -> SwitchingKey {
        let s = &self.secret.s.0;
        let square = SecretPoly(Poly::product(&self.params, s, s));
        self.switching_key(GadgetShape::for_level(&self.params, level), &square.0, s, randomness)
    }

    /// The key for rotations by `step` slots to the left, up to `level`.
    pub fn rotation_key(&self, step: i64, level: usize, randomness: &mut Randomness) -> SwitchingKey {
        self.galois_key(self.params.galois_element(step), level, randomness)
    }

    /// The key for complex conjugation, up to `level`.
    pub fn conjugation_key(&self, level: usize, randomness: &mut Randomness) -> SwitchingKey {
        self.galois_key(self.params.conjugation_element(), level, randomness)
    }

    /// Switches from s to σ⁻¹(s): the automorphism σ is applied after the inner product, to two polynomials instead of to
    /// every digit, and one decomposition serves all rotations (Bossuat et al. 2021, eprint 2020/1203, section 4).
    pub fn galois_key(&self, element: u64, level: usize, randomness: &mut Randomness) -> SwitchingKey {
        let target = self.turned_back(element);
        self.switching_key(GadgetShape::for_level(&self.params, level), &self.secret.s.0, &target.0, randomness)
    }

    /// σ⁻¹(s) for σ: X → X^`element`.
    pub(crate) fn turned_back(&self, element: u64) -> SecretPoly {
        SecretPoly(
            self.secret.s.0.automorphism(&self.params, kernels::inverse_element(element) & (2 * self.params.n() as u64 - 1)),
        )
    }

    /// The parameters.
    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    /// All keys of a list; `progress` is told after each how many are done and how many there are.
    pub fn evaluation_keys(
        &self,
        needed: &KeyRequirements,
        randomness: &mut Randomness,
        mut progress: impl FnMut(usize, usize),
    ) -> EvaluationKeys {
        let total = needed.count();
        let mut keys = EvaluationKeys::empty(&self.params, self.secret.id());
        let mut done = 0;
        let mut tick = || {
            done += 1;
            progress(done, total);
        };
        if let Some(level) = needed.relinearisation {
            keys.insert_relinearisation(self.relinearisation_key(level, randomness));
            tick();
        }
        for (&step, &level) in &needed.rotations {
            keys.insert_galois(self.params.galois_element(step), self.rotation_key(step, level, randomness));
            tick();
        }
        if let Some(level) = needed.conjugation {
            keys.insert_galois(self.params.conjugation_element(), self.conjugation_key(level, randomness));
            tick();
        }
        keys
    }

    /// The secret itself, over all primes.
    pub(crate) fn secret_poly(&self) -> &Poly<Ntt> {
        &self.secret.s.0
    }

    /// A fresh secret with `weight` coefficients ±1, over all primes.
    pub(crate) fn sparse_secret(&self, weight: u32, randomness: &mut Randomness) -> SecretPoly {
        let coefficients = randomness.sparse_ternary(self.params.n(), weight);
        SecretPoly(Poly::from_signed(&self.params, self.params.full_basis(), &coefficients).into_ntt(&self.params))
    }

    /// −a·s + e over `basis`.
    fn encryption_of_zero(&self, basis: Basis, a: &Poly<Ntt>, s: &Poly<Ntt>, randomness: &mut Randomness) -> Poly<Ntt> {
        let mut b = randomness.error_poly(&self.params, basis).into_ntt(&self.params);
        let s_limb = |i: usize| if i < basis.q { i } else { i - basis.q + self.params.max_level() + 1 };
        let mut product = Poly::<Ntt>::unfilled(self.params.n(), basis);
        product.for_each_limb(|i, out| kernels::mul_into(self.params.modulus(basis, i), out, a.limb(i), s.limb(s_limb(i))));
        b.sub_assign(&self.params, &product);
        // a is public: a·s is as good as s.
        product.zeroize();
        b
    }

    /// Encryptions of P·g_j·`from` under `to`, where g_j is 1 modulo the primes of digit j and 0 modulo the others.
    pub(crate) fn switching_key(
        &self,
        shape: GadgetShape,
        from: &Poly<Ntt>,
        to: &Poly<Ntt>,
        randomness: &mut Randomness,
    ) -> SwitchingKey {
        let params = &self.params;
        let level = shape.level;
        let basis = shape.basis(level);
        let seed = randomness.public_seed();
        let mut key = SwitchingKey::empty(params, shape, seed);
        for j in 0..shape.digits(level) {
            let a = key.uniform_half(params, j);
            let mut b = self.encryption_of_zero(basis, &a, to, randomness);
            let digit = shape.digit_range(level, j);
            b.for_each_limb(|i, limb| {
                if digit.contains(&i) {
                    let m = params.q(i);
                    let special = (0..shape.special).fold(1, |p, k| m.mul(p, m.reduce_u64(params.p(k).value())));
                    kernels::mul_scalar_add_assign(m, limb, from.limb(i), special);
                }
            });
            key.set_digit(params, j, &b, &a);
        }
        key
    }
}
