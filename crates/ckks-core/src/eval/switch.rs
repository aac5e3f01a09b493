//! Key switches limb by limb: while a limb of the digits is in a cache it is transformed, multiplied with the key, divided by P and
//! moved, so that of all operands only the key streams from memory.

use std::ops::Range;

use super::key_switch::Cut;
use super::{Decomposed, Evaluator};
use crate::error::Result;
use crate::kernels::{self, AlignedBuf, Finish, KeyProduct, Modulus, Moves, PackedKey, Plus};
use crate::keys::SwitchingKey;
use crate::parallel::{both, for_each};
use crate::params::Params;
use crate::ring::{Bases, Basis, Extension, Ntt, Poly, row_stride, sum_rows};

/// Where the limbs of the digits come from.
pub(crate) enum Digits<'a> {
    /// Made when they are needed.
    Cut(Cut<'a>),
    /// Made before, for several keys.
    Made(&'a Decomposed),
}

impl Digits<'_> {
    fn level(&self) -> usize {
        match self {
            Self::Cut(cut) => cut.level(),
            Self::Made(made) => made.level(),
        }
    }

    /// Limbs to begin together; `None` where there is nothing to begin with.
    fn group(&self) -> Option<usize> {
        match self {
            Self::Cut(cut) => cut.group(),
            Self::Made(_) => None,
        }
    }

    /// Words that [`Digits::at`] works in for one limb.
    fn room(&self) -> usize {
        match self {
            Self::Cut(cut) => cut.room(),
            Self::Made(_) => 0,
        }
    }

    /// Prepares `limbs` for [`Digits::at`], each in [`Digits::room`] words of `room`.
    fn begin(&self, limbs: Range<usize>, room: &mut [u64]) {
        match self {
            Self::Cut(cut) => cut.begin(limbs, room),
            Self::Made(_) => {}
        }
    }

    /// Transforms that [`Digits::at`] runs for limb `i`.
    fn transforms(&self, i: usize) -> usize {
        match self {
            Self::Cut(cut) => cut.transforms(i),
            Self::Made(_) => 0,
        }
    }

    /// What [`Digits::at`] returns of limb `i` without making it.
    fn stored(&self, i: usize) -> Vec<&[u64]> {
        match self {
            Self::Cut(cut) => cut.stored(i).into_iter().collect(),
            Self::Made(made) => made.limbs(i),
        }
    }

    /// All digits in limb `i`, which was begun in `room`. During each transform the memory of one of `soon` may be fetched.
    fn at<'r>(&'r self, params: &Params, i: usize, room: &'r mut [u64], soon: &[Vec<&[u64]>]) -> Vec<&'r [u64]> {
        match self {
            Self::Cut(cut) => cut.at(params, i, room, soon),
            Self::Made(made) => made.limbs(i),
        }
    }
}

/// ⟨digits, key⟩ + P·plus.
pub(crate) struct Switch<'a> {
    pub params: &'a Params,
    pub digits: Digits<'a>,
    pub key: &'a SwitchingKey,
    /// What is not switched.
    pub plus: Plus<&'a Poly<Ntt>>,
}

