//! Buffers that start on a cache line, so that no vector load straddles two.

use std::ops::{Deref, DerefMut};

use super::memory;

/// Bytes of a cache line.
const LINE: usize = 64;
/// Words that may lie before the first whole line of a buffer.
const MARGIN: usize = LINE / size_of::<u64>() - 1;

/// A fixed number of words, aligned to 64 bytes. Long buffers come from and go back to a pool.
pub struct AlignedBuf {
    /// More than the words need: a buffer from the pool keeps its length, so that nothing has to be written when it is needed.
    words: Vec<u64>,
    start: usize,
    len: usize,
}

impl AlignedBuf {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        match pool::take(len + MARGIN) {
            Some(words) => {
                let mut buf = Self::of(words, len);
                buf.fill(0);
                buf
            }
            None => Self::of(fresh(len + MARGIN), len),
        }
    }

    /// `len` words that whoever asks for them overwrites: what an earlier buffer held, or zeros.
    pub(crate) fn unfilled(len: usize) -> Self {
        Self::of(pool::take(len + MARGIN).unwrap_or_else(|| fresh(len + MARGIN)), len)
    }

    fn of(words: Vec<u64>, len: usize) -> Self {
        let address = words.as_ptr() as usize;
        let start = (address.next_multiple_of(LINE) - address) / size_of::<u64>();
        let buf = Self { words, start, len };
        memory::taken(buf.bytes());
        buf
    }

    /// Bytes of the lines that are used.
    fn bytes(&self) -> u64 {
        (self.len * size_of::<u64>()).next_multiple_of(LINE) as u64
    }

    /// A copy of `words`.
    pub fn from_slice(words: &[u64]) -> Self {
        let mut buf = Self::unfilled(words.len());
        buf.copy_from_slice(words);
        buf
    }

    /// The words as the doubles that have their bits.
    pub fn doubles(&self) -> &[f64] {
        bytemuck::cast_slice(self)
    }

    /// The words as the doubles that have their bits.
    pub fn doubles_mut(&mut self) -> &mut [f64] {
        bytemuck::cast_slice_mut(self)
    }
}

/// Zeros in memory that nobody used before: the system clears pages when they are first touched, by the threads that need them.
fn fresh(count: usize) -> Vec<u64> {
    let words = vec![0; count];
    #[cfg(target_os = "linux")]
    ask_for_huge_pages(&words);
    words
}

/// Translations of addresses are what limits a stream of pages of 4 KiB: a key comes from memory half as fast again in pages of 2 MiB.
/// They have to be asked for before anything is written.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(words: &[u64]) {
    const HUGE: usize = 2 << 20;
    let range = words.as_ptr_range();
    let (start, end) = ((range.start as usize).next_multiple_of(HUGE), range.end as usize / HUGE * HUGE);
    if start < end {
        let whole = range.start.wrapping_byte_add(start - range.start as usize).cast_mut().cast();
        // SAFETY: the pages from `start` to `end` lie wholly in `words`; the advice changes neither their contents nor their rights.
        // A kernel that refuses it leaves everything as it was.
        let _ = unsafe { rustix::mm::madvise(whole, end - start, rustix::mm::Advice::LinuxHugepage) };
    }
}

impl Clone for AlignedBuf {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl Drop for AlignedBuf {
    fn drop(&mut self) {
        memory::given(self.bytes());
        pool::give(std::mem::take(&mut self.words));
    }
}

/// Gives the buffers that wait for reuse back to the system.
pub fn release_idle_buffers() {
    pool::clear();
}

/// Buffers for reuse. A polynomial of 2^16 coefficients over forty primes has 20 MB; asking the system for that and giving it
/// back makes it clear five thousand pages each time, which was a quarter of a bootstrap's time.
mod pool {
    use std::collections::{BTreeMap, VecDeque};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Shorter buffers are cheap to allocate.
    const SHORTEST: usize = 1 << 12;
    /// At most this many words (1 GiB) wait for reuse.
    const LARGEST_TOTAL: usize = 1 << 27;

    struct Pool {
        /// Of each capacity the buffers and when they came, the oldest first.
        by_capacity: BTreeMap<usize, Waiting>,
        total: usize,
        came: u64,
    }

    static POOL: Mutex<Pool> = Mutex::new(Pool { by_capacity: BTreeMap::new(), total: 0, came: 0 });

