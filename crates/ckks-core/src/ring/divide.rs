//! Exact-up-to-rounding division of an RNS polynomial by some of its own primes: rescaling and ModDown are the same step.

use super::{Basis, Ntt, Poly, sum_all_rows};
use crate::error::Result;
use crate::kernels;
use crate::parallel::{both, for_each};
use crate::params::Params;

/// [`divide_by_dropped`] of both halves of a ciphertext, side by side.
pub(crate) fn divide_pair(params: &Params, [x, y]: [Poly<Ntt>; 2], keep: usize) -> Result<[Poly<Ntt>; 2]> {
    let (x, y) = both(|| divide_by_dropped(params, x, keep), || divide_by_dropped(params, y, keep));
    Ok([x?, y?])
}

/// round(poly / D), D the product of the special primes of `poly` and of its ciphertext primes from `keep` upwards.
///
/// With [x]_D the centred residue, (x − [x]_D)/D is an integer and the rounding error is at most 1/2 a coefficient
/// (Halevi, Polyakov, Shoup 2018, eprint 2018/117, section 2.4). Dropping P and the last ciphertext prime in one step is how a
/// product is relinearised and rescaled with one set of transforms instead of two.
pub(crate) fn divide_by_dropped(params: &Params, mut poly: Poly<Ntt>, keep: usize) -> Result<Poly<Ntt>> {
    let basis = poly.basis();
    let n = poly.n();
    let dropped_limbs: Vec<usize> = (keep..basis.limbs()).collect();
    if dropped_limbs.is_empty() {
        return Ok(poly);
    }
    let from: Vec<usize> = dropped_limbs.iter().map(|&i| params.prime_index(basis, i)).collect();
    let converter = params.converter(&from, &(0..keep).collect::<Vec<_>>())?;
    let factors: Vec<u64> = converter.factors().collect();
    // The dropped limbs lie behind each other at the end.
    let (kept, dropped) = poly.data_mut().split_at_mut(keep * n);
    for_each(dropped.chunks_exact_mut(n).zip(factors).enumerate(), |(j, (limb, factor))| {
        params.ntt(basis, keep + j).inverse_times(limb, factor, &[]);
    });

    let mut out = Poly::<Ntt>::unfilled(n, Basis { q: keep, p: 0 });
    let terms: Vec<&[u64]> = dropped.chunks_exact(n).collect();
    sum_all_rows(&converter, terms, out.data_mut().chunks_exact_mut(n).collect());
    let inverses: Vec<u64> = (0..keep)
        .map(|i| {
            let m = params.q(i);
            let d = dropped_limbs.iter().fold(1, |d, &j| m.mul(d, m.reduce_u64(params.modulus(basis, j).value())));
            m.inv(d)
        })
        .collect();
    let kept: &[u64] = kept;
    out.for_each_limb(|i, limb| {
        let table = params.ntt_q(i);
        let m = table.modulus();
        table.forward(limb);
        kernels::sub_mul_scalar_from(m, limb, &kept[i * n..(i + 1) * n], inverses[i]);
    });
    Ok(out)
}
