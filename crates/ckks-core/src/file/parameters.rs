//! Parameter files: everything is in the header.

use super::container::FileType;
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::Storable;
use crate::error::Result;
use crate::params::{Params, ParamsLiteral};

/// Every container carries its literal, so a parameter file is one without a payload. Whoever has no [`Params`] yet takes the
/// literal from [`super::inspect`]; reading with [`Params`] checks that they are the same.
impl Storable for ParamsLiteral {
    const TYPE: FileType = FileType::PARAMETERS;
    type Header = Self;

    fn header(&self, params: &Params) -> Result<Self> {
        params.check_digest("the literal", Params::new_insecure(self.clone())?.digest())?;
        Ok(self.clone())
    }

    fn payload_len(_: &Self, _: &Params) -> Result<PayloadLen> {
        Ok(PayloadLen::new())
    }

    fn write_payload(&self, _: &Params, _: &mut PayloadWriter<'_>) -> Result<()> {
        Ok(())
    }

    fn read_payload(header: Self, params: &Params, _: &mut PayloadReader<'_>) -> Result<Self> {
        params.check_digest("the literal in the header", Params::new_insecure(header.clone())?.digest())?;
        Ok(header)
    }
}
