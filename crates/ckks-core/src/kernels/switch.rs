//! Inner products with switching keys and what follows them, in one walk through memory: an addition or the division by P, and the
//! automorphism.

use std::ops::Range;

use super::packed_key::{COLUMNS, PackedKey, key_words};
use super::{Modulus, dispatch};

/// A ciphertext that is added to a key product, its two halves.
#[derive(Clone, Copy, Debug)]
pub enum Plus<T> {
    /// These; 0 where there is nothing.
    Halves([Option<T>; 2]),
    /// (a_0·b_0, a_0·b_1 + a_1·b_0), formed where it is added: what a product of ciphertexts has beside a_1·b_1.
    Product {
        /// a_0 and a_1.
        a: [T; 2],
        /// b_0 and b_1.
        b: [T; 2],
    },
}

impl<T> Plus<T> {
    /// Nothing.
    pub const NONE: Self = Self::Halves([None, None]);

    /// The same of what `f` makes of each polynomial.
    pub fn each<U>(&self, f: impl Fn(&T) -> U) -> Plus<U> {
        match self {
            Self::Halves(halves) => Plus::Halves(halves.each_ref().map(|half| half.as_ref().map(&f))),
            Self::Product { a, b } => Plus::Product { a: a.each_ref().map(&f), b: b.each_ref().map(&f) },
        }
    }

    /// What it consists of; a square's factors, which are the same ones, stand side by side.
    pub fn parts(&self) -> impl Iterator<Item = &T> {
        let parts = match self {
            Self::Halves([x, y]) => [x.as_ref(), y.as_ref(), None, None],
            Self::Product { a: [a0, a1], b: [b0, b1] } => [Some(a0), Some(b0), Some(a1), Some(b1)],
        };
        parts.into_iter().flatten()
    }
}

/// Where the residues of a digit are.
#[derive(Clone, Copy, Debug)]
pub enum Digit<'a> {
    /// In a row of their own.
    Row(&'a [u64]),
    /// Where this half of the result will be: only if results do not move and nothing else that is read stands there.
    Out(usize),
    /// Not written down: a_1·b_1 of the [`Plus::Product`] beside it.
    Product,
}

impl Digit<'_> {
    /// Some columns of it.
    ///
    /// # Panics
    /// If its row has fewer.
    pub fn columns(&self, columns: Range<usize>) -> Self {
        match *self {
            Self::Row(row) => Self::Row(&row[columns]),
            elsewhere => elsewhere,
        }
    }
}

/// (Σ_j d_j·b_j + factor·plus_0, Σ_j d_j·a_j + factor·plus_1) modulo one prime, for the halves (b_j, a_j) of a key.
pub struct KeyProduct<'a> {
    /// d_j, as many as the key has digits or fewer; [`Digit::Product`] at most once.
    pub digits: &'a [Digit<'a>],
    /// b_j and a_j.
    pub key: PackedKey<'a>,
    /// What is not switched.
    pub plus: Plus<&'a [u64]>,
    /// A residue.
    pub factor: u64,
}

/// What becomes of the sums s.
pub enum Finish<'a> {
    /// out = s.
    Store,
    /// out += s.
    Add,
    /// out = (s − rest)·inverse: division by what `rests` are the residues of, in NTT form.
    Divide {
        /// One for each half; `None` if they are where the results will be, which do not move then.
        rests: Option<[&'a [u64]; 2]>,
        /// The divisor's inverse.
        inverse: u64,
    },
}

impl Finish<'_> {
    /// The same of some columns.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn columns(&self, columns: Range<usize>) -> Self {
        match *self {
            Self::Store => Self::Store,
            Self::Add => Self::Add,
            Self::Divide { rests, inverse } => {
                Self::Divide { rests: rests.map(|rests| rests.map(|rest| &rest[columns.clone()])), inverse }
            }
        }
    }
}

