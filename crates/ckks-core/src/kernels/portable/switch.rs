//! Key switches at the places of an automorphism, word by word. Digits are few: 2^20 products below 2^100 would fit.

use crate::kernels::Modulus;
use crate::kernels::switch::{Division, SwitchedTerm};

pub fn switch_sum(m: &Modulus, acc0: &mut [u64], acc1: &mut [u64], terms: &[SwitchedTerm<'_>]) {
    switch_sum_from(m, acc0, acc1, terms, 0);
}

/// The places from `start` on.
pub fn switch_sum_from(m: &Modulus, acc0: &mut [u64], acc1: &mut [u64], terms: &[SwitchedTerm<'_>], start: usize) {
    for (i, (o0, o1)) in acc0.iter_mut().zip(acc1).enumerate().skip(start) {
        let (mut sum0, mut sum1) = (u128::from(*o0), u128::from(*o1));
        for term in terms {
            let s = term.table[i] as usize;
            for (d, b, a) in &term.digits {
                sum0 += u128::from(d[s]) * u128::from(b[s]);
                sum1 += u128::from(d[s]) * u128::from(a[s]);
            }
            if let Some((c, factor)) = term.plus {
                sum0 += u128::from(c[s]) * u128::from(factor);
            }
        }
        (*o0, *o1) = (m.reduce_u128(sum0), m.reduce_u128(sum1));
    }
}

pub fn switch_down(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])], division: &Division<'_>) {
    switch_down_from(m, out, terms, division, 0);
}

/// The places from `start` on.
pub fn switch_down_from(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])], division: &Division<'_>, start: usize) {
    for (o, &place) in out.iter_mut().zip(division.table).skip(start) {
        let s = place as usize;
        let sum = terms.iter().fold(0u128, |sum, (d, k)| sum + u128::from(d[s]) * u128::from(k[s]));
        let quotient = m.mul(m.sub(m.reduce_u128(sum), division.converted[s]), division.inverse);
        *o = division.plus.map_or(quotient, |c| m.add(quotient, c[s]));
    }
}
