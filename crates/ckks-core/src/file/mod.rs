//! The file container: one format for parameters, keys, ciphertexts and whatever crates above define.
//!
//! ```text
//! prefix (magic, version, type, parameter digest, lengths) · JSON header · checksum · payload in 64-byte units · BLAKE3
//! ```
//!
//! * Files appear whole or not at all: [`write()`] goes through a temporary file, flushes it and renames it.
//! * [`read`] checks the claimed lengths against the file's before it allocates, every residue against its prime, and the digest
//!   over all bytes before it hands anything out. Whatever is wrong is a structured [`Error`] with the file's name.
//! * [`inspect`] reads only the header, which has a checksum of its own. It needs no parameters and no secret.
//! * Limbs of primes below 2^32 take four bytes a word, uniform halves are stored as their seeds.
//!
//! The exact layout is in [`container`], a type's own part in the module of that name, and [`Storable`] is how other crates
//! store their types.

mod atomic;
pub mod bootstrap_keys;
pub mod ciphertext;
pub mod container;
pub mod evaluation_keys;
pub mod fields;
pub mod parameters;
pub mod payload;
pub mod public_key;
mod room;
#[cfg(feature = "secret")]
pub mod secret_key;
pub mod seeded_ciphertext;
pub mod series;
pub mod storable;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroize;

pub use container::{FORMAT_VERSION, FileType};
pub use fields::{Hex, StoredScale};
pub use payload::{PayloadLen, PayloadReader, PayloadWriter};
pub use room::check_room;
pub use series::{SeriesHead, SeriesReader, SeriesWriter, write_series};
pub use storable::Storable;

use crate::error::{Error, Result};
use crate::params::{Params, ParamsLiteral};
use container::{DIGEST, Envelope, Preamble, decode_preamble, encode_preamble, read_exact};

/// How [`write()`] treats the target, and what it adds to the header.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Replace an existing file. Without it an existing file is refused.
    pub overwrite: bool,
    /// Fields of the writer's choice, shown by [`inspect`] and returned by [`read_with_extra`]. Not secret.
    pub extra: Map<String, Value>,
}

/// What the header of a file says. Its checksum was verified; the payload was not read (see [`verify`]).
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// Name of the type, such as `evaluation keys`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Format version.
    pub version: u32,
    /// Digest of the parameters.
    pub params_digest: Hex<32>,
    /// The parameters, unchecked.
    pub parameters: ParamsLiteral,
    /// The type's own header fields.
    pub content: Value,
    /// Fields of the writer's choice.
    pub extra: Map<String, Value>,
    /// Bytes of the payload.
    pub payload_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// Writes a file, whole or not at all, and returns its length in bytes.
///
/// # Errors
/// [`Error::InFile`] around [`Error::FileExists`], [`Error::Io`] or what [`Storable::header`] refuses.
pub fn write<T: Storable>(path: impl AsRef<Path>, value: &T, params: &Params, options: &WriteOptions) -> Result<u64> {
    let path = path.as_ref();
    atomic::replace(path, options.overwrite, T::SECRET, |file| write_to(file, value, params, &options.extra))
        .map_err(|e| in_file(path, e))
}

/// Writes the bytes of a file to any sink and returns how many they were. The payload is handed over in pieces of 64 KiB.
///
/// # Errors
/// [`Error::Io`] and what [`Storable::header`] refuses.
pub fn write_to<T: Storable>(sink: &mut dyn Write, value: &T, params: &Params, extra: &Map<String, Value>) -> Result<u64> {
    let json = |e: serde_json::Error| Error::FileHeader { reason: e.to_string() };
    let header = value.header(params)?;
    let payload_len = T::payload_len(&header, params)?.get();
    let envelope = Envelope {
        type_name: T::TYPE.name().to_owned(),
        parameters: serde_json::to_value(params.literal()).map_err(json)?,
        content: serde_json::to_value(&header).map_err(json)?,
        extra: extra.clone(),
    };
    let preamble = encode_preamble(T::TYPE, &params.digest(), &envelope, payload_len)?;
    let io = |source| Error::Io { action: "write", source };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&preamble);
    sink.write_all(&preamble).map_err(io)?;
    let mut payload = PayloadWriter::new(sink, &mut hasher);
    value.write_payload(params, &mut payload)?;
    let written = payload.written();
    drop(payload);
    if written != payload_len {
        return Err(Error::FileLength { found: written, needed: payload_len });
    }
    let digest = hasher.finalize();
    hasher.zeroize(); // it keeps the last bytes of the payload
    sink.write_all(digest.as_bytes()).map_err(io)?;
    sink.flush().map_err(io)?;
    Ok(preamble.len() as u64 + payload_len + DIGEST as u64)
}

