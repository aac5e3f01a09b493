//! Fast basis conversion, column by column.

use std::ops::Range;

use super::pointwise::Shoup;
use crate::kernels::basis_conversion::{BasisConverter, Source, Target};

pub fn convert(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]]) {
    convert_columns(converter, input, output, 0..input[0].len());
}

pub fn sums(converter: &BasisConverter, targets: &[usize], terms: &[&[u64]], outputs: &mut [&mut [u64]]) {
    sum_columns(converter, targets, terms, outputs, 0..terms[0].len());
}

pub fn sums_in_place(converter: &BasisConverter, targets: &[usize], rows: &mut [&mut [u64]]) {
    sum_columns_in_place(converter, targets, rows, 0..rows[0].len());
}

// Ranges of columns: what other paths leave over.

pub fn convert_columns(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]], columns: Range<usize>) {
    let scaled = |(f, row): (&Source, &&[u64])| -> Vec<u64> {
        let inverse = Shoup::new(&f.modulus, f.inverse);
        row[columns.clone()].iter().map(|&x| inverse.times(&f.modulus, x)).collect()
    };
    let scaled: Vec<Vec<u64>> = converter.from.iter().zip(input).map(scaled).collect();
    let terms: Vec<&[u64]> = scaled.iter().map(|row| &row[..]).collect();
    let targets: Vec<usize> = (0..converter.to.len()).collect();
    let mut output: Vec<&mut [u64]> = output.iter_mut().map(|row| &mut row[columns.clone()]).collect();
    sum_columns(converter, &targets, &terms, &mut output, 0..columns.len());
}

pub fn sum_columns(
    converter: &BasisConverter,
    targets: &[usize],
    terms: &[&[u64]],
    outputs: &mut [&mut [u64]],
    columns: Range<usize>,
) {
    let targets: Vec<&Target> = targets.iter().map(|&target| &converter.to[target]).collect();
    for k in columns {
        let y: Vec<u64> = terms.iter().map(|y| y[k]).collect();
        sum_column(converter, &targets, &y, outputs.iter_mut().map(|out| &mut out[k]));
    }
}

pub fn sum_columns_in_place(converter: &BasisConverter, targets: &[usize], rows: &mut [&mut [u64]], columns: Range<usize>) {
    let targets: Vec<&Target> = targets.iter().map(|&target| &converter.to[target]).collect();
    for k in columns {
        let y: Vec<u64> = rows[..converter.from.len()].iter().map(|y| y[k]).collect();
        sum_column(converter, &targets, &y, rows.iter_mut().map(|out| &mut out[k]));
    }
}

fn sum_column<'a>(converter: &BasisConverter, targets: &[&Target], y: &[u64], outputs: impl Iterator<Item = &'a mut u64>) {
    // v is at most the number of source primes.
    let v = y.iter().zip(&converter.from).fold(0.5, |sum, (&y, f)| sum + y as f64 * f.reciprocal) as u64;
    for (target, out) in targets.iter().zip(outputs) {
        // At most 65 products below 2^100.
        let sum = y.iter().chain([&v]).zip(&target.weights).map(|(&y, &w)| u128::from(y) * u128::from(w)).sum();
        *out = target.modulus.reduce_u128(sum);
    }
}
