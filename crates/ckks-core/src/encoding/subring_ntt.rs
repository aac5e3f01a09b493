//! Transforms of polynomials in X^(N/2s), done in the small ring.
//!
//! b(Y) with Y = X^(N/2s) takes at ψ^(2·bitrev_N(i)+1) the value that it takes at φ^(2·bitrev_N(i)+1), φ = ψ^(N/2s), and that
//! depends on bitrev_N(i) modulo 2s only, which are the top bits of i: N/2s neighbours are equal, and their common value is word
//! i·2s/N of the transform of b with the root φ. A transform of 2s words therefore replaces one of N.

use crate::kernels::{Modulus, NttTable};

/// Powers of ψ in bit-reversed order: the twiddle factors of every size, as those of size 2s are the first 2s of them.
pub(super) struct SubringNtt {
    modulus: Modulus,
    /// (w, ⌊w·2^64/p⌋), Shoup's pair.
    twiddles: Vec<(u64, u64)>,
}

impl SubringNtt {
    /// Tables for up to `max_blocks` = 2s words (a power of two) below the ring of `table`.
    pub(super) fn new(table: &NttTable, max_blocks: usize) -> Self {
        let modulus = *table.modulus();
        let root = modulus.pow(table.psi(), (table.n() / max_blocks) as u64);
        let mut twiddles = vec![(0, 0); max_blocks];
        let shift = usize::BITS - max_blocks.trailing_zeros();
        let mut power = 1;
        for k in 0..max_blocks {
            let place = if max_blocks == 1 { 0 } else { k.reverse_bits() >> shift };
            twiddles[place] = (power, ((u128::from(power) << 64) / u128::from(modulus.value())) as u64);
            power = modulus.mul(power, root);
        }
        Self { modulus, twiddles }
    }

    /// Coefficients in natural order → values in the order of the large ring's transform (Longa, Naehrig 2016, algorithm 1).
    pub(super) fn forward(&self, words: &mut [u64]) {
        let modulus = &self.modulus;
        let p = modulus.value();
        let mut half = words.len() / 2;
        let mut groups = 1;
        while half >= 1 {
            for (group, &(w, quotient)) in words.chunks_exact_mut(2 * half).zip(&self.twiddles[groups..2 * groups]) {
                let (low, high) = group.split_at_mut(half);
                for (a, b) in low.iter_mut().zip(high) {
                    let estimate = ((u128::from(*b) * u128::from(quotient)) >> 64) as u64;
                    let product = b.wrapping_mul(w).wrapping_sub(estimate.wrapping_mul(p));
                    let t = if product >= p { product - p } else { product };
                    *b = modulus.sub(*a, t);
                    *a = modulus.add(*a, t);
                }
            }
            groups *= 2;
            half /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Params, ParamsLiteral};

    #[test]
    fn equals_the_large_transform_of_the_spread_polynomial() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 1)).unwrap();
        for limb in 0..2 {
            let table = params.ntt_q(limb);
            let p = table.modulus().value();
            let small = SubringNtt::new(table, params.n());
            for log_blocks in 1..=10 {
                let blocks = 1usize << log_blocks;
                let run = params.n() / blocks;
                let mut words: Vec<u64> = (0..blocks as u64).map(|k| (k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) % p).collect();
                let mut large = vec![0; params.n()];
                for (k, &w) in words.iter().enumerate() {
                    large[k * run] = w;
                }
                table.forward(&mut large);
                small.forward(&mut words);
                for (i, &value) in large.iter().enumerate() {
                    assert_eq!(value, words[i / run], "{blocks} blocks, place {i}");
                }
            }
        }
    }
}
