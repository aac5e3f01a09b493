//! Switching keys in memory: residues lie in the order in which inner products read them, in as few bytes as their prime allows.

use std::ops::Range;

use super::Modulus;

/// Columns that lie together.
pub(super) const COLUMNS: usize = 32;

/// One limb of a switching key.
#[derive(Clone, Copy)]
pub struct PackedKey<'a> {
    /// As many as [`key_words`] says.
    pub words: &'a [u64],
    /// Digits of the whole key.
    pub digits: usize,
}

impl<'a> PackedKey<'a> {
    /// The residues of some columns; both ends are multiples of 32.
    ///
    /// # Panics
    /// If they are not, or the key has fewer columns.
    pub fn columns(&self, m: &Modulus, columns: Range<usize>) -> Self {
        assert!(columns.start.is_multiple_of(COLUMNS) && columns.end.is_multiple_of(COLUMNS));
        Self { words: &self.words[key_words(m, columns.start, self.digits)..key_words(m, columns.end, self.digits)], ..*self }
    }
}

/// Words that [`COLUMNS`] residues take: four, six or eight bytes each.
pub(super) fn words_of_columns(m: &Modulus) -> usize {
    match m.value().ilog2() {
        0..32 => COLUMNS / 2,
        32..48 => COLUMNS / 4 * 3,
        _ => COLUMNS,
    }
}

/// Words for one limb of a key: `digits` pairs of N = `n` residues.
///
/// Residues are in tiles of 32 columns; a tile has for every digit 32 residues of the first half and then 32 of the second: one stream
/// of memory, from whichever digit and half. Residues modulo a prime below 2^32 take four bytes; below 2^48 six: first the lower four bytes of
/// all 32, then the upper two.
pub fn key_words(m: &Modulus, n: usize, digits: usize) -> usize {
    2 * digits * (n / COLUMNS) * words_of_columns(m)
}

/// Writes the residues of one digit and half into the limb of a key with `digits` digits.
///
/// # Panics
/// If `words` has not the length that [`key_words`] says, N is no multiple of 32, or there is no such digit or half.
pub fn pack_key(m: &Modulus, words: &mut [u64], digits: usize, (digit, half): (usize, usize), residues: &[u64]) {
    check(m, words.len(), digits, (digit, half), residues.len());
    let size = words_of_columns(m);
    let tiles = words.chunks_exact_mut(2 * digits * size).zip(residues.as_chunks::<COLUMNS>().0);
    for (tile, columns) in tiles {
        let columns_at = &mut tile[(2 * digit + half) * size..][..size];
        if size == COLUMNS {
            columns_at.copy_from_slice(columns);
            continue;
        }
        let (low, high) = columns_at.split_at_mut(COLUMNS / 2);
        let low: &mut [u32] = bytemuck::cast_slice_mut(low);
        low.iter_mut().zip(columns).for_each(|(word, &residue)| *word = residue as u32);
        // No upper bytes where four are enough.
        let high: &mut [u16] = bytemuck::cast_slice_mut(high);
        high.iter_mut().zip(columns).for_each(|(word, &residue)| *word = (residue >> 32) as u16);
    }
}

/// The residues of one digit and half.
///
/// # Panics
/// As [`pack_key`].
pub fn unpack_key(m: &Modulus, words: &[u64], digits: usize, (digit, half): (usize, usize), out: &mut [u64]) {
    check(m, words.len(), digits, (digit, half), out.len());
    let size = words_of_columns(m);
    for (tile, columns) in words.chunks_exact(2 * digits * size).zip(out.as_chunks_mut::<COLUMNS>().0) {
        unpack_columns(&tile[(2 * digit + half) * size..][..size], columns);
    }
}

/// The residues of one tile, digit and half.
pub(super) fn unpack_columns(words: &[u64], columns: &mut [u64; COLUMNS]) {
    if words.len() == COLUMNS {
        columns.copy_from_slice(words);
        return;
    }
    let (low, high) = words.split_at(COLUMNS / 2);
    let low: &[u32] = bytemuck::cast_slice(low);
    columns.iter_mut().zip(low).for_each(|(residue, &word)| *residue = u64::from(word));
    let high: &[u16] = bytemuck::cast_slice(high);
    columns.iter_mut().zip(high).for_each(|(residue, &word)| *residue |= u64::from(word) << 32);
}

fn check(m: &Modulus, words: usize, digits: usize, (digit, half): (usize, usize), n: usize) {
    assert!(n.is_multiple_of(COLUMNS) && words == key_words(m, n, digits) && digit < digits && half < 2);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::{lcg, prime_below};

    #[test]
    fn keys_come_back_as_they_were() {
        // Sizes on both sides of where a residue takes another number of bytes.
        for (bits, bytes) in [(20, 4), (32, 4), (33, 6), (45, 6), (48, 6), (49, 8), (50, 8)] {
            let p = prime_below(bits, 5, 0);
            let m = Modulus::new(p).unwrap();
            let (n, digits) = (96, 3);
            let residues = |seed: usize| -> Vec<u64> {
                let words = lcg(seed as u64).map(|x| x % p).take(n - 2);
                words.chain([p - 1, 0]).collect()
            };
            let mut words = vec![u64::MAX; key_words(&m, n, digits)];
            assert_eq!(words.len() * 8, 2 * n * digits * bytes);
            for place in 0..2 * digits {
                pack_key(&m, &mut words, digits, (place / 2, place % 2), &residues(place));
            }
            for place in 0..2 * digits {
                let mut out = vec![1; n];
                unpack_key(&m, &words, digits, (place / 2, place % 2), &mut out);
                assert_eq!(out, residues(place), "{bits} bits");
            }
        }
    }
}
