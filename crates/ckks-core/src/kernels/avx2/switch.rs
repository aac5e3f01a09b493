//! Inner products with switching keys: two vectors of both halves at a time, all digits added up before one reduction.

use std::arch::x86_64::*;

use super::vector::{
    Factor, NARROW, Packed, Prime, Row, Sum, add, load, load_u32, most_narrow_terms, most_terms, mul_u32, reduce_words, store,
    to_doubles, zero,
};
use crate::kernels::Modulus;
use crate::kernels::packed_key::{COLUMNS, NARROW_BITS, bits_of_residue};
use crate::kernels::switch::{Digit, Finish, KeyProduct, Moves, Plus};

/// Vectors of a tile's columns.
const ROWS: usize = COLUMNS / 4;
/// Vectors that are summed up together: with two sums of two halves each, half of the registers. Aligned blocks of eight words move
/// together.
const STEP: usize = 2;

/// The columns of a tile.
type Tile = [Row; ROWS];

#[target_feature(enable = "avx2,fma")]
pub fn key_product(m: &Modulus, out: [&mut [u64]; 2], product: &KeyProduct<'_>, moves: Option<&Moves>, finish: &Finish<'_>) {
    match bits_of_residue(m) {
        NARROW_BITS => tiles_of::<true>(m, out, product, moves, finish),
        _ => tiles_of::<false>(m, out, product, moves, finish),
    }
}

/// Narrow are primes below 2^32: their residues take [`NARROW_BITS`] each in a key.
#[target_feature(enable = "avx2,fma")]
fn tiles_of<const IS_NARROW: bool>(
    m: &Modulus,
    [out0, out1]: [&mut [u64]; 2],
    product: &KeyProduct<'_>,
    moves: Option<&Moves>,
    finish: &Finish<'_>,
) {
    let prime = Prime::new(m);
    let p = m.value();
    debug_assert_eq!(IS_NARROW, p < NARROW);
    let most = if IS_NARROW { most_narrow_terms(p, p) } else { most_terms(p, p) };
    let packed = Packed::new(bits_of_residue(m));
    let factor = Factor::new(m, product.factor);
    let inverse = match finish {
        Finish::Divide { inverse, .. } => Factor::new(m, *inverse),
        _ => factor,
    };
    let outs = [out0.as_chunks_mut::<8>().0, out1.as_chunks_mut::<8>().0];
    for tile in 0..outs[0].len() * 8 / COLUMNS {
        for first in (0..ROWS).step_by(STEP) {
            let mut x =
                sums::<IS_NARROW>(&prime, &packed, most, product, outs.each_ref().map(|out| out.as_flattened()), (tile, first));
            add_plus(&prime, &mut x, &product.plus, factor, (tile, first));
            let block = (tile * ROWS + first) / 2;
            for half in 0..2 {
                let mut words = [0; 8];
                for u in 0..STEP {
                    let x = match finish {
                        Finish::Divide { rests, .. } => {
                            let rest = match rests {
                                Some(rests) => load(&tiles(rests[half])[tile][first + u]),
                                None => load(&outs[half][block].as_chunks().0[u]),
                            };
                            let rest = to_doubles(rest);
                            prime.times(_mm256_sub_pd(x[half][u], rest), inverse)
                        }
                        _ => prime.reduce(x[half][u]),
                    };
                    store(&mut words.as_chunks_mut().0[u], prime.words(x));
                }
                let mut to = block;
                if let Some(moves) = moves {
                    let moved = &moves.0[block];
                    to = moved.to as usize;
                    let from = words;
                    for k in 0..8 {
                        words[k] = from[usize::from(moved.lanes[k] & 7)];
                    }
                }
                let place = outs[half][to].as_chunks_mut().0;
                for u in 0..STEP {
                    let x = load(&words.as_chunks().0[u]);
                    let x = if matches!(finish, Finish::Add) { prime.add_words(x, load(&place[u])) } else { x };
                    store(&mut place[u], x);
                }
            }
        }
    }
}