/// Reads a file.
///
/// # Errors
/// [`Error::InFile`] around [`Error::Io`], [`Error::NotAContainer`], [`Error::FormatVersion`], [`Error::FileLength`],
/// [`Error::FileType`], [`Error::ParamsMismatch`], [`Error::FileHeader`], [`Error::ResidueOutOfRange`] or [`Error::Corrupt`].
pub fn read<T: Storable>(path: impl AsRef<Path>, params: &Params) -> Result<T> {
    read_with_extra(path, params).map(|(value, _)| value)
}

/// Reads a file and the fields that its writer added.
///
/// # Errors
/// As [`read`].
pub fn read_with_extra<T: Storable>(path: impl AsRef<Path>, params: &Params) -> Result<(T, Map<String, Value>)> {
    let path = path.as_ref();
    open(path).and_then(|(mut file, length)| read_from(&mut file, length, params)).map_err(|e| in_file(path, e))
}

/// Reads a container of `length` bytes from any source; in memory: `read_from(&mut bytes.as_slice(), bytes.len() as u64, …)`.
///
/// # Errors
/// As [`read`], without the file's name.
pub fn read_from<T: Storable>(source: &mut dyn Read, length: u64, params: &Params) -> Result<(T, Map<String, Value>)> {
    read_by(source, length, params, |header, payload| T::read_payload(header, params, payload))
}

