//! Digits limb by limb: where they are made, and loops over limbs whose digits are begun together.

use std::cmp::Reverse;

use super::Decomposed;
use super::key_switch::Cut;
use crate::kernels::{AlignedBuf, Digit};
use crate::keys::GadgetShape;
use crate::parallel::for_each;
use crate::params::Params;
use crate::ring::{RowSums, row_stride, rows_in, sum_rows};

/// Rows of one polynomial's digits that are begun together.
const ROWS: usize = 24;
/// Bytes of such rows of several polynomials: what the last cache holds, besides what they are made from.
const GROUP_BYTES: usize = 12 << 20;

/// Where the limbs of the digits come from.
pub(crate) enum Digits<'a> {
    /// Made when they are needed.
    Cut(Cut<'a>),
    /// Made before, for several keys.
    Made(&'a Decomposed),
}

/// Where the first two digits of a limb are made.
#[derive(Clone, Copy)]
pub(super) enum Making {
    /// Where results will be, which are as many: a cache holds fewer rows then.
    InPlace,
    /// As the others, in rows of their own.
    Apart,
}

/// The rows in which digits of a limb are made apart from results.
pub(super) struct Room<'a> {
    rows: Vec<&'a mut [u64]>,
    making: Making,
}

impl Making {
    /// How many digits are made where results will be.
    fn in_place(self) -> usize {
        match self {
            Self::InPlace => 2,
            Self::Apart => 0,
        }
    }
}

impl Room<'_> {
    /// For each digit the row where it is made.
    fn of_digits<'r, 'o: 'r>(&'r mut self, out: &mut impl Iterator<Item = &'r mut &'o mut [u64]>) -> Vec<&'r mut [u64]> {
        let out = out.take(self.making.in_place()).map(|row| &mut **row);
        out.chain(self.rows.iter_mut().map(|row| &mut **row)).collect()
    }

    /// Where digit `j` is when it is made.
    fn digit(&self, j: usize) -> Digit<'_> {
        match j.checked_sub(self.making.in_place()) {
            Some(place) => Digit::Row(self.rows[place]),
            None => Digit::Out(j),
        }
    }
}

impl Digits<'_> {
    pub(super) fn level(&self) -> usize {
        match self {
            Self::Cut(cut) => cut.level(),
            Self::Made(made) => made.level(),
        }
    }

    /// Rows that the digits of a limb are made in.
    fn rows(&self) -> usize {
        match self {
            Self::Cut(cut) => cut.count(),
            Self::Made(_) => 0,
        }
    }

    /// Limbs to begin together; `None` where there is nothing to begin with.
    fn group(&self) -> Option<usize> {
        match self {
            Self::Cut(cut) => cut.group(),
            Self::Made(_) => None,
        }
    }

    /// What making them begins with: of each limb the rows for all digits, and its number.
    fn sums<'r>(&'r self, limbs: Vec<(Vec<&'r mut [u64]>, usize)>) -> Vec<RowSums<'r>> {
        match self {
            Self::Cut(cut) => cut.all_sums(limbs),
            Self::Made(_) => Vec::new(),
        }
    }

    /// Transforms that limb `i` takes.
    pub(super) fn transforms(&self, i: usize) -> usize {
        match self {
            Self::Cut(cut) => cut.transforms(i),
            Self::Made(_) => 0,
        }
    }

    /// Makes the digits of limb `i`, which was begun. During each transform the memory of one of `soon` is fetched.
    pub(super) fn transform(
        &self,
        params: &Params,
        i: usize,
        room: &mut Room<'_>,
        out: &mut [&mut [u64]; 2],
        soon: &[Vec<&[u64]>],
    ) {
        match self {
            Self::Cut(cut) => cut.transform(params, i, room.of_digits(&mut out.iter_mut()), soon),
            Self::Made(_) => {}
        }
    }

    /// The digits in limb `i`, as far as they need not be made.
    pub(super) fn stored(&self, i: usize) -> Vec<Option<Digit<'_>>> {
        match self {
            Self::Cut(cut) => (0..cut.count()).map(|j| cut.stored(i, j)).collect(),
            Self::Made(made) => made.digits(i).into_iter().map(Some).collect(),
        }
    }

    /// The digits in limb `i`, made in `room`.
    pub(super) fn made<'r>(&'r self, i: usize, room: &'r Room<'_>) -> Vec<Digit<'r>> {
        let digits = self.stored(i).into_iter().enumerate();
        digits.map(|(j, stored)| stored.unwrap_or_else(|| room.digit(j))).collect()
    }
}

