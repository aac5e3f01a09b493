//! Inner products with switching keys: four vectors of both halves at a time, all digits added up before one reduction.

use std::arch::x86_64::*;

use super::vector::{
    Prime, Row, Sum, add, load, load_bytes, load_u16, load_u32, most_terms, prefetch, reduce_once, splat, store,
};
use crate::kernels::Modulus;
use crate::kernels::packed_key::{COLUMNS, words_of_columns};
use crate::kernels::switch::{Digit, Finish, KeyProduct, Moves, Plus};

/// Vectors of a tile's columns: with two sums of two halves each, 16 registers.
const ROWS: usize = COLUMNS / 8;

/// The columns of a tile.
type Tile = [Row; ROWS];

/// As many products of residues as one of a residue and a number below 4p counts.
const FOURFOLD: usize = 5;

/// Blocks between a line's prefetch and its use where results move: the hardware does not foresee their order.
const AHEAD: usize = 16;

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn key_product(m: &Modulus, out: [&mut [u64]; 2], product: &KeyProduct<'_>, moves: Option<&Moves>, finish: &Finish<'_>) {
    match (words_of_columns(m), matches!(product.plus, Plus::Product { .. })) {
        (16, false) => tiles_of::<16, false>(m, out, product, moves, finish),
        (16, true) => tiles_of::<16, true>(m, out, product, moves, finish),
        (24, false) => tiles_of::<24, false>(m, out, product, moves, finish),
        (24, true) => tiles_of::<24, true>(m, out, product, moves, finish),
        (_, false) => tiles_of::<32, false>(m, out, product, moves, finish),
        (_, true) => tiles_of::<32, true>(m, out, product, moves, finish),
    }
}

/// `WORDS` are the words that a tile's columns of one digit and half take in the key. Whether a product is added is known when this is
/// compiled: the loop without one stays what it is.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn tiles_of<const WORDS: usize, const IS_PRODUCT: bool>(
    m: &Modulus,
    [out0, out1]: [&mut [u64]; 2],
    product: &KeyProduct<'_>,
    moves: Option<&Moves>,
    finish: &Finish<'_>,
) {
    let prime = Prime::new(m);
    let most = most_terms(m.value(), m.value());
    let key = product.key.words.as_chunks::<WORDS>().0;
    let outs = [out0.as_chunks_mut::<8>().0, out1.as_chunks_mut::<8>().0];
    for tile in 0..outs[0].len() / ROWS {
        let key = &key[2 * product.key.digits * tile..];
        let mut x = sums::<WORDS, IS_PRODUCT>(&prime, most, product, outs.each_ref().map(|out| &**out), key, tile);
        if let Finish::Divide { rests, inverse } = finish {
            let (inverse, quotient) = (splat(*inverse), splat(m.shoup52(*inverse)));
            for half in 0..2 {
                let rest = &tiles(rests[half])[tile];
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

/// The sums of a tile, in [0, 4p) in the lower 52 bits. `key` starts with its first digit.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn sums<const WORDS: usize, const IS_PRODUCT: bool>(
    prime: &Prime,
    most: usize,
    product: &KeyProduct<'_>,
    outs: [&[Row]; 2],
    key: &[[u64; WORDS]],
    tile: usize,
) -> [[__m512i; ROWS]; 2] {
    let mut sums = [[Sum::from(splat(0)); ROWS]; 2];
    let mut products = 0;
    for (digit, halves) in product.digits.iter().zip(key.as_chunks::<2>().0) {
        if products == most {
            reduce(prime, &mut sums);
            products = 0;
        }
        let digit = match *digit {
            Digit::Row(row) => &tiles(row)[tile],
            Digit::Out(half) => &outs[half].as_chunks().0[tile],
            Digit::Product => continue,
        };
        products += 1;
        for u in 0..ROWS {
            let d = load(&digit[u]);
            for half in 0..2 {
                sums[half][u].add_product(d, columns(&halves[half], u));
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
            let formed = product.digits.iter().position(|digit| matches!(digit, Digit::Product));
            let halves = formed.map(|j| &key[2 * j..][..2]);
            let (a0, a1) = (&tiles(a[0])[tile], &tiles(a[1])[tile]);
            let (b0, b1) = (&tiles(b[0])[tile], &tiles(b[1])[tile]);
            for u in 0..ROWS {
                let (a0, a1, b0, b1) = (load(&a0[u]), load(&a1[u]), load(&b0[u]), load(&b1[u]));
                sums[0][u].add_product(prime.mul_unmasked(a0, b0), factor);
                let mut crossed = Sum::from(splat(0));
                crossed.add_product(a0, b1);
                crossed.add_product(a1, b0);
                sums[1][u].add_product(crossed.reduce_unmasked(prime), factor);
                if let Some(halves) = halves {
                    let d = prime.mul_unmasked(a1, b1);
                    for half in 0..2 {
                        sums[half][u].add_product(d, columns(&halves[half], u));
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
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn reduce(prime: &Prime, sums: &mut [[Sum; ROWS]; 2]) {
    for half in 0..2 {
        for u in 0..ROWS {
            sums[half][u] = Sum::from(sums[half][u].reduce(prime));
        }
    }
}

/// Eight residues of a key.
#[inline]
#[target_feature(enable = "avx512f")]
fn columns<const WORDS: usize>(words: &[u64; WORDS], u: usize) -> __m512i {
    match WORDS {
        16 => load_u32(&words.as_chunks().0[u]),
        24 => {
            let low = load_u32(&words.as_chunks().0[u]);
            let high = load_u16(&words.as_chunks().0[2 * ROWS + u]);
            _mm512_or_si512(low, _mm512_slli_epi64::<32>(high))
        }
        _ => load(&words.as_chunks().0[u]),
    }
}

fn tiles(a: &[u64]) -> &[Tile] {
    a.as_chunks::<8>().0.as_chunks().0
}
