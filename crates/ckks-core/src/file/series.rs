//! Several containers one after the other in one file, read and written one at a time: memory does not grow with their number.
//!
//! The first container is a [`SeriesHead`] without payload, which says how many follow and what they are about. Each has its own
//! digest, so what is handed out has been checked although the rest of the file has not been read yet.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::container::{FileType, PREFIX, claimed_length, read_exact};
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::Storable;
use super::{atomic, in_file, open, read_from, write_to};
use crate::error::{Error, Result};
use crate::params::Params;

/// The first container of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesHead {
    /// Number of containers that follow.
    pub containers: u64,
    /// What the crate that writes the series says about it. Not secret.
    pub about: Map<String, Value>,
}

impl Storable for SeriesHead {
    const TYPE: FileType = FileType::SERIES;
    type Header = Self;

    fn header(&self, _: &Params) -> Result<Self> {
        Ok(self.clone())
    }

    fn payload_len(_: &Self, _: &Params) -> Result<PayloadLen> {
        Ok(PayloadLen::new())
    }

    fn write_payload(&self, _: &Params, _: &mut PayloadWriter<'_>) -> Result<()> {
        Ok(())
    }

    fn read_payload(header: Self, _: &Params, _: &mut PayloadReader<'_>) -> Result<Self> {
        Ok(header)
    }
}

/// Takes the containers of a series in order.
pub struct SeriesWriter<'w> {
    sink: &'w mut dyn Write,
    params: &'w Params,
    left: u64,
    bytes: u64,
}

impl SeriesWriter<'_> {
    /// Appends a container.
    ///
    /// # Errors
    /// As [`super::write_to`]; [`Error::LengthMismatch`] for one more than the head announces.
    pub fn put<T: Storable>(&mut self, value: &T) -> Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::LengthMismatch {
            what: "containers of a series",
            found: 1,
            needed: "0 more, the head announces as many as were written".into(),
        })?;
        self.bytes += write_to(self.sink, value, self.params, &Map::new())?;
        Ok(())
    }
}

/// Writes a series, whole or not at all: the head, then what `write` puts. Returns the length of the file in bytes and what
/// `write` returned. The error type is the caller's, so that what it computes in between may fail in its own way.
///
/// # Errors
/// As [`super::write()`]; [`Error::LengthMismatch`] unless `write` puts as many containers as the head announces; its own errors.
pub fn write_series<R, E: From<Error>>(
    path: impl AsRef<Path>,
    overwrite: bool,
    head: &SeriesHead,
    params: &Params,
    write: impl FnOnce(&mut SeriesWriter<'_>) -> Result<R, E>,
) -> Result<(u64, R), E> {
    let path = path.as_ref();
    // Errors of `write` are its own business; those of the file get its name.
    let mut own = None;
    let written = atomic::replace(path, overwrite, false, |file| {
        let bytes = write_to(file, head, params, &Map::new())?;
        let mut series = SeriesWriter { sink: file, params, left: head.containers, bytes };
        match write(&mut series) {
            Ok(result) if series.left == 0 => Ok(Some((series.bytes, result))),
            Ok(_) => Err(Error::LengthMismatch {
                what: "containers of a series",
                found: (head.containers - series.left) as usize,
                needed: format!("{}, as the head announces", head.containers),
            }),
            Err(error) => {
                own = Some(error);
                Err(Error::Io { action: "write", source: std::io::ErrorKind::Other.into() })
            }
        }
    });
    match (own, written) {
        (Some(error), _) => Err(error),
        (None, Ok(Some(written))) => Ok(written),
        (None, Ok(None)) => Err(Error::Io { action: "write", source: std::io::ErrorKind::Other.into() }.into()),
        (None, Err(error)) => Err(in_file(path, error).into()),
    }
}

/// Hands out the containers of a series in order.
pub struct SeriesReader {
    path: PathBuf,
    file: File,
    bytes_left: u64,
    head: SeriesHead,
    left: u64,
}

impl SeriesReader {
    /// Opens a series and reads its head.
    ///
    /// # Errors
    /// As [`super::read`].
    pub fn open(path: impl AsRef<Path>, params: &Params) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let opened = || {
            let (mut file, mut bytes_left) = open(&path)?;
            let head: SeriesHead = next(&mut file, &mut bytes_left, params)?;
            Ok((file, bytes_left, head))
        };
        let (file, bytes_left, head) = opened().map_err(|e| in_file(&path, e))?;
        Ok(Self { path, file, bytes_left, left: head.containers, head })
    }

    /// The head.
    pub fn head(&self) -> &SeriesHead {
        &self.head
    }

    /// The next container, or `None` behind the last one.
    ///
    /// # Errors
    /// As [`super::read`]; [`Error::FileLength`] for a file that ends before or goes on behind the last container.
    pub fn next<T: Storable>(&mut self, params: &Params) -> Result<Option<T>> {
        let Some(left) = self.left.checked_sub(1) else {
            return match self.bytes_left {
                0 => Ok(None),
                more => Err(in_file(&self.path, Error::FileLength { found: more, needed: 0 })),
            };
        };
        if self.bytes_left == 0 {
            return Err(in_file(&self.path, Error::FileLength { found: 0, needed: PREFIX as u64 }));
        }
        self.left = left;
        next(&mut self.file, &mut self.bytes_left, params).map(Some).map_err(|e| in_file(&self.path, e))
    }
}

/// Reads the container that begins here.
fn next<T: Storable>(file: &mut File, bytes_left: &mut u64, params: &Params) -> Result<T> {
    let (mut source, length) = container(file, *bytes_left)?;
    *bytes_left -= length;
    Ok(read_from(&mut source, length, params)?.0)
}

/// The bytes of the container that begins here, and how many they are: what it claims, or what is left.
pub(super) fn container(file: &mut File, bytes_left: u64) -> Result<(impl Read + '_, u64)> {
    let mut prefix = [0u8; PREFIX];
    let start = bytes_left.min(PREFIX as u64) as usize;
    read_exact(file, &mut prefix[..start])?;
    let length = claimed_length(&prefix).min(bytes_left);
    let prefix: Vec<u8> = prefix[..start].to_vec();
    Ok((std::io::Cursor::new(prefix).chain(file.take(length.saturating_sub(start as u64))), length))
}
