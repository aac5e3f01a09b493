//! Evaluation keys: a list of shapes and seeds in the header, the stored halves in the payload.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::container::FileType;
use super::fields::Hex;
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::{Storable, check_level, check_limbs, poly_len, read_poly, write_poly};
use super::{in_file, open, read_by};
use crate::error::{Error, Result};
use crate::keys::{EvaluationKeys, GadgetShape, KeyRequirements, SwitchingKey};
use crate::parallel::in_background;
use crate::params::Params;
use crate::ring::{Ntt, Poly};

/// Header of evaluation keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationKeysHeader {
    /// Identifier of the secret key.
    pub key_id: Hex<16>,
    /// The keys in the order of the payload.
    pub keys: Vec<KeyEntry>,
}

/// One switching key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The Galois element of a rotation or conjugation key; none for the relinearisation key.
    pub galois_element: Option<u64>,
    /// Highest level of use.
    pub level: usize,
    /// Special primes in use.
    pub special: usize,
    /// Ciphertext primes per digit.
    pub digit_limbs: usize,
    /// Seed of the uniform halves.
    pub seed: Hex<32>,
}

impl KeyEntry {
    fn new(galois_element: Option<u64>, key: &SwitchingKey) -> Self {
        let GadgetShape { level, special, digit_limbs } = key.shape();
        Self { galois_element, level, special, digit_limbs, seed: Hex(*key.seed()) }
    }

    /// The shape, if the parameters allow it.
    fn shape(&self, params: &Params) -> Result<GadgetShape> {
        check_level(params, self.level)?;
        if !(1..=params.special_primes()).contains(&self.special) || !(1..=self.level + 1).contains(&self.digit_limbs) {
            return Err(Error::FileHeader {
                reason: format!(
                    "a key with {} special primes and digits of {} primes, the parameters allow 1 to {} and 1 to {}",
                    self.special,
                    self.digit_limbs,
                    params.special_primes(),
                    self.level + 1
                ),
            });
        }
        if let Some(element) = self.galois_element.filter(|g| g % 2 == 0 || *g <= 1 || *g >= 2 * params.n() as u64) {
            return Err(Error::FileHeader {
                reason: format!("Galois element {element}, needed an odd number from 3 to {}", 2 * params.n() - 1),
            });
        }
        let shape = GadgetShape { level: self.level, special: self.special, digit_limbs: self.digit_limbs };
        let log2 = |prime: u64| (prime as f64).log2();
        let log_p: f64 = (0..self.special).map(|i| log2(params.p(i).value())).sum();
        for j in 0..shape.digits(self.level) {
            let log_digit: f64 = shape.digit_range(self.level, j).map(|i| log2(params.q(i).value())).sum();
            // Primes of one nominal size differ a little; a whole prime more would drown every message in noise.
            if log_digit > log_p + 1.0 {
                return Err(Error::FileHeader {
                    reason: format!("a key with digits of {log_digit:.1} bits, its special primes cover {log_p:.1}"),
                });
            }
        }
        Ok(shape)
    }
}

/// The relinearisation key first, then the Galois keys by element.
fn entries(keys: &EvaluationKeys) -> impl Iterator<Item = (Option<u64>, &SwitchingKey)> {
    keys.relinearisation_key().map(|k| (None, k)).into_iter().chain(keys.galois_keys().map(|(g, k)| (Some(g), k)))
}

/// The header's list of some keys, which belong to `params`.
pub(super) fn list(keys: &EvaluationKeys, params: &Params) -> Result<Vec<KeyEntry>> {
    params.check_digest("the evaluation keys", keys.params_digest())?;
    for (_, key) in entries(keys) {
        check_limbs(params, "residues of an evaluation key", key.shape().basis(key.shape().level), key.n())?;
    }
    Ok(entries(keys).map(|(g, key)| KeyEntry::new(g, key)).collect())
}

/// Payload of the keys in a list.
pub(super) fn list_len(list: &[KeyEntry], params: &Params, len: PayloadLen) -> Result<PayloadLen> {
    if !list.is_sorted_by(|a, b| a.galois_element < b.galois_element) {
        return Err(Error::FileHeader { reason: "evaluation keys are not in ascending order".into() });
    }
    list.iter().try_fold(len, |len, entry| Ok(halves_len(params, entry.shape(params)?, len)))
}

pub(super) fn halves_len(params: &Params, shape: GadgetShape, len: PayloadLen) -> PayloadLen {
    let half = poly_len(params, shape.basis(shape.level));
    (0..shape.digits(shape.level)).fold(len, |len, _| len.then(half))
}

pub(super) fn write_list(keys: &EvaluationKeys, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
    entries(keys).try_for_each(|(_, key)| write_halves(key, params, writer))
}

