//! Public keys: the half that is not uniform; the other is its seed.

use serde::{Deserialize, Serialize};

use super::container::FileType;
use super::fields::Hex;
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::{Storable, check_poly, poly_len, read_poly, write_poly};
use crate::error::{Error, Result};
use crate::keys::PublicKey;
use crate::params::Params;
use crate::ring::Basis;

/// Header of a public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKeyHeader {
    /// Identifier of the secret key.
    pub key_id: Hex<16>,
    /// Seed of the uniform half.
    pub seed: Hex<32>,
}

impl Storable for PublicKey {
    const TYPE: FileType = FileType::PUBLIC_KEY;
    type Header = PublicKeyHeader;

    fn header(&self, params: &Params) -> Result<PublicKeyHeader> {
        let b = self.b_half();
        check_poly(params, "residues of the public key", b)?;
        if b.basis() != Basis::at_level(params.max_level()) {
            let needed = format!("{} limbs of {} words", params.max_level() + 1, params.n());
            return Err(Error::LengthMismatch { what: "residues of the public key", found: b.data().len(), needed });
        }
        Ok(PublicKeyHeader { key_id: Hex(self.id()), seed: Hex(*self.seed()) })
    }

    fn payload_len(_: &PublicKeyHeader, params: &Params) -> Result<PayloadLen> {
        Ok(poly_len(params, Basis::at_level(params.max_level())))
    }

    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
        write_poly(params, self.b_half(), writer)
    }

    fn read_payload(header: PublicKeyHeader, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Self> {
        let b = read_poly(params, Basis::at_level(params.max_level()), reader)?;
        Ok(Self::from_seeded(params, header.key_id.0, header.seed.0, b))
    }
}
