//! Every kernel on every path against 128-bit arithmetic, bit for bit.

use proptest::prelude::*;

use super::*;
use crate::ring::primes::is_prime;

/// A stream of words (Knuth's MMIX generator, upper bits folded down).
pub fn lcg(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed ^ 0x9e37_79b9), |x| {
        Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .map(|x| x ^ (x >> 29))
    .skip(1)
}

/// The `skip`-th prime ≡ 1 (mod 2N) below 2^`bits`, or the least there is.
pub fn prime_below(bits: u32, log_n: u32, skip: usize) -> u64 {
    let step = 2u64 << log_n;
    let top = ((1u64 << bits) - 1) / step;
    (1..=top).rev().map(|k| k * step + 1).filter(|&c| is_prime(c)).nth(skip).unwrap_or_else(|| smallest_prime(log_n))
}

pub fn largest_prime(log_n: u32) -> u64 {
    prime_below(50, log_n, 0)
}

pub fn smallest_prime(log_n: u32) -> u64 {
    (1..).map(|k| (k << (log_n + 1)) + 1).find(|&c| is_prime(c)).unwrap()
}

/// The least and the largest prime, one of every size that the lazy forms distinguish, and an ordinary one.
pub fn primes_for(log_n: u32) -> Vec<u64> {
    let mut primes = vec![smallest_prime(log_n), largest_prime(log_n)];
    primes.extend([30, 45, 46, 47, 48, 49].map(|bits| prime_below(bits, log_n, 0)));
    primes
}

/// The paths of this machine.
fn paths() -> Vec<KernelPath> {
    [KernelPath::Portable, KernelPath::Avx2, KernelPath::Ifma].into_iter().filter(|p| p.is_available()).collect()
}

/// Runs a check once per path. The forced path is global: checks of other paths may run beside this one and lose nothing by it,
/// but this one must know what it runs.
pub fn on_every_path(check: impl Fn()) {
    static FORCING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = FORCING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for path in paths() {
        force_path(Some(path)).unwrap();
        check();
    }
    force_path(None).unwrap();
}

/// Residues: random, or all at the upper end.
fn residues(p: u64, seed: u64, n: usize) -> Vec<u64> {
    match seed % 4 {
        0 => vec![p - 1; n],
        1 => lcg(seed).map(|x| p - 1 - x % p.min(3)).take(n).collect(),
        _ => lcg(seed).map(|x| x % p).take(n).collect(),
    }
}

fn reference(p: u64, f: impl Fn(usize) -> u128, n: usize) -> Vec<u64> {
    (0..n).map(|i| (f(i) % u128::from(p)) as u64).collect()
}