pub(super) fn write_halves(key: &SwitchingKey, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
    (0..key.shape().digits(key.shape().level)).try_for_each(|j| write_poly(params, &key.b_half(params, j), writer))
}

/// The keys of a list whose shapes were checked.
pub(super) fn read_list(
    list: &[KeyEntry],
    key_id: Hex<16>,
    params: &Params,
    reader: &mut PayloadReader<'_>,
) -> Result<EvaluationKeys> {
    read_chosen(list, key_id, params, reader, |_| true)
}

/// Those keys of a list that `keep` chooses. While the file is read other threads expand the seeds of keys that were read before: besides the
/// keys themselves the stored halves of no more keys than there are threads are in memory.
fn read_chosen(
    list: &[KeyEntry],
    key_id: Hex<16>,
    params: &Params,
    reader: &mut PayloadReader<'_>,
    keep: impl Fn(&KeyEntry) -> bool,
) -> Result<EvaluationKeys> {
    let expanded: Vec<OnceLock<SwitchingKey>> = list.iter().map(|_| OnceLock::new()).collect();
    in_background(|background| {
        for (entry, place) in list.iter().zip(&expanded) {
            let shape = entry.shape(params)?;
            if keep(entry) {
                let halves = read_halves(shape, params, reader)?;
                background.run(move || {
                    let _ = place.set(expand(shape, entry.seed, params, &halves));
                });
            } else {
                let half = poly_len(params, shape.basis(shape.level)).get();
                reader.skip(half * shape.digits(shape.level) as u64)?;
            }
        }
        Ok(())
    })?;
    let mut keys = EvaluationKeys::empty(params, key_id.0);
    for (entry, key) in list.iter().zip(expanded) {
        match (key.into_inner(), entry.galois_element) {
            (None, _) => {}
            (Some(key), None) => keys.insert_relinearisation(key),
            (Some(key), Some(element)) => keys.insert_galois(element, key),
        }
    }
    Ok(keys)
}

pub(super) fn read_key(
    shape: GadgetShape,
    seed: Hex<32>,
    params: &Params,
    reader: &mut PayloadReader<'_>,
) -> Result<SwitchingKey> {
    Ok(expand(shape, seed, params, &read_halves(shape, params, reader)?))
}

fn read_halves(shape: GadgetShape, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Vec<Poly<Ntt>>> {
    (0..shape.digits(shape.level)).map(|_| read_poly(params, shape.basis(shape.level), reader)).collect()
}

fn expand(shape: GadgetShape, seed: Hex<32>, params: &Params, halves: &[Poly<Ntt>]) -> SwitchingKey {
    let mut key = SwitchingKey::empty(params, shape, seed.0);
    for (j, b) in halves.iter().enumerate() {
        let a = key.uniform_half(params, j);
        key.set_digit(params, j, b, &a);
    }
    key
}

impl Storable for EvaluationKeys {
    const TYPE: FileType = FileType::EVALUATION_KEYS;
    type Header = EvaluationKeysHeader;

    fn header(&self, params: &Params) -> Result<EvaluationKeysHeader> {
        Ok(EvaluationKeysHeader { key_id: Hex(self.id()), keys: list(self, params)? })
    }

    fn payload_len(header: &EvaluationKeysHeader, params: &Params) -> Result<PayloadLen> {
        list_len(&header.keys, params, PayloadLen::new())
    }

    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
        write_list(self, params, writer)
    }

    fn read_payload(header: EvaluationKeysHeader, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Self> {
        read_list(&header.keys, header.key_id, params, reader)
    }
}

/// Reads a file of evaluation keys, but only those of them that `needed` names: the others cost neither memory nor expansion. The
/// digest over all bytes is checked as always.
///
/// # Errors
/// As [`super::read`]. A key that is missing in the file is none here: [`EvaluationKeys::check`] says which.
pub fn read_needed(path: impl AsRef<Path>, params: &Params, needed: &KeyRequirements) -> Result<EvaluationKeys> {
    let mut elements: BTreeSet<Option<u64>> = needed.rotations.keys().map(|&step| Some(params.galois_element(step))).collect();
    elements.extend(needed.conjugation.map(|_| Some(params.conjugation_element())));
    elements.extend(needed.relinearisation.map(|_| None));
    let path = path.as_ref();
    let read = || {
        let (mut file, length) = open(path)?;
        let keep = |entry: &KeyEntry| elements.contains(&entry.galois_element);
        let (keys, _) = read_by::<EvaluationKeys>(&mut file, length, params, |header, reader| {
            read_chosen(&header.keys, header.key_id, params, reader, keep)
        })?;
        Ok(keys)
    };
    read().map_err(|e| in_file(path, e))
}
