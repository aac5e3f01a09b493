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

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn dot2_into(m: &Modulus, out0: &mut [u64], out1: &mut [u64], terms: &[(&[u64], &[u64], &[u64])]) {
    let prime = Prime::new(m);
    let most = most_terms(m.value(), m.value());
    let done = out0.len() / 32 * 32;
    for (t, (out0, out1)) in tiles_mut(out0).iter_mut().zip(tiles_mut(out1)).enumerate() {
        let mut sums0 = [Sum::from(splat(0)); 4];
        let mut sums1 = sums0;
        for (k, part) in terms.chunks(most).enumerate() {
            if k > 0 {
                for u in 0..4 {
                    sums0[u] = Sum::from(sums0[u].reduce(&prime));
                    sums1[u] = Sum::from(sums1[u].reduce(&prime));
                }
            }
            for (d, b, a) in part {
                let (d, b, a) = (&tiles(d)[t], &tiles(b)[t], &tiles(a)[t]);
                for u in 0..4 {
                    let d = load(&d[u]);
                    sums0[u].add_product(d, load(&b[u]));
                    sums1[u].add_product(d, load(&a[u]));
                }
            }
        }
        for u in 0..4 {
            store(&mut out0[u], sums0[u].reduce(&prime));
            store(&mut out1[u], sums1[u].reduce(&prime));
        }
    }
    if done < out0.len() {
        let rest: Vec<_> = terms.iter().map(|(d, b, a)| (&d[done..], &b[done..], &a[done..])).collect();
        portable::dot2_into(m, &mut out0[done..], &mut out1[done..], &rest);
    }
}
