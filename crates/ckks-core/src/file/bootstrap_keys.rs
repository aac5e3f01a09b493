//! Bootstrapping keys: shapes and seeds in the header, the stored halves in the payload, one key after the other.

use serde::{Deserialize, Serialize};

use super::container::FileType;
use super::evaluation_keys::{KeyEntry, halves_len, list, list_len, read_key, read_list, write_halves, write_list};
use super::fields::Hex;
use super::payload::{PayloadLen, PayloadReader, PayloadWriter};
use super::storable::{Storable, check_level};
use crate::bootstrap::{BootstrapKeys, EncapsulationKeys, from_sparse_shape, to_sparse_shape};
use crate::error::{Error, Result};
use crate::params::Params;

/// Header of bootstrapping keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapKeysHeader {
    /// Identifier of the secret key.
    pub key_id: Hex<16>,
    /// Non-zero coefficients of the sparse secret.
    pub sparse_weight: u32,
    /// The keys of an evaluator, in the order of the payload.
    pub evaluation: Vec<KeyEntry>,
    /// The rotation keys of SlotsToCoeffs.
    pub slots_to_coeffs: Vec<KeyEntry>,
    /// Seed of the key to the sparse secret.
    pub to_sparse: Hex<32>,
    /// The keys from the sparse secret, by rotation.
    pub from_sparse: Vec<SparseEntry>,
}

/// One key from the sparse secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparseEntry {
    /// Rotation to the left, 0 among them.
    pub step: i64,
    /// Highest level of use.
    pub level: usize,
    /// Seed of the uniform half.
    pub seed: Hex<32>,
}

impl Storable for BootstrapKeys {
    const TYPE: FileType = FileType::BOOTSTRAP_KEYS;
    type Header = BootstrapKeysHeader;

    fn header(&self, params: &Params) -> Result<BootstrapKeysHeader> {
        let encapsulation = self.encapsulation();
        let from_sparse =
            encapsulation.from_sparse.iter().map(|(&step, k)| SparseEntry { step, level: k.shape().level, seed: Hex(*k.seed()) });
        Ok(BootstrapKeysHeader {
            key_id: Hex(self.evaluation().id()),
            sparse_weight: encapsulation.sparse_weight,
            evaluation: list(self.evaluation(), params)?,
            slots_to_coeffs: list(self.slots_to_coeffs(), params)?,
            to_sparse: Hex(*encapsulation.to_sparse.seed()),
            from_sparse: from_sparse.collect(),
        })
    }

    fn payload_len(header: &BootstrapKeysHeader, params: &Params) -> Result<PayloadLen> {
        let slots = params.slots() as i64;
        if !header.from_sparse.is_sorted_by(|a, b| a.step < b.step)
            || header.from_sparse.iter().any(|k| !(0..slots).contains(&k.step))
        {
            let reason = format!("rotations of keys from the sparse secret are not ascending numbers from 0 to {}", slots - 1);
            return Err(Error::FileHeader { reason });
        }
        if header.sparse_weight as usize > params.n() {
            let reason = format!("a sparse secret of weight {}, the ring has {} coefficients", header.sparse_weight, params.n());
            return Err(Error::FileHeader { reason });
        }
        header.from_sparse.iter().try_for_each(|k| check_level(params, k.level))?;
        let len = list_len(&header.evaluation, params, PayloadLen::new())?;
        let len = list_len(&header.slots_to_coeffs, params, len)?;
        let shapes = header.from_sparse.iter().map(|k| from_sparse_shape(k.level));
        Ok([to_sparse_shape()].into_iter().chain(shapes).fold(len, |len, shape| halves_len(params, shape, len)))
    }

    fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> Result<()> {
        write_list(self.evaluation(), params, writer)?;
        write_list(self.slots_to_coeffs(), params, writer)?;
        let EncapsulationKeys { to_sparse, from_sparse, .. } = self.encapsulation();
        [to_sparse].into_iter().chain(from_sparse.values()).try_for_each(|key| write_halves(key, params, writer))
    }

    fn read_payload(header: BootstrapKeysHeader, params: &Params, reader: &mut PayloadReader<'_>) -> Result<Self> {
        let evaluation = read_list(&header.evaluation, header.key_id, params, reader)?;
        let slots_to_coeffs = read_list(&header.slots_to_coeffs, header.key_id, params, reader)?;
        let to_sparse = read_key(to_sparse_shape(), header.to_sparse, params, reader)?;
        let key = |k: &SparseEntry| Ok((k.step, read_key(from_sparse_shape(k.level), k.seed, params, reader)?));
        let from_sparse = header.from_sparse.iter().map(key).collect::<Result<_>>()?;
        let encapsulation = EncapsulationKeys { sparse_weight: header.sparse_weight, to_sparse, from_sparse };
        Ok(Self { evaluation, slots_to_coeffs, encapsulation })
    }
}