/// An automorphism in NTT form: aligned blocks of eight words go to aligned blocks of eight words.
#[derive(Debug)]
pub struct Moves(pub(super) Vec<Move>);

/// Where a block goes and which of its words stands at each place there.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub to: u32,
    pub lanes: [u8; 8],
}

impl Moves {
    /// The permutation out\[i\] = in\[table\[i\]\].
    ///
    /// # Panics
    /// If `table` is no permutation or does not move whole blocks of eight: automorphisms of rings of degree 8 and more do.
    pub fn new(table: &[u32]) -> Self {
        let (blocks, rest) = table.as_chunks::<8>();
        let mut moves = vec![Move { to: u32::MAX, lanes: [0; 8] }; blocks.len()];
        assert!(rest.is_empty());
        for (to, places) in blocks.iter().enumerate() {
            let from = places[0] / 8;
            let lanes = places.map(|place| (place % 8) as u8);
            assert!(places.iter().all(|place| place / 8 == from) && lanes.iter().fold(0, |seen, lane| seen | 1 << lane) == 0xff);
            let place = &mut moves[from as usize];
            assert!(place.to == u32::MAX);
            *place = Move { to: to as u32, lanes };
        }
        Self(moves)
    }
}

/// Computes `product`, finishes it and stores both halves, word i of the result where `moves` says. Each digit is read once.
///
/// # Panics
/// If lengths do not fit, there are more digits than in the key, or one is where [`Digit`] says that it cannot be.
pub fn key_product(m: &Modulus, out: [&mut [u64]; 2], product: &KeyProduct<'_>, moves: Option<&Moves>, finish: &Finish<'_>) {
    let n = out[0].len();
    let KeyProduct { digits, key, plus, factor } = product;
    let formed = digits.iter().filter(|digit| matches!(digit, Digit::Product)).count();
    assert!(formed <= usize::from(matches!(plus, Plus::Product { .. })));
    assert!(n.is_multiple_of(COLUMNS) && out[1].len() == n);
    let out_is_read = matches!(finish, Finish::Add | Finish::Divide { rests: None, .. });
    assert!(digits.iter().all(|digit| match digit {
        Digit::Row(row) => row.len() == n,
        Digit::Out(half) => *half < 2 && moves.is_none() && !out_is_read,
        Digit::Product => true,
    }));
    assert!(digits.len() <= key.digits && key.words.len() == key_words(m, n, key.digits));
    assert!(plus.parts().all(|c| c.len() == n) && *factor < m.value());
    assert!(moves.is_none_or(|moves| 8 * moves.0.len() == n));
    if let Finish::Divide { rests, inverse } = finish {
        assert!(rests.map_or(moves.is_none(), |rests| rests.iter().all(|rest| rest.len() == n)) && *inverse < m.value());
    }
    dispatch!(switch::key_product(m, out, product, moves, finish))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::pack_key;
    use crate::kernels::tests::{lcg, on_every_path, prime_below};
    use crate::ring::automorphism::ntt_permutation;

    /// Worst case and any words, more digits than a lazy sum holds, unused digits, every size of a key's residues.
    #[test]
    fn key_products_are_those_of_single_words() {
        let n = 128;
        let table = ntt_permutation(7, 5);
        let moves = Moves::new(&table);
        for bits in [30, 33, 45, 46, 47, 49, 50] {
            let p = prime_below(bits, 7, 0);
            let m = Modulus::new(p).unwrap();
            for (used, key_digits) in [(0, 1), (1, 1), (3, 4), (14, 14), (15, 15), (16, 16), (40, 41)] {
                for worst in [true, false] {
                    let words = |seed: u64| -> Vec<u64> {
                        if worst { vec![p - 1; n] } else { lcg(seed).map(|x| x % p).take(n).collect() }
                    };
                    let halves: Vec<[Vec<u64>; 2]> = (0..key_digits as u64).map(|j| [words(3 * j), words(3 * j + 1)]).collect();
                    let mut packed = vec![0; key_words(&m, n, key_digits)];
                    for (j, pair) in halves.iter().enumerate() {
                        (0..2).for_each(|half| pack_key(&m, &mut packed, key_digits, (j, half), &pair[half]));
                    }
                    let digits: Vec<Vec<u64>> = (0..used as u64).map(|j| words(3 * j + 2)).collect();
                    let rows: Vec<Digit<'_>> = digits.iter().map(|d| Digit::Row(d)).collect();
                    let (given, start, rests) = (words(1001), [words(1002), words(1003)], [words(1004), words(1005)]);
                    let (a, b) = ([words(1006), words(1007)], [words(1008), words(1009)]);
                    let (factor, inverse) = (p - 2, p / 3);
                    let product = Plus::Product { a: [&a[0][..], &a[1]], b: [&b[0], &b[1]] };
                    let given = Some(&given[..]);
                    let key = PackedKey { words: &packed, digits: key_digits };
                    // Digits where results will be, and one that is part of the product.
                    let in_place: Vec<_> =
                        [Digit::Out(0), Digit::Out(1)].into_iter().chain(rows.iter().skip(2).copied()).take(used).collect();
                    let mut formed = rows.clone();
                    formed.iter_mut().skip(used / 2).take(1).for_each(|digit| *digit = Digit::Product);
                    for plus in [Plus::NONE, Plus::Halves([given, None]), Plus::Halves([given, given]), product] {
                        for digits in [&rows, &in_place, &formed] {
                            if digits.iter().any(|d| matches!(d, Digit::Product)) && !matches!(plus, Plus::Product { .. }) {
                                continue;
                            }
                            let value = |digit: &Digit<'_>, i: usize| match digit {
                                Digit::Row(row) => row[i],
                                Digit::Out(half) => start[*half][i],
                                Digit::Product => m.mul(a[1][i], b[1][i]),
                            };
                            let sum = |half: usize, i: usize| {
                                let products = digits.iter().zip(&halves);
                                let products = products.fold(0, |sum, (d, k)| m.add(sum, m.mul(value(d, i), k[half][i])));
                                let plus = match plus {
                                    Plus::Halves(halves) => halves[half].map_or(0, |c| c[i]),
                                    Plus::Product { a, b } if half == 0 => m.mul(a[0][i], b[0][i]),
                                    Plus::Product { a, b } => m.add(m.mul(a[0][i], b[1][i]), m.mul(a[1][i], b[0][i])),
                                };
                                m.add(products, m.mul(plus, factor))
                            };
                            let case = format!("{bits} bits, {digits:.0?}");
                            equals(
                                &m,
                                &KeyProduct { digits, key, plus, factor },
                                (&start, &rests, inverse),
                                (&moves, &table),
                                sum,
                                &case,
                            );
                        }
                    }
                }
            }
        }
    }

    /// Compares everything that can become of the sums `s` with what word by word gives.
    fn equals(
        m: &Modulus,
        product: &KeyProduct<'_>,
        (start, rests, inverse): (&[Vec<u64>; 2], &[Vec<u64>; 2], u64),
        (moves, table): (&Moves, &[u32]),
        s: impl Fn(usize, usize) -> u64,
        case: &str,
    ) {
        let in_place = product.digits.iter().any(|digit| matches!(digit, Digit::Out(_)));
        let apart = Some([&rests[0][..], &rests[1]]);
        for moves in [None, Some(moves)] {
            let source = |i: usize| moves.map_or(i, |_| table[i] as usize);
            for finish in
                [Finish::Store, Finish::Add, Finish::Divide { rests: apart, inverse }, Finish::Divide { rests: None, inverse }]
            {
                let waits = matches!(finish, Finish::Divide { rests: None, .. });
                if (in_place && (moves.is_some() || waits || matches!(finish, Finish::Add))) || (waits && moves.is_some()) {
                    let mut out = start.clone();
                    let run = || key_product(m, out.each_mut().map(|half| &mut half[..]), product, moves, &finish);
                    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
                    continue;
                }
                on_every_path(|| {
                    let mut out = start.clone();
                    key_product(m, out.each_mut().map(|half| &mut half[..]), product, moves, &finish);
                    for (half, i) in (0..2).flat_map(|half| (0..table.len()).map(move |i| (half, i))) {
                        let s = s(half, source(i));
                        let expected = match &finish {
                            Finish::Store => s,
                            Finish::Add => m.add(start[half][i], s),
                            Finish::Divide { rests: None, inverse } => m.mul(m.sub(s, start[half][i]), *inverse),
                            Finish::Divide { rests: Some(rests), inverse } => m.mul(m.sub(s, rests[half][source(i)]), *inverse),
                        };
                        assert_eq!(out[half][i], expected, "{case}, half {half}, place {i}");
                    }
                });
            }
        }
    }

    /// Whole tiles of all columns give what the columns give together; a product needs its [`Plus::Product`].
    #[test]
    fn columns_can_be_taken_apart() {
        fn product<'a>(digits: &'a [Digit<'a>], key: PackedKey<'a>) -> KeyProduct<'a> {
            KeyProduct { digits, key, plus: Plus::NONE, factor: 0 }
        }
        let (n, digits) = (192, 3);
        for bits in [30, 45, 50] {
            let m = Modulus::new(prime_below(bits, 7, 0)).unwrap();
            let words = |seed: u64| -> Vec<u64> { lcg(seed).map(|x| x % m.value()).take(n).collect() };
            let mut packed = vec![0; key_words(&m, n, digits)];
            (0..2 * digits).for_each(|k| pack_key(&m, &mut packed, digits, (k / 2, k % 2), &words(k as u64)));
            let rows: Vec<Vec<u64>> = (0..digits as u64).map(|j| words(100 + j)).collect();
            let rows: Vec<_> = rows.iter().map(|row| Digit::Row(row)).collect();
            let key = PackedKey { words: &packed, digits };
            let mut whole = [vec![0; n], vec![0; n]];
            key_product(&m, whole.each_mut().map(|half| &mut half[..]), &product(&rows, key), None, &Finish::Store);
            for columns in [0..32, 32..160, 160..192, 64..64] {
                let part: Vec<_> = rows.iter().map(|row| row.columns(columns.clone())).collect();
                let mut out = [vec![0; columns.len()], vec![0; columns.len()]];
                let halves = out.each_mut().map(|half| &mut half[..]);
                key_product(&m, halves, &product(&part, key.columns(&m, columns.clone())), None, &Finish::Store);
                assert!((0..2).all(|half| out[half] == whole[half][columns.clone()]));
            }
            assert!(std::panic::catch_unwind(|| key.columns(&m, 0..16)).is_err());
            let formed = [Digit::Product];
            let run = |mut out: [Vec<u64>; 2]| {
                key_product(&m, out.each_mut().map(|half| &mut half[..]), &product(&formed, key), None, &Finish::Store);
            };
            assert!(std::panic::catch_unwind(|| run([vec![0; n], vec![0; n]])).is_err());
        }
    }

    #[test]
    fn what_does_not_move_blocks_is_refused() {
        let scattered: Vec<u32> = (0..64).map(|i| i * 5 % 64).collect();
        let twice: Vec<u32> = (0..64).map(|i| i % 32).collect();
        let outside: Vec<u32> = (8..72).collect();
        for table in [&scattered[..], &twice, &outside, &[0, 1, 2, 3, 4, 5, 6, 6], &[0, 1, 2, 3]] {
            assert!(std::panic::catch_unwind(|| Moves::new(table)).is_err());
        }
        Moves::new(&(0..64).rev().collect::<Vec<_>>());
    }
}
