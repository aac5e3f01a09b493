//! Inner products: four vectors of a column at a time, all terms added up before one reduction.

use super::vector::{Prime, Row, Sum, load, most_terms, splat, store};
use crate::kernels::Modulus;
use crate::kernels::portable::dot as portable;

/// Four neighbouring rows: enough independent chains for the multiplier's latency.
type Tile = [Row; 4];

fn tiles(a: &[u64]) -> &[Tile] {
    a.as_chunks::<8>().0.as_chunks::<4>().0
}

fn tiles_mut(a: &mut [u64]) -> &mut [Tile] {
    a.as_chunks_mut::<8>().0.as_chunks_mut::<4>().0
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn dot_into(m: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
    let prime = Prime::new(m);
    let most = most_terms(m.value(), m.value());
    let done = out.len() / 32 * 32;
    for (t, out) in tiles_mut(out).iter_mut().enumerate() {
        let mut sums = [Sum::from(splat(0)); 4];
        for (k, part) in terms.chunks(most).enumerate() {
            if k > 0 {
                for u in 0..4 {
                    sums[u] = Sum::from(sums[u].reduce(&prime));
                }
            }
            for (a, b) in part {
                let (a, b) = (&tiles(a)[t], &tiles(b)[t]);
                for u in 0..4 {
                    sums[u].add_product(load(&a[u]), load(&b[u]));
                }
            }
        }
        for u in 0..4 {
            store(&mut out[u], sums[u].reduce(&prime));
        }
    }
    if done < out.len() {
        let rest: Vec<_> = terms.iter().map(|(a, b)| (&a[done..], &b[done..])).collect();
        portable::dot_into(m, &mut out[done..], &rest);
    }
}
