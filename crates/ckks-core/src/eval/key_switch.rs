//! Cutting a polynomial into digits: the expensive half of a key switch, done once for many keys.

use rayon::prelude::*;

use super::Evaluator;
use crate::error::Result;
use crate::kernels;
use crate::keys::GadgetShape;
use crate::ring::{Basis, Coeff, Ntt, Poly, convert_rows};

/// The digits of one polynomial, each extended to all ciphertext primes of the level and the special primes: what hoisting
/// shares between rotations.
pub struct Decomposed {
    shape: GadgetShape,
    level: usize,
    digits: Vec<Poly<Ntt>>,
}

impl Decomposed {
    /// Level of the polynomial that was cut.
    pub fn level(&self) -> usize {
        self.level
    }

    /// A polynomial that is its own only digit, because it is smaller than the first special prime.
    pub(crate) fn single(shape: GadgetShape, digit: Poly<Ntt>) -> Self {
        Self { shape, level: digit.basis().q - 1, digits: vec![digit] }
    }

    pub(crate) fn digits(&self) -> &[Poly<Ntt>] {
        &self.digits
    }

    /// True if a key of that shape can work on these digits.
    pub(crate) fn fits(&self, shape: GadgetShape) -> bool {
        (shape.special, shape.digit_limbs) == (self.shape.special, self.shape.digit_limbs)
    }
}

impl Evaluator<'_> {
    /// Digit j holds [x]_{D_j} (centred), D_j the product of the digit's primes, over all other primes too.
    pub(crate) fn decompose(&self, poly: &Poly<Ntt>, shape: GadgetShape) -> Result<Decomposed> {
        let mut decomposed = self.decompose_outwards(poly, shape)?;
        let level = decomposed.level;
        for (j, digit) in decomposed.digits.iter_mut().enumerate() {
            let range = shape.digit_range(level, j);
            let n = digit.n();
            let own = &mut digit.data_mut()[range.start * n..range.end * n];
            own.par_chunks_exact_mut(n).zip(range).for_each(|(limb, i)| limb.copy_from_slice(poly.limb(i)));
        }
        Ok(decomposed)
    }

    /// [`Evaluator::decompose`] whose digits' own limbs, those of `poly`, are not written.
    pub(super) fn decompose_outwards(&self, poly: &Poly<Ntt>, shape: GadgetShape) -> Result<Decomposed> {
        let params = &self.params;
        let level = poly.basis().q - 1;
        let basis = shape.basis(level);
        let n = params.n();
        let mut coefficients = Poly::<Coeff>::unfilled(n, Basis::at_level(level));
        coefficients.for_each_limb(|i, limb| {
            limb.copy_from_slice(poly.limb(i));
            params.ntt_q(i).inverse(limb);
        });
        let digits = (0..shape.digits(level))
            .map(|j| {
                let range = shape.digit_range(level, j);
                let mut digit = Poly::<Ntt>::unfilled(n, basis);
                if range.len() == 1 {
                    // One prime needs no conversion, only its residues centred.
                    let (own, from) = (range.start, params.q(range.start));
                    digit.for_each_limb(|i, limb| {
                        if i != own {
                            kernels::centred_residues_into(params.modulus(basis, i), limb, from, coefficients.limb(own));
                            params.ntt(basis, i).forward(limb);
                        }
                    });
                    return Ok(digit);
                }
                let own: Vec<usize> = range.clone().collect();
                let others: Vec<usize> = (0..basis.limbs()).filter(|i| !range.contains(i)).collect();
                let to: Vec<usize> = others.iter().map(|&i| params.prime_index(basis, i)).collect();
                let input: Vec<&[u64]> = range.clone().map(|i| coefficients.limb(i)).collect();
                let mut rows: Vec<&mut [u64]> = digit.data_mut().chunks_exact_mut(n).collect();
                let after = rows.split_off(range.end);
                rows.truncate(range.start);
                rows.extend(after);
                convert_rows(params, &own, &input, &to, &mut rows)?;
                digit.for_each_limb(|i, limb| {
                    if !range.contains(&i) {
                        params.ntt(basis, i).forward(limb);
                    }
                });
                Ok(digit)
            })
            .collect::<Result<_>>()?;
        Ok(Decomposed { shape, level, digits })
    }
}
