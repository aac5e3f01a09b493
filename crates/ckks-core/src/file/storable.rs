//! What a type has to say to be stored.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::container::FileType;
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use crate::error::{Error, Result};
use crate::params::Params;
use crate::ring::{Basis, Ntt, Poly};

/// A type with a file form: a JSON header that determines the payload's length, and the payload.
///
/// Crates above implement it for their own types, usually around those of this crate (a query is a key identifier, a model
/// digest and a [`crate::ciphertext::SeededCiphertext`], whose methods here are public for that purpose).
pub trait Storable: Sized {
    /// Tag and name.
    const TYPE: FileType;
    /// True for what only its owner may read: the file is created with mode 0600.
    const SECRET: bool = false;
    /// The type's part of the JSON header.
    type Header: Serialize + DeserializeOwned;

    /// The header of this value.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] or [`Error::LengthMismatch`] if the value does not belong to `params`.
    fn header(&self, params: &Params) -> Result<Self::Header>;

    /// The length of the payload that belongs to a header. Called before anything is allocated for the payload, with a header
    /// that anyone may have written: it has to check every number that sizes depend on.
    ///
    /// # Errors
    /// [`Error::FileHeader`] for a header that `params` do not allow.
    fn payload_len(header: &Self::Header, params: &Params) -> Result<PayloadLen>;

    /// Writes exactly [`Self::payload_len`] bytes.
    ///
    /// # Errors
    /// Those of the writer.
    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()>;

    /// Reads the payload that belongs to a header which passed [`Self::payload_len`].
    ///
    /// # Errors
    /// Those of the reader, and whatever the content has to be refused for.
    fn read_payload(header: Self::Header, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Self>;
}

/// Length of a polynomial's limbs.
pub(super) fn poly_len(params: &Params, basis: Basis) -> PayloadLen {
    (0..basis.limbs()).fold(PayloadLen::new(), |len, i| len.limb(params.modulus(basis, i).value(), params.n()))
}

pub(super) fn write_poly(params: &Params, poly: &Poly<Ntt>, writer: &mut PayloadWriter<'_>) -> Result<()> {
    let basis = poly.basis();
    (0..basis.limbs()).try_for_each(|i| writer.limb(params.modulus(basis, i).value(), poly.limb(i)))
}

/// `basis` must have been checked against the parameters.
pub(super) fn read_poly(params: &Params, basis: Basis, reader: &mut PayloadReader<'_>) -> Result<Poly<Ntt>> {
    let mut poly = Poly::unfilled(params.n(), basis);
    for i in 0..basis.limbs() {
        reader.limb(params.modulus(basis, i).value(), poly.limb_mut(i))?;
    }
    Ok(poly)
}

/// Refuses to write a polynomial of another ring or with primes that the parameters do not have.
pub(super) fn check_poly(params: &Params, what: &'static str, poly: &Poly<Ntt>) -> Result<()> {
    check_limbs(params, what, poly.basis(), poly.n())
}

/// [`check_poly`] of a polynomial that is stored in another way.
pub(super) fn check_limbs(params: &Params, what: &'static str, found: Basis, n: usize) -> Result<()> {
    let full = params.full_basis();
    if n == params.n() && (1..=full.q).contains(&found.q) && found.p <= full.p {
        return Ok(());
    }
    Err(Error::LengthMismatch {
        what,
        found: n * found.limbs(),
        needed: format!("up to {} + {} limbs of {} words", full.q, full.p, params.n()),
    })
}

/// Refuses a level that the parameters do not have.
pub(super) fn check_level(params: &Params, level: usize) -> Result<()> {
    if level <= params.max_level() {
        return Ok(());
    }
    Err(Error::FileHeader { reason: format!("level {level}, the parameters have {}", params.max_level()) })
}
