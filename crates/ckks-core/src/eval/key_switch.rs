//! Cutting a polynomial into digits: the expensive half of a key switch, done once for many keys or limb by limb for one.

use super::Evaluator;
use super::digits::limbs_at_once;
use crate::error::Result;
use crate::kernels::{self, Digit};
use crate::keys::GadgetShape;
use crate::parallel::for_each;
use crate::params::Params;
use crate::ring::{Bases, Extension, Ntt, Poly, RowSums, rows_in, sum_rows};

/// The digits of one polynomial, each extended to all ciphertext primes of the level and the special primes: what hoisting
/// shares between rotations.
pub struct Decomposed {
    shape: GadgetShape,
    level: usize,
    digits: Vec<Poly<Ntt>>,
}

impl Decomposed {
    /// Level of the polynomial that was cut.
    pub fn level(&self) -> usize {
        self.level
    }

    /// A polynomial that is its own only digit, because it is smaller than the first special prime.
    pub(crate) fn single(shape: GadgetShape, digit: Poly<Ntt>) -> Self {
        Self { shape, level: digit.basis().q - 1, digits: vec![digit] }
    }

    /// True if a key of that shape can work on these digits.
    pub(crate) fn fits(&self, shape: GadgetShape) -> bool {
        shape.cuts_like(&self.shape)
    }

    /// All digits in limb `i`.
    pub(crate) fn digits(&self, i: usize) -> Vec<Digit<'_>> {
        self.limbs(i).into_iter().map(Digit::Row).collect()
    }

    /// Limb `i` of all digits.
    pub(crate) fn limbs(&self, i: usize) -> Vec<&[u64]> {
        self.digits.iter().map(|digit| digit.limb(i)).collect()
    }
}

impl Evaluator<'_> {
    /// Digit j holds [x]_{D_j} (centred), D_j the product of the digit's primes, over all other primes too.
    pub(crate) fn decompose(&self, poly: &Poly<Ntt>, shape: GadgetShape) -> Result<Decomposed> {
        let params = &self.params;
        let cut = Cut::new(params, Source::Poly(poly), shape)?;
        let (n, level) = (params.n(), cut.level());
        let mut digits: Vec<_> = cut.digits.iter().map(|_| Poly::<Ntt>::unfilled(n, shape.basis(level))).collect();
        let mut rest: Vec<_> = digits.iter_mut().map(|digit| digit.data_mut().chunks_exact_mut(n).enumerate()).collect();
        let limbs = shape.basis(level).limbs();
        let group = cut.group().unwrap_or(limbs);
        for _ in (0..limbs).step_by(group) {
            let mut rows: Vec<Vec<_>> = rest.iter_mut().map(|rows| rows.by_ref().take(group).collect()).collect();
            let digits = rows.iter_mut().enumerate();
            sum_rows(digits.filter_map(|(j, rows)| cut.sums(j, rows.iter_mut().map(|(i, row)| (&mut **row, *i)))));
            let rows = rows.into_iter().enumerate().flat_map(|(j, rows)| rows.into_iter().map(move |(i, row)| (j, i, row)));
            for_each(rows, |(j, i, row)| {
                if cut.is_own(j, i) {
                    row.copy_from_slice(poly.limb(i));
                } else {
                    cut.digits[j].values_in_place(params.ntt(shape.basis(level), i), row, &[]);
                }
            });
        }
        Ok(Decomposed { shape, level, digits })
    }
}

/// What is cut.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Poly(&'a Poly<Ntt>),
    /// The product of two of the same basis, which is never written down.
    Product(&'a Poly<Ntt>, &'a Poly<Ntt>),
}

impl Source<'_> {
    pub(super) fn level(&self) -> usize {
        let (Self::Poly(a) | Self::Product(a, _)) = self;
        a.basis().q - 1
    }

    fn limb(&self, i: usize) -> Digit<'_> {
        match self {
            Self::Poly(poly) => Digit::Row(poly.limb(i)),
            Self::Product(..) => Digit::Product,
        }
    }

    /// The coefficients modulo prime `i`, times `factor`.
    fn coefficients(&self, params: &Params, i: usize, factor: u64, out: &mut [u64]) {
        let table = params.ntt_q(i);
        match self {
            Self::Poly(poly) => table.inverse_of(out, poly.limb(i), factor),
            Self::Product(a, b) => {
                kernels::mul_into(params.q(i), out, a.limb(i), b.limb(i));
                table.inverse_times(out, factor, &[]);
            }
        }
    }
}

