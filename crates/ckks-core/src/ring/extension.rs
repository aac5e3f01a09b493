//! Residues of integers modulo some primes, from those modulo others, a few primes at a time or all at once.

use std::sync::Arc;

use crate::error::Result;
use crate::kernels::{AlignedBuf, BasisConverter, Modulus, NttTable};
use crate::parallel::for_each;
use crate::params::Params;

/// Words between the ends of rows that are read together: rows powers of two apart would share a few sets of every cache.
const GAP: usize = 256;

/// Columns of one task that sums rows: at most, and at least where there are more threads than that makes tasks.
const COLUMNS: std::ops::RangeInclusive<usize> = 1024..=8192;

/// Words from the start of one row to that of the next.
pub(crate) fn row_stride(n: usize) -> usize {
    n + GAP
}

/// The rows of `n` words in a buffer whose rows are [`row_stride`] words apart.
pub(crate) fn rows_in(buffer: &mut [u64], n: usize) -> impl Iterator<Item = &mut [u64]> {
    buffer.chunks_exact_mut(row_stride(n)).map(move |row| &mut row[..n])
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

    /// How many rows of sources may stand where those of all targets will be: none unless they fill half of these, as terms that are overwritten
    /// are copied first.
    fn in_place(&self) -> usize {
        let (sources, targets) = (self.from.len(), self.converter.as_ref().map_or(0, |converter| converter.targets()));
        if 2 * sources >= targets { sources.min(targets) } else { 0 }
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
    /// One row for each source prime, or for each that does not stand among the targets.
    rows: AlignedBuf,
}

impl Extension {
    /// From coefficient rows in [`Bases::room`], multiplied by [`Bases::factors`].
    pub(crate) fn new(bases: Bases, n: usize, rows: AlignedBuf) -> Self {
        Self { n, bases, rows }
    }

    /// One whose sources are made in [`Extension::source_rows`].
    pub(crate) fn unmade(bases: Bases, n: usize) -> Self {
        let apart = bases.from.len() - bases.in_place();
        let rows = AlignedBuf::unfilled(row_stride(n) * apart);
        Self { n, bases, rows }
    }

    /// Rows for the residues modulo the source primes, some of them among those of all targets.
    pub(crate) fn source_rows<'r>(&'r mut self, targets: impl Iterator<Item = &'r mut [u64]>) -> Vec<&'r mut [u64]> {
        targets.take(self.bases.in_place()).chain(rows_in(&mut self.rows, self.n)).collect()
    }

    /// [`Extension::sums`] for all targets, from [`Extension::source_rows`].
    pub(crate) fn all_sums<'r>(&'r mut self, targets: impl Iterator<Item = &'r mut [u64]>) -> Option<RowSums<'r>> {
        let converter = self.bases.converter.as_deref()?;
        let places = (0..converter.targets()).collect();
        if self.bases.in_place() == 0 {
            return self.sums(places, targets.collect());
        }
        let outputs = targets.chain(rows_in(&mut self.rows, self.n)).collect();
        Some(RowSums { converter, terms: Terms::InPlace, places, outputs })
    }

    fn row(&self, i: usize) -> &[u64] {
        &self.rows[i * row_stride(self.n)..][..self.n]
    }

    fn terms(&self) -> Vec<&[u64]> {
        (0..self.bases.from.len()).map(|i| self.row(i)).collect()
    }

    /// What makes the coefficients modulo each of the primes that stand at `places` of the list of targets, if they are sums of
    /// several rows; a single row is taken as it is by [`Extension::values`].
    pub(crate) fn sums<'r>(&'r self, places: Vec<usize>, outputs: Vec<&'r mut [u64]>) -> Option<RowSums<'r>> {
        let converter = self.bases.converter.as_deref()?;
        Some(RowSums { converter, terms: Terms::Apart(self.terms()), places, outputs })
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

/// One call of [`BasisConverter::sums`], of terms that [`BasisConverter::factors`] have scaled.
pub(crate) struct RowSums<'a> {
    pub converter: &'a BasisConverter,
    pub terms: Terms<'a>,
    /// Places in the list of target primes, one for each output.
    pub places: Vec<usize>,
    pub outputs: Vec<&'a mut [u64]>,
}

/// What rows are summed up from.
pub(crate) enum Terms<'a> {
    Apart(Vec<&'a [u64]>),
    /// In the first of the outputs, where rows without a place follow if there are more terms than places.
    InPlace,
}

/// Runs all `sums` in parallel over blocks of columns: terms are read once.
pub(crate) fn sum_rows<'a>(sums: impl IntoIterator<Item = RowSums<'a>>) {
    // Without targets terms would be read for nothing.
    let mut sums: Vec<_> = sums.into_iter().filter(|sum| !sum.places.is_empty()).collect();
    let words: usize = sums.iter().map(|sum| sum.outputs[0].len()).sum();
    let share = words.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(*COLUMNS.start());
    let columns = share.clamp(*COLUMNS.start(), *COLUMNS.end());
    let blocks = sums.iter_mut().flat_map(|RowSums { converter, terms, places, outputs }| {
        let (converter, terms, places) = (*converter, &*terms, &*places);
        let count = outputs[0].len().div_ceil(columns);
        let mut rows: Vec<_> = outputs.iter_mut().map(|row| row.chunks_mut(columns)).collect();
        (0..count).map(move |b| (converter, terms, places, b, rows.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()))
    });
    for_each(blocks, |(converter, terms, places, b, mut block)| match terms {
        Terms::Apart(terms) => {
            let terms: Vec<&[u64]> = terms.iter().map(|row| &row[b * columns..][..block[0].len()]).collect();
            converter.sums(places, &terms, &mut block);
        }
        Terms::InPlace => converter.sums_in_place(places, &mut block),
    });
}

/// [`sum_rows`] for all targets.
pub(crate) fn sum_all_rows(converter: &BasisConverter, terms: Vec<&[u64]>, outputs: Vec<&mut [u64]>) {
    sum_rows([RowSums { converter, terms: Terms::Apart(terms), places: (0..outputs.len()).collect(), outputs }]);
}
