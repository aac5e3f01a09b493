//! Inner products with switching keys, a tile of columns at a time. Residues are below 2^50: 2^28 products fit 128 bits.

use crate::kernels::Modulus;
use crate::kernels::packed_key::{COLUMNS, bits_of_residue, unpack_columns};
use crate::kernels::switch::{Digit, Finish, KeyProduct, Moves, Plus};

pub fn key_product(m: &Modulus, out: [&mut [u64]; 2], product: &KeyProduct<'_>, moves: Option<&Moves>, finish: &Finish<'_>) {
    let bits = bits_of_residue(m);
    let key: &[u32] = bytemuck::cast_slice(product.key.words);
    for tile in 0..out[0].len() / COLUMNS {
        let columns = tile * COLUMNS..(tile + 1) * COLUMNS;
        let key = &key[2 * product.key.digits * bits * tile..];
        let mut sums = [[0u128; COLUMNS]; 2];
        for (j, digit) in product.digits.iter().enumerate() {
            let mut digits = [0; COLUMNS];
            match (*digit, product.plus) {
                (Digit::Row(row), _) => digits.copy_from_slice(&row[columns.clone()]),
                (Digit::Out(half), _) => digits.copy_from_slice(&out[half][columns.clone()]),
                (Digit::Product, Plus::Product { a, b }) => {
                    digits.iter_mut().zip(columns.clone()).for_each(|(digit, i)| *digit = m.mul(a[1][i], b[1][i]));
                }
                (Digit::Product, Plus::Halves(_)) => {}
            }
            for (half, sums) in sums.iter_mut().enumerate() {
                let mut residues = [0; COLUMNS];
                unpack_columns(&key[(2 * j + half) * bits..][..bits], &mut residues);
                sums.iter_mut().zip(digits).zip(residues).for_each(|((sum, d), k)| *sum += u128::from(d) * u128::from(k));
            }
        }
        for (half, mut sums) in sums.into_iter().enumerate() {
            let factor = u128::from(product.factor);
            let mut add = |c: usize, plus: u64| sums[c] += u128::from(plus) * factor;
            match product.plus {
                Plus::Halves(halves) => {
                    let plus = halves[half].map_or(&[][..], |plus| &plus[columns.clone()]);
                    plus.iter().enumerate().for_each(|(c, &plus)| add(c, plus));
                }
                Plus::Product { a, b } => columns.clone().enumerate().for_each(|(c, i)| {
                    let product = |j: usize, k: usize| u128::from(a[j][i]) * u128::from(b[k][i]);
                    add(c, m.reduce_u128(if half == 0 { product(0, 0) } else { product(0, 1) + product(1, 0) }));
                }),
            }
            for (c, (&sum, i)) in sums.iter().zip(columns.clone()).enumerate() {
                let sum = m.reduce_u128(sum);
                let to = moves.map_or(i, |moves| {
                    let block = &moves.0[i / 8];
                    let lane = block.lanes.iter().position(|&lane| usize::from(lane) == c % 8).unwrap_or(0);
                    8 * block.to as usize + lane
                });
                let place = &mut out[half][to];
                *place = match finish {
                    Finish::Store => sum,
                    Finish::Add => m.add(*place, sum),
                    Finish::Divide { rests, inverse } => {
                        m.mul(m.sub(sum, rests.map_or(*place, |rests| rests[half][i])), *inverse)
                    }
                };
            }
        }
    }
}