    type Waiting = VecDeque<(u64, Vec<u64>)>;

    impl Pool {
        fn take(&mut self, count: usize) -> Option<Vec<u64>> {
            let capacity = *self.by_capacity.range(count..=count + count / 2).next()?.0;
            self.pop(capacity, Waiting::pop_back)
        }

        /// Keeps a buffer and returns what is to be forgotten for it: what has waited longest, so that no phase of a program leaves
        /// the pool full of lengths that the next one has no use for.
        fn give(&mut self, words: Vec<u64>) -> Vec<Vec<u64>> {
            let capacity = words.capacity();
            let mut forgotten = Vec::new();
            if capacity > LARGEST_TOTAL {
                forgotten.push(words);
                return forgotten;
            }
            while self.total + capacity > LARGEST_TOTAL {
                let oldest = self.by_capacity.iter().min_by_key(|(_, list)| list.front().map(|(came, _)| *came));
                let Some(length) = oldest.map(|(&length, _)| length) else { break };
                forgotten.extend(self.pop(length, Waiting::pop_front));
            }
            self.came += 1;
            self.total += capacity;
            self.by_capacity.entry(capacity).or_default().push_back((self.came, words));
            forgotten
        }

        /// A buffer of this capacity, from one end of its list.
        fn pop(&mut self, capacity: usize, end: impl Fn(&mut Waiting) -> Option<(u64, Vec<u64>)>) -> Option<Vec<u64>> {
            let list = self.by_capacity.get_mut(&capacity)?;
            let found = end(list);
            if list.is_empty() {
                self.by_capacity.remove(&capacity);
            }
            let (_, words) = found?;
            self.total -= capacity;
            Some(words)
        }
    }

    fn pool() -> MutexGuard<'static, Pool> {
        POOL.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `count` words or more, up to half as many again.
    pub(super) fn take(count: usize) -> Option<Vec<u64>> {
        if count < SHORTEST {
            return None;
        }
        let mut words = pool().take(count)?;
        if words.len() < count {
            words.resize(count, 0);
        }
        Some(words)
    }

    /// Forgets all buffers.
    pub(super) fn clear() {
        let mut pool = pool();
        pool.by_capacity.clear();
        pool.total = 0;
    }

    /// Keeps a buffer for reuse, if it is long.
    pub(super) fn give(words: Vec<u64>) {
        if words.capacity() >= SHORTEST {
            // Giving pages back takes long: only after the lock is open again.
            let forgotten = pool().give(words);
            drop(forgotten);
        }
    }

    #[test]
    fn what_waited_longest_makes_room() {
        let mut pool = Pool { by_capacity: BTreeMap::new(), total: 0, came: 0 };
        let quarter = LARGEST_TOTAL / 4;
        for length in [quarter - 1, quarter, quarter, quarter - 2] {
            assert!(pool.give(Vec::with_capacity(length)).is_empty());
        }
        let forgotten = pool.give(Vec::with_capacity(LARGEST_TOTAL / 3));
        assert_eq!(forgotten.iter().map(Vec::capacity).collect::<Vec<_>>(), [quarter - 1, quarter]);
        assert!(pool.total <= LARGEST_TOTAL);
        assert!(pool.take(LARGEST_TOTAL / 3).is_some() && pool.take(LARGEST_TOTAL / 3).is_none());
        assert_eq!(pool.take(quarter).map(|words| words.capacity()), Some(quarter));
        assert_eq!(pool.total, quarter - 2);
        assert_eq!(pool.give(Vec::with_capacity(LARGEST_TOTAL + 1)).len(), 1);
    }
}

impl Deref for AlignedBuf {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.words[self.start..][..self.len]
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.words[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reused_buffers_are_zero_where_they_have_to_be() {
        let len = 1 << 16;
        for _ in 0..4 {
            let mut buf = AlignedBuf::zeroed(len);
            assert!(buf.iter().all(|&w| w == 0));
            buf.fill(u64::MAX);
            let copy = buf.clone();
            assert!(copy.len() == len && copy.iter().all(|&w| w == u64::MAX));
            drop(buf);
            assert_eq!(AlignedBuf::unfilled(len - 100).len(), len - 100);
            assert!(AlignedBuf::zeroed(len - 100).iter().all(|&w| w == 0));
        }
    }

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
