//! Residues of integers modulo some primes, from those modulo others, a few primes at a time.

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{AlignedBuf, BasisConverter, Modulus, NttTable};
use crate::params::Params;

/// Words between the ends of rows that are read together: rows powers of two apart would share a few sets of every cache.
const GAP: usize = 256;

/// Columns that one task prepares: a few rows of this length stay in the second-level cache.
const COLUMNS: usize = 2048;

/// Words from the start of one row to that of the next.
pub(crate) fn row_stride(n: usize) -> usize {
    n + GAP
}

/// Integers given by their residues modulo some primes, ready to be taken modulo others, centred.
pub(crate) struct Extension {
    n: usize,
    from: Vec<Modulus>,
    /// `None` for one prime, whose residues need only be centred: while they are transformed.
    converter: Option<Arc<BasisConverter>>,
    /// One row for each source prime; several are scaled for the converter and have a row of quotients behind them.
    rows: AlignedBuf,
}

impl Extension {
    /// Rows for residues modulo `primes` primes, [`row_stride`] words apart, and room for what they need later.
    pub(crate) fn room(n: usize, primes: usize) -> AlignedBuf {
        AlignedBuf::unfilled(row_stride(n) * (primes + usize::from(primes > 1)))
    }

    /// From coefficient rows modulo the primes `from`, in [`Extension::room`], to the primes `to`; both lists as
    /// [`Params::prime_index`] counts.
    pub(crate) fn new(params: &Params, from: &[usize], to: &[usize], mut rows: AlignedBuf) -> Result<Self> {
        let n = params.n();
        let converter = if from.len() > 1 { Some(params.converter(from, to)?) } else { None };
        if let Some(converter) = &converter {
            let (rows, quotients) = rows.split_at_mut(from.len() * row_stride(n));
            let quotients = &mut quotients[..n];
            let mut blocks: Vec<Vec<&mut [u64]>> = (0..n.div_ceil(COLUMNS)).map(|_| Vec::with_capacity(from.len())).collect();
            for row in rows.chunks_exact_mut(row_stride(n)) {
                blocks.iter_mut().zip(row[..n].chunks_mut(COLUMNS)).for_each(|(block, part)| block.push(part));
            }
            let blocks = blocks.par_iter_mut().zip(quotients.par_chunks_mut(COLUMNS));
            blocks.for_each(|(rows, quotients)| converter.prepare(rows, quotients));
        }
        Ok(Self { n, from: from.iter().map(|&i| *params.prime(i)).collect(), converter, rows })
    }

    fn row(&self, i: usize) -> &[u64] {
        &self.rows[i * row_stride(self.n)..][..self.n]
    }

    /// Prepares one row for each of the primes that stand at `places` of the list of targets for [`Extension::values`].
    pub(crate) fn begin(&self, places: &[usize], out: &mut [&mut [u64]]) {
        if let Some(converter) = &self.converter {
            let terms: Vec<&[u64]> = (0..=self.from.len()).map(|i| self.row(i)).collect();
            converter.sums(places, &terms, out);
        }
    }

    /// Makes a row that [`Extension::begin`] prepared the values modulo the prime of `table`. Meanwhile the memory of `soon` is fetched.
    pub(crate) fn values(&self, table: &NttTable, out: &mut [u64], soon: &[&[u64]]) {
        match &self.converter {
            Some(_) => table.forward_before(out, soon),
            None => table.forward_centred(out, &self.from[0], self.row(0), soon),
        }
    }

    /// True if every residue is made from several others, so that rows are better read once for several targets.
    pub(crate) fn is_sum(&self) -> bool {
        self.converter.is_some()
    }
}
