//! What travels between client and server: queries and answers.
//!
//! A query's header is the same for all texts of one length class, apart from random identifiers and the seed of the uniform
//! half: it says which keys, which model and how many positions, nothing else.

use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::file::ciphertext::CiphertextHeader;
use ckks_core::file::seeded_ciphertext::SeededCiphertextHeader;
use ckks_core::file::{FileType, Hex, PayloadLen, PayloadReader, PayloadWriter, Storable};
use ckks_core::params::Params;
use serde::{Deserialize, Serialize};

/// Largest number of positions that a header may claim.
const MOST_POSITIONS: usize = 1 << 16;

/// Longest label or model name in an answer's header, in bytes.
const LONGEST_NAME: usize = 256;

/// An encrypted text.
#[derive(Clone)]
pub struct Query {
    /// Identifier of the secret key that it is encrypted under.
    pub key_id: [u8; 16],
    /// Random identifier, repeated in the answer.
    pub query_id: [u8; 16],
    /// Digest of the model that it was made for.
    pub model: [u8; 32],
    /// Public length class: number of token positions.
    pub positions: usize,
    /// The embedded, zero-padded token matrix.
    pub tokens: SeededCiphertext,
}

/// An encrypted score.
#[derive(Clone)]
pub struct Answer {
    /// Identifier of the secret key that decrypts it.
    pub key_id: [u8; 16],
    /// Identifier of the query that it answers.
    pub query_id: [u8; 16],
    /// Digest of the model that computed it.
    pub model: [u8; 32],
    /// Name of that model.
    pub model_name: String,
    /// Labels for scores below and above one half.
    pub labels: [String; 2],
    /// The probability of the second label in every slot.
    pub score: Ciphertext,
}

/// JSON header of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryHeader {
    /// [`Query::key_id`].
    pub key_id: Hex<16>,
    /// [`Query::query_id`].
    pub query_id: Hex<16>,
    /// [`Query::model`].
    pub model: Hex<32>,
    /// [`Query::positions`].
    pub positions: usize,
    /// Level, scale and seed of the token matrix.
    pub tokens: SeededCiphertextHeader,
}

/// JSON header of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerHeader {
    /// [`Answer::key_id`].
    pub key_id: Hex<16>,
    /// [`Answer::query_id`].
    pub query_id: Hex<16>,
    /// [`Answer::model`].
    pub model: Hex<32>,
    /// [`Answer::model_name`].
    pub model_name: String,
    /// [`Answer::labels`].
    pub labels: [String; 2],
    /// Level and scale of the score.
    pub score: CiphertextHeader,
}

fn refuse(reason: String) -> ckks_core::Error {
    ckks_core::Error::FileHeader { reason }
}

impl Storable for Query {
    const TYPE: FileType = FileType::new(*b"QURY", "query");
    type Header = QueryHeader;

    fn header(&self, params: &Params) -> ckks_core::Result<QueryHeader> {
        Ok(QueryHeader {
            key_id: Hex(self.key_id),
            query_id: Hex(self.query_id),
            model: Hex(self.model),
            positions: self.positions,
            tokens: self.tokens.header(params)?,
        })
    }

    fn payload_len(header: &QueryHeader, params: &Params) -> ckks_core::Result<PayloadLen> {
        if header.positions == 0 || header.positions > MOST_POSITIONS {
            return Err(refuse(format!("{} positions, needed 1 to {MOST_POSITIONS}", header.positions)));
        }
        SeededCiphertext::payload_len(&header.tokens, params)
    }

    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> ckks_core::Result<()> {
        self.tokens.write_payload(params, writer)
    }

    fn read_payload(header: QueryHeader, params: &Params, reader: &mut PayloadReader<'_>) -> ckks_core::Result<Self> {
        Ok(Self {
            key_id: header.key_id.0,
            query_id: header.query_id.0,
            model: header.model.0,
            positions: header.positions,
            tokens: SeededCiphertext::read_payload(header.tokens, params, reader)?,
        })
    }
}

impl Storable for Answer {
    const TYPE: FileType = FileType::new(*b"ANSW", "answer");
    type Header = AnswerHeader;

    fn header(&self, params: &Params) -> ckks_core::Result<AnswerHeader> {
        Ok(AnswerHeader {
            key_id: Hex(self.key_id),
            query_id: Hex(self.query_id),
            model: Hex(self.model),
            model_name: self.model_name.clone(),
            labels: self.labels.clone(),
            score: self.score.header(params)?,
        })
    }

    fn payload_len(header: &AnswerHeader, params: &Params) -> ckks_core::Result<PayloadLen> {
        for name in header.labels.iter().chain([&header.model_name]) {
            if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
                return Err(refuse(format!(
                    "a name of {} bytes, needed at most {LONGEST_NAME}, without control characters",
                    name.len()
                )));
            }
        }
        Ciphertext::payload_len(&header.score, params)
    }

    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> ckks_core::Result<()> {
        self.score.write_payload(params, writer)
    }

    fn read_payload(header: AnswerHeader, params: &Params, reader: &mut PayloadReader<'_>) -> ckks_core::Result<Self> {
        Ok(Self {
            key_id: header.key_id.0,
            query_id: header.query_id.0,
            model: header.model.0,
            model_name: header.model_name,
            labels: header.labels,
            score: Ciphertext::read_payload(header.score, params, reader)?,
        })
    }
}