fn w(x: u64) -> u128 {
    u128::from(x)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pointwise_kernels(bits in 4u32..=50, skip in 0usize..3, n in 0usize..70, seed: u64) {
        let p = prime_below(bits, 0, skip);
        let m = Modulus::new(p).unwrap();
        let (a, b, c) = (residues(p, seed, n), residues(p, seed >> 8, n), residues(p, seed >> 16, n));
        let s = residues(p, seed >> 24, 1)[0];
        let check = |kernel: &dyn Fn(&mut [u64]), f: &dyn Fn(usize) -> u128| {
            let mut out = a.clone();
            kernel(&mut out);
            assert_eq!(out, reference(p, f, n), "p = {p}, path {}", active_path().name());
        };
        on_every_path(|| {
            check(&|x| add_assign(&m, x, &b), &|i| w(a[i]) + w(b[i]));
            check(&|x| sub_assign(&m, x, &b), &|i| w(a[i]) + w(p - b[i]));
            check(&|x| neg_assign(&m, x), &|i| w(p - a[i]));
            check(&|x| add_scalar_assign(&m, x, s), &|i| w(a[i]) + w(s));
            check(&|x| mul_assign(&m, x, &b), &|i| w(a[i]) * w(b[i]));
            check(&|x| mul_into(&m, x, &b, &c), &|i| w(b[i]) * w(c[i]));
            check(&|x| mul_add_assign(&m, x, &b, &c), &|i| w(a[i]) + w(b[i]) * w(c[i]));
            check(&|x| mul_scalar_assign(&m, x, s), &|i| w(a[i]) * w(s));
            check(&|x| mul_scalar_add_assign(&m, x, &b, s), &|i| w(a[i]) + w(b[i]) * w(s));
            check(&|x| sub_mul_scalar_from(&m, x, &b, s), &|i| (w(b[i]) + w(p - a[i])) * w(s));
            check(&|x| sub_mul_scalar_from_product(&m, x, &b, &c, s), &|i| (w(b[i]) * w(c[i]) % w(p) + w(p - a[i])) * w(s));
        });
    }

    #[test]
    fn centred_residues(bits in 4u32..=50, from_bits in 4u32..=50, n in 0usize..70, seed: u64) {
        let (m, from) = (Modulus::new(prime_below(bits, 0, 0)).unwrap(), Modulus::new(prime_below(from_bits, 0, 1)).unwrap());
        let q = from.value();
        // Both sides of the middle, and both ends.
        let a: Vec<u64> = [q / 2, q / 2 + 1, 0, q - 1].into_iter().chain(residues(q, seed, 66)).take(n).collect();
        let wanted: Vec<u64> = a.iter().map(|&x| m.from_i64(from.center(x))).collect();
        on_every_path(|| {
            let mut out = vec![1; n];
            centred_residues_into(&m, &mut out, &from, &a);
            assert_eq!(out, wanted, "p = {}, q = {q}", m.value());
        });
    }

    #[test]
    fn inner_products(bits in 4u32..=50, skip in 0usize..3, n in 0usize..70, terms in 0usize..40, seed: u64) {
        let p = prime_below(bits, 0, skip);
        let m = Modulus::new(p).unwrap();
        let vectors: Vec<[Vec<u64>; 2]> =
            (0..terms as u64).map(|k| [0, 8].map(|shift| residues(p, (seed >> shift) + k / 2, n))).collect();
        let sum = reference(p, |i| vectors.iter().map(|v| w(v[0][i]) * w(v[1][i])).sum(), n);
        let pairs: Vec<(&[u64], &[u64])> = vectors.iter().map(|[a, b]| (&a[..], &b[..])).collect();
        on_every_path(|| {
            let mut x = vec![7; n];
            dot_into(&m, &mut x, &pairs);
            assert_eq!(x, sum);
        });
    }

    #[test]
    fn products_with_runs(bits in 4u32..=50, log_run in 0u32..7, runs in 1usize..40, inputs in 0usize..20, outputs in 1usize..6, seed: u64) {
        let p = prime_below(bits, 0, 0);
        let m = Modulus::new(p).unwrap();
        let run = 1usize << log_run;
        let n = run * runs;
        let (a, b, c) = (residues(p, seed, n), residues(p, seed >> 8, n), residues(p, seed >> 16, runs));
        let xs: Vec<Vec<u64>> = (0..inputs as u64).map(|k| residues(p, (seed >> 20) + k / 2, n)).collect();
        // Every fifth weight is zero and not stored.
        let weights: Vec<Vec<u64>> =
            (0..inputs * outputs).map(|k| if k % 5 == 4 { vec![] } else { residues(p, (seed >> 30) + k as u64 / 3, runs) }).collect();
        on_every_path(|| {
            let mut x = a.clone();
            mul_blocks_assign(&m, &mut x, &c);
            assert_eq!(x, reference(p, |i| w(a[i]) * w(c[i / run]), n));
            let mut x = b.clone();
            mul_blocks_add_assign(&m, &mut x, &a, &c);
            assert_eq!(x, reference(p, |i| w(b[i]) + w(a[i]) * w(c[i / run]), n));
            let mut outs = vec![vec![5; n]; outputs];
            {
                let mut outs: Vec<&mut [u64]> = outs.iter_mut().map(|o| &mut o[..]).collect();
                let xs: Vec<&[u64]> = xs.iter().map(|x| &x[..]).collect();
                let weights: Vec<&[u64]> = weights.iter().map(|w| &w[..]).collect();
                gemm_blocks(&m, &mut outs, &xs, &weights);
            }
            for (g, out) in outs.iter().enumerate() {
                let row = &weights[g * inputs..(g + 1) * inputs];
                let sum = |i: usize| xs.iter().zip(row).filter(|(_, r)| !r.is_empty()).map(|(x, r)| w(x[i]) * w(r[i / run])).sum();
                assert_eq!(out, &reference(p, sum, n), "output {g}");
            }
        });
    }

    #[test]
    fn permutations(log_n in 1u32..10, g in 0u64..1 << 40, seed: u64) {
        let n = 1usize << log_n;
        let a: Vec<u64> = lcg(seed).take(n).collect();
        let automorphism = crate::ring::automorphism::ntt_permutation(log_n, (2 * g + 1) % (2 << log_n));
        // Any other table, with repetitions.
        let arbitrary: Vec<u32> = lcg(g).map(|x| (x % n as u64) as u32).take(n).collect();
        on_every_path(|| {
            for table in [&automorphism, &arbitrary] {
                let mut out = vec![0; n];
                permute_into(&mut out, &a, table);
                assert!(out.iter().zip(table).all(|(&o, &t)| o == a[t as usize]));
            }
        });
    }

    #[test]
    fn basis_conversions(sources in 1usize..18, targets in 0usize..8, bits in 24u32..=50, n in 0usize..330, seed: u64) {
        let list: Vec<Modulus> =
            (0..sources + targets).map(|k| Modulus::new(prime_below(bits, 8, k)).unwrap()).collect();
        let (from, to) = list.split_at(sources);
        let converter = BasisConverter::new(from, to).unwrap();
        let input: Vec<Vec<u64>> = from.iter().enumerate().map(|(i, m)| residues(m.value(), (seed >> 7) + i as u64, n)).collect();
        let mut results: Vec<Vec<Vec<u64>>> = Vec::new();
        for path in paths() {
            let mut output = vec![vec![9; n]; targets];
            let rows: Vec<&[u64]> = input.iter().map(|r| &r[..]).collect();
            {
                let mut out: Vec<&mut [u64]> = output.iter_mut().map(|r| &mut r[..]).collect();
                match path {
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: `paths` lists what this CPU has.
                    KernelPath::Ifma => unsafe { ifma::basis_conversion::convert(&converter, &rows, &mut out) },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: as before.
                    KernelPath::Avx2 => unsafe { avx2::basis_conversion::convert(&converter, &rows, &mut out) },
                    _ => portable::basis_conversion::convert(&converter, &rows, &mut out),
                }
            }
            results.push(output);
        }
        prop_assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        // From residues that are scaled already, for some of the targets in another order.
        let some: Vec<usize> = (0..targets).rev().step_by(2).collect();
        on_every_path(|| {
            let mut scaled = input.clone();
            for ((m, factor), row) in from.iter().zip(converter.factors()).zip(&mut scaled) {
                mul_scalar_assign(m, row, factor);
            }
            let terms: Vec<&[u64]> = scaled.iter().map(|r| &r[..]).collect();
            let mut output = vec![vec![9; n]; some.len()];
            converter.sums(&some, &terms, &mut output.iter_mut().map(|r| &mut r[..]).collect::<Vec<_>>());
            assert!(some.iter().zip(&output).all(|(&t, row)| *row == results[0][t]));
            // Where the terms stand; rows without a target keep theirs.
            for some in [&some[..], &(0..targets).collect::<Vec<_>>()] {
                let mut rows = scaled.clone();
                rows.resize(sources.max(some.len()), vec![9; n]);
                converter.sums_in_place(some, &mut rows.iter_mut().map(|r| &mut r[..]).collect::<Vec<_>>());
                assert!(some.iter().zip(&rows).all(|(&t, row)| *row == results[0][t]));
                assert!(rows[some.len()..] == scaled[some.len().min(sources)..]);
            }
        });
    }

    #[test]
    fn conversion_gives_the_centred_integer(sources in 1usize..6, bits in 24u32..=50, x: i64) {
        let list: Vec<Modulus> = (0..sources + 3).map(|k| Modulus::new(prime_below(bits, 8, k)).unwrap()).collect();
        let (from, to) = list.split_at(sources);
        // |x| up to a little under F/2.
        let f: f64 = from.iter().map(|m| m.value() as f64).product();
        let x = if f / 4.0 < 9e18 { x % ((f / 2.01) as i64) } else { x };
        let input: Vec<Vec<u64>> = from.iter().map(|m| vec![m.from_i64(x); 40]).collect();
        let rows: Vec<&[u64]> = input.iter().map(|r| &r[..]).collect();
        on_every_path(|| {
            let mut output = vec![vec![0; 40]; 3];
            converter_run(&BasisConverter::new(from, to).unwrap(), &rows, &mut output);
            for (m, row) in to.iter().zip(&output) {
                assert!(row.iter().all(|&y| y == m.from_i64(x)), "x = {x}");
            }
        });
    }
}

fn converter_run(converter: &BasisConverter, rows: &[&[u64]], output: &mut [Vec<u64>]) {
    let mut out: Vec<&mut [u64]> = output.iter_mut().map(|r| &mut r[..]).collect();
    converter.convert(rows, &mut out);
}

#[test]
fn bases_that_make_no_sense_are_refused() {
    let m = Modulus::new(65537).unwrap();
    assert!(BasisConverter::new(&[], &[m]).is_err());
    assert!(BasisConverter::new(&[m, m], &[m]).is_err());
}

#[test]
fn a_path_that_is_not_there_is_refused() {
    for path in KernelPath::ALL {
        if !path.is_available() {
            assert!(force_path(Some(path)).is_err());
        }
    }
}
