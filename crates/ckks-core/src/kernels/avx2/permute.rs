//! Permutations: reads that go anywhere gain nothing from vectors here.

use crate::kernels::portable::permute as portable;

#[target_feature(enable = "avx2,fma")]
pub fn permute_into(out: &mut [u64], a: &[u64], table: &[u32]) {
    portable::permute_into(out, a, table);
}
