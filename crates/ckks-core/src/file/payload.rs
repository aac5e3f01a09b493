//! The payload: limbs and byte strings, each padded with zeros to a multiple of 64 bytes.
//!
//! Words of a limb are below its prime, so a limb of a prime < 2^32 takes four bytes a word and any other eight.

use std::io::{Read, Write};

use zeroize::Zeroizing;

use super::container::{padding, read_exact};
use crate::error::{Error, Result};

/// Bytes that are converted, hashed and handed to the file at a time.
const CHUNK: usize = 1 << 16;

/// Bytes per word of a limb modulo `modulus`.
fn word_len(modulus: u64) -> usize {
    if modulus <= 1 << 32 { 4 } else { 8 }
}

/// Adds up the length of a payload before it exists.
#[derive(Debug, Clone, Copy, Default)]
pub struct PayloadLen(u64);

impl PayloadLen {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A byte string of `len` bytes with its padding.
    #[must_use]
    pub fn bytes(self, len: u64) -> Self {
        // Saturated lengths exceed every file, so they are refused by the comparison with the file's length.
        Self(self.0.saturating_add(len).saturating_add(padding(len)))
    }

    /// A limb of `words` words modulo `modulus`.
    #[must_use]
    pub fn limb(self, modulus: u64, words: usize) -> Self {
        self.bytes((words as u64).saturating_mul(word_len(modulus) as u64))
    }

    /// Another payload behind this one.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Bytes so far.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Takes the sections of a payload in order.
pub struct PayloadWriter<'w> {
    sink: &'w mut dyn Write,
    hasher: &'w mut blake3::Hasher,
    written: u64,
    /// Zeroized on drop: it may have held a secret key.
    staging: Zeroizing<Vec<u8>>,
}

impl<'w> PayloadWriter<'w> {
    pub(super) fn new(sink: &'w mut dyn Write, hasher: &'w mut blake3::Hasher) -> Self {
        Self { sink, hasher, written: 0, staging: Zeroizing::new(Vec::with_capacity(CHUNK)) }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes the words of a limb modulo `modulus`.
    ///
    /// # Errors
    /// [`Error::ResidueOutOfRange`] for a word that is not reduced; [`Error::Io`].
    pub fn limb(&mut self, modulus: u64, words: &[u64]) -> Result<()> {
        let word_len = word_len(modulus);
        for (index, chunk) in words.chunks(CHUNK / word_len).enumerate() {
            check_residues(modulus, chunk, index * (CHUNK / word_len))?;
            self.staging.clear();
            for word in chunk {
                self.staging.extend_from_slice(&word.to_le_bytes()[..word_len]);
            }
            self.flush_staging()?;
        }
        self.pad((words.len() * word_len) as u64)
    }

    /// Writes a byte string. Its length is not stored: the header has to determine it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        for chunk in bytes.chunks(CHUNK) {
            self.staging.clear();
            self.staging.extend_from_slice(chunk);
            self.flush_staging()?;
        }
        self.pad(bytes.len() as u64)
    }

    fn pad(&mut self, length: u64) -> Result<()> {
        self.staging.clear();
        self.staging.resize(padding(length) as usize, 0);
        self.flush_staging()
    }

    fn flush_staging(&mut self) -> Result<()> {
        self.hasher.update(&self.staging);
        self.sink.write_all(&self.staging).map_err(|source| Error::Io { action: "write", source })?;
        self.written += self.staging.len() as u64;
        Ok(())
    }
}

/// Hands out the sections of a payload in order.
pub struct PayloadReader<'r> {
    source: &'r mut dyn Read,
    hasher: &'r mut blake3::Hasher,
    remaining: u64,
    /// Zeroized on drop: it may have held a secret key.
    staging: Zeroizing<Vec<u8>>,
}

