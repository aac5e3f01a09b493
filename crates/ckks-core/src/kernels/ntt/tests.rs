//! Every transform against the definition and against `concrete-ntt`.

use proptest::prelude::*;

use super::*;
use crate::kernels::tests::{largest_prime, lcg, on_every_path, primes_for, smallest_prime};

type Transform = fn(&NttTable, &mut [u64]);

/// The transforms that this machine has, forward and inverse.
fn transforms(table: &NttTable) -> Vec<(&'static str, Transform, Transform)> {
    let mut all: Vec<(&'static str, Transform, Transform)> =
        vec![("portable", NttTable::portable_forward, NttTable::portable_inverse)];
    if table.concrete().is_some() {
        all.push(("concrete-ntt", NttTable::concrete_forward, NttTable::concrete_inverse));
    }
    #[cfg(target_arch = "x86_64")]
    if KernelPath::Avx2.is_available() && crate::kernels::avx2::ntt::fits(table.log_n) {
        all.push(("avx2", NttTable::avx2_forward, |table, a| table.avx2_inverse(a, 1)));
    }
    #[cfg(target_arch = "x86_64")]
    if KernelPath::Ifma.is_available() && crate::kernels::ifma::ntt::fits(table.log_n) {
        // What is fetched meanwhile changes nothing, be it less than a line or more than there are steps.
        const LITTLE: &[&[u64]] = &[&[1; 7]];
        const MUCH: &[&[u64]] = &[&[1; 5003], &[], &[1; 900]];
        all.push(("ifma", |table, a| table.ifma_forward(a, LITTLE), |table, a| table.ifma_inverse(a, None, 1, LITTLE)));
        all.push(("ifma, fetching", |table, a| table.ifma_forward(a, MUCH), |table, a| table.ifma_inverse(a, None, 1, MUCH)));
    }
    all
}

fn table(p: u64, log_n: u32) -> NttTable {
    NttTable::new(Modulus::new(p).unwrap(), log_n).unwrap()
}

#[test]
fn values_are_those_of_the_polynomial_at_odd_powers_of_psi() {
    for log_n in [1, 4, 7, 8, 9] {
        for p in primes_for(log_n) {
            let table = table(p, log_n);
            let m = *table.modulus();
            let n = table.n();
            assert_eq!(m.pow(table.psi(), n as u64), p - 1, "ψ^N = −1");
            let a: Vec<u64> = lcg(u64::from(log_n)).map(|x| x % p).take(n).collect();
            let naive: Vec<u64> = (0..n)
                .map(|i| {
                    let bitrev = i.reverse_bits() >> (usize::BITS - log_n);
                    let x = m.pow(table.psi(), 2 * bitrev as u64 + 1);
                    a.iter().rev().fold(0, |value, &c| m.add(m.mul(value, x), c))
                })
                .collect();
            for (name, forward, inverse) in transforms(&table) {
                let mut b = a.clone();
                forward(&table, &mut b);
                assert_eq!(b, naive, "{name} forward, N = {n}, p = {p}");
                inverse(&table, &mut b);
                assert_eq!(b, a, "{name} inverse, N = {n}, p = {p}");
            }
        }
    }
}

#[test]
fn all_paths_agree_on_the_extremes() {
    for log_n in 7..=16 {
        for p in primes_for(log_n) {
            let table = table(p, log_n);
            let n = table.n();
            let alternating = (0..n).map(|i| if i % 2 == 0 { 0 } else { p - 1 }).collect();
            let mut single = vec![0; n];
            single[1] = p - 1;
            let halves = (0..n).map(|i| if i < n / 2 { p - 1 } else { 1 }).collect();
            for a in [vec![0; n], vec![p - 1; n], alternating, single, halves] {
                agree(&table, &a);
            }
        }
    }
}

fn agree(table: &NttTable, a: &[u64]) {
    let (mut forward_reference, mut inverse_reference) = (a.to_vec(), a.to_vec());
    table.portable_forward(&mut forward_reference);
    table.portable_inverse(&mut inverse_reference);
    for (name, forward, inverse) in transforms(table) {
        let mut b = a.to_vec();
        forward(table, &mut b);
        assert!(b == forward_reference, "{name} forward, N = {}, p = {}", table.n(), table.modulus().value());
        inverse(table, &mut b);
        assert!(b == a, "{name} there and back, N = {}, p = {}", table.n(), table.modulus().value());
        let mut b = a.to_vec();
        inverse(table, &mut b);
        assert!(b == inverse_reference, "{name} inverse, N = {}, p = {}", table.n(), table.modulus().value());
    }
    on_every_path(|| {
        let (m, mut b) = (table.modulus(), vec![1; table.n()]);
        let p = m.value();
        table.forward_of(&mut b, a, &[&[1; 77]]);
        assert!(b == forward_reference, "forward from elsewhere, N = {}, p = {p}", table.n());
        for factor in [1, p / 3, p - 1] {
            let wanted: Vec<u64> = inverse_reference.iter().map(|&x| m.mul(x, factor)).collect();
            table.inverse_of(&mut b, a, factor);
            assert!(b == wanted, "inverse from elsewhere times {factor}, N = {}, p = {p}", table.n());
            b.copy_from_slice(a);
            table.inverse_times(&mut b, factor, &[&[1; 5]]);
            assert!(b == wanted, "inverse times {factor}, N = {}, p = {p}", table.n());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_paths_agree_on_random_input(log_n in 1u32..=13, bits in 21u32..=50, skip in 0usize..4, seed: u64) {
        let p = crate::kernels::tests::prime_below(bits, log_n, skip);
        let table = table(p, log_n);
        agree(&table, &lcg(seed).map(|x| x % p).take(table.n()).collect::<Vec<_>>());
    }

    #[test]
    fn the_root_is_that_of_concrete_ntt(log_n in 4u32..=12, bits in 21u32..=50, skip in 0usize..4) {
        let p = crate::kernels::tests::prime_below(bits, log_n, skip);
        let table = table(p, log_n);
        let mut x = vec![0; table.n()];
        x[1] = 1;
        table.concrete_forward(&mut x);
        prop_assert_eq!(x[0], table.psi());
    }
}

#[test]
fn primes_without_a_root_are_refused() {
    let seven = Modulus::new(65537).unwrap();
    assert!(NttTable::new(seven, 15).is_ok());
    let error = NttTable::new(seven, 16).err().unwrap().to_string();
    assert!(error.contains("65537") && error.contains("131072"), "{error}");
    assert!(NttTable::new(seven, 0).is_err());
    assert!(NttTable::new(seven, 40).is_err());
}

#[test]
fn the_least_and_the_largest_prime_work() {
    for log_n in [7, 10, 14] {
        for p in [smallest_prime(log_n), largest_prime(log_n)] {
            let table = table(p, log_n);
            agree(&table, &lcg(3).map(|x| x % p).take(table.n()).collect::<Vec<_>>());
        }
    }
}

/// Sources of every size beside targets of every size: with the first stages while they are read, and where words would grow too large.
#[test]
fn centred_residues_are_transformed_on_the_way() {
    for log_n in [7, 8, 9, 13] {
        for (p, q) in primes_for(log_n).into_iter().flat_map(|p| primes_for(log_n).into_iter().map(move |q| (p, q))) {
            let (table, from) = (table(p, log_n), Modulus::new(q).unwrap());
            let n = table.n();
            let any: Vec<u64> = lcg(p ^ q).map(|x| x % q).take(n).collect();
            let edges = (0..n).map(|i| [0, q / 2, q / 2 + 1, q - 1][i % 4]).collect();
            for x in [any, edges, vec![q / 2; n], vec![q - 1; n]] {
                let wanted: Vec<u64> = {
                    let mut out = vec![0; n];
                    crate::kernels::portable::pointwise::centred_residues_into(table.modulus(), &mut out, &from, &x);
                    table.portable_forward(&mut out);
                    out
                };
                on_every_path(|| {
                    let mut out = vec![1; n];
                    table.forward_centred(&mut out, &from, &x, &[&[1; 77], &[], &[1; 5]]);
                    assert_eq!(out, wanted, "N = {n}, p = {p}, q = {q}");
                });
            }
        }
    }
}
