//! Key switches limb by limb: while a limb of the digits is in a cache it is transformed, multiplied with the key, divided by P and
//! moved, so that of all operands only the key streams from memory.

use super::Evaluator;
use super::digits::{Digits, Making, for_groups};
use super::key_switch::{Cut, Source};
use crate::error::Result;
use crate::kernels::{self, AlignedBuf, Digit, Finish, KeyProduct, Modulus, Moves, PackedKey, Plus};
use crate::keys::SwitchingKey;
use crate::parallel::{both, for_each};
use crate::params::Params;
use crate::ring::{Bases, Basis, Extension, Ntt, Poly, row_stride, sum_rows};

/// Columns of a limb that are multiplied with a key at a time, at least.
const COLUMNS: usize = 4096;

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
        let stored = self.digits.stored(i).into_iter().filter_map(|digit| match digit? {
            Digit::Row(row) => Some(row),
            Digit::Out(_) | Digit::Product => None,
        });
        key.into_iter().chain(stored).chain(plus).collect()
    }

    /// P·plus is 0 modulo P's own primes.
    fn plus_limb(&self, i: usize) -> Plus<&[u64]> {
        if i < self.basis().q { self.plus.each(|plus| plus.limb(i)) } else { Plus::NONE }
    }

    /// Limb `i` of both halves, from the digits there: by blocks of columns where nothing moves from one to another, so that threads without
    /// a limb of their own take part.
    fn limb(&self, i: usize, digits: &[Digit<'_>], [x, y]: [&mut [u64]; 2], moves: Option<&Moves>, finish: &Finish<'_>) {
        let basis = self.basis();
        let m = self.params.modulus(basis, i);
        let (key, plus) = (self.key_limb(i), self.plus_limb(i));
        let factor = product_of(self.params, m, Basis { q: 0, p: basis.p }, 0);
        if moves.is_some() {
            return kernels::key_product(m, [x, y], &KeyProduct { digits, key, plus, factor }, moves, finish);
        }
        let n = x.len();
        let block = n.div_ceil(rayon::current_num_threads()).next_power_of_two().max(COLUMNS);
        for_each(x.chunks_mut(block).zip(y.chunks_mut(block)).enumerate(), |(b, (x, y))| {
            let columns = b * block..(b * block + x.len());
            let digits: Vec<Digit<'_>> = digits.iter().map(|digit| digit.columns(columns.clone())).collect();
            let plus = plus.each(|plus| &plus[columns.clone()]);
            let finish = finish.columns(columns.clone());
            let product = KeyProduct { digits: &digits, key: key.columns(m, columns), plus, factor };
            kernels::key_product(m, [x, y], &product, None, &finish);
        });
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
        let mut out = [(); 2].map(|()| Poly::<Ntt>::unfilled(n, Basis { q: keep, p: 0 }));
        let mut ends = [(); 2].map(|()| Extension::unmade(bases.clone(), n));
        let ([end_x, end_y], [x, y]) = (&mut ends, &mut out);
        let rows = [end_x.source_rows(x.limbs_mut()), end_y.source_rows(y.limbs_mut())];
        for_groups(&[&self.digits], keep, rows, Making::InPlace, |i, mut out, rooms| {
            let transforms = self.digits.transforms(i);
            self.digits.transform(params, i, &mut rooms[0], &mut out, &shares(&self.soon(i), transforms));
            let [x, y] = out;
            self.limb(i, &self.digits.made(i, &rooms[0]), [x, y], None, &Finish::Store);
            // Digits that need no transforms are read with the key.
            let next = if transforms == 0 && i + 1 < basis.limbs() { self.soon(i + 1) } else { Vec::new() };
            let soon = shares(&next, 2);
            let (table, factor) = (params.ntt(basis, i), factors[i - keep]);
            both(|| table.inverse_times(x, factor, &soon[0]), || table.inverse_times(y, factor, &soon[1]));
        });
        // What is subtracted waits, as coefficients, where the results will stand.
        let ([end_x, end_y], [x, y]) = (&mut ends, &mut out);
        sum_rows([end_x.all_sums(x.limbs_mut()), end_y.all_sums(y.limbs_mut())].into_iter().flatten());
        let rows = out.each_mut().map(|half| half.limbs_mut().collect());
        for_groups(&[&self.digits], 0, rows, Making::Apart, |i, mut out, rooms| {
            let soon = shares(&self.soon(i), self.digits.transforms(i) + 2);
            let table = params.ntt_q(i);
            // Results that move overwrite what others are still made from.
            let mut buffer = moves.map(|_| AlignedBuf::unfilled(2 * stride));
            let rests = if let Some(buffer) = &mut buffer {
                let (rest_x, rest_y) = buffer.split_at_mut(stride);
                let (rest_x, rest_y) = (&mut rest_x[..n], &mut rest_y[..n]);
                let [x, y] = out.each_ref().map(|row| &**row);
                both(|| ends[0].values(table, rest_x, x, &soon[0]), || ends[1].values(table, rest_y, y, &soon[1]));
                Some([&*rest_x, &*rest_y])
            } else {
                let [x, y] = out.each_mut().map(|row| &mut **row);
                both(|| ends[0].values_in_place(table, x, &soon[0]), || ends[1].values_in_place(table, y, &soon[1]));
                None
            };
            self.digits.transform(params, i, &mut rooms[0], &mut out, &soon[2..]);
            let m = params.q(i);
            let inverse = m.inv(product_of(params, m, basis, keep));
            self.limb(i, &self.digits.made(i, &rooms[0]), out, moves, &Finish::Divide { rests, inverse });
        });
        Ok(out)
    }
}

