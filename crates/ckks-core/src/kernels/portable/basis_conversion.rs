//! Fast basis conversion, column by column.

use std::ops::Range;

use super::pointwise::Shoup;
use crate::kernels::basis_conversion::BasisConverter;

pub fn convert(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]]) {
    convert_columns(converter, input, output, 0..input[0].len());
}

pub fn prepare(converter: &BasisConverter, rows: &mut [&mut [u64]], quotients: &mut [u64]) {
    prepare_columns(converter, rows, quotients, 0..quotients.len());
}

pub fn sums(converter: &BasisConverter, targets: &[usize], terms: &[&[u64]], outputs: &mut [&mut [u64]]) {
    sum_columns(converter, targets, terms, outputs, 0..terms[0].len());
}

// Ranges of columns: what other paths leave over.

pub fn convert_columns(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]], columns: Range<usize>) {
    let mut scaled: Vec<Vec<u64>> = input.iter().map(|row| row[columns.clone()].to_vec()).collect();
    let mut quotients = vec![0; columns.len()];
    let mut rows: Vec<&mut [u64]> = scaled.iter_mut().map(|row| &mut row[..]).collect();
    prepare(converter, &mut rows, &mut quotients);
    let terms: Vec<&[u64]> = scaled.iter().chain([&quotients]).map(|row| &row[..]).collect();
    let targets: Vec<usize> = (0..converter.to.len()).collect();
    let mut output: Vec<&mut [u64]> = output.iter_mut().map(|row| &mut row[columns.clone()]).collect();
    sum_columns(converter, &targets, &terms, &mut output, 0..quotients.len());
}

pub fn prepare_columns(converter: &BasisConverter, rows: &mut [&mut [u64]], quotients: &mut [u64], columns: Range<usize>) {
    let inverses: Vec<Shoup> = converter.from.iter().map(|f| Shoup::new(&f.modulus, f.inverse)).collect();
    for k in columns {
        let mut quotient = 0.5;
        for ((f, inverse), row) in converter.from.iter().zip(&inverses).zip(rows.iter_mut()) {
            row[k] = inverse.times(&f.modulus, row[k]);
            quotient += row[k] as f64 * f.reciprocal;
        }
        // v <= number of source primes.
        quotients[k] = quotient as u64;
    }
}

pub fn sum_columns(
    converter: &BasisConverter,
    targets: &[usize],
    terms: &[&[u64]],
    outputs: &mut [&mut [u64]],
    columns: Range<usize>,
) {
    for (&target, out) in targets.iter().zip(outputs) {
        let target = &converter.to[target];
        for k in columns.clone() {
            // At most 65 products below 2^100.
            let sum = terms.iter().zip(&target.weights).map(|(y, &w)| u128::from(y[k]) * u128::from(w)).sum();
            out[k] = target.modulus.reduce_u128(sum);
        }
    }
}
