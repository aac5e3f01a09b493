//! Plain word arithmetic, one operation at a time.
#![allow(missing_docs)]
use super::Modulus;
use crate::error::*;
pub struct NttTable(Modulus, u64, u32, concrete_ntt::prime64::Plan);
impl NttTable {
    pub fn new(m: Modulus, l: u32) -> Result<Self> {
        let p = concrete_ntt::prime64::Plan::try_new(1 << l, m.value()).unwrap();
        let mut x = vec![0; 1 << l];
        x[1] = 1;
        p.fwd(&mut x);
        Ok(Self(m, x[0], l, p))
    }
    pub fn forward(&self, a: &mut [u64]) {
        self.3.fwd(a)
    }
    pub fn inverse(&self, a: &mut [u64]) {
        self.3.inv(a);
        self.3.normalize(a)
    }
    pub fn psi(&self) -> u64 {
        self.1
    }
    pub fn modulus(&self) -> &Modulus {
        &self.0
    }
    pub fn n(&self) -> usize {
        1 << self.2
    }
}
pub fn add_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x = m.add(*x, *y)
    }
}
pub fn sub_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x = m.sub(*x, *y)
    }
}
pub fn neg_assign(m: &Modulus, a: &mut [u64]) {
    for x in a {
        *x = m.neg(*x)
    }
}
pub fn mul_assign(m: &Modulus, a: &mut [u64], b: &[u64]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x = m.mul(*x, *y)
    }
}
pub fn mul_into(m: &Modulus, o: &mut [u64], a: &[u64], b: &[u64]) {
    for i in 0..o.len() {
        o[i] = m.mul(a[i], b[i])
    }
}
pub fn mul_add_assign(m: &Modulus, o: &mut [u64], a: &[u64], b: &[u64]) {
    for i in 0..o.len() {
        o[i] = m.add(o[i], m.mul(a[i], b[i]))
    }
}
pub fn mul_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    for x in a {
        *x = m.mul(*x, s)
    }
}
pub fn add_scalar_assign(m: &Modulus, a: &mut [u64], s: u64) {
    for x in a {
        *x = m.add(*x, s)
    }
}
pub fn mul_scalar_add_assign(m: &Modulus, o: &mut [u64], a: &[u64], s: u64) {
    for i in 0..o.len() {
        o[i] = m.add(o[i], m.mul(a[i], s))
    }
}
pub fn sub_mul_scalar_from(m: &Modulus, o: &mut [u64], a: &[u64], s: u64) {
    for i in 0..o.len() {
        o[i] = m.mul(m.sub(a[i], o[i]), s)
    }
}
/// Σ a_i·b_i: products below 2^100 are added up to 2^28 at a time before one reduction.
pub fn dot_into(m: &Modulus, out: &mut [u64], pairs: &[(&[u64], &[u64])]) {
    for (k, o) in out.iter_mut().enumerate() {
        *o = m.reduce_u128(pairs.iter().map(|(a, b)| u128::from(a[k]) * u128::from(b[k])).sum());
    }
}
pub fn dot2_into(m: &Modulus, out0: &mut [u64], out1: &mut [u64], terms: &[(&[u64], &[u64], &[u64])]) {
    for k in 0..out0.len() {
        out0[k] = m.reduce_u128(terms.iter().map(|(d, b, _)| u128::from(d[k]) * u128::from(b[k])).sum());
        out1[k] = m.reduce_u128(terms.iter().map(|(d, _, a)| u128::from(d[k]) * u128::from(a[k])).sum());
    }
}
pub fn mul_blocks_assign(m: &Modulus, a: &mut [u64], w: &[u64]) {
    let l = a.len() / w.len();
    for (c, &x) in a.chunks_mut(l).zip(w) {
        mul_scalar_assign(m, c, x)
    }
}
pub fn mul_blocks_add_assign(m: &Modulus, o: &mut [u64], a: &[u64], w: &[u64]) {
    let l = a.len() / w.len();
    for ((o, c), &x) in o.chunks_mut(l).zip(a.chunks(l)).zip(w) {
        mul_scalar_add_assign(m, o, c, x)
    }
}
pub fn permute_into(o: &mut [u64], a: &[u64], t: &[u32]) {
    for i in 0..o.len() {
        o[i] = a[t[i] as usize]
    }
}
/// Centred conversion of residues from some primes to others.
pub struct BasisConverter {
    from: Vec<Modulus>,
    to: Vec<Modulus>,
    /// (F/f_i)^-1 modulo f_i.
    inverses: Vec<u64>,
    /// F/f_i modulo t_j, row j.
    weights: Vec<Vec<u64>>,
    /// F modulo t_j.
    products: Vec<u64>,
}

impl BasisConverter {
    pub fn new(from: &[Modulus], to: &[Modulus]) -> Result<Self> {
        let without = |i: usize, m: &Modulus| {
            from.iter().enumerate().filter(|(k, _)| *k != i).fold(1 % m.value(), |p, (_, f)| m.mul(p, f.value() % m.value()))
        };
        let inverses = from.iter().enumerate().map(|(i, m)| m.inv(without(i, m))).collect();
        let weights = to.iter().map(|t| (0..from.len()).map(|i| without(i, t)).collect()).collect();
        let products = to.iter().map(|t| without(usize::MAX, t)).collect();
        Ok(Self { from: from.to_vec(), to: to.to_vec(), inverses, weights, products })
    }

    /// Rows of equal length: `input` one per source prime, `output` one per target prime.
    pub fn convert(&self, input: &[&[u64]], output: &mut [&mut [u64]]) {
        let columns = input.first().map_or(0, |row| row.len());
        let mut scaled = vec![0u64; self.from.len()];
        for k in 0..columns {
            let mut quotient = 0f64;
            for (i, m) in self.from.iter().enumerate() {
                scaled[i] = m.mul(input[i][k], self.inverses[i]);
                quotient += scaled[i] as f64 / m.value() as f64;
            }
            let quotient = quotient.round() as u64;
            for (j, t) in self.to.iter().enumerate() {
                let sum = scaled.iter().zip(&self.weights[j]).map(|(&y, &w)| u128::from(y) * u128::from(w)).sum();
                output[j][k] = t.sub(t.reduce_u128(sum), t.mul(quotient, self.products[j]));
            }
        }
    }
}
