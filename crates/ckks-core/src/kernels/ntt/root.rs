//! The root of unity that fixes what NTT form means.

use crate::kernels::Modulus;

/// The primitive 2^k-th root of unity that k − 1 square roots lead to, starting at −1. p is 1 modulo 2^k.
pub fn primitive_root(m: &Modulus, k: u32) -> u64 {
    let twos = (m.value() - 1).trailing_zeros();
    let odd = (m.value() - 1) >> twos;
    let minus_one = m.value() - 1;
    let non_residue = (2..m.value()).find(|&z| m.pow(z, (m.value() - 1) / 2) == minus_one).unwrap_or(minus_one);
    let generator = m.pow(non_residue, odd);
    (1..k).fold(minus_one, |root, _| square_root(m, odd, twos, generator, root))
}

/// Tonelli–Shanks for a square x ≠ 0: p − 1 = `odd`·2^`twos`, `generator` of order 2^`twos`.
fn square_root(m: &Modulus, odd: u64, twos: u32, generator: u64, x: u64) -> u64 {
    let (mut order, mut c) = (twos, generator);
    let (mut t, mut r) = (m.pow(x, odd), m.pow(x, odd.div_ceil(2)));
    while t != 1 {
        // t has order 2^i with i < order.
        let i = (1..order).scan(t, |power, i| {
            *power = m.mul(*power, *power);
            Some((i, *power))
        });
        let Some((i, _)) = i.into_iter().find(|&(_, power)| power == 1) else { return r };
        let b = m.pow(c, 1 << (order - i - 1));
        order = i;
        c = m.mul(b, b);
        t = m.mul(t, c);
        r = m.mul(r, b);
    }
    r
}
