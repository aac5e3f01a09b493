//! Cutting a polynomial into digits: the expensive half of a key switch, done once for many keys or limb by limb for one.

use rayon::prelude::*;

use super::Evaluator;
use crate::error::Result;
use crate::keys::GadgetShape;
use crate::params::Params;
use crate::ring::{Bases, Extension, Ntt, Poly, row_stride};

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
        digits.par_iter_mut().enumerate().for_each(|(j, digit)| {
            digit.data_mut().par_chunks_mut(cut.group() * n).enumerate().for_each(|(g, limbs)| {
                let rows = limbs.chunks_exact_mut(n).zip(g * cut.group()..);
                let (own, mut others): (Vec<_>, Vec<_>) = rows.partition(|(_, i)| cut.is_own(j, *i));
                own.into_iter().for_each(|(row, i)| row.copy_from_slice(poly.limb(i)));
                cut.extend(j, others.iter_mut().map(|(row, i)| (&mut **row, *i)));
                others
                    .into_iter()
                    .for_each(|(row, i)| cut.digits[j].values_in_place(params.ntt(shape.basis(level), i), row, &[]));
            });
        });
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
        let digit = |j: usize| {
            let own = shape.digit_range(level, j);
            let others: Vec<usize> =
                (0..basis.limbs()).filter(|i| !own.contains(i)).map(|i| params.prime_index(basis, i)).collect();
            let bases = Bases::new(params, &own.clone().collect::<Vec<_>>(), &others)?;
            let mut rows = bases.room(n);
            rows.par_chunks_mut(row_stride(n)).zip(own).zip(bases.factors()).for_each(|((row, i), factor)| {
                params.ntt_q(i).inverse_of(&mut row[..n], poly.limb(i), factor);
            });
            Ok(Extension::new(bases, n, rows))
        };
        let digits = (0..shape.digits(level)).into_par_iter().map(digit).collect::<Result<_>>()?;
        Ok(Self { shape, poly, digits })
    }

    pub(super) fn level(&self) -> usize {
        self.poly.basis().q - 1
    }

    /// Limbs to extend together.
    pub(super) fn group(&self) -> usize {
        if self.digits.iter().any(Extension::is_sum) { (ROWS / self.digits.len()).clamp(4, 12) } else { 1 }
    }

    fn is_own(&self, j: usize, i: usize) -> bool {
        self.shape.digit_range(self.level(), j).contains(&i)
    }

    /// Begins digit `j` in limbs that are not its own: rows and their numbers.
    fn extend<'r>(&self, j: usize, limbs: impl Iterator<Item = (&'r mut [u64], usize)>) {
        let own = self.shape.digit_range(self.level(), j);
        let place = |i: usize| if i < own.start { i } else { i - own.len() };
        let (mut rows, places): (Vec<_>, Vec<_>) = limbs.map(|(row, i)| (row, place(i))).unzip();
        // Limbs that are all its own: a sum of no rows would read every term.
        if !rows.is_empty() {
            self.digits[j].coefficients(&places, &mut rows);
        }
    }

    /// Words that limbs are made in.
    pub(super) fn room(&self, limbs: usize) -> usize {
        self.digits.len() * limbs * row_stride(self.poly.n())
    }

    /// Prepares `limbs` for [`Cut::at`].
    pub(super) fn begin(&self, limbs: &[usize], room: &mut [u64]) {
        let (n, stride) = (self.poly.n(), row_stride(self.poly.n()));
        let digits = room.par_chunks_exact_mut(limbs.len() * stride).take(self.digits.len());
        // A digit of one prime has nothing to begin with.
        digits.enumerate().filter(|&(j, _)| self.digits[j].is_sum()).for_each(|(j, room)| {
            let rows = room.chunks_exact_mut(stride).map(|row| &mut row[..n]).zip(limbs.iter().copied());
            self.extend(j, rows.filter(|&(_, i)| !self.is_own(j, i)));
        });
    }

    /// Transforms that [`Cut::at`] runs for limb `i`.
    pub(super) fn transforms(&self, i: usize) -> usize {
        (0..self.digits.len()).filter(|&j| !self.is_own(j, i)).count()
    }

    /// What [`Cut::at`] returns of limb `i` without making it.
    pub(super) fn stored(&self, i: usize) -> Option<&[u64]> {
        (i <= self.level()).then(|| self.poly.limb(i))
    }

    /// All digits in limb `limbs[place]`. During each transform the memory of one of `soon` is fetched.
    pub(super) fn at<'r>(
        &'r self,
        params: &Params,
        (limbs, place): (&[usize], usize),
        room: &'r mut [u64],
        soon: &[Vec<&[u64]>],
    ) -> Vec<&'r [u64]> {
        let (n, stride) = (params.n(), row_stride(params.n()));
        let (i, basis) = (limbs[place], self.shape.basis(self.level()));
        let mut soon = soon.iter();
        let rows = room.chunks_exact_mut(limbs.len() * stride).take(self.digits.len()).enumerate();
        let digit = |(j, room): (usize, &'r mut [u64])| {
            let soon = if self.is_own(j, i) { None } else { Some(soon.next().map_or(&[][..], |parts| parts)) };
            (j, &mut room[place * stride..][..n], soon)
        };
        let digits: Vec<_> = rows.map(digit).collect();
        let values = |(j, row, soon): (usize, &'r mut [u64], Option<&[&[u64]]>)| -> &'r [u64] {
            let Some(soon) = soon else { return self.poly.limb(i) };
            self.digits[j].values_in_place(params.ntt(basis, i), row, soon);
            row
        };
        digits.into_par_iter().map(values).collect()
    }
}
