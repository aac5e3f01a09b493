//! From an answer to labels and scores.

use ckks_core::encoding::Encoder;
use ckks_core::file::Hex;
use ckks_core::keys::SecretKey;
use ckks_core::params::Params;
use num_complex::Complex64;
use serde::Serialize;

use crate::message::Answer;
use crate::{Error, Result};

/// Noise of an answer (standard deviation per slot) above which it counts as damaged: a score would be wrong in the second
/// decimal. Under a wrong key slots are spread over ±2^(bits of q₀ − scale), thousands and more.
const LARGEST_NOISE: f64 = 0.01;

/// How far outside \[0, 1\] a score may lie: the error of a σ polynomial of low degree and the noise.
const SCORE_MARGIN: f64 = 0.1;

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

/// Slots that would all hold the same real number without noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean of the real parts: the number.
    pub mean: f64,
    /// Standard deviation of the real parts.
    pub deviation: f64,
    /// Root mean square of the imaginary parts.
    pub imaginary: f64,
}

impl Spread {
    /// Of `slots`; not a number without any.
    pub fn of<'z>(slots: impl Iterator<Item = &'z Complex64> + Clone) -> Self {
        let count = slots.clone().count() as f64;
        let mean = slots.clone().map(|z| z.re).sum::<f64>() / count;
        let deviation = (slots.clone().map(|z| (z.re - mean).powi(2)).sum::<f64>() / count).sqrt();
        let imaginary = (slots.map(|z| z.im.powi(2)).sum::<f64>() / count).sqrt();
        Self { mean, deviation, imaginary }
    }

    /// The noise of a slot: the larger of the two.
    fn noise(&self) -> f64 {
        self.deviation.max(self.imaginary)
    }

    /// −log2 of the noise's standard deviation per slot.
    pub fn precision_bits(&self) -> f64 {
        -self.noise().max(f64::MIN_POSITIVE).log2()
    }
}

/// Decrypts the answer to a query of one text and looks whether it can be one.
///
/// # Errors
/// [`Error::Foreign`] for an answer to a query under another key; [`Error::DamagedAnswer`] if range, imaginary parts or the
/// spread over the slots are not those of a score; [`Error::Malformed`] for an answer of other parameters or to several texts.
pub fn decrypt_answer(params: &Params, secret: &SecretKey, answer: &Answer) -> Result<Prediction> {
    let found = decrypt_answers(params, secret, answer)?;
    <[Prediction; 1]>::try_from(found).map(|[one]| one).map_err(|several| Error::Malformed {
        what: "answer",
        field: "number of sentences",
        found: several.len().to_string(),
        needed: "1".to_owned(),
    })
}

/// Decrypts the answer to a query of one or several texts, in their order, and looks whether it can be one.
///
/// # Errors
/// As [`decrypt_answer`].
pub fn decrypt_answers(params: &Params, secret: &SecretKey, answer: &Answer) -> Result<Vec<Prediction>> {
    if answer.key_id != secret.id() {
        return Err(Error::Foreign {
            what: "the answer",
            owner: "this secret key",
            found: format!("key id {}", Hex(answer.key_id)),
            needed: Hex(secret.id()).to_string(),
            advice: "use the secret key that encrypted the query",
        });
    }
    let malformed =
        |field, found: usize, needed: String| Err(Error::Malformed { what: "answer", field, found: found.to_string(), needed });
    let n = answer.score.parts()[0].n();
    if n != params.n() {
        return malformed("ring degree", n, params.n().to_string());
    }
    let (sentences, places) = (answer.sentences, answer.places);
    if !places.is_power_of_two() || places > params.slots() {
        return malformed("number of places", places, format!("a power of two up to {}", params.slots()));
    }
    if !(1..=places).contains(&sentences) {
        return malformed("number of sentences", sentences, format!("1 to {places}"));
    }
    let slots = Encoder::new(params)?.decode(&ckks_core::decrypt::decrypt(params, secret, &answer.score)?)?;
    let of = |sentence: usize| slots.iter().enumerate().filter(move |(j, _)| j % places % sentences == sentence).map(|(_, z)| z);
    (0..sentences).map(|s| prediction(answer, of(s))).collect()
}

/// The score that all `slots` would hold without noise.
fn prediction<'z>(answer: &Answer, slots: impl Iterator<Item = &'z Complex64> + Clone) -> Result<Prediction> {
    let spread = Spread::of(slots);
    let (mean, noise) = (spread.mean, spread.noise());
    if noise.is_nan() || noise > LARGEST_NOISE {
        let Spread { deviation, imaginary, .. } = spread;
        return Err(Error::DamagedAnswer {
            found: format!("noise of {noise:.2e} per slot (imaginary parts {imaginary:.2e}, spread {deviation:.2e})"),
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
        precision_bits: spread.precision_bits(),
        query_id: Hex(answer.query_id),
        model: answer.model_name.clone(),
    })
}
