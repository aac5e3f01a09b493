//! Cutting a polynomial into digits: the expensive half of a key switch, done once for many keys or limb by limb for one.

use super::Evaluator;
use crate::error::Result;
use crate::keys::GadgetShape;
use crate::parallel::for_each;
use crate::params::Params;
use crate::ring::{Bases, Extension, Ntt, Poly, RowSums, row_stride, sum_rows};

/// Rows of digits that are converted together: what they are made from is read once for all of them, and they are read again.
const ROWS: usize = 24;

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

    /// Limb `i` of all digits.
    pub(crate) fn limbs(&self, i: usize) -> Vec<&[u64]> {
        self.digits.iter().map(|digit| digit.limb(i)).collect()
    }
}

impl Evaluator<'_> {
    /// Digit j holds [x]_{D_j} (centred), D_j the product of the digit's primes, over all other primes too.
    pub(crate) fn decompose(&self, poly: &Poly<Ntt>, shape: GadgetShape) -> Result<Decomposed> {
        let params = &self.params;
        let cut = Cut::new(params, poly, shape)?;
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

/// A polynomial ready to be extended from the primes of its digits to others.
pub(crate) struct Cut<'a> {
    shape: GadgetShape,
    poly: &'a Poly<Ntt>,
    digits: Vec<Extension>,
}

impl<'a> Cut<'a> {
    pub(super) fn new(params: &Params, poly: &'a Poly<Ntt>, shape: GadgetShape) -> Result<Self> {
        let n = params.n();
        let level = poly.basis().q - 1;
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
        let rows =
            digits.iter_mut().flat_map(|(own, bases, rows)| rows.chunks_mut(row_stride(n)).zip(own.clone()).zip(bases.factors()));
        for_each(rows, |((row, i), factor)| params.ntt_q(i).inverse_of(&mut row[..n], poly.limb(i), factor));
        let digits = digits.into_iter().map(|(_, bases, rows)| Extension::new(bases, n, rows)).collect();
        Ok(Self { shape, poly, digits })
    }

    pub(super) fn level(&self) -> usize {
        self.poly.basis().q - 1
    }

    /// Limbs to begin together; `None` where all digits are single primes, which have nothing to begin with.
    pub(super) fn group(&self) -> Option<usize> {
        let is_sum = self.digits.iter().any(Extension::is_sum);
        is_sum.then(|| (ROWS / self.digits.len()).clamp(4, 12).next_multiple_of(rayon::current_num_threads()))
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

    /// Words that a limb is made in.
    pub(super) fn room(&self) -> usize {
        self.digits.len() * row_stride(self.poly.n())
    }

    /// Prepares `limbs` for [`Cut::at`], each in [`Cut::room`] words of `room`.
    pub(super) fn begin(&self, limbs: std::ops::Range<usize>, room: &mut [u64]) {
        let n = self.poly.n();
        let mut rows: Vec<Vec<(&mut [u64], usize)>> = self.digits.iter().map(|_| Vec::with_capacity(limbs.len())).collect();
        for (room, i) in room.chunks_exact_mut(self.room()).zip(limbs) {
            let digits = room.chunks_exact_mut(row_stride(n));
            rows.iter_mut().zip(digits).for_each(|(rows, row)| rows.push((&mut row[..n], i)));
        }
        sum_rows(rows.into_iter().enumerate().filter_map(|(j, rows)| self.sums(j, rows.into_iter())));
    }

    /// Transforms that [`Cut::at`] runs for limb `i`.
    pub(super) fn transforms(&self, i: usize) -> usize {
        (0..self.digits.len()).filter(|&j| !self.is_own(j, i)).count()
    }

    /// What [`Cut::at`] returns of limb `i` without making it.
    pub(super) fn stored(&self, i: usize) -> Option<&[u64]> {
        (i <= self.level()).then(|| self.poly.limb(i))
    }

    /// All digits in limb `i`, which was begun in `room`. During each transform the memory of one of `soon` is fetched.
    pub(super) fn at<'r>(&'r self, params: &Params, i: usize, room: &'r mut [u64], soon: &[Vec<&[u64]>]) -> Vec<&'r [u64]> {
        let (n, stride) = (params.n(), row_stride(params.n()));
        let table = params.ntt(self.shape.basis(self.level()), i);
        let others = room.chunks_exact_mut(stride).zip(&self.digits).enumerate().filter(|&(j, _)| !self.is_own(j, i));
        let mut soon = soon.iter();
        for_each(others.map(|(_, other)| (other, soon.next())), |((row, digit), soon)| {
            digit.values_in_place(table, &mut row[..n], soon.map_or(&[], |parts| parts));
        });
        let rows = room.chunks_exact(stride).take(self.digits.len()).enumerate();
        rows.map(|(j, row)| if self.is_own(j, i) { self.poly.limb(i) } else { &row[..n] }).collect()
    }
}
