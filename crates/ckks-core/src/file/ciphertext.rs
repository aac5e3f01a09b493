//! Ciphertexts: both parts, limb after limb.

use serde::{Deserialize, Serialize};

use super::container::FileType;
use super::fields::StoredScale;
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::{Storable, check_level, check_poly, poly_len, read_poly, write_poly};
use crate::ciphertext::Ciphertext;
use crate::error::Result;
use crate::params::Params;
use crate::ring::Basis;

/// Header of a ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiphertextHeader {
    /// Number of ciphertext primes − 1.
    pub level: usize,
    /// Factor between slots and coefficients.
    pub scale: StoredScale,
}

impl Storable for Ciphertext {
    const TYPE: FileType = FileType::CIPHERTEXT;
    type Header = CiphertextHeader;

    fn header(&self, params: &Params) -> Result<CiphertextHeader> {
        check_poly(params, "residues of a ciphertext", &self.c0)?;
        check_poly(params, "residues of a ciphertext", &self.c1)?;
        Ok(CiphertextHeader { level: self.level(), scale: StoredScale(self.scale) })
    }

    fn payload_len(header: &CiphertextHeader, params: &Params) -> Result<PayloadLen> {
        check_level(params, header.level)?;
        let part = poly_len(params, Basis::at_level(header.level));
        Ok(part.then(part))
    }

    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
        write_poly(params, &self.c0, writer)?;
        write_poly(params, &self.c1, writer)
    }

    fn read_payload(header: CiphertextHeader, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Self> {
        let basis = Basis::at_level(header.level);
        let c0 = read_poly(params, basis, reader)?;
        let c1 = read_poly(params, basis, reader)?;
        Ok(Self { c0, c1, scale: header.scale.0 })
    }
}
