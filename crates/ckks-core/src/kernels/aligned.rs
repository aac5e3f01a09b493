//! Buffers that start on a cache line, so that no vector load straddles two.

use std::ops::{Deref, DerefMut};

/// Eight words on one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

// SAFETY: `Line` is `repr(C)`, has no padding (64 bytes, alignment 64) and every bit pattern is a valid value.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: as above; it is `Copy` and 'static.
unsafe impl bytemuck::Pod for Line {}

/// A fixed number of words, aligned to 64 bytes.
#[derive(Clone)]
pub struct AlignedBuf {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedBuf {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        Self { lines: bytemuck::zeroed_vec(len.div_ceil(8)), len }
    }

    /// A copy of `words`.
    pub fn from_slice(words: &[u64]) -> Self {
        let mut buf = Self::zeroed(words.len());
        buf.copy_from_slice(words);
        buf
    }
}

impl Deref for AlignedBuf {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_cache_line() {
        for len in [1, 7, 8, 1000] {
            let buf = AlignedBuf::from_slice(&vec![3; len]);
            assert_eq!(buf.len(), len);
            assert_eq!(buf.as_ptr() as usize % 64, 0);
            assert!(buf.iter().all(|&w| w == 3));
        }
    }
}
