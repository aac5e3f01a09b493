//! Fast basis conversion, column by column.

use super::pointwise::Shoup;
use crate::kernels::basis_conversion::BasisConverter;

pub fn convert(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]]) {
    convert_columns(converter, input, output, 0..input[0].len());
}

/// The columns of a range, which is what other paths leave over.
pub fn convert_columns(converter: &BasisConverter, input: &[&[u64]], output: &mut [&mut [u64]], columns: std::ops::Range<usize>) {
    let inverses: Vec<Shoup> = converter.from.iter().map(|f| Shoup::new(&f.modulus, f.inverse)).collect();
    // y_i and, behind them, v: v <= number of source primes.
    let mut terms = vec![0u64; converter.from.len() + 1];
    for k in columns {
        let mut quotient = 0.5;
        for (i, f) in converter.from.iter().enumerate() {
            terms[i] = inverses[i].times(&f.modulus, input[i][k]);
            quotient += terms[i] as f64 * f.reciprocal;
        }
        terms[converter.from.len()] = quotient as u64;
        for (target, row) in converter.to.iter().zip(output.iter_mut()) {
            // At most 65 products below 2^100.
            let sum = terms.iter().zip(&target.weights).map(|(&y, &w)| u128::from(y) * u128::from(w)).sum();
            row[k] = target.modulus.reduce_u128(sum);
        }
    }
}
