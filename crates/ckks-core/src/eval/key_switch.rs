//! Cutting a polynomial into digits: the expensive half of a key switch, done once for many keys.

use super::Evaluator;
use crate::error::Result;
use crate::keys::GadgetShape;
use crate::ring::{Ntt, Poly, convert_limbs};

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

    pub(super) fn digits(&self) -> &[Poly<Ntt>] {
        &self.digits
    }

    /// True if a key of that shape can work on these digits.
    pub(super) fn fits(&self, shape: GadgetShape) -> bool {
        (shape.special, shape.digit_limbs) == (self.shape.special, self.shape.digit_limbs)
    }
}

impl Evaluator<'_> {
    /// Digit j holds [x]_{D_j} (centred), D_j the product of the digit's primes, over all other primes too.
    pub(super) fn decompose(&self, poly: &Poly<Ntt>, shape: GadgetShape) -> Result<Decomposed> {
        let params = &self.params;
        let level = poly.basis().q - 1;
        let basis = shape.basis(level);
        let n = params.n();
        let coefficients = poly.clone().into_coeff(params);
        let digits = (0..shape.digits(level))
            .map(|j| {
                let range = shape.digit_range(level, j);
                let own: Vec<usize> = range.clone().collect();
                let others: Vec<usize> = (0..basis.limbs()).filter(|i| !range.contains(i)).collect();
                let to: Vec<usize> = others.iter().map(|&i| params.prime_index(basis, i)).collect();
                let mut digit = Poly::<Ntt>::zero(n, basis);
                // The other limbs are converted side by side, then spread around the digit's own.
                let mut converted = crate::kernels::AlignedBuf::zeroed(n * others.len());
                convert_limbs(params, &own, &coefficients.data()[range.start * n..range.end * n], &to, &mut converted)?;
                let converted: &[u64] = &converted;
                digit.for_each_limb(|i, limb| {
                    if range.contains(&i) {
                        limb.copy_from_slice(poly.limb(i));
                    } else {
                        let place = if i < range.start { i } else { i - range.len() };
                        limb.copy_from_slice(&converted[place * n..(place + 1) * n]);
                        params.ntt(basis, i).forward(limb);
                    }
                });
                Ok(digit)
            })
            .collect::<Result<_>>()?;
        Ok(Decomposed { shape, level, digits })
    }
}
