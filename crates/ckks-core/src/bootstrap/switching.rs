//! Key switches of one decomposed polynomial under several keys, limb by limb: while a limb of the digits is in the cache, everything
//! that needs it is done, so that only the keys stream from memory.

use std::sync::Arc;

use crate::eval::Decomposed;
use crate::kernels::{self, Finish, KeyProduct, Modulus, Moves, Plus};
use crate::keys::SwitchingKey;
use crate::parallel::for_each;
use crate::params::Params;
use crate::ring::{Basis, Ntt, Poly};

/// A rotation: where it moves words, and its key.
pub(super) struct Turn<'k> {
    pub moves: Arc<Moves>,
    pub key: &'k SwitchingKey,
}

impl<'k> Turn<'k> {
    pub fn new(params: &Params, element: u64, key: &'k SwitchingKey) -> Self {
        Self { moves: params.automorphism(element), key }
    }
}

/// What rotations under different keys share.
pub(super) struct Switcher<'a> {
    pub params: &'a Params,
    pub basis: Basis,
    pub digits: &'a Decomposed,
}

impl Switcher<'_> {
    /// rot(⟨digits, key⟩ + (factor·plus, 0)) in limb `i`, stored or added.
    fn moved(&self, i: usize, turn: &Turn<'_>, plus: Option<(&Poly<Ntt>, u64)>, out: [&mut [u64]; 2], finish: &Finish<'_>) {
        let product = KeyProduct {
            digits: &self.digits.digits(i),
            key: turn.key.limb_at(self.basis.q - 1, i),
            plus: Plus::Halves([plus.map(|(plus, _)| plus.limb(i)), None]),
            factor: plus.map_or(0, |(_, factor)| factor),
        };
        kernels::key_product(self.modulus(i), out, &product, Some(&turn.moves), finish);
    }

    fn modulus(&self, i: usize) -> &Modulus {
        self.params.modulus(self.basis, i)
    }

    /// P modulo the prime of limb `i`; `None` where that is 0.
    fn special(&self, i: usize) -> Option<u64> {
        let m = self.modulus(i);
        let product = || (0..self.basis.p).fold(1, |p, k| m.mul(p, m.reduce_u64(self.params.p(k).value())));
        (i < self.basis.q).then(product)
    }

    /// out += P·part in limb `i`.
    fn add_special(&self, i: usize, out: &mut [u64], part: &Poly<Ntt>) {
        if let Some(special) = self.special(i) {
            kernels::mul_scalar_add_assign(self.modulus(i), out, part.limb(i), special);
        }
    }

    /// P·rot(c_0, c_1) in limb `i` of `out`. Without a rotation P·(c_0, c_1).
    pub fn rotated(&self, i: usize, turn: Option<&Turn<'_>>, parts: [&Poly<Ntt>; 2], out: [&mut [u64]; 2]) {
        match turn {
            Some(turn) => self.moved(i, turn, self.special(i).map(|special| (parts[0], special)), out, &Finish::Store),
            None => {
                for (out, part) in out.into_iter().zip(parts) {
                    out.fill(0);
                    self.add_special(i, out, part);
                }
            }
        }
    }

    /// sum += rot(⟨digits, key⟩ + (c_0, 0)), c_0 multiplied by P before or to be multiplied by it now.
    pub fn add_rotated(&self, sum: &mut [Poly<Ntt>; 2], turn: &Turn<'_>, c0: Multiplied<'_>) {
        let n = self.params.n();
        let [s0, s1] = sum;
        let limbs = s0.data_mut().chunks_exact_mut(n).zip(s1.data_mut().chunks_exact_mut(n));
        for_each(limbs.enumerate(), |(i, (s0, s1))| {
            let plus = match c0 {
                Multiplied::Already(c0) => Some((c0, 1)),
                Multiplied::NotYet(c0) => self.special(i).map(|special| (c0, special)),
            };
            self.moved(i, turn, plus, [s0, s1], &Finish::Add);
        });
    }

    /// P·(c_0, c_1) over all primes.
    pub fn times_special(&self, parts: [&Poly<Ntt>; 2]) -> [Poly<Ntt>; 2] {
        parts.map(|part| {
            let mut out = Poly::<Ntt>::zero(self.params.n(), self.basis);
            out.for_each_limb(|i, limb| self.add_special(i, limb, part));
            out
        })
    }
}

/// Whether a polynomial has its factor P.
#[derive(Clone, Copy)]
pub(super) enum Multiplied<'a> {
    Already(&'a Poly<Ntt>),
    NotYet(&'a Poly<Ntt>),
}