/// How many polynomials are best cut at a time for keys of that shape, so that a cache holds what is made of them for a group of limbs.
pub(super) fn at_once(shape: GadgetShape, level: usize, n: usize) -> usize {
    let (digits, limbs) = (shape.digits(level), shape.basis(level).limbs());
    let made = digits * limbs - (level + 1);
    let rows = made * limbs_at_once(digits).min(limbs) / limbs;
    (GROUP_BYTES / (rows.max(1) * n * size_of::<u64>())).max(1)
}

/// Limbs whose digits, so many each, are begun together: what they are made from is read once for all of them, and they are read again.
pub(super) fn limbs_at_once(digits: usize) -> usize {
    (ROWS / digits).clamp(4, 12).next_multiple_of(rayon::current_num_threads())
}

/// Runs `f(limb, its rows of both halves, room for each of `several`)` over the limbs from `first` on, in parallel; those of a group, whose
/// digits are begun together, before those of the next.
pub(super) fn for_groups(
    several: &[&Digits<'_>],
    first: usize,
    [x, y]: [Vec<&mut [u64]>; 2],
    making: Making,
    f: impl Fn(usize, [&mut [u64]; 2], &mut [Room<'_>]) + Sync,
) {
    let limbs = x.len();
    let Some(n) = x.first().map(|row| row.len()) else { return };
    let mut outs = x.into_iter().zip(y).map(|(x, y)| [x, y]).zip(first..);
    let apart: Vec<usize> = several.iter().map(|digits| digits.rows().saturating_sub(making.in_place())).collect();
    let buffer = |limbs: usize| AlignedBuf::unfilled(limbs * apart.iter().sum::<usize>() * row_stride(n));
    let Some(size) = several.iter().filter_map(|digits| digits.group()).min() else {
        return for_each(outs, |(out, i)| {
            let mut buffer = buffer(1);
            f(i, out, &mut rooms(&mut rows_in(&mut buffer, n), &apart, making));
        });
    };
    // Groups of about one size, without a limb that one thread would be left alone with if that can be.
    let size = limbs.div_ceil(limbs.div_ceil(size)).next_multiple_of(rayon::current_num_threads());
    for done in (0..limbs).step_by(size) {
        let count = size.min(limbs - done);
        let mut buffer = buffer(count);
        let mut rows = rows_in(&mut buffer, n);
        let outs = outs.by_ref().take(count);
        let mut group: Vec<_> = outs.map(|(out, i)| (out, i, rooms(&mut rows, &apart, making))).collect();
        let mut begun: Vec<Vec<_>> = several.iter().map(|_| Vec::with_capacity(count)).collect();
        for (out, i, rooms) in &mut group {
            let mut out = out.iter_mut();
            for (begun, room) in begun.iter_mut().zip(rooms) {
                begun.push((room.of_digits(&mut out), *i));
            }
        }
        sum_rows(several.iter().zip(begun).flat_map(|(digits, limbs)| digits.sums(limbs)));
        // What takes longest first, so that threads end together.
        group.sort_by_key(|&(_, i, _)| Reverse(several.iter().map(|digits| digits.transforms(i)).sum::<usize>()));
        for_each(group, |(out, i, mut rooms)| f(i, out, &mut rooms));
    }
}

/// Room for the digits of each switch in one limb.
fn rooms<'a>(rows: &mut impl Iterator<Item = &'a mut [u64]>, apart: &[usize], making: Making) -> Vec<Room<'a>> {
    apart.iter().map(|&count| Room { rows: rows.take(count).collect(), making }).collect()
}
