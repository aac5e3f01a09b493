//! Plaintexts over special primes too: factors of polynomials that are still multiplied by P.

use num_complex::Complex64;

use super::Encoder;
use super::encoder::filled_words;
use super::rounding::RoundedCoefficients;
use crate::error::Result;
use crate::params::Scale;
use crate::plaintext::ExtendedPlaintext;
use crate::ring::Basis;

impl Encoder {
    /// Encodes one period of complex values (their number is a power of two up to N/2) over the primes of `basis`, keeping one
    /// word for each run of equal words.
    ///
    /// # Errors
    /// As [`Encoder::encode_complex`].
    pub(crate) fn encode_extended(&self, values: &[Complex64], basis: Basis, scale: Scale) -> Result<ExtendedPlaintext> {
        let coefficients = self.unfolded(values.to_vec())?;
        let blocks = coefficients.len();
        let rounded = RoundedCoefficients::new(self.params(), coefficients, basis.q - 1, scale)?;
        let words = filled_words(blocks, basis.limbs(), |i, words| {
            let modulus = self.params().modulus(basis, i);
            for (word, r) in words.iter_mut().zip(rounded.residues(modulus)) {
                *word = r;
            }
            self.transform(self.params().prime_index(basis, i), words);
        });
        Ok(ExtendedPlaintext { words, blocks })
    }
}
