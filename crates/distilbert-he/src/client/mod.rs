//! The half that holds the secret key: text to query, answer to label.

mod answer;
mod batch;

use std::path::Path;

use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{EvaluationKeys, KeyGenerator, PublicKey, SecretKey};
use ckks_core::params::Params;
use ckks_core::ring::sampling::Randomness;
use hnn_layers::ragged::bucket_of;
use serde::Serialize;

use crate::compile::CompiledStudent;
use crate::message::Query;
use crate::student::Student;
use crate::tokenizer::{LongText, Tokenizer};
use crate::{Error, Result};

pub use answer::{Prediction, Spread, decrypt_answer, decrypt_answers};
pub use batch::{BatchPlan, PlannedQuery};

/// What the client needs of a model.
pub struct ClientModel {
    student: Student,
    tokenizer: Tokenizer,
    compiled: CompiledStudent,
    encoder: Encoder,
}

/// The three kinds of keys, made together.
pub struct KeySet {
    /// Stays with the client.
    pub secret: SecretKey,
    /// For others who want to encrypt to the client.
    pub public: PublicKey,
    /// For the server.
    pub evaluation: EvaluationKeys,
}

/// What happened to a text on its way into a query. Stays with the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextReport {
    /// Tokens that were encrypted, `[CLS]` and `[SEP]` included.
    pub tokens: usize,
    /// Tokens that did not fit and were cut from the end.
    pub cut_tokens: usize,
    /// Bytes of the text that the encrypted tokens cover.
    pub kept_bytes: usize,
    /// Tokens that the vocabulary does not know.
    pub unknown_tokens: usize,
    /// Control characters that were dropped.
    pub removed_characters: usize,
    /// Public length class that the server sees.
    pub positions: usize,
}

impl ClientModel {
    /// Reads a student's directory with its vocabulary, for the parameter set that its configuration names.
    ///
    /// # Errors
    /// Files, weights or parameters that do not fit: see [`Error`].
    pub fn load(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let student = Student::load(dir)?;
        let params = CompiledStudent::preset(student.config())?;
        Self::new(student, Tokenizer::load(dir)?, &params)
    }

    /// Puts a client together for any parameters.
    ///
    /// # Errors
    /// [`Error::Config`] if vocabulary and table differ in size; as [`CompiledStudent::new`].
    pub fn new(student: Student, tokenizer: Tokenizer, params: &Params) -> Result<Self> {
        if tokenizer.vocab_size() != student.config().vocab_size {
            return Err(Error::Config {
                path: Student::FILES[0].into(),
                field: "vocab_size".to_owned(),
                found: student.config().vocab_size.to_string(),
                needed: format!("{}, the number of tokens in the vocabulary", tokenizer.vocab_size()),
            });
        }
        let compiled = CompiledStudent::new(&student, params)?;
        Ok(Self { encoder: Encoder::new(params)?, student, tokenizer, compiled })
    }

    /// The student on plain numbers, to compare with.
    pub fn student(&self) -> &Student {
        &self.student
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The circuits and what they need.
    pub fn compiled(&self) -> &CompiledStudent {
        &self.compiled
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        self.compiled.params()
    }

    /// Positions of the smallest length class that holds `tokens` tokens.
    ///
    /// # Errors
    /// A layer's refusal if there is none.
    pub fn positions_of(&self, tokens: usize) -> Result<usize> {
        Ok(bucket_of(&self.student.config().buckets, tokens)?.positions)
    }
}

/// Makes all keys that the model's circuits need; `progress` is told after each evaluation key how many are done and how many
/// there are.
///
/// # Errors
/// Those of the key generator.
pub fn keygen(model: &ClientModel, randomness: &mut Randomness, progress: impl FnMut(usize, usize)) -> Result<KeySet> {
    let params = model.params();
    let secret = SecretKey::generate(params, randomness);
    let generator = KeyGenerator::new(params, &secret)?;
    let public = generator.public_key(randomness);
    let evaluation = generator.evaluation_keys(model.compiled.key_requirements(), randomness, progress);
    Ok(KeySet { secret, public, evaluation })
}

/// Tokenises, embeds, pads and encrypts a text.
///
/// # Errors
/// A text without content or, with [`LongText::Refuse`], of too many tokens; a key of other parameters.
pub fn encrypt_text(
    model: &ClientModel,
    secret: &SecretKey,
    text: &str,
    long: LongText,
    randomness: &mut Randomness,
) -> Result<(Query, TextReport)> {
    let text = model.tokenizer.encode(text, model.student.config().max_tokens(), long)?;
    let (query, positions) = encrypt_ids(model, secret, &text.ids, randomness)?;
    let report = TextReport {
        tokens: text.ids.len(),
        cut_tokens: text.cut_tokens(),
        kept_bytes: text.kept_bytes,
        unknown_tokens: text.unknown_tokens,
        removed_characters: text.removed_characters,
        positions,
    };
    Ok((query, report))
}

/// Embeds, pads and encrypts a token sequence; also returns its length class.
///
/// # Errors
/// [`Error::TokenIds`] or a layer's refusal for a sequence that does not fit; a key of other parameters.
pub fn encrypt_ids(model: &ClientModel, secret: &SecretKey, ids: &[u32], randomness: &mut Randomness) -> Result<(Query, usize)> {
    let positions = model.positions_of(ids.len())?;
    Ok((encrypt_together(model, secret, &[ids], positions, randomness)?, positions))
}

/// Embeds, pads and encrypts token sequences that share one ciphertext of the length class of `positions`.
///
/// # Errors
/// As [`encrypt_ids`]; [`Error::TokenIds`] for more sequences than a ciphertext of the class holds.
pub fn encrypt_together(
    model: &ClientModel,
    secret: &SecretKey,
    sentences: &[&[u32]],
    positions: usize,
    randomness: &mut Randomness,
) -> Result<Query> {
    let embedded = sentences.iter().map(|ids| model.student.embedding().embed(ids)).collect::<Result<Vec<_>>>()?;
    let values = model.compiled.layout(positions)?.pack(&embedded)?;
    let (params, level) = (model.params(), model.compiled.input_level());
    let plaintext = model.encoder.encode(&values, level, params.scale_at(level))?;
    Ok(Query {
        key_id: secret.id(),
        query_id: randomness.public_id(),
        model: model.compiled.digest(),
        positions,
        sentences: sentences.len(),
        tokens: encrypt_symmetric(params, secret, &plaintext, randomness)?,
    })
}
