//! Switching keys in memory: residues lie in the order in which inner products read them, in as few bits as their prime allows.

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

/// Bits of residues that lie in words of four bytes.
pub(super) const NARROW_BITS: usize = 32;

/// Bits that a residue takes: as many as its prime has, but [`NARROW_BITS`] for every smaller one.
pub(super) fn bits_of_residue(m: &Modulus) -> usize {
    (m.value().ilog2() as usize + 1).max(NARROW_BITS)
}

/// Words for one limb of a key: `digits` pairs of N = `n` residues.
///
/// Residues are in tiles of 32 columns; a tile has for every digit 32 residues of the first half and then 32 of the second: one stream
/// of memory, from whichever digit and half. The bits of all 32 follow one another without gaps, the lowest first.
pub fn key_words(m: &Modulus, n: usize, digits: usize) -> usize {
    // 64 residues are as many words as one has bits.
    digits * (n / COLUMNS) * bits_of_residue(m)
}

/// Writes the residues of one digit and half into the limb of a key with `digits` digits.
///
/// # Panics
/// If `words` has not the length that [`key_words`] says, N is no multiple of 32, or there is no such digit or half.
pub fn pack_key(m: &Modulus, words: &mut [u64], digits: usize, (digit, half): (usize, usize), residues: &[u64]) {
    check(m, words.len(), digits, (digit, half), residues.len());
    let bits = bits_of_residue(m);
    let halves: &mut [u32] = bytemuck::cast_slice_mut(words);
    let halves = halves.chunks_exact_mut(bits).skip(2 * digit + half).step_by(2 * digits);
    for (packed, columns) in halves.zip(residues.as_chunks::<COLUMNS>().0) {
        pack_columns(columns, packed);
    }
}

/// The residues of one tile, digit and half, into as many words of four bytes as one has bits.
fn pack_columns(columns: &[u64; COLUMNS], packed: &mut [u32]) {
    let bits = packed.len();
    if bits == NARROW_BITS {
        return packed.iter_mut().zip(columns).for_each(|(word, &residue)| *word = residue as u32);
    }
    let mut words = packed.iter_mut();
    let mut write = |word: u64| words.next().into_iter().for_each(|place| *place = word as u32);
    // Fewer than 32 bits wait in `window`: a residue fills one word or two.
    let (mut window, mut filled) = (0, 0);
    for &residue in columns {
        write(window | residue << filled);
        window = residue >> (32 - filled);
        filled += bits - 32;
        if filled >= 32 {
            write(window);
            window >>= 32;
            filled -= 32;
        }
    }
}

/// The residues of one digit and half.
///
/// # Panics
/// As [`pack_key`].
pub fn unpack_key(m: &Modulus, words: &[u64], digits: usize, (digit, half): (usize, usize), out: &mut [u64]) {
    check(m, words.len(), digits, (digit, half), out.len());
    let bits = bits_of_residue(m);
    let halves: &[u32] = bytemuck::cast_slice(words);
    let halves = halves.chunks_exact(bits).skip(2 * digit + half).step_by(2 * digits);
    halves.zip(out.as_chunks_mut().0).for_each(|(packed, columns)| unpack_columns(packed, columns));
}

/// The residues of one tile, digit and half, which take as many words of four bytes as one has bits.
pub(super) fn unpack_columns(packed: &[u32], columns: &mut [u64; COLUMNS]) {
    let bits = packed.len();
    if bits == NARROW_BITS {
        return columns.iter_mut().zip(packed).for_each(|(residue, &word)| *residue = u64::from(word));
    }
    let mut words = packed.iter();
    let mut read = || words.next().map_or(0, |&word| u64::from(word));
    // Fewer than 32 bits are left in `window`: a residue ends in the next word or in the one behind it.
    let (mut window, mut filled) = (0, 0);
    for residue in columns {
        let mut word = read();
        let mut value = window | word << filled;
        filled += 32;
        if filled < bits {
            word = read();
            value |= word << filled;
            filled += 32;
        }
        *residue = value & ((1 << bits) - 1);
        filled -= bits;
        window = word >> (32 - filled);
    }
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
        // Sizes on both sides of where residues no longer lie in words, and of where they filled whole bytes.
        for (bits, taken) in [(20, 32), (32, 32), (33, 33), (45, 45), (48, 48), (49, 49), (50, 50)] {
            let p = prime_below(bits, 5, 0);
            let m = Modulus::new(p).unwrap();
            let (n, digits) = (96, 3);
            let residues = |seed: usize| -> Vec<u64> {
                let words = lcg(seed as u64).map(|x| x % p).take(n - 2);
                words.chain([p - 1, 0]).collect()
            };
            let mut words = vec![u64::MAX; key_words(&m, n, digits)];
            assert_eq!(64 * words.len(), 2 * n * digits * taken);
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
