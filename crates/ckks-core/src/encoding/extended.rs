//! Plaintexts over special primes too: factors of polynomials that are still multiplied by P.

use num_complex::Complex64;

use super::Encoder;
use super::encoder::filled_words;
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
        let coefficients = self.coefficients_of(values, basis.q - 1, scale)?;
        let blocks = coefficients.len();
        let words = filled_words(blocks, basis.limbs(), |i, words| {
            coefficients.residues_into(self.params().modulus(basis, i), words);
            self.transform(self.params().prime_index(basis, i), words);
        });
        Ok(ExtendedPlaintext { words, blocks })
    }
}
