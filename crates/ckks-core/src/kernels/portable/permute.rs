//! Permutations.

pub fn permute_into(out: &mut [u64], a: &[u64], table: &[u32]) {
    out.iter_mut().zip(table).for_each(|(o, &i)| *o = a[i as usize]);
}
