//! How many bytes of limbs the process holds, now and at most: what measurements of memory are made of.
//!
//! Counted are [`super::AlignedBuf`]s from their making to their end, not what waits in the pool for reuse. For the whole process:
//! a measurement means something only where nothing else runs beside what is measured.

use std::sync::atomic::{AtomicU64, Ordering};

static IN_USE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

pub(super) fn taken(bytes: u64) {
    let now = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

pub(super) fn given(bytes: u64) {
    IN_USE.fetch_sub(bytes, Ordering::Relaxed);
}

/// Bytes of limbs alive now.
pub fn limb_bytes() -> u64 {
    IN_USE.load(Ordering::Relaxed)
}

/// Most bytes of limbs alive at once since [`restart_peak`], or since the program began.
pub fn peak_limb_bytes() -> u64 {
    PEAK.load(Ordering::Relaxed)
}

/// Starts a new measurement of the peak, which is then what is alive now.
pub fn restart_peak() {
    PEAK.store(IN_USE.load(Ordering::Relaxed), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::AlignedBuf;

    #[test]
    fn buffers_are_counted_while_they_live() {
        // Other tests run beside this one: only what this one holds itself is certain.
        restart_peak();
        let held = AlignedBuf::zeroed(1 << 22);
        assert!(limb_bytes() >= 1 << 25);
        drop(held);
        assert!(peak_limb_bytes() >= 1 << 25);
    }
}