/// Adds the images of key switches of one level to `sums`, over all their primes and still multiplied by P: one division then
/// serves them all (eprint 2020/1203, section 4.3). The keys use one number of special primes.
pub(super) fn add_moved(params: &Params, sums: [&mut Poly<Ntt>; 2], terms: &[(Switch<'_>, &Moves)]) {
    let digits: Vec<_> = terms.iter().map(|(switch, _)| &switch.digits).collect();
    // A limb's sums stay in a cache while what all terms have there is added to them.
    let rows = sums.map(|half| half.limbs_mut().collect());
    for_groups(&digits, 0, rows, Making::Apart, |i, mut out, rooms| {
        for ((switch, moves), room) in terms.iter().zip(rooms) {
            let soon = shares(&switch.soon(i), switch.digits.transforms(i));
            switch.digits.transform(params, i, room, &mut out, &soon);
            switch.limb(i, &switch.digits.made(i, room), out.each_mut().map(|row| &mut **row), Some(moves), &Finish::Add);
        }
    });
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

impl Evaluator<'_> {
    /// A key switch of `source` alone, plus P·`plus`.
    pub(crate) fn switch<'a>(
        &'a self,
        source: Source<'a>,
        key: &'a SwitchingKey,
        plus: Plus<&'a Poly<Ntt>>,
    ) -> Result<Switch<'a>> {
        let digits = Digits::Cut(Cut::new(&self.params, source, key.shape())?);
        Ok(Switch { params: &self.params, digits, key, plus })
    }
}

#[cfg(all(test, feature = "secret"))]
mod tests {
    use super::*;
    use crate::eval::Decomposed;
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

    /// Digits of one prime and of several, every size of a key's residues, limbs of one block of columns and of several, all levels, one
    /// and several primes divided out, digits made before or not, one switch and several, all paths, one thread and several.
    #[test]
    fn equals_its_parts() {
        let mut randomness = Randomness::insecure_from_seed(1);
        for literal in [
            ParamsLiteral::leveled(10, 45, 5, 30, 1, 50),
            ParamsLiteral::leveled(10, 50, 6, 40, 3, 50),
            ParamsLiteral::leveled(13, 45, 1, 40, 1, 50),
        ] {
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
                            let halves = Plus::Halves([Some(&plus), None]);
                            let hoisted = Switch { params: &params, digits, key: &key, plus: halves };
                            let cut = || evaluator.switch(Source::Poly(&x), &key, halves).unwrap();
                            for switch in [cut(), hoisted] {
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
                                add_moved(&params, sums.each_mut(), &[(cut(), &moves), (cut(), &moves)]);
                                let mut thrice = moved.clone();
                                for (thrice, moved) in thrice.iter_mut().zip(&moved) {
                                    (0..2).for_each(|_| thrice.add_assign(&params, moved));
                                }
                                assert!((0..2).all(|half| sums[half].data() == thrice[half].data()));
                            }
                        });
                    });
                }
            }
        }
    }

    /// A product of ciphertexts, of which nothing is written down, and one that is relinearised afterwards: the same bits.
    #[test]
    fn products_are_formed_where_they_are_switched() {
        let mut randomness = Randomness::insecure_from_seed(2);
        for literal in [ParamsLiteral::leveled(10, 45, 4, 30, 1, 50), ParamsLiteral::leveled(13, 50, 3, 40, 2, 50)] {
            let params = Params::new_insecure(literal).unwrap();
            let secret = SecretKey::generate(&params, &mut randomness);
            let top = params.max_level();
            let key = KeyGenerator::new(&params, &secret).unwrap().rotation_key(1, top, &mut randomness);
            let evaluator = Evaluator::without_keys(&params);
            for level in 0..=top {
                let [a0, a1, b0, b1] = [1, 2, 3, 4].map(|seed| random(&params, level, seed));
                let product = |a, b| Poly::product(&params, a, b);
                let (d0, mut d1, d2) = (product(&a0, &b0), product(&a0, &b1), product(&a1, &b1));
                d1.add_assign(&params, &product(&a1, &b0));
                for threads in [1, 2] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    on_every_path(|| {
                        pool.install(|| {
                            let plus = Plus::Product { a: [&a0, &a1], b: [&b0, &b1] };
                            let formed = evaluator.switch(Source::Product(&a1, &b1), &key, plus).unwrap();
                            let written =
                                evaluator.switch(Source::Poly(&d2), &key, Plus::Halves([Some(&d0), Some(&d1)])).unwrap();
                            for keep in [level + 1, level.max(1)] {
                                let [x, y] = [&formed, &written].map(|switch| switch.divided(keep, None).unwrap());
                                assert!((0..2).all(|half| x[half].data() == y[half].data()));
                            }
                        });
                    });
                }
            }
        }
    }
}
