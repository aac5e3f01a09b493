//! Transforms of polynomials in X^(N/2s), done in the small ring.
//!
//! b(Y) with Y = X^(N/2s) takes at ψ^(2·bitrev_N(i)+1) the value that it takes at φ^(2·bitrev_N(i)+1), φ = ψ^(N/2s), and that
//! depends on bitrev_N(i) modulo 2s only, which are the top bits of i: N/2s neighbours are equal, and their common value is word
//! i·2s/N of the transform of b with the root φ. A transform of 2s words therefore replaces one of N.

use std::sync::OnceLock;

use crate::kernels::NttTable;

/// The transforms of one prime below that of the full ring, made when first used.
pub(super) struct SubringNtt {
    /// Entry k: 2^k words.
    sizes: Vec<OnceLock<NttTable>>,
}

impl SubringNtt {
    /// Room for every size below 2^`log_n`.
    pub(super) fn new(log_n: u32) -> Self {
        Self { sizes: (0..log_n).map(|_| OnceLock::new()).collect() }
    }

    /// Coefficients in natural order → values in the order of the large ring's transform, which is `large`. From two words on.
    pub(super) fn forward(&self, large: &NttTable, words: &mut [u64]) {
        let log_words = words.len().ilog2();
        match self.sizes.get(log_words as usize) {
            Some(table) => table.get_or_init(|| large.below(log_words)).forward(words),
            None => large.forward(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::on_every_path;
    use crate::params::{Params, ParamsLiteral};

    #[test]
    fn equals_the_large_transform_of_the_spread_polynomial() {
        let params = Params::new_insecure(ParamsLiteral::toy(10, 1)).unwrap();
        on_every_path(|| {
            for limb in 0..2 {
                let table = params.ntt_q(limb);
                let p = table.modulus().value();
                let small = SubringNtt::new(params.log_n());
                for log_blocks in 1..=10 {
                    let blocks = 1usize << log_blocks;
                    let run = params.n() / blocks;
                    let mut words: Vec<u64> =
                        (0..blocks as u64).map(|k| (k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) % p).collect();
                    let mut large = vec![0; params.n()];
                    for (k, &w) in words.iter().enumerate() {
                        large[k * run] = w;
                    }
                    table.forward(&mut large);
                    small.forward(table, &mut words);
                    for (i, &value) in large.iter().enumerate() {
                        assert_eq!(value, words[i / run], "{blocks} blocks, place {i}");
                    }
                }
            }
        });
    }
}
