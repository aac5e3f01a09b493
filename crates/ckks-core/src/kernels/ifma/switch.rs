//! Inner products with switching keys: four vectors of both halves at a time, all digits added up before one reduction.

use std::arch::x86_64::*;

use super::vector::{Packed, Prime, Row, Sum, add, load, load_bytes, load_u32, most_terms, prefetch, reduce_once, splat, store};
use crate::kernels::Modulus;
use crate::kernels::packed_key::{COLUMNS, NARROW_BITS, bits_of_residue};
use crate::kernels::switch::{Digit, Finish, KeyProduct, Moves, Plus};

/// Vectors of a tile's columns: with two sums of two halves each, 16 registers.
const ROWS: usize = COLUMNS / 8;

/// The columns of a tile.
type Tile = [Row; ROWS];

/// As many products of residues as one of a residue and a number below 4p counts.
const FOURFOLD: usize = 5;

/// Blocks between a line's prefetch and its use where results move: the hardware does not foresee their order.
const AHEAD: usize = 16;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi")]
pub fn key_product(m: &Modulus, out: [&mut [u64]; 2], product: &KeyProduct<'_>, moves: Option<&Moves>, finish: &Finish<'_>) {
    match (bits_of_residue(m), matches!(product.plus, Plus::Product { .. })) {
        (NARROW_BITS, false) => tiles_of::<true, false>(m, out, product, moves, finish),
        (NARROW_BITS, true) => tiles_of::<true, true>(m, out, product, moves, finish),
        (_, false) => tiles_of::<false, false>(m, out, product, moves, finish),
        (_, true) => tiles_of::<false, true>(m, out, product, moves, finish),
    }
}

/// Narrow residues of a key take [`NARROW_BITS`] each. Whether a product is added is known when this is compiled: the loop without one stays
/// what it is.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi")]
fn tiles_of<const IS_NARROW: bool, const IS_PRODUCT: bool>(
    m: &Modulus,
    [out0, out1]: [&mut [u64]; 2],
    product: &KeyProduct<'_>,
    moves: Option<&Moves>,
    finish: &Finish<'_>,
) {
    let prime = Prime::new(m);
    let most = most_terms(m.value(), m.value());
    let packed = Packed::new(bits_of_residue(m));
    let outs = [out0.as_chunks_mut::<8>().0, out1.as_chunks_mut::<8>().0];
    for tile in 0..outs[0].len() / ROWS {
        let mut x = sums::<IS_NARROW, IS_PRODUCT>(&prime, &packed, most, product, outs.each_ref().map(|out| &**out), tile);
        if let Finish::Divide { rests, inverse } = finish {
            let (inverse, quotient) = (splat(*inverse), splat(m.shoup52(*inverse)));
            for half in 0..2 {
                let rest = match rests {
                    Some(rests) => &tiles(rests[half])[tile],
                    None => &outs[half].as_chunks().0[tile],
                };
                for u in 0..ROWS {
                    x[half][u] = prime.times_difference(x[half][u], load(&rest[u]), inverse, quotient);
                }
            }
        } else {
            for half in 0..2 {
                for u in 0..ROWS {
                    x[half][u] = prime.reduce_fourfold(x[half][u]);
                }
            }
        }
        for u in 0..ROWS {
            let row = tile * ROWS + u;
            let mut to = row;
            if let Some(moves) = moves {
                if let Some(ahead) = moves.0.get(row + AHEAD) {
                    outs.iter().for_each(|out| prefetch(&out[ahead.to as usize]));
                }
                let lanes = load_bytes(&moves.0[row].lanes);
                to = moves.0[row].to as usize;
                for half in 0..2 {
                    x[half][u] = _mm512_permutexvar_epi64(lanes, x[half][u]);
                }
            }
            for half in 0..2 {
                let place = &mut outs[half][to];
                match finish {
                    Finish::Add => store(place, reduce_once(add(x[half][u], load(place)), prime.p)),
                    Finish::Store | Finish::Divide { .. } => store(place, x[half][u]),
                }
            }
        }
    }
}

