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
        // v is at most the number of source primes.
        let v = terms.iter().zip(&converter.from).fold(0.5, |sum, (y, f)| sum + y[k] as f64 * f.reciprocal) as u64;
        for (target, out) in targets.iter().zip(outputs.iter_mut()) {
            let terms = terms.iter().map(|y| y[k]).chain([v]);
            // At most 65 products below 2^100.
            let sum = terms.zip(&target.weights).map(|(y, &w)| u128::from(y) * u128::from(w)).sum();
            out[k] = target.modulus.reduce_u128(sum);
        }
    }
}
