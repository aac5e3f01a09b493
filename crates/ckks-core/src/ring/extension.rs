//! Residues of integers modulo some primes, from those modulo others, a few primes at a time or all at once.

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{AlignedBuf, BasisConverter, Modulus, NttTable};
use crate::params::Params;

/// Words between the ends of rows that are read together: rows powers of two apart would share a few sets of every cache.
const GAP: usize = 256;

/// Columns of one task that makes all rows.
const COLUMNS: usize = 8192;

/// Words from the start of one row to that of the next.
pub(crate) fn row_stride(n: usize) -> usize {
    n + GAP
}

/// What an [`Extension`] will do, known before there are rows.
#[derive(Clone)]
pub(crate) struct Bases {
    from: Vec<Modulus>,
    /// `None` for one prime, whose residues need only be centred: while they are transformed.
    converter: Option<Arc<BasisConverter>>,
}

impl Bases {
    /// From the primes `from` to the primes `to`, both lists as [`Params::prime_index`] counts.
    pub(crate) fn new(params: &Params, from: &[usize], to: &[usize]) -> Result<Self> {
        let converter = if from.len() > 1 { Some(params.converter(from, to)?) } else { None };
        Ok(Self { from: from.iter().map(|&i| *params.prime(i)).collect(), converter })
    }

    /// What the coefficients of each source prime are multiplied by where they are made.
    pub(crate) fn factors(&self) -> Vec<u64> {
        self.converter.as_ref().map_or_else(|| vec![1], |converter| converter.factors().collect())
    }

    /// Room for one row for each source prime, [`row_stride`] words apart.
    pub(crate) fn room(&self, n: usize) -> AlignedBuf {
        AlignedBuf::unfilled(row_stride(n) * self.from.len())
    }
}

/// Integers given by their residues modulo some primes, ready to be taken modulo others, centred.
pub(crate) struct Extension {
    n: usize,
    bases: Bases,
    /// One row for each source prime.
    rows: AlignedBuf,
}

impl Extension {
    /// From coefficient rows in [`Bases::room`], multiplied by [`Bases::factors`].
    pub(crate) fn new(bases: Bases, n: usize, rows: AlignedBuf) -> Self {
        Self { n, bases, rows }
    }

    fn row(&self, i: usize) -> &[u64] {
        &self.rows[i * row_stride(self.n)..][..self.n]
    }

    fn terms(&self) -> Vec<&[u64]> {
        (0..self.bases.from.len()).map(|i| self.row(i)).collect()
    }

    /// Makes the coefficients modulo each of the primes that stand at `places` of the list of targets, if they are sums of several
    /// rows; a single row is taken as it is by [`Extension::values`].
    pub(crate) fn coefficients(&self, places: &[usize], out: &mut [&mut [u64]]) {
        if let Some(converter) = &self.bases.converter {
            converter.sums(places, &self.terms(), out);
        }
    }

    /// [`Extension::coefficients`] for every target: `out` has a limb for each. Rows are read once.
    pub(crate) fn all_coefficients(&self, out: &mut [u64]) {
        if let Some(converter) = &self.bases.converter {
            sum_rows(converter, &self.terms(), out.chunks_exact_mut(self.n).collect());
        }
    }

    /// The values modulo the prime of `table`, from coefficients that were made before. Meanwhile the memory of `soon` is fetched.
    pub(crate) fn values(&self, table: &NttTable, out: &mut [u64], coefficients: &[u64], soon: &[&[u64]]) {
        match &self.bases.converter {
            Some(_) => table.forward_of(out, coefficients, soon),
            None => table.forward_centred(out, &self.bases.from[0], self.row(0), soon),
        }
    }

    /// [`Extension::values`] where the coefficients are.
    pub(crate) fn values_in_place(&self, table: &NttTable, coefficients: &mut [u64], soon: &[&[u64]]) {
        match &self.bases.converter {
            Some(_) => table.forward_before(coefficients, soon),
            None => table.forward_centred(coefficients, &self.bases.from[0], self.row(0), soon),
        }
    }

    /// True if every residue is made from several others, so that rows are better read once for several targets.
    pub(crate) fn is_sum(&self) -> bool {
        self.bases.converter.is_some()
    }
}

/// [`BasisConverter::sums`] for all targets, in parallel over blocks of columns: terms, which [`BasisConverter::factors`] have scaled, are
/// read once.
pub(crate) fn sum_rows(converter: &BasisConverter, terms: &[&[u64]], outputs: Vec<&mut [u64]>) {
    let n = terms[0].len();
    let places: Vec<usize> = (0..outputs.len()).collect();
    let mut blocks: Vec<Vec<&mut [u64]>> = (0..n.div_ceil(COLUMNS)).map(|_| Vec::with_capacity(outputs.len())).collect();
    for row in outputs {
        blocks.iter_mut().zip(row.chunks_mut(COLUMNS)).for_each(|(block, part)| block.push(part));
    }
    blocks.par_iter_mut().enumerate().for_each(|(b, block)| {
        let columns = b * COLUMNS..((b + 1) * COLUMNS).min(n);
        let terms: Vec<&[u64]> = terms.iter().map(|row| &row[columns.clone()]).collect();
        converter.sums(&places, &terms, block);
    });
}
