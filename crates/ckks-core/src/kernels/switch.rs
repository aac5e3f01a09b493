//! The last steps of key switches for rotations: inner products with keys, what is added to them, and the automorphism, in one walk
//! through memory.

use super::{Modulus, dispatch};

/// One rotated key switch over one prime: Σ over digits of (d·b, d·a), and a multiple of the part that is not switched, read
/// at the places of an automorphism's table.
pub struct SwitchedTerm<'a> {
    /// (digit, first half of the key, second half).
    pub digits: Vec<(&'a [u64], &'a [u64], &'a [u64])>,
    /// Added to the first sum: words and their factor, a residue.
    pub plus: Option<(&'a [u64], u64)>,
    /// Place i of the sums receives what stands at table\[i\].
    pub table: &'a [u32],
}

/// acc0\[i\] += Σ over terms of (Σ d·b + plus)\[table\[i\]\], acc1\[i\] += Σ over terms of (Σ d·a)\[table\[i\]\].
///
/// # Panics
/// If lengths differ or a table leads outside.
pub fn switch_sum(m: &Modulus, acc0: &mut [u64], acc1: &mut [u64], terms: &[SwitchedTerm<'_>]) {
    let n = acc0.len();
    assert!(acc1.len() == n);
    for term in terms {
        assert!(term.table.len() == n && term.plus.is_none_or(|(c, _)| c.len() == n));
        assert!(term.digits.iter().all(|(d, b, a)| d.len() == n && b.len() == n && a.len() == n));
    }
    dispatch!(switch::switch_sum(m, acc0, acc1, terms))
}

/// One half of a key switch after the conversion of its special primes: what is subtracted, divided by, and added.
pub struct Division<'a> {
    /// The residue modulo P, in NTT form.
    pub converted: &'a [u64],
    /// P^−1.
    pub inverse: u64,
    /// Added after the division.
    pub plus: Option<&'a [u64]>,
    /// Place i of the result receives what stands at table\[i\].
    pub table: &'a [u32],
}

/// out\[i\] = ((Σ d·k − converted)·inverse + plus)\[table\[i\]\].
///
/// # Panics
/// If lengths differ or the table leads outside.
pub fn switch_down(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])], division: &Division<'_>) {
    let n = out.len();
    assert!(division.converted.len() == n && division.table.len() == n && division.plus.is_none_or(|c| c.len() == n));
    assert!(terms.iter().all(|(d, k)| d.len() == n && k.len() == n));
    dispatch!(switch::switch_down(m, out, terms, division))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::on_every_path;
    use crate::params::{Params, ParamsLiteral};

    /// Worst case and any words, more digits than a lazy sum holds, permutations of blocks of eight and others.
    #[test]
    fn sums_and_divisions_are_those_of_single_words() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 1)).unwrap();
        let m = params.q(0);
        let p = m.value();
        let n = params.n();
        let automorphisms = [params.automorphism(5), params.automorphism(2 * n as u64 - 1)];
        let scattered: Vec<u32> = (0..n as u32).map(|i| (i * 333 + 5) % n as u32).collect();
        for digits in [0, 1, 3, 15, 40] {
            for worst in [true, false] {
                let mut k = 0u64;
                let mut words = || -> Vec<u64> {
                    (0..n)
                        .map(|_| {
                            k += 1;
                            if worst { p - 1 } else { k.wrapping_mul(0x9e37_79b9_7f4a_7c15) % p }
                        })
                        .collect()
                };
                let data: Vec<[Vec<u64>; 3]> = (0..digits).map(|_| [words(), words(), words()]).collect();
                let (plus, start0, start1) = (words(), words(), words());
                let factor = p - 2;
                for tables in [[&automorphisms[0][..], &automorphisms[1][..]], [&automorphisms[0][..], &scattered[..]]] {
                    let term = |t: usize| SwitchedTerm {
                        digits: data.iter().map(|[d, b, a]| (&d[..], &b[..], &a[..])).collect(),
                        plus: (t == 1).then_some((&plus[..], factor)),
                        table: tables[t],
                    };
                    on_every_path(|| {
                        let (mut acc0, mut acc1) = (start0.clone(), start1.clone());
                        switch_sum(m, &mut acc0, &mut acc1, &[term(0), term(1)]);
                        let mut out = vec![1; n];
                        let pairs: Vec<_> = data.iter().map(|[d, b, _]| (&d[..], &b[..])).collect();
                        let division = Division { converted: &start0, inverse: factor, plus: Some(&plus), table: tables[1] };
                        switch_down(m, &mut out, &pairs, &division);
                        for i in 0..n {
                            let (mut e0, mut e1) = (start0[i], start1[i]);
                            for (t, table) in tables.iter().enumerate() {
                                let s = table[i] as usize;
                                for [d, b, a] in &data {
                                    e0 = m.add(e0, m.mul(d[s], b[s]));
                                    e1 = m.add(e1, m.mul(d[s], a[s]));
                                }
                                if t == 1 {
                                    e0 = m.add(e0, m.mul(plus[s], factor));
                                }
                            }
                            assert_eq!((acc0[i], acc1[i]), (e0, e1), "{digits} digits, place {i}");
                            let s = tables[1][i] as usize;
                            let sum = data.iter().fold(0, |sum, [d, b, _]| m.add(sum, m.mul(d[s], b[s])));
                            let expected = m.add(m.mul(m.sub(sum, start0[s]), factor), plus[s]);
                            assert_eq!(out[i], expected, "{digits} digits, place {i}");
                        }
                    });
                }
            }
        }
    }
}
