//! Division by the last prime of the modulus, limb by limb: what [`super::divide_by_dropped`] does for several primes, without
//! touching memory in between. The residues of one limb are spread, transformed and subtracted while a cache holds them.

use super::{Basis, Ntt, Poly};
use crate::kernels::{self, Modulus};
use crate::parallel::{awake, both};
use crate::params::Params;

/// A polynomial over the primes of some level that can be divided by the last of them.
pub(crate) trait Dividend: Sync {
    /// The residues modulo the last prime.
    fn last(&self, q: &Modulus, out: &mut [u64]);

    /// What [`Dividend::finish`] reads of limb `i`.
    fn operands(&self, i: usize) -> [&[u64]; 2];

    /// out = (limb `i` − out)·s.
    fn finish(&self, i: usize, m: &Modulus, out: &mut [u64], s: u64);
}

impl Dividend for &Poly<Ntt> {
    fn last(&self, _: &Modulus, out: &mut [u64]) {
        out.copy_from_slice(self.limb(self.basis().q - 1));
    }

    fn operands(&self, i: usize) -> [&[u64]; 2] {
        [self.limb(i), &[]]
    }

    fn finish(&self, i: usize, m: &Modulus, out: &mut [u64], s: u64) {
        kernels::sub_mul_scalar_from(m, out, self.limb(i), s);
    }
}

/// a ⊙ b, which is never written down. `b` may have more limbs.
pub(crate) struct ProductOf<'a>(pub &'a Poly<Ntt>, pub &'a Poly<Ntt>);

impl Dividend for ProductOf<'_> {
    fn last(&self, q: &Modulus, out: &mut [u64]) {
        let i = self.0.basis().q - 1;
        kernels::mul_into(q, out, self.0.limb(i), self.1.limb(i));
    }

    fn operands(&self, i: usize) -> [&[u64]; 2] {
        [self.1.limb(i), self.0.limb(i)]
    }

    fn finish(&self, i: usize, m: &Modulus, out: &mut [u64], s: u64) {
        kernels::sub_mul_scalar_from_product(m, out, self.0.limb(i), self.1.limb(i), s);
    }
}

/// round(x/q_ℓ) and round(y/q_ℓ) for two polynomials over the primes of level ℓ = `level` ≥ 1.
pub(crate) fn rescaled_pair(params: &Params, level: usize, x: impl Dividend, y: impl Dividend) -> (Poly<Ntt>, Poly<Ntt>) {
    awake(|| rescaled(params, level, &x, &y))
}

fn rescaled(params: &Params, level: usize, x: &dyn Dividend, y: &dyn Dividend) -> (Poly<Ntt>, Poly<Ntt>) {
    let n = params.n();
    let last = params.q(level);
    let mut ends = Poly::<Ntt>::unfilled(n, Basis { q: 2, p: 0 });
    ends.for_each_limb(|k, limb| {
        if k == 0 {
            x.last(last, limb)
        } else {
            y.last(last, limb)
        }
        params.ntt_q(level).inverse(limb);
    });
    let part = |dividend: &dyn Dividend, end: usize, i: usize, out: &mut [u64]| {
        let table = params.ntt_q(i);
        let m = table.modulus();
        table.forward_centred(out, last, ends.limb(end), &dividend.operands(i));
        dividend.finish(i, m, out, m.inv(m.reduce_u64(last.value())));
    };
    super::fill_pair(n, Basis::at_level(level - 1), |i, out_x, out_y| {
        both(|| part(x, 0, i, out_x), || part(y, 1, i, out_y));
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kernels::tests::{lcg, on_every_path};
    use crate::params::ParamsLiteral;
    use crate::ring::divide_by_dropped;

    /// Any residues at a level.
    pub(crate) fn random(params: &Params, level: usize, seed: u64) -> Poly<Ntt> {
        let mut poly = Poly::<Ntt>::zero(params.n(), Basis::at_level(level));
        poly.for_each_limb(|i, limb| {
            limb.iter_mut().zip(lcg(seed + i as u64)).for_each(|(out, x)| *out = params.q(i).reduce_u64(x));
        });
        poly
    }

    #[test]
    fn equals_the_division_by_any_primes() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 4)).unwrap();
        for level in 1..=4 {
            let (x, y, z) = (random(&params, level, 1), random(&params, level, 2), random(&params, 4, 3));
            let wanted = |poly: Poly<Ntt>| divide_by_dropped(&params, poly, level).unwrap();
            on_every_path(|| {
                let (a, b) = rescaled_pair(&params, level, &x, &y);
                assert_eq!((a.data(), b.data()), (wanted(x.clone()).data(), wanted(y.clone()).data()));
                let (a, b) = rescaled_pair(&params, level, ProductOf(&x, &z), ProductOf(&y, &z));
                assert_eq!(a.data(), wanted(Poly::product(&params, &x, &z)).data());
                assert_eq!(b.data(), wanted(Poly::product(&params, &y, &z)).data());
            });
        }
    }
}
