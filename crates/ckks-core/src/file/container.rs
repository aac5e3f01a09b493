//! Byte layout of the container: prefix, JSON header with its own checksum, payload, digest.
//!
//! ```text
//! offset  size
//!      0     8  magic
//!      8     4  format version
//!     12     4  type tag (ASCII)
//!     16    32  digest of the parameters
//!     48     4  length h of the JSON header
//!     52     4  zero
//!     56     8  length of the payload, a multiple of 64
//!     64     h  JSON header
//!   64+h    32  BLAKE3 of the bytes before (so that the header can be trusted without reading the payload)
//!            …  zeros to the next multiple of 64
//!               payload: sections, each starting at a multiple of 64 (see `payload`)
//!    end    32  BLAKE3 of all bytes before
//! ```
//!
//! Integers are little-endian. Every length is checked against the length of the file before anything is allocated for it.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// First bytes of every file: not text, damaged by transfers that translate line ends (the idea is PNG's).
pub(super) const MAGIC: [u8; 8] = *b"\x89CKKS\r\n\x1a";
/// The version that this library writes and reads.
pub const FORMAT_VERSION: u32 = 1;
/// Longest JSON header in bytes. Headers list keys and levels, never data: the largest real one has a few kilobytes.
pub const MAX_HEADER: usize = 1 << 20;
/// Alignment of the payload and of each of its sections in bytes.
pub const ALIGNMENT: u64 = 64;
/// Length of the fixed fields before the JSON header.
pub(super) const PREFIX: usize = 64;
/// Length of a BLAKE3 digest.
pub(super) const DIGEST: usize = 32;

/// What a file holds: four ASCII bytes in the file and a name for messages.
///
/// Crates above define their own (a query, an answer) with [`FileType::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileType {
    tag: [u8; 4],
    name: &'static str,
}

impl FileType {
    /// A parameter literal.
    pub const PARAMETERS: Self = Self::new(*b"PARM", "parameters");
    /// A secret key. The type can be recognised, and refused, by programs that cannot read it.
    pub const SECRET_KEY: Self = Self::new(*b"SKEY", "secret key");
    /// Head of a series.
    pub const SERIES: Self = Self::new(*b"SERS", "series");
    /// A public encryption key.
    pub const PUBLIC_KEY: Self = Self::new(*b"PKEY", "public key");
    /// Relinearisation and Galois keys.
    pub const EVALUATION_KEYS: Self = Self::new(*b"EVKS", "evaluation keys");
    /// Evaluation keys and those of bootstrapping.
    pub const BOOTSTRAP_KEYS: Self = Self::new(*b"BTKS", "bootstrapping keys");
    /// A fresh symmetric ciphertext, one half as a seed.
    pub const SEEDED_CIPHERTEXT: Self = Self::new(*b"SCTX", "seeded ciphertext");
    /// A ciphertext.
    pub const CIPHERTEXT: Self = Self::new(*b"CTXT", "ciphertext");

    /// A type with its tag and the name that messages use.
    #[must_use]
    pub const fn new(tag: [u8; 4], name: &'static str) -> Self {
        Self { tag, name }
    }

    /// The four bytes in the file.
    #[must_use]
    pub const fn tag(&self) -> [u8; 4] {
        self.tag
    }

    /// The name in messages and in the JSON header.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// The JSON header of every file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    /// Name of the file type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The parameter literal: the file can be understood without its neighbours.
    pub parameters: serde_json::Value,
    /// What the type itself needs to be read.
    pub content: serde_json::Value,
    /// Fields of the writer's choice.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Fixed fields and header, verified.
#[derive(Debug)]
pub(super) struct Preamble {
    pub version: u32,
    pub tag: [u8; 4],
    pub params_digest: [u8; 32],
    pub payload_len: u64,
    pub envelope: Envelope,
}

/// Zeros needed after `length` bytes to reach the alignment.
pub(super) fn padding(length: u64) -> u64 {
    (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT
}

/// The bytes before the payload.
pub(super) fn encode_preamble(
    file_type: FileType,
    params_digest: &[u8; 32],
    envelope: &Envelope,
    payload_len: u64,
) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(envelope).map_err(|e| Error::FileHeader { reason: e.to_string() })?;
    if json.len() > MAX_HEADER {
        return Err(Error::FileHeader { reason: format!("{} bytes, at most {MAX_HEADER} fit", json.len()) });
    }
    let mut bytes = Vec::with_capacity(PREFIX + json.len() + DIGEST + ALIGNMENT as usize);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&file_type.tag);
    bytes.extend_from_slice(params_digest);
    bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&payload_len.to_le_bytes());
    bytes.extend_from_slice(&json);
    let digest = blake3::hash(&bytes);
    bytes.extend_from_slice(digest.as_bytes());
    bytes.resize(bytes.len() + padding(bytes.len() as u64) as usize, 0);
    Ok(bytes)
}

