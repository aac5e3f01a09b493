//! The half that holds the secret key: text to query, answer to label.

use std::path::Path;

use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::file::Hex;
use ckks_core::keys::{EvaluationKeys, KeyGenerator, PublicKey, SecretKey};
use ckks_core::params::Params;
use ckks_core::ring::sampling::Randomness;
use hnn_layers::ragged::bucket_of;
use serde::Serialize;

use crate::compile::CompiledStudent;
use crate::message::{Answer, Query};
use crate::student::Student;
use crate::tokenizer::{LongText, Tokenizer};
use crate::{Error, Result};

/// Noise of an answer (standard deviation per slot) above which it counts as damaged: a score would be wrong in the second
/// decimal. Under a wrong key slots are spread over ±2^(bits of q₀ − scale), thousands and more.
const LARGEST_NOISE: f64 = 0.01;

/// How far outside \[0, 1\] a score may lie: the error of a σ polynomial of low degree and the noise.
const SCORE_MARGIN: f64 = 0.1;

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

/// A decrypted answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Label on the score's side of one half.
    pub label: String,
    /// Probability of `label` with three decimals: what may be shown to others.
    pub score: f64,
    /// Probability of the second label as decrypted, not rounded: for comparisons on the client's side only.
    #[serde(skip)]
    pub unrounded: f64,
    /// −log2 of the noise's standard deviation per slot, measured on slots that would be equal and real without noise.
    pub precision_bits: f64,
    /// Identifier of the query that was answered.
    pub query_id: Hex<16>,
    /// Name of the model that answered, by its own account.
    pub model: String,
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
    let positions = bucket_of(&model.student.config().buckets, ids.len())?.positions;
    let values = model.compiled.layout(positions)?.pack(&[model.student.embedding().embed(ids)?])?;
    let (params, level) = (model.params(), model.compiled.input_level());
    let plaintext = model.encoder.encode(&values, level, params.scale_at(level))?;
    let query = Query {
        key_id: secret.id(),
        query_id: randomness.public_id(),
        model: model.compiled.digest(),
        positions,
        tokens: encrypt_symmetric(params, secret, &plaintext, randomness)?,
    };
    Ok((query, positions))
}

/// Decrypts an answer and looks whether it can be one.
///
/// # Errors
/// [`Error::Foreign`] for an answer to a query under another key; [`Error::DamagedAnswer`] if range, imaginary parts or the
/// spread over the slots are not those of a score.
pub fn decrypt_answer(params: &Params, secret: &SecretKey, answer: &Answer) -> Result<Prediction> {
    if answer.key_id != secret.id() {
        return Err(Error::Foreign {
            what: "the answer",
            owner: "this secret key",
            found: format!("key id {}", Hex(answer.key_id)),
            needed: Hex(secret.id()).to_string(),
            advice: "use the secret key that encrypted the query",
        });
    }
    if answer.score.parts()[0].n() != params.n() {
        return Err(Error::Malformed {
            what: "answer",
            field: "ring degree",
            found: answer.score.parts()[0].n().to_string(),
            needed: params.n().to_string(),
        });
    }
    let slots = Encoder::new(params)?.decode(&ckks_core::decrypt::decrypt(params, secret, &answer.score)?)?;
    let count = slots.len() as f64;
    let mean = slots.iter().map(|z| z.re).sum::<f64>() / count;
    let spread = (slots.iter().map(|z| (z.re - mean).powi(2)).sum::<f64>() / count).sqrt();
    let imaginary = (slots.iter().map(|z| z.im.powi(2)).sum::<f64>() / count).sqrt();
    let noise = spread.max(imaginary);
    if noise.is_nan() || noise > LARGEST_NOISE {
        return Err(Error::DamagedAnswer {
            found: format!("noise of {noise:.2e} per slot (imaginary parts {imaginary:.2e}, spread {spread:.2e})"),
            needed: format!("at most {LARGEST_NOISE}"),
        });
    }
    if !(-SCORE_MARGIN..=1.0 + SCORE_MARGIN).contains(&mean) {
        return Err(Error::DamagedAnswer {
            found: format!("a score of {mean:.4}"),
            needed: format!("0 to 1, or up to {SCORE_MARGIN} beyond"),
        });
    }
    let positive = mean >= 0.5;
    let [negative_label, positive_label] = &answer.labels;
    let probability = if positive { mean } else { 1.0 - mean };
    Ok(Prediction {
        label: if positive { positive_label } else { negative_label }.clone(),
        score: (probability.clamp(0.0, 1.0) * 1000.0).round() / 1000.0,
        unrounded: mean,
        precision_bits: -noise.max(f64::MIN_POSITIVE).log2(),
        query_id: Hex(answer.query_id),
        model: answer.model_name.clone(),
    })
}
