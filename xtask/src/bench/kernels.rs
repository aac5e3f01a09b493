//! Kernels on limbs that a cache holds; the transforms of `concrete-ntt` in the same run.

use anyhow::{Context, Result};
use ckks_core::kernels::special_fft::{ComplexRoots, embed, unembed};
use ckks_core::kernels::{
    self, AlignedBuf, BasisConverter, Digit, Finish, KernelPath, KeyProduct, Modulus, NttTable, PackedKey, Plus, active_path,
    force_path,
};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::automorphism::ntt_permutation;

use super::report::Bench;
use super::work::Work;

/// Rows `ntt/…`, `limb/…`, `convert/…` and `slots/…`.
pub fn run(bench: &mut Bench) -> Result<()> {
    for log_n in 13..=16u32 {
        // A 50-bit prime of that ring.
        let params = Params::new_insecure(ParamsLiteral::leveled(log_n, 50, 0, 40, 1, 50))?;
        let modulus: Modulus = *params.p(0);
        let table = NttTable::new(modulus, log_n)?;
        let values: Vec<u64> = (0..1u64 << log_n).map(|i| modulus.reduce_u64(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let mut a = AlignedBuf::from_slice(&values);
        let path = active_path();
        let work = Work::transforms(log_n, 1.0);
        bench.row_of(&format!("ntt/forward/n{log_n}"), work, || {
            table.forward(&mut a);
            Ok(())
        })?;
        bench.row_of(&format!("ntt/inverse/n{log_n}"), work, || {
            table.inverse(&mut a);
            Ok(())
        })?;
        force_path(Some(KernelPath::ConcreteNtt))?;
        bench.row(&format!("ntt/forward/n{log_n}/concrete-ntt"), || {
            table.forward(&mut a);
            Ok(())
        })?;
        force_path(Some(path)).context("back to the path before")?;
    }
    limbs(bench)?;
    conversions(bench)?;
    slots(bench)
}

/// log2 of the words of a limb in the rows below.
const LOG_N: u32 = 16;

fn words(m: &Modulus, seed: u64) -> AlignedBuf {
    let words: Vec<u64> = (0..1u64 << LOG_N).map(|i| m.reduce_u64((i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    AlignedBuf::from_slice(&words)
}

/// Limbs that a cache reads or writes.
fn cached(count: usize) -> Work {
    Work { cache: ((8 * count) << LOG_N) as f64, ..Work::default() }
}

/// Rows `limb/…`: kernels that go over whole limbs.
fn limbs(bench: &mut Bench) -> Result<()> {
    let params = Params::new_insecure(ParamsLiteral::leveled(LOG_N, 50, 0, 40, 1, 50))?;
    let m = params.p(0);
    let n = params.n() as f64;
    let v: Vec<AlignedBuf> = (0..9).map(|k| words(m, 1000 * k)).collect();
    let (mut x, mut y) = (words(m, 1), words(m, 2));
    bench.row_of("limb/add/n16", cached(3), || {
        kernels::add_assign(m, &mut x, &v[0]);
        Ok(())
    })?;
    bench.row_of("limb/mul/n16", Work::sums(n, 1.0) + cached(3), || {
        kernels::mul_into(m, &mut x, &v[0], &v[1]);
        Ok(())
    })?;
    bench.row_of("limb/rescale_step/n16", Work::known(n) + cached(3), || {
        kernels::sub_mul_scalar_from(m, &mut x, &v[0], 12345);
        Ok(())
    })?;
    let table = ntt_permutation(LOG_N, 5);
    bench.row_of("limb/automorphism/n16", cached(2), || {
        kernels::permute_into(&mut x, &v[0], &table);
        Ok(())
    })?;
    let mut key = AlignedBuf::zeroed(kernels::key_words(m, params.n(), 3));
    (0..6).for_each(|k| kernels::pack_key(m, &mut key, 3, (k / 2, k % 2), &v[3 + k]));
    let digits: Vec<Digit<'_>> = v[..3].iter().map(|d| Digit::Row(d)).collect();
    let key = PackedKey { words: &key, digits: 3 };
    let product = KeyProduct { digits: &digits, key, plus: Plus::NONE, factor: 0 };
    bench.row_of("limb/key_product/n16/digits3", Work::sums(2.0 * n, 3.0) + cached(11), || {
        kernels::key_product(m, [&mut x, &mut y], &product, None, &Finish::Store);
        Ok(())
    })
}

/// Row `convert/8to24/n16`: a digit of eight primes to twenty-four others.
fn conversions(bench: &mut Bench) -> Result<()> {
    const FROM: usize = 8;
    const TO: usize = 24;
    let params = Params::new_insecure(ParamsLiteral::leveled(LOG_N, 50, FROM + TO - 1, 45, 1, 50))?;
    let moduli: Vec<Modulus> = (0..FROM + TO).map(|i| *params.q(i)).collect();
    let converter = BasisConverter::new(&moduli[..FROM], &moduli[FROM..])?;
    let input: Vec<AlignedBuf> = moduli[..FROM].iter().map(|m| words(m, 3)).collect();
    let mut output: Vec<AlignedBuf> = moduli[FROM..].iter().map(|_| AlignedBuf::zeroed(params.n())).collect();
    // Thirty-two limbs are 16 MiB: from and to memory.
    let work = Work::conversion(LOG_N, FROM, TO) + Work::limbs(LOG_N, FROM + TO);
    bench.row_of("convert/8to24/n16", work, || {
        let rows: Vec<&[u64]> = input.iter().map(|row| &row[..]).collect();
        let mut out: Vec<&mut [u64]> = output.iter_mut().map(|row| &mut row[..]).collect();
        converter.convert(&rows, &mut out);
        Ok(())
    })
}

/// Row `slots/there_and_back/n16`: both complex transforms of 2^15 slots, as numbers keep their size that way.
fn slots(bench: &mut Bench) -> Result<()> {
    // Points on the unit circle: the arithmetic does not know which.
    let roots = ComplexRoots::new(1 << (LOG_N - 1), |length, j| ((length + j) as f64).sin_cos());
    let mut parts = words(&Modulus::new(65537)?, 1);
    parts.iter_mut().for_each(|word| *word = (*word as f64 / 65537.0).to_bits());
    let (re, im) = parts.doubles_mut().split_at_mut(1 << (LOG_N - 1));
    // Four products a butterfly, s/2 butterflies a stage, both ways: vectors of doubles multiply at the rate of vectors of words.
    let products = 2.0 * 4.0 * f64::from(LOG_N - 1) * f64::from(1 << (LOG_N - 2));
    bench.row_of("slots/there_and_back/n16", Work { products, ..cached(4) }, || {
        unembed(&roots, re, im);
        embed(&roots, re, im);
        Ok(())
    })
}
