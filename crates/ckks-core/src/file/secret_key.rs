//! Secret keys: one byte per ternary coefficient.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::container::FileType;
use super::fields::Hex;
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::Storable;
use crate::error::{Error, Result};
use crate::keys::SecretKey;
use crate::params::Params;

/// Header of a secret key: nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyIdHeader {
    /// Identifier that everything made with this key carries.
    pub key_id: Hex<16>,
}

impl Storable for SecretKey {
    const TYPE: FileType = FileType::SECRET_KEY;
    const SECRET: bool = true;
    type Header = KeyIdHeader;

    fn header(&self, params: &Params) -> Result<KeyIdHeader> {
        params.check_digest("the secret key", self.params_digest())?;
        Ok(KeyIdHeader { key_id: Hex(self.id()) })
    }

    fn payload_len(_: &KeyIdHeader, params: &Params) -> Result<PayloadLen> {
        Ok(PayloadLen::new().bytes(params.n() as u64))
    }

    fn write_payload(&self, _: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
        // −1, 0, 1 as 255, 0, 1.
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(self.coefficients().iter().map(|&c| c as u8).collect());
        writer.bytes(&bytes)
    }

    fn read_payload(header: KeyIdHeader, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Self> {
        let mut bytes = Zeroizing::new(vec![0u8; params.n()]);
        reader.bytes(&mut bytes)?;
        let coefficients: Zeroizing<Vec<i64>> = Zeroizing::new(bytes.iter().map(|&b| i64::from(b as i8)).collect());
        if coefficients.iter().any(|c| !(-1..=1).contains(c)) {
            return Err(Error::Corrupt { what: "a coefficient of the secret key is not -1, 0 or 1" });
        }
        Ok(Self::assemble(params, header.key_id.0, coefficients))
    }
}