/// Reads and verifies everything before the payload; what was read goes into `hasher`. `length` is that of the whole file.
pub(super) fn decode_preamble(reader: &mut dyn Read, length: u64, hasher: &mut blake3::Hasher) -> Result<Preamble> {
    let mut prefix = [0u8; PREFIX];
    let start = (length.min(PREFIX as u64)) as usize;
    read_exact(reader, &mut prefix[..start])?;
    let magic_len = start.min(MAGIC.len());
    if start == 0 || prefix[..magic_len] != MAGIC[..magic_len] {
        return Err(Error::NotAContainer { found: prefix[..magic_len].escape_ascii().to_string() });
    }
    if start < PREFIX {
        return Err(Error::FileLength { found: length, needed: PREFIX as u64 });
    }
    let version = u32::from_le_bytes(field(&prefix, 8));
    if version != FORMAT_VERSION {
        return Err(Error::FormatVersion { found: version, needed: FORMAT_VERSION });
    }
    let header_len = u64::from(u32::from_le_bytes(field(&prefix, 48)));
    let payload_len = u64::from_le_bytes(field(&prefix, 56));
    if header_len > MAX_HEADER as u64 {
        return Err(Error::FileHeader { reason: format!("claims {header_len} bytes, at most {MAX_HEADER} are allowed") });
    }
    let unpadded = PREFIX as u64 + header_len + DIGEST as u64;
    let payload_start = unpadded + padding(unpadded);
    let needed = claimed_length(&prefix);
    if needed != length {
        return Err(Error::FileLength { found: length, needed });
    }
    if payload_len % ALIGNMENT != 0 {
        return Err(Error::Corrupt { what: "the payload's length is not a multiple of its alignment" });
    }
    let mut rest = vec![0u8; (payload_start - PREFIX as u64) as usize];
    read_exact(reader, &mut rest)?;
    hasher.update(&prefix);
    let json = &rest[..header_len as usize];
    hasher.update(json);
    let (checksum, zeros) = rest[header_len as usize..].split_at(DIGEST);
    if hasher.finalize().as_bytes()[..] != *checksum {
        return Err(Error::Corrupt { what: "the header's checksum does not match" });
    }
    hasher.update(checksum).update(zeros);
    if prefix[52..56] != [0; 4] || zeros.iter().any(|&b| b != 0) {
        return Err(Error::Corrupt { what: "bytes that must be zero are not" });
    }
    let envelope: Envelope = serde_json::from_slice(json).map_err(|e| Error::FileHeader { reason: e.to_string() })?;
    Ok(Preamble { version, tag: field(&prefix, 12), params_digest: field(&prefix, 16), payload_len, envelope })
}

/// Length of the container that a prefix begins, by its own account: checked by [`decode_preamble`].
pub(super) fn claimed_length(prefix: &[u8; PREFIX]) -> u64 {
    let header_len = u64::from(u32::from_le_bytes(field(prefix, 48)));
    let unpadded = PREFIX as u64 + header_len + DIGEST as u64;
    let payload_len = u64::from_le_bytes(field(prefix, 56));
    (unpadded + padding(unpadded)).saturating_add(payload_len).saturating_add(DIGEST as u64)
}

fn field<const L: usize>(prefix: &[u8; PREFIX], at: usize) -> [u8; L] {
    let mut bytes = [0; L];
    bytes.copy_from_slice(&prefix[at..at + L]);
    bytes
}

/// The length was checked before, so an early end means that the file shrank meanwhile.
pub(super) fn read_exact(reader: &mut dyn Read, buffer: &mut [u8]) -> Result<()> {
    reader.read_exact(buffer).map_err(|source| Error::Io { action: "read", source })
}