/// The sums of [`STEP`] vectors of both halves from vector `first` of a tile on, of magnitude below p.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn sums<const IS_NARROW: bool>(
    prime: &Prime,
    packed: &Packed,
    most: usize,
    product: &KeyProduct<'_>,
    outs: [&[u64]; 2],
    (tile, first): (usize, usize),
) -> [[__m256d; STEP]; 2] {
    // A digit's 64 residues are as many words as one has bits.
    let key = &product.key.words[product.key.digits * packed.bits * tile..];
    let mut key = key.chunks_exact(packed.bits);
    let mut totals = [[_mm256_setzero_pd(); STEP]; 2];
    for (k, digits) in product.digits.chunks(most).enumerate() {
        let mut words = [[zero(); STEP]; 2];
        let mut sums = [[Sum::zero(); STEP]; 2];
        for (digit, residues) in digits.iter().zip(&mut key) {
            for u in 0..STEP {
                let row = |a: &[u64]| load(&tiles(a)[tile][first + u]);
                let d = match (*digit, product.plus) {
                    (Digit::Row(digit), _) => row(digit),
                    (Digit::Out(half), _) => load(&outs[half].as_chunks().0[tile * ROWS + first + u]),
                    (Digit::Product, Plus::Product { a, b }) => {
                        prime.words(prime.mul(to_doubles(row(a[1])), to_doubles(row(b[1]))))
                    }
                    (Digit::Product, Plus::Halves(_)) => zero(),
                };
                if IS_NARROW {
                    for half in 0..2 {
                        words[half][u] =
                            add(words[half][u], mul_u32(d, columns::<IS_NARROW>(packed, residues, half * ROWS + first + u)));
                    }
                } else {
                    let d = to_doubles(d);
                    for half in 0..2 {
                        sums[half][u].add_product(d, to_doubles(columns::<IS_NARROW>(packed, residues, half * ROWS + first + u)));
                    }
                }
            }
        }
        for half in 0..2 {
            for u in 0..STEP {
                let sum = if IS_NARROW { reduce_words(prime, words[half][u]) } else { sums[half][u].reduce(prime, digits.len()) };
                totals[half][u] = if k == 0 { sum } else { prime.reduce(_mm256_add_pd(totals[half][u], sum)) };
            }
        }
    }
    totals
}

/// Adds factor·plus: magnitudes are below 3p afterwards.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_plus(prime: &Prime, x: &mut [[__m256d; STEP]; 2], plus: &Plus<&[u64]>, factor: Factor, (tile, first): (usize, usize)) {
    let at = |a: &[u64], u: usize| to_doubles(load(&tiles(a)[tile][first + u]));
    match plus {
        Plus::Halves(halves) => {
            for half in 0..2 {
                if let Some(plus) = halves[half] {
                    for u in 0..STEP {
                        x[half][u] = _mm256_add_pd(x[half][u], prime.times(at(plus, u), factor));
                    }
                }
            }
        }
        Plus::Product { a, b } => {
            for u in 0..STEP {
                let (a0, a1, b0, b1) = (at(a[0], u), at(a[1], u), at(b[0], u), at(b[1], u));
                let crossed = _mm256_add_pd(prime.mul(a0, b1), prime.mul(a1, b0));
                x[0][u] = _mm256_add_pd(x[0][u], prime.times(prime.mul(a0, b0), factor));
                x[1][u] = _mm256_add_pd(x[1][u], prime.times(crossed, factor));
            }
        }
    }
}

/// Four residues of a key: the k-th vector of a digit's in a tile.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn columns<const IS_NARROW: bool>(packed: &Packed, residues: &[u64], k: usize) -> __m256i {
    if IS_NARROW {
        load_u32(&residues.as_chunks().0[k])
    } else {
        packed.load(&bytemuck::cast_slice(residues)[packed.bits * (k / 2)..][..packed.bits], k % 2)
    }
}

fn tiles(a: &[u64]) -> &[Tile] {
    a.as_chunks::<4>().0.as_chunks().0
}