/// [`read_from`] with another way to read the payload.
fn read_by<T: Storable>(
    source: &mut dyn Read,
    length: u64,
    params: &Params,
    read: impl FnOnce(T::Header, &mut PayloadReader<'_>) -> Result<T>,
) -> Result<(T, Map<String, Value>)> {
    let mut hasher = blake3::Hasher::new();
    let Preamble { tag, params_digest, payload_len, envelope, .. } = decode_preamble(source, length, &mut hasher)?;
    if tag != T::TYPE.tag() {
        return Err(Error::FileType { found: envelope.type_name, needed: T::TYPE.name() });
    }
    params.check_digest("the file", params_digest)?;
    let header: T::Header = serde_json::from_value(envelope.content).map_err(|e| Error::FileHeader { reason: e.to_string() })?;
    let needed = T::payload_len(&header, params)?.get();
    if needed != payload_len {
        return Err(Error::FileLength { found: length, needed: (length - payload_len).saturating_add(needed) });
    }
    let mut payload = PayloadReader::new(source, &mut hasher, payload_len);
    let value = read(header, &mut payload)?;
    if payload.remaining() != 0 {
        return Err(Error::Corrupt { what: "the payload is longer than what its header announces" });
    }
    drop(payload);
    let computed = hasher.finalize();
    hasher.zeroize(); // it keeps the last bytes of the payload
    check_digest(source, computed)?;
    Ok((value, envelope.extra))
}

/// Reads the header of a file of any type; of a series that of its head.
///
/// # Errors
/// As [`read`], but nothing about the type, the parameters or the payload.
pub fn inspect(path: impl AsRef<Path>) -> Result<Info> {
    let path = path.as_ref();
    let look = || {
        let (mut file, length) = open(path)?;
        let (mut first, claimed) = series::container(&mut file, length)?;
        let info = inspect_from(&mut first, claimed)?;
        end_of_file(&info, claimed, length)?;
        Ok(Info { file_bytes: length, ..info })
    };
    look().map_err(|e| in_file(path, e))
}

/// Only a series goes on behind its first container.
fn end_of_file(first: &Info, claimed: u64, length: u64) -> Result<()> {
    if claimed == length || first.type_name == FileType::SERIES.name() {
        return Ok(());
    }
    Err(Error::FileLength { found: length, needed: claimed })
}

/// Reads the header of a container of `length` bytes.
///
/// # Errors
/// As [`inspect`], without the file's name.
pub fn inspect_from(source: &mut dyn Read, length: u64) -> Result<Info> {
    let mut hasher = blake3::Hasher::new();
    info(decode_preamble(source, length, &mut hasher)?, length)
}

/// Reads a file of any type to its end and checks the digest over all bytes, of a series those of all its containers.
///
/// # Errors
/// As [`inspect`], and [`Error::Corrupt`] if any byte was changed.
pub fn verify(path: impl AsRef<Path>) -> Result<Info> {
    let path = path.as_ref();
    let check = || {
        let (mut file, length) = open(path)?;
        let (first, claimed) = verify_next(&mut file, length)?;
        end_of_file(&first, claimed, length)?;
        let mut left = length - claimed;
        let mut announced = first.content["containers"].as_u64().filter(|_| first.type_name == FileType::SERIES.name());
        while let Some(more) = announced.filter(|&n| n > 0) {
            if left == 0 {
                return Err(Error::FileLength { found: length, needed: length + container::PREFIX as u64 });
            }
            left -= verify_next(&mut file, left)?.1;
            announced = Some(more - 1);
        }
        if left > 0 {
            return Err(Error::FileLength { found: length, needed: length - left });
        }
        Ok(Info { file_bytes: length, ..first })
    };
    check().map_err(|e| in_file(path, e))
}

/// Checks the container that begins here, with `left` bytes to the end of the file; also returns its length.
fn verify_next(file: &mut File, left: u64) -> Result<(Info, u64)> {
    let (mut source, length) = series::container(file, left)?;
    let mut hasher = blake3::Hasher::new();
    let preamble = decode_preamble(&mut source, length, &mut hasher)?;
    let mut buffer = zeroize::Zeroizing::new(vec![0u8; 1 << 16]);
    let mut left = preamble.payload_len;
    while left > 0 {
        let chunk = left.min(buffer.len() as u64) as usize;
        read_exact(&mut source, &mut buffer[..chunk])?;
        hasher.update(&buffer[..chunk]);
        left -= chunk as u64;
    }
    check_digest(&mut source, hasher.finalize())?;
    Ok((info(preamble, length)?, length))
}

fn info(preamble: Preamble, length: u64) -> Result<Info> {
    let Preamble { version, params_digest, payload_len, envelope, .. } = preamble;
    let parameters = serde_json::from_value(envelope.parameters).map_err(|e| Error::FileHeader { reason: e.to_string() })?;
    Ok(Info {
        type_name: envelope.type_name,
        version,
        params_digest: Hex(params_digest),
        parameters,
        content: envelope.content,
        extra: envelope.extra,
        payload_bytes: payload_len,
        file_bytes: length,
    })
}

/// Opens a regular file and asks for its length, which every claim is checked against.
fn open(path: &Path) -> Result<(File, u64)> {
    let io = |source| Error::Io { action: "open", source };
    // Before opening: that would wait for the other end of a pipe.
    let metadata = path.metadata().map_err(io)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a directory" } else { "not a regular file" };
        return Err(io(std::io::Error::other(format!("it is {found}"))));
    }
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    Ok((file, length))
}

fn check_digest(source: &mut dyn Read, computed: blake3::Hash) -> Result<()> {
    let mut stored = [0u8; DIGEST];
    read_exact(source, &mut stored)?;
    // `blake3::Hash` compares in constant time.
    if computed != blake3::Hash::from_bytes(stored) {
        return Err(Error::Corrupt { what: "the digest over the file does not match" });
    }
    Ok(())
}

fn in_file(path: &Path, problem: Error) -> Error {
    Error::InFile { path: path.to_owned(), problem: Box::new(problem) }
}
