//! Key switches of rotations, each word of key, digits and result touched once.

use rayon::prelude::*;

use super::{Decomposed, Evaluator};
use crate::ciphertext::Ciphertext;
use crate::error::Result;
use crate::kernels::{self, Division, SwitchedTerm};
use crate::keys::SwitchingKey;
use crate::ring::{Basis, Ntt, Poly, convert_rows, fill_pair};

/// A ciphertext, the Galois element that moves it, and that element's key.
pub(super) struct RotatedTerm<'a> {
    /// `None` where it has been added up already.
    pub c0: Option<&'a Poly<Ntt>>,
    pub c1: &'a Poly<Ntt>,
    pub element: u64,
    pub key: &'a SwitchingKey,
}

/// Digits of several terms that are held at one time; two terms at least.
const DIGIT_BYTES: usize = 48 << 20;

impl Evaluator<'_> {
    /// The image of `a` under X → X^g, from the digits of its second part: the limbs that remain go straight from the inner product
    /// through the division by P to their new places.
    pub(super) fn rotate_digits(
        &self,
        a: &Ciphertext,
        digits: &Decomposed,
        element: u64,
        key: &SwitchingKey,
    ) -> Result<Ciphertext> {
        let params = &self.params;
        let (n, level) = (params.n(), a.level());
        let basis = key.shape().basis(level);
        let special = Basis { q: 0, p: basis.p };
        let digits = digits.digits();
        let (u0, u1) = fill_pair(n, special, |j, x, y| {
            let (limb, key_limb) = (basis.q + j, key.shape().level + 1 + j);
            let terms: Vec<_> = digits
                .iter()
                .zip(key.b.iter().zip(&key.a))
                .map(|(d, (b, a))| (d.limb(limb), b.limb(key_limb), a.limb(key_limb)))
                .collect();
            kernels::dot2_into(params.p(j), x, y, &terms);
            params.ntt_p(j).inverse(x);
            params.ntt_p(j).inverse(y);
        });
        let table = params.automorphism(element);
        let from: Vec<usize> = (0..basis.p).map(|j| params.prime_index(special, j)).collect();
        let to: Vec<usize> = (0..basis.q).collect();
        let half = |u: Poly<Ntt>, key: &[Poly<Ntt>], plus: Option<&Poly<Ntt>>| -> Result<Poly<Ntt>> {
            let input: Vec<&[u64]> = (0..basis.p).map(|j| u.limb(j)).collect();
            let mut converted = Poly::<Ntt>::unfilled(n, Basis::at_level(level));
            let mut rows: Vec<&mut [u64]> = converted.data_mut().chunks_exact_mut(n).collect();
            convert_rows(params, &from, &input, &to, &mut rows)?;
            let mut out = Poly::<Ntt>::unfilled(n, Basis::at_level(level));
            let limbs = converted.data_mut().par_chunks_exact_mut(n).zip(out.data_mut().par_chunks_exact_mut(n));
            limbs.enumerate().for_each(|(i, (converted, out))| {
                params.ntt_q(i).forward(converted);
                let m = params.q(i);
                let product = (0..basis.p).fold(1, |d, j| m.mul(d, m.reduce_u64(params.p(j).value())));
                let division = Division { converted, inverse: m.inv(product), plus: plus.map(|c| c.limb(i)), table: &table };
                let terms: Vec<_> = digits.iter().zip(key).map(|(d, k)| (d.limb(i), k.limb(i))).collect();
                kernels::switch_down(m, out, &terms, &division);
            });
            Ok(out)
        };
        let (c0, c1) = rayon::join(|| half(u0, &key.b, Some(&a.c0)), || half(u1, &key.a, None));
        Ok(Ciphertext { c0: c0?, c1: c1?, scale: a.scale })
    }

    /// Σ of the images of ciphertexts of one level, still multiplied by P: one division then serves them all (eprint 2020/1203,
    /// section 4.3). The keys use one number of special primes.
    pub(super) fn switch_rotated(&self, level: usize, terms: &[&RotatedTerm<'_>]) -> Result<(Poly<Ntt>, Poly<Ntt>)> {
        let params = &self.params;
        let n = params.n();
        let bytes = |t: &&RotatedTerm<'_>| {
            let shape = t.key.shape();
            shape.digits(level) * shape.basis(level).limbs() * n * size_of::<u64>()
        };
        let special = terms.first().map_or(0, |t| t.key.shape().special);
        let basis = Basis { q: level + 1, p: special };
        let at_once = (DIGIT_BYTES / terms.iter().map(bytes).max().unwrap_or(1).max(1)).max(2);
        let mut sum0 = Poly::<Ntt>::zero(n, basis);
        let mut sum1 = Poly::<Ntt>::zero(n, basis);
        for some in terms.chunks(at_once) {
            let digits: Vec<Decomposed> =
                some.par_iter().map(|t| self.decompose_outwards(t.c1, t.key.shape())).collect::<Result<_>>()?;
            let tables: Vec<_> = some.iter().map(|t| params.automorphism(t.element)).collect();
            let limbs = sum0.data_mut().par_chunks_exact_mut(n).zip(sum1.data_mut().par_chunks_exact_mut(n));
            limbs.enumerate().for_each(|(i, (acc0, acc1))| {
                let m = params.modulus(basis, i);
                let factor = (0..special).fold(1, |p, k| m.mul(p, m.reduce_u64(params.p(k).value())));
                let switched: Vec<_> = some
                    .iter()
                    .zip(digits.iter().zip(&tables))
                    .map(|(t, (digits, table))| {
                        let key = t.key;
                        let key_limb = if i < basis.q { i } else { i - basis.q + key.shape().level + 1 };
                        let digit = |j: usize| {
                            let own = key.shape().digit_range(level, j).contains(&i);
                            if own { t.c1.limb(i) } else { digits.digits()[j].limb(i) }
                        };
                        let halves = key.b.iter().zip(&key.a).take(digits.digits().len()).enumerate();
                        SwitchedTerm {
                            digits: halves.map(|(j, (b, a))| (digit(j), b.limb(key_limb), a.limb(key_limb))).collect(),
                            plus: t.c0.filter(|_| i < basis.q).map(|c0| (c0.limb(i), factor)),
                            table,
                        }
                    })
                    .collect();
                kernels::switch_sum(m, acc0, acc1, &switched);
            });
        }
        Ok((sum0, sum1))
    }
}