/// A polynomial ready to be extended from the primes of its digits to others.
pub(crate) struct Cut<'a> {
    shape: GadgetShape,
    source: Source<'a>,
    digits: Vec<Extension>,
}

impl<'a> Cut<'a> {
    pub(super) fn new(params: &Params, source: Source<'a>, shape: GadgetShape) -> Result<Self> {
        let (n, level) = (params.n(), source.level());
        let basis = shape.basis(level);
        let owners = (0..shape.digits(level)).map(|j| shape.digit_range(level, j));
        let bases = |own: std::ops::Range<usize>| {
            let others: Vec<usize> =
                (0..basis.limbs()).filter(|i| !own.contains(i)).map(|i| params.prime_index(basis, i)).collect();
            let bases = Bases::new(params, &own.clone().collect::<Vec<_>>(), &others)?;
            let rows = bases.room(n);
            Ok((own, bases, rows))
        };
        let mut digits = owners.map(bases).collect::<Result<Vec<_>>>()?;
        let rows = digits.iter_mut().flat_map(|(own, bases, rows)| rows_in(rows, n).zip(own.clone()).zip(bases.factors()));
        for_each(rows, |((row, i), factor)| source.coefficients(params, i, factor, row));
        let digits = digits.into_iter().map(|(_, bases, rows)| Extension::new(bases, n, rows)).collect();
        Ok(Self { shape, source, digits })
    }

    pub(super) fn level(&self) -> usize {
        self.source.level()
    }

    /// Limbs to begin together; `None` where all digits are single primes, which have nothing to begin with.
    pub(super) fn group(&self) -> Option<usize> {
        let is_sum = self.digits.iter().any(Extension::is_sum);
        is_sum.then(|| limbs_at_once(self.digits.len()))
    }

    fn is_own(&self, j: usize, i: usize) -> bool {
        self.shape.digit_range(self.level(), j).contains(&i)
    }

    /// What begins digit `j` in those of some limbs that are not its own: rows and their numbers.
    fn sums<'r>(&'r self, j: usize, limbs: impl Iterator<Item = (&'r mut [u64], usize)>) -> Option<RowSums<'r>> {
        let own = self.shape.digit_range(self.level(), j);
        let others = limbs.filter(|(_, i)| !own.contains(i));
        let place = |i: usize| if i < own.start { i } else { i - own.len() };
        let (rows, places) = others.map(|(row, i)| (row, place(i))).unzip();
        self.digits[j].sums(places, rows)
    }

    /// How many digits there are.
    pub(super) fn count(&self) -> usize {
        self.digits.len()
    }

    /// What begins all digits: of each limb a row for each, and the limb's number.
    pub(super) fn all_sums<'r>(&'r self, limbs: Vec<(Vec<&'r mut [u64]>, usize)>) -> Vec<RowSums<'r>> {
        let mut rows: Vec<Vec<(&mut [u64], usize)>> = self.digits.iter().map(|_| Vec::with_capacity(limbs.len())).collect();
        for (digits, i) in limbs {
            rows.iter_mut().zip(digits).for_each(|(rows, row)| rows.push((row, i)));
        }
        rows.into_iter().enumerate().filter_map(|(j, rows)| self.sums(j, rows.into_iter())).collect()
    }

    /// Transforms that [`Cut::transform`] runs for limb `i`.
    pub(super) fn transforms(&self, i: usize) -> usize {
        (0..self.digits.len()).filter(|&j| !self.is_own(j, i)).count()
    }

    /// Digit `j` in limb `i` if nothing has to be done for it.
    pub(super) fn stored(&self, i: usize, j: usize) -> Option<Digit<'_>> {
        self.is_own(j, i).then(|| self.source.limb(i))
    }

    /// Makes the other digits of limb `i`, each in its row, which was begun. During each transform the memory of one of `soon` is fetched.
    pub(super) fn transform(&self, params: &Params, i: usize, rows: Vec<&mut [u64]>, soon: &[Vec<&[u64]>]) {
        let table = params.ntt(self.shape.basis(self.level()), i);
        let others = rows.into_iter().zip(&self.digits).enumerate().filter(|&(j, _)| !self.is_own(j, i));
        let mut soon = soon.iter();
        for_each(others.map(|(_, other)| (other, soon.next())), |((row, digit), soon)| {
            digit.values_in_place(table, row, soon.map_or(&[], |parts| parts));
        });
    }
}