impl Switch<'_> {
    pub(crate) fn basis(&self) -> Basis {
        self.key.shape().basis(self.digits.level())
    }

    fn key_limb(&self, i: usize) -> PackedKey<'_> {
        self.key.limb_at(self.digits.level(), i)
    }

    /// What the product of limb `i` will read of memory: of the key only if that is all there is.
    fn soon(&self, i: usize) -> Vec<&[u64]> {
        let PackedKey { words, digits } = self.key_limb(i);
        let key = (self.key.shape().digits(self.digits.level()) == digits).then_some(words);
        let plus = self.plus_limb(i);
        let mut plus: Vec<_> = plus.parts().copied().collect();
        plus.dedup_by(|x, y| std::ptr::eq(*x, *y));
        key.into_iter().chain(self.digits.stored(i)).chain(plus).collect()
    }

    /// P·plus is 0 modulo P's own primes.
    fn plus_limb(&self, i: usize) -> Plus<&[u64]> {
        if i < self.basis().q { self.plus.each(|plus| plus.limb(i)) } else { Plus::NONE }
    }

    /// Limb `i` of both halves, from the digits there.
    fn limb(&self, i: usize, digits: &[&[u64]], out: [&mut [u64]; 2], moves: Option<&Moves>, finish: &Finish<'_>) {
        let basis = self.basis();
        let m = self.params.modulus(basis, i);
        let product = KeyProduct {
            digits,
            key: self.key_limb(i),
            plus: self.plus_limb(i),
            factor: product_of(self.params, m, Basis { q: 0, p: basis.p }, 0),
        };
        kernels::key_product(m, out, &product, moves, finish);
    }

    /// Both halves divided by P and by the ciphertext primes from `keep` upwards, rounded as [`crate::ring::divide_by_dropped`]
    /// does, then moved.
    pub(crate) fn divided(&self, keep: usize, moves: Option<&Moves>) -> Result<[Poly<Ntt>; 2]> {
        let params = self.params;
        let (n, stride) = (params.n(), row_stride(params.n()));
        let basis = self.basis();
        let from: Vec<usize> = (keep..basis.limbs()).map(|i| params.prime_index(basis, i)).collect();
        let bases = Bases::new(params, &from, &(0..keep).collect::<Vec<_>>())?;
        let factors = bases.factors();
        let mut ends = [bases.room(n), bases.room(n)];
        let rows = ends.each_mut().map(|end| &mut end[..]);
        for_groups(&self.digits, keep, stride, rows, |i, [x, y], room| {
            let (x, y) = (&mut x[..n], &mut y[..n]);
            let transforms = self.digits.transforms(i);
            let digits = self.digits.at(params, i, room, &shares(&self.soon(i), transforms));
            self.limb(i, &digits, [x, y], None, &Finish::Store);
            // Digits that need no transforms are read with the key.
            let next = if transforms == 0 && i + 1 < basis.limbs() { self.soon(i + 1) } else { Vec::new() };
            let soon = shares(&next, 2);
            let (table, factor) = (params.ntt(basis, i), factors[i - keep]);
            both(|| table.inverse_times(x, factor, &soon[0]), || table.inverse_times(y, factor, &soon[1]));
        });
        let ends = ends.map(|rows| Extension::new(bases.clone(), n, rows));

        let mut out = [(); 2].map(|()| Poly::<Ntt>::unfilled(n, Basis { q: keep, p: 0 }));
        // What is subtracted waits, as coefficients, where the results will stand.
        let rows = out.each_mut().map(|out| out.data_mut().chunks_exact_mut(n).collect());
        sum_rows(ends.iter().zip(rows).filter_map(|(end, rows)| end.sums((0..keep).collect(), rows)));
        for_groups(&self.digits, 0, n, out.each_mut().map(Poly::data_mut), |i, [x, y], room| {
            let mut rests = AlignedBuf::unfilled(2 * stride);
            let (rest_x, rest_y) = rests.split_at_mut(stride);
            let (rest_x, rest_y) = (&mut rest_x[..n], &mut rest_y[..n]);
            let soon = shares(&self.soon(i), self.digits.transforms(i) + 2);
            let table = params.ntt_q(i);
            both(|| ends[0].values(table, rest_x, x, &soon[0]), || ends[1].values(table, rest_y, y, &soon[1]));
            let digits = self.digits.at(params, i, room, &soon[2..]);
            let m = params.q(i);
            let inverse = m.inv(product_of(params, m, basis, keep));
            self.limb(i, &digits, [x, y], moves, &Finish::Divide { rests: [&*rest_x, &*rest_y], inverse });
        });
        Ok(out)
    }
}

/// Adds the images of key switches of one level to `sums`, over all their primes and still multiplied by P: one division then
/// serves them all (eprint 2020/1203, section 4.3). The keys use one number of special primes.
pub(super) fn add_moved(params: &Params, sums: [&mut Poly<Ntt>; 2], terms: &[(Switch<'_>, &Moves)]) {
    let n = params.n();
    let [x, y] = sums.map(Poly::data_mut);
    for (switch, moves) in terms {
        for_groups(&switch.digits, 0, n, [&mut *x, &mut *y], |i, [x, y], room| {
            let soon = shares(&switch.soon(i), switch.digits.transforms(i));
            let digits = switch.digits.at(params, i, room, &soon);
            switch.limb(i, &digits, [x, y], Some(moves), &Finish::Add);
        });
    }
}

/// `parts` of memory in `count` shares of about equal length, each of whole cache lines.
fn shares<'a>(parts: &[&'a [u64]], count: usize) -> Vec<Vec<&'a [u64]>> {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let share = total.div_ceil(8 * count.max(1)) * 8;
    let mut shares = vec![Vec::new(); count];
    let mut given = 0;
    for &(mut part) in parts {
        while !part.is_empty() && given < count * share {
            let (now, later) = part.split_at(part.len().min(share - given % share));
            shares[given / share].push(now);
            given += now.len();
            part = later;
        }
    }
    shares
}

/// The product modulo `m` of the primes of a basis from limb `first` on.
fn product_of(params: &Params, m: &Modulus, basis: Basis, first: usize) -> u64 {
    (first..basis.limbs()).fold(1, |d, k| m.mul(d, m.reduce_u64(params.modulus(basis, k).value())))
}

