//! Key switches of one decomposed polynomial under several keys, limb by limb: while a limb of the digits is in the cache, everything
//! that needs it is done, so that only the keys stream from memory.

use std::sync::Arc;

use rayon::prelude::*;

use crate::eval::Decomposed;
use crate::kernels::{self, AlignedBuf, Modulus};
use crate::keys::SwitchingKey;
use crate::params::Params;
use crate::ring::{Basis, Ntt, Poly};

/// A rotation: where each word of its result comes from, and its key.
pub(super) struct Turn<'k> {
    pub table: Arc<Vec<u32>>,
    pub key: &'k SwitchingKey,
}

impl<'k> Turn<'k> {
    pub fn new(params: &Params, element: u64, key: &'k SwitchingKey) -> Self {
        Self { table: params.automorphism(element), key }
    }
}

/// What rotations under different keys share.
pub(super) struct Switcher<'a> {
    pub params: &'a Params,
    pub basis: Basis,
    pub digits: &'a Decomposed,
}

impl Switcher<'_> {
    /// ⟨digits, key⟩ in limb `i`: what belongs to c_0 and what belongs to c_1, before the rotation.
    fn inner_product(&self, i: usize, key: &SwitchingKey, x: &mut [u64], y: &mut [u64]) {
        let place = if i < self.basis.q { i } else { i - self.basis.q + key.shape().level + 1 };
        let halves = key.b.iter().zip(&key.a);
        let terms: Vec<_> =
            self.digits.digits().iter().zip(halves).map(|(d, (b, a))| (d.limb(i), b.limb(place), a.limb(place))).collect();
        kernels::dot2_into(self.modulus(i), x, y, &terms);
    }

    fn modulus(&self, i: usize) -> &Modulus {
        self.params.modulus(self.basis, i)
    }

    /// out += P·part in limb `i`; P is 0 modulo its own primes.
    fn add_special(&self, i: usize, out: &mut [u64], part: &Poly<Ntt>) {
        if i < self.basis.q {
            let m = self.modulus(i);
            let special = (0..self.basis.p).fold(1, |p, k| m.mul(p, m.reduce_u64(self.params.p(k).value())));
            kernels::mul_scalar_add_assign(m, out, part.limb(i), special);
        }
    }

    /// P·rot(c_0, c_1) in limb `i` of `out`; `work` are two limbs for what comes in between. Without a rotation P·(c_0, c_1).
    pub fn rotated(&self, i: usize, turn: Option<&Turn<'_>>, parts: [&Poly<Ntt>; 2], out: [&mut [u64]; 2], work: &mut [u64]) {
        let Some(turn) = turn else {
            for (out, part) in out.into_iter().zip(parts) {
                out.fill(0);
                self.add_special(i, out, part);
            }
            return;
        };
        let (x, y) = work.split_at_mut(self.params.n());
        self.inner_product(i, turn.key, x, y);
        self.add_special(i, x, parts[0]);
        let [out0, out1] = out;
        kernels::permute_into(out0, x, &turn.table);
        kernels::permute_into(out1, y, &turn.table);
    }

    /// sum += rot(⟨digits, key⟩ + (c_0, 0)), c_0 multiplied by P before or to be multiplied by it now.
    pub fn add_rotated(&self, sum: &mut [Poly<Ntt>; 2], turn: &Turn<'_>, c0: Multiplied<'_>) {
        let n = self.params.n();
        let [s0, s1] = sum;
        let limbs = s0.data_mut().par_chunks_exact_mut(n).zip(s1.data_mut().par_chunks_exact_mut(n));
        limbs.enumerate().for_each(|(i, (s0, s1))| {
            let mut work = AlignedBuf::unfilled(3 * n);
            let (x, rest) = work.split_at_mut(n);
            let (y, moved) = rest.split_at_mut(n);
            self.inner_product(i, turn.key, x, y);
            match c0 {
                Multiplied::Already(c0) => kernels::add_assign(self.modulus(i), x, c0.limb(i)),
                Multiplied::NotYet(c0) => self.add_special(i, x, c0),
            }
            for (sum, part) in [(s0, x), (s1, y)] {
                kernels::permute_into(moved, part, &turn.table);
                kernels::add_assign(self.modulus(i), sum, moved);
            }
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
