//! What travels between client and server: queries and answers.
//!
//! A query's header is the same for all texts of one length class, apart from random identifiers and the seed of the uniform
//! half: it says which keys, which model, how many positions and how many sentences share the ciphertext, nothing else.
//!
//! A batch is a series of queries ([`ckks_core::file::SeriesReader`]) behind a head with a [`BatchHead`], grouped by length class;
//! its answer is a series of answers in the same order. Which line of the input is where stays with the client.

use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::file::ciphertext::CiphertextHeader;
use ckks_core::file::seeded_ciphertext::SeededCiphertextHeader;
use ckks_core::file::{FileType, Hex, PayloadLen, PayloadReader, PayloadWriter, SeriesHead, Storable};
use ckks_core::params::Params;
use serde::{Deserialize, Serialize};

/// Largest number of positions that a header may claim.
const MOST_POSITIONS: usize = 1 << 16;

/// Largest number of sentences that a header may claim to share a ciphertext.
const MOST_SENTENCES: usize = 1 << 16;

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
    /// Sentences in the ciphertext, at least 1.
    pub sentences: usize,
    /// The embedded, zero-padded token matrices.
    pub tokens: SeededCiphertext,
}

/// Encrypted scores.
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
    /// Sentences that were answered.
    pub sentences: usize,
    /// Places for sentences, a power of two: slot j belongs to place j mod `places`, and place s to sentence s mod `sentences`.
    pub places: usize,
    /// The probability of the second label in every slot.
    pub score: Ciphertext,
}

/// How many sentences of a length class a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchGroup {
    /// Token positions of the class.
    pub positions: usize,
    /// Sentences in it.
    pub sentences: usize,
    /// Ciphertexts that hold them.
    pub queries: usize,
}

/// What the head of a batch says, and that of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchHead {
    /// Random identifier of the batch, repeated in the answer.
    pub batch_id: Hex<16>,
    /// [`Query::key_id`] of all queries.
    pub key_id: Hex<16>,
    /// [`Query::model`] of all queries.
    pub model: Hex<32>,
    /// The groups in the order of the queries.
    pub groups: Vec<BatchGroup>,
}

impl BatchHead {
    /// The head of the file.
    ///
    /// # Errors
    /// [`ckks_core::Error::FileHeader`] if JSON cannot hold it.
    pub fn to_series(&self) -> ckks_core::Result<SeriesHead> {
        let containers = self.groups.iter().map(|g| g.queries as u64).sum();
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(about)) => Ok(SeriesHead { containers, about }),
            Ok(other) => Err(refuse(format!("a batch head that is no object: {other}"))),
            Err(error) => Err(refuse(error.to_string())),
        }
    }

    /// What a series says about itself, if it is a batch.
    ///
    /// # Errors
    /// [`ckks_core::Error::FileHeader`] for another kind of series or one that contradicts itself.
    pub fn of_series(series: &SeriesHead) -> ckks_core::Result<Self> {
        let head: Self = serde_json::from_value(series.about.clone().into())
            .map_err(|error| refuse(format!("a series that is no batch of sentences: {error}")))?;
        let announced = head.groups.iter().try_fold(0u64, |sum, g| sum.checked_add(g.queries as u64));
        if announced != Some(series.containers) {
            return Err(refuse(format!("{} ciphertexts in the series, {announced:?} in its groups", series.containers)));
        }
        Ok(head)
    }
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
    /// [`Query::sentences`].
    pub sentences: usize,
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
    /// [`Answer::sentences`].
    pub sentences: usize,
    /// [`Answer::places`].
    pub places: usize,
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
            sentences: self.sentences,
            tokens: self.tokens.header(params)?,
        })
    }

    fn payload_len(header: &QueryHeader, params: &Params) -> ckks_core::Result<PayloadLen> {
        if header.positions == 0 || header.positions > MOST_POSITIONS {
            return Err(refuse(format!("{} positions, needed 1 to {MOST_POSITIONS}", header.positions)));
        }
        if header.sentences == 0 || header.sentences > MOST_SENTENCES {
            return Err(refuse(format!("{} sentences, needed 1 to {MOST_SENTENCES}", header.sentences)));
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
            sentences: header.sentences,
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
            sentences: self.sentences,
            places: self.places,
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
        let (sentences, places) = (header.sentences, header.places);
        if !places.is_power_of_two() || places > params.slots() || sentences == 0 || sentences > places {
            return Err(refuse(format!(
                "{sentences} sentences in {places} places, needed 1 to the number of places, a power of two up to {}",
                params.slots()
            )));
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
            sentences: header.sentences,
            places: header.places,
            score: Ciphertext::read_payload(header.score, params, reader)?,
        })
    }
}
