//! Automorphisms in NTT form.

use super::dispatch;

/// out\[i\] = a\[table\[i\]\].
///
/// # Panics
/// If a place in the table is outside `a`, or the lengths of `out` and `table` differ.
pub fn permute_into(out: &mut [u64], a: &[u64], table: &[u32]) {
    assert_eq!(out.len(), table.len());
    dispatch!(permute::permute_into(out, a, table))
}