impl<'r> PayloadReader<'r> {
    pub(super) fn new(source: &'r mut dyn Read, hasher: &'r mut blake3::Hasher, length: u64) -> Self {
        // Full capacity from the start: a vector that grows leaves its old memory unerased.
        Self { source, hasher, remaining: length, staging: Zeroizing::new(Vec::with_capacity(CHUNK)) }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Fills a limb modulo `modulus`.
    ///
    /// # Errors
    /// [`Error::ResidueOutOfRange`] for a stored word ≥ `modulus`; [`Error::Corrupt`] if the payload ends before or the padding
    /// is not zero; [`Error::Io`].
    pub fn limb(&mut self, modulus: u64, words: &mut [u64]) -> Result<()> {
        let word_len = word_len(modulus);
        for (index, chunk) in words.chunks_mut(CHUNK / word_len).enumerate() {
            self.fill_staging(chunk.len() * word_len)?;
            if word_len == 8 {
                chunk.iter_mut().zip(self.staging.as_chunks().0).for_each(|(word, &bytes)| *word = u64::from_le_bytes(bytes));
            } else {
                let words = chunk.iter_mut().zip(self.staging.as_chunks().0);
                words.for_each(|(word, &bytes)| *word = u64::from(u32::from_le_bytes(bytes)));
            }
            check_residues(modulus, chunk, index * (CHUNK / word_len))?;
        }
        self.skip_padding((words.len() * word_len) as u64)
    }

    /// Fills a byte string.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the payload ends before or the padding is not zero; [`Error::Io`].
    pub fn bytes(&mut self, bytes: &mut [u8]) -> Result<()> {
        for chunk in bytes.chunks_mut(CHUNK) {
            self.fill_staging(chunk.len())?;
            chunk.copy_from_slice(&self.staging);
        }
        self.skip_padding(bytes.len() as u64)
    }

    /// Passes over `length` bytes of whole sections. They count for the digest.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the payload ends before; [`Error::Io`].
    pub fn skip(&mut self, length: u64) -> Result<()> {
        let mut left = length;
        while left > 0 {
            let some = left.min(CHUNK as u64);
            self.fill_staging(some as usize)?;
            left -= some;
        }
        Ok(())
    }

    fn skip_padding(&mut self, length: u64) -> Result<()> {
        self.fill_staging(padding(length) as usize)?;
        if self.staging.iter().any(|&b| b != 0) {
            return Err(Error::Corrupt { what: "bytes that must be zero are not" });
        }
        Ok(())
    }

    fn fill_staging(&mut self, length: usize) -> Result<()> {
        self.remaining = self
            .remaining
            .checked_sub(length as u64)
            .ok_or(Error::Corrupt { what: "the payload ends before what its header announces" })?;
        self.staging.resize(length, 0);
        read_exact(self.source, &mut self.staging)?;
        self.hasher.update(&self.staging);
        Ok(())
    }
}

fn check_residues(modulus: u64, words: &[u64], offset: usize) -> Result<()> {
    // Words are rarely too large: a maximum is found in vectors, a first place word by word.
    if words.iter().fold(0, |largest, &w| w.max(largest)) < modulus {
        return Ok(());
    }
    match words.iter().position(|&w| w >= modulus) {
        None => Ok(()),
        Some(at) => Err(Error::ResidueOutOfRange { index: offset + at, found: words[at], modulus }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roundtrip(modulus: u64, words: &[u64]) -> (Vec<u8>, Vec<u64>) {
        let mut bytes = Vec::new();
        let mut hasher = blake3::Hasher::new();
        PayloadWriter::new(&mut bytes, &mut hasher).limb(modulus, words).unwrap();
        assert_eq!(bytes.len() as u64, PayloadLen::new().limb(modulus, words.len()).get());
        assert_eq!(hasher.finalize(), blake3::hash(&bytes));
        let mut got = vec![0; words.len()];
        let mut source = bytes.as_slice();
        let mut hasher = blake3::Hasher::new();
        let mut reader = PayloadReader::new(&mut source, &mut hasher, bytes.len() as u64);
        reader.limb(modulus, &mut got).unwrap();
        assert_eq!(reader.remaining(), 0);
        (bytes, got)
    }

    #[test]
    fn words_of_small_primes_take_four_bytes() {
        let small: Vec<u64> = (0..40_000).map(|i| i * 100_003 % 4_294_967_291).collect();
        let (bytes, got) = roundtrip(4_294_967_291, &small);
        assert_eq!((bytes.len(), got), (40_000 * 4, small));
        let large: Vec<u64> = (0..20_001).map(|i| i * 55_834_574_847).collect();
        let (bytes, got) = roundtrip((1 << 50) - 27, &large);
        assert_eq!((bytes.len(), got), (20_008 * 8, large));
    }

    #[test]
    fn unreduced_words_are_refused_both_ways() {
        let (mut bytes, mut hasher) = (Vec::new(), blake3::Hasher::new());
        let error = PayloadWriter::new(&mut bytes, &mut hasher).limb(17, &[3, 16, 17]).unwrap_err();
        assert!(matches!(error, Error::ResidueOutOfRange { index: 2, found: 17, modulus: 17 }));
        let mut stored = vec![0u8; 64];
        stored[4] = 200;
        let (mut source, mut hasher) = (stored.as_slice(), blake3::Hasher::new());
        let error = PayloadReader::new(&mut source, &mut hasher, 64).limb(17, &mut [0; 16]).unwrap_err();
        assert!(matches!(error, Error::ResidueOutOfRange { index: 1, found: 200, modulus: 17 }));
    }

    #[test]
    fn short_payloads_and_dirty_padding_are_refused() {
        let stored = [1u8; 64];
        let (mut source, mut hasher) = (&stored[..], blake3::Hasher::new());
        let mut reader = PayloadReader::new(&mut source, &mut hasher, 64);
        assert!(matches!(reader.bytes(&mut [0; 65]), Err(Error::Corrupt { .. })));
        let (mut source, mut hasher) = (&stored[..], blake3::Hasher::new());
        let mut reader = PayloadReader::new(&mut source, &mut hasher, 64);
        assert!(matches!(reader.bytes(&mut [0; 63]), Err(Error::Corrupt { .. })));
    }
}
