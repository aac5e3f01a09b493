//! Small keys and ciphertexts, their files in memory, and a forger of files.
#![allow(dead_code)] // each test program uses a part

use ckks_core::Error;
use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::{encrypt_public, encrypt_symmetric};
use ckks_core::file::{self, Storable};
use ckks_core::keys::{EvaluationKeys, KeyGenerator, KeyRequirements, PublicKey, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use serde_json::{Map, Value};

/// N = 2^10 with primes on both sides of 2^32, so that both word lengths occur.
pub fn literal() -> ParamsLiteral {
    ParamsLiteral::leveled(10, 36, 2, 28, 1, 40)
}

pub struct Set {
    pub params: Params,
    pub secret: SecretKey,
    pub public: PublicKey,
    pub keys: EvaluationKeys,
    pub seeded: SeededCiphertext,
    pub ciphertext: Ciphertext,
    pub message: Vec<f64>,
}

pub fn set() -> Set {
    let params = Params::new_insecure(literal()).unwrap();
    let mut randomness = Randomness::insecure_from_seed(3);
    let secret = SecretKey::generate(&params, &mut randomness);
    let generator = KeyGenerator::new(&params, &secret).unwrap();
    let public = generator.public_key(&mut randomness);
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(2);
    needed.need_rotation(&params, 1, 1);
    let keys = generator.evaluation_keys(&needed, &mut randomness, |_, _| ());
    let message: Vec<f64> = (0..64).map(|j| (j as f64 * 0.2).sin()).collect();
    let plaintext = Encoder::new(&params).unwrap().encode(&message, 2, params.scale_at(2)).unwrap();
    let seeded = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness).unwrap();
    let ciphertext = encrypt_public(&params, &public, &plaintext, &mut randomness);
    Set { params, secret, public, keys, seeded, ciphertext, message }
}

pub fn bytes_of<T: Storable>(value: &T, params: &Params) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = file::write_to(&mut bytes, value, params, &Map::new()).unwrap();
    assert_eq!(written, bytes.len() as u64);
    bytes
}

pub fn parse<T: Storable>(bytes: &[u8], params: &Params) -> ckks_core::Result<T> {
    file::read_from(&mut &bytes[..], bytes.len() as u64, params).map(|(value, _)| value)
}

/// The problem inside the file's name.
pub fn problem(error: Error) -> Error {
    match error {
        Error::InFile { problem, .. } => *problem,
        other => panic!("no file name in: {other}"),
    }
}

pub fn header_len(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[48..52].try_into().unwrap()) as usize
}

pub fn payload_start(bytes: &[u8]) -> usize {
    (64 + header_len(bytes) + 32).next_multiple_of(64)
}

/// The same file with another JSON header and payload, and with valid checksums: what someone malicious would write.
pub fn forged(original: &[u8], header: impl FnOnce(&mut Value), payload: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(&original[64..64 + header_len(original)]).unwrap();
    header(&mut json);
    let json = serde_json::to_vec(&json).unwrap();
    let mut body = original[payload_start(original)..original.len() - 32].to_vec();
    payload(&mut body);
    let mut bytes = original[..64].to_vec();
    bytes[48..52].copy_from_slice(&(json.len() as u32).to_le_bytes());
    bytes[56..64].copy_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend(json);
    let checksum = *blake3::hash(&bytes).as_bytes();
    bytes.extend(checksum);
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    bytes.extend(body);
    let digest = *blake3::hash(&bytes).as_bytes();
    bytes.extend(digest);
    bytes
}