/// Runs `f(limb, its rows of both halves, its room)` over the limbs from `first` on, in parallel; those of a group, whose digits are begun
/// together, before those of the next. Rows are `stride` words apart.
fn for_groups(
    digits: &Digits<'_>,
    first: usize,
    stride: usize,
    [x, y]: [&mut [u64]; 2],
    f: impl Fn(usize, [&mut [u64]; 2], &mut [u64]) + Sync,
) {
    let limbs = x.len() / stride;
    let mut rows = x.chunks_exact_mut(stride).zip(y.chunks_exact_mut(stride)).zip(first..);
    let Some(size) = digits.group() else {
        return for_each(rows, |((x, y), i)| f(i, [x, y], &mut AlignedBuf::unfilled(digits.room())));
    };
    let groups = limbs.div_ceil(size);
    for g in 0..groups {
        let limbs = g * limbs / groups..(g + 1) * limbs / groups;
        let mut room = AlignedBuf::unfilled(digits.room() * limbs.len());
        digits.begin(first + limbs.start..first + limbs.end, &mut room);
        let rooms = room.chunks_exact_mut(digits.room());
        for_each(rooms.zip(rows.by_ref()), |(room, ((x, y), i))| f(i, [x, y], room));
    }
}

impl Evaluator<'_> {
    /// A key switch of `poly` alone, plus P·`plus`.
    pub(crate) fn switch<'a>(
        &'a self,
        poly: &'a Poly<Ntt>,
        key: &'a SwitchingKey,
        plus: Plus<&'a Poly<Ntt>>,
    ) -> Result<Switch<'a>> {
        let digits = Digits::Cut(Cut::new(&self.params, poly, key.shape())?);
        Ok(Switch { params: &self.params, digits, key, plus })
    }
}

#[cfg(all(test, feature = "secret"))]
mod tests {
    use super::*;
    use crate::kernels::tests::on_every_path;
    use crate::keys::{KeyGenerator, SecretKey};
    use crate::params::ParamsLiteral;
    use crate::ring::sampling::Randomness;
    use crate::ring::{divide_by_dropped, random};

    /// ⟨digits, key⟩ + P·plus, polynomial by polynomial.
    fn in_parts(params: &Params, made: &Decomposed, key: &SwitchingKey, plus: &Poly<Ntt>) -> [Poly<Ntt>; 2] {
        let shape = key.shape();
        let (level, basis) = (made.level(), shape.basis(made.level()));
        let mut out = [Poly::<Ntt>::zero(params.n(), basis), Poly::<Ntt>::zero(params.n(), basis)];
        let place = |i: usize| if i <= level { i } else { i + shape.level - level };
        for j in 0..shape.digits(level) {
            for (out, half) in out.iter_mut().zip([key.b_half(params, j), key.uniform_half(params, j)]) {
                out.for_each_limb(|i, out| {
                    kernels::mul_add_assign(params.modulus(basis, i), out, made.limbs(i)[j], half.limb(place(i)));
                });
            }
        }
        Evaluator::without_keys(params).add_times_special(&mut out[0], plus);
        out
    }

    /// Digits of one prime and of several, every size of a key's residues, all levels, one and several primes divided out, digits
    /// made before or not, all paths, one thread and several.
    #[test]
    fn equals_its_parts() {
        let mut randomness = Randomness::insecure_from_seed(1);
        for literal in [ParamsLiteral::leveled(10, 45, 5, 30, 1, 50), ParamsLiteral::leveled(10, 50, 6, 40, 3, 50)] {
            let params = Params::new_insecure(literal).unwrap();
            let secret = SecretKey::generate(&params, &mut randomness);
            let top = params.max_level();
            let key = KeyGenerator::new(&params, &secret).unwrap().rotation_key(1, top, &mut randomness);
            let element = params.galois_element(1);
            let moves = params.automorphism(element);
            let evaluator = Evaluator::without_keys(&params);
            for level in 0..=top {
                let (x, plus) = (random(&params, level, 5), random(&params, level, 50));
                let made = evaluator.decompose(&x, key.shape()).unwrap();
                let parts = in_parts(&params, &made, &key, &plus);
                let moved = parts.each_ref().map(|part| part.automorphism(&params, element));
                for threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    on_every_path(|| {
                        pool.install(|| {
                            let digits = Digits::Made(&made);
                            let hoisted = Switch { params: &params, digits, key: &key, plus: Plus::Halves([Some(&plus), None]) };
                            for switch in [evaluator.switch(&x, &key, Plus::Halves([Some(&plus), None])).unwrap(), hoisted] {
                                for keep in [level + 1, level.max(1)] {
                                    let divided = |u: &Poly<Ntt>| divide_by_dropped(&params, u.clone(), keep).unwrap();
                                    let out = switch.divided(keep, None).unwrap();
                                    assert!((0..2).all(|half| out[half].data() == divided(&parts[half]).data()));
                                    let out = switch.divided(keep, Some(&moves)).unwrap();
                                    assert!((0..2).all(|half| out[half].data() == divided(&moved[half]).data()));
                                }
                                let mut sums = [(); 2].map(|()| Poly::<Ntt>::zero(params.n(), switch.basis()));
                                add_moved(&params, sums.each_mut(), &[(switch, &moves)]);
                                assert!((0..2).all(|half| sums[half].data() == moved[half].data()));
                            }
                        });
                    });
                }
            }
        }
    }
}