/// The sums of a tile, in [0, 4p) in the lower 52 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi")]
fn sums<const IS_NARROW: bool, const IS_PRODUCT: bool>(
    prime: &Prime,
    packed: &Packed,
    most: usize,
    product: &KeyProduct<'_>,
    outs: [&[Row]; 2],
    tile: usize,
) -> [[__m512i; ROWS]; 2] {
    let mut sums = [[Sum::from(splat(0)); ROWS]; 2];
    let mut products = 0;
    let mut formed = None;
    // A digit's 64 residues are as many words as one has bits.
    let key = &product.key.words[product.key.digits * packed.bits * tile..];
    for (digit, residues) in product.digits.iter().zip(key.chunks_exact(packed.bits)) {
        if products == most {
            reduce(prime, &mut sums);
            products = 0;
        }
        let digit = match *digit {
            Digit::Row(row) => &tiles(row)[tile],
            Digit::Out(half) => &outs[half].as_chunks().0[tile],
            Digit::Product => {
                formed = Some(residues);
                continue;
            }
        };
        products += 1;
        for u in 0..ROWS {
            let d = load(&digit[u]);
            for half in 0..2 {
                sums[half][u].add_product(d, columns::<IS_NARROW>(packed, residues, half * ROWS + u));
            }
        }
    }
    let factor = splat(product.factor);
    match &product.plus {
        Plus::Halves(halves) if !IS_PRODUCT && halves.iter().any(Option::is_some) => {
            if products == most {
                reduce(prime, &mut sums);
            }
            for half in 0..2 {
                if let Some(plus) = halves[half] {
                    let plus = &tiles(plus)[tile];
                    for u in 0..ROWS {
                        sums[half][u].add_product(load(&plus[u]), factor);
                    }
                }
            }
        }
        Plus::Product { a, b } if IS_PRODUCT => {
            if products + 2 * FOURFOLD > most {
                reduce(prime, &mut sums);
            }
            let (a0, a1) = (&tiles(a[0])[tile], &tiles(a[1])[tile]);
            let (b0, b1) = (&tiles(b[0])[tile], &tiles(b[1])[tile]);
            for u in 0..ROWS {
                let (a0, a1, b0, b1) = (load(&a0[u]), load(&a1[u]), load(&b0[u]), load(&b1[u]));
                sums[0][u].add_product(prime.mul_unmasked(a0, b0), factor);
                let mut crossed = Sum::from(splat(0));
                crossed.add_product(a0, b1);
                crossed.add_product(a1, b0);
                sums[1][u].add_product(crossed.reduce_unmasked(prime), factor);
                if let Some(residues) = formed {
                    let d = prime.mul_unmasked(a1, b1);
                    for half in 0..2 {
                        sums[half][u].add_product(d, columns::<IS_NARROW>(packed, residues, half * ROWS + u));
                    }
                }
            }
        }
        _ => {}
    }
    let mut out = [[splat(0); ROWS]; 2];
    for half in 0..2 {
        for u in 0..ROWS {
            out[half][u] = sums[half][u].reduce_unmasked(prime);
        }
    }
    out
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi")]
fn reduce(prime: &Prime, sums: &mut [[Sum; ROWS]; 2]) {
    for half in 0..2 {
        for u in 0..ROWS {
            sums[half][u] = Sum::from(sums[half][u].reduce(prime));
        }
    }
}

/// Eight residues of a key: the k-th vector of a digit's in a tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn columns<const IS_NARROW: bool>(packed: &Packed, residues: &[u64], k: usize) -> __m512i {
    if IS_NARROW { load_u32(&residues.as_chunks().0[k]) } else { packed.load(residues, k) }
}

fn tiles(a: &[u64]) -> &[Tile] {
    a.as_chunks::<8>().0.as_chunks().0
}
