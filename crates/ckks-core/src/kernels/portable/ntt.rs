//! The transform in plain Rust: Cooley–Tukey forward, Gentleman–Sande back, both with lazy reductions (Longa, Naehrig 2016,
//! eprint 2016/504, algorithms 1 and 2; Harvey 2014).

use super::pointwise::Shoup;
use crate::kernels::Modulus;

/// Powers of ψ for one N and p.
pub struct Twiddles {
    /// ψ^bitrev(k) at place k.
    roots: Vec<Shoup>,
    /// 1/N, and 1/N times the last inverse root.
    scale: Shoup,
    scaled_root: Shoup,
}

/// ψ^bitrev(k) for k < N, the order in which Cooley–Tukey reads them.
pub fn bit_reversed_powers(m: &Modulus, log_n: u32, psi: u64) -> Vec<u64> {
    let mut powers = vec![1; 1 << log_n];
    // ψ, ψ², ψ⁴, …, ψ^(N/2): what the bits of an exponent stand for.
    let steps: Vec<u64> = std::iter::successors(Some(psi), |&w| Some(m.mul(w, w))).take(log_n as usize).collect();
    // Bit j of k has weight N/2^(j+1) in bitrev(k).
    for (j, &step) in steps.iter().rev().enumerate() {
        let (filled, rest) = powers.split_at_mut(1 << j);
        for (new, &old) in rest.iter_mut().zip(filled.iter()) {
            *new = m.mul(old, step);
        }
    }
    powers
}

impl Twiddles {
    pub fn new(m: &Modulus, log_n: u32, psi: u64) -> Self {
        let roots: Vec<Shoup> = bit_reversed_powers(m, log_n, psi).into_iter().map(|w| Shoup::new(m, w)).collect();
        let scale = m.inv(m.reduce_u64(1 << log_n));
        let last = m.inv(roots[1].w);
        Self { scale: Shoup::new(m, scale), scaled_root: Shoup::new(m, m.mul(scale, last)), roots }
    }

    /// Values stay below 4p < 2^52.
    pub fn forward(&self, m: &Modulus, a: &mut [u64]) {
        let (p, two_p) = (m.value(), 2 * m.value());
        let mut half = a.len() / 2;
        let mut groups = 1;
        while half > 0 {
            for (group, &root) in a.chunks_exact_mut(2 * half).zip(&self.roots[groups..]) {
                let (low, high) = group.split_at_mut(half);
                for (x, y) in low.iter_mut().zip(high) {
                    let u = (*x).min(x.wrapping_sub(two_p));
                    let t = root.times_lazy(p, *y);
                    *x = u + t;
                    *y = u + two_p - t;
                }
            }
            half /= 2;
            groups *= 2;
        }
        for x in a {
            let u = (*x).min(x.wrapping_sub(two_p));
            *x = u.min(u.wrapping_sub(p));
        }
    }

    /// Values stay below 2p between stages, 4p within one.
    pub fn inverse(&self, m: &Modulus, a: &mut [u64]) {
        let (p, two_p) = (m.value(), 2 * m.value());
        let mut half = 1;
        let mut groups = a.len() / 2;
        while groups > 1 {
            // The inverses of a stage's roots are their negatives in reverse: ψ^−e = −ψ^(N−e).
            for (group, &root) in a.chunks_exact_mut(2 * half).zip(self.roots[groups..2 * groups].iter().rev()) {
                let (low, high) = group.split_at_mut(half);
                for (x, y) in low.iter_mut().zip(high) {
                    let sum = *x + *y;
                    let difference = *y + two_p - *x;
                    *x = sum.min(sum.wrapping_sub(two_p));
                    *y = root.times_lazy(p, difference);
                }
            }
            half *= 2;
            groups /= 2;
        }
        let (low, high) = a.split_at_mut(half);
        for (x, y) in low.iter_mut().zip(high) {
            let sum = *x + *y;
            let difference = *x + two_p - *y;
            *x = self.scale.times(m, sum);
            *y = self.scaled_root.times(m, difference);
        }
    }
}
