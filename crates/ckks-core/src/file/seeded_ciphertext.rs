//! Fresh symmetric ciphertexts: one part and the seed of the other.

use serde::{Deserialize, Serialize};

use super::container::FileType;
use super::fields::{Hex, StoredScale};
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::{Storable, check_level, check_poly, poly_len, read_poly, write_poly};
use crate::ciphertext::SeededCiphertext;
use crate::error::Result;
use crate::params::Params;
use crate::ring::Basis;

/// Header of a seeded ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeededCiphertextHeader {
    /// Number of ciphertext primes − 1.
    pub level: usize,
    /// Factor between slots and coefficients.
    pub scale: StoredScale,
    /// Seed of the uniform part.
    pub seed: Hex<32>,
}

impl Storable for SeededCiphertext {
    const TYPE: FileType = FileType::SEEDED_CIPHERTEXT;
    type Header = SeededCiphertextHeader;

    fn header(&self, params: &Params) -> Result<SeededCiphertextHeader> {
        check_poly(params, "residues of a seeded ciphertext", &self.c0)?;
        Ok(SeededCiphertextHeader { level: self.level(), scale: StoredScale(self.scale), seed: Hex(self.seed) })
    }

    fn payload_len(header: &SeededCiphertextHeader, params: &Params) -> Result<PayloadLen> {
        check_level(params, header.level)?;
        Ok(poly_len(params, Basis::at_level(header.level)))
    }

    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
        write_poly(params, &self.c0, writer)
    }

    fn read_payload(header: SeededCiphertextHeader, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Self> {
        let c0 = read_poly(params, Basis::at_level(header.level), reader)?;
        Ok(Self { c0, seed: header.seed.0, scale: header.scale.0 })
    }
}
