//! Inner products: two vectors of a column at a time, all terms added up before one reduction.

use super::vector::{
    NARROW, Prime, Row, Sum, add, load, most_narrow_terms, most_terms, mul_u32, reduce_words, store, to_doubles, zero,
};
use crate::kernels::Modulus;
use crate::kernels::portable::dot as portable;

/// Vectors that are summed up together.
const ROWS: usize = 2;
type Tile = [Row; ROWS];

fn tiles(a: &[u64]) -> &[Tile] {
    a.as_chunks::<4>().0.as_chunks().0
}

#[target_feature(enable = "avx2,fma")]
pub fn dot_into(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
    let prime = Prime::new(m);
    let p = m.value();
    let is_narrow = p < NARROW;
    let most = if is_narrow { most_narrow_terms(p, p) } else { most_terms(p, p) };
    let done = out.len() / (4 * ROWS) * (4 * ROWS);
    for (t, out) in out.as_chunks_mut::<4>().0.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        let mut totals = [zero(); ROWS];
        for part in terms.chunks(most) {
            let mut words = [zero(); ROWS];
            let mut sums = [Sum::zero(); ROWS];
            for (a, b) in part {
                let (a, b) = (&tiles(a)[t], &tiles(b)[t]);
                for u in 0..ROWS {
                    let (a, b) = (load(&a[u]), load(&b[u]));
                    if is_narrow {
                        words[u] = add(words[u], mul_u32(a, b));
                    } else {
                        sums[u].add_product(to_doubles(a), to_doubles(b));
                    }
                }
            }
            for u in 0..ROWS {
                let sum = if is_narrow { reduce_words(&prime, words[u]) } else { sums[u].reduce(&prime, part.len()) };
                totals[u] = prime.add_words(totals[u], prime.words(sum));
            }
        }
        for u in 0..ROWS {
            store(&mut out[u], totals[u]);
        }
    }
    if done < out.len() {
        let rest: Vec<_> = terms.iter().map(|(a, b)| (&a[done..], &b[done..])).collect();
        portable::dot_into(m, &mut out[done..], &rest);
    }
}
