//! One file per command, and one more for each that also takes batches.

pub mod bootstrap_keygen;
pub mod decrypt;
pub mod decrypt_batch;
pub mod demo;
pub mod doctor;
pub mod encrypt;
pub mod encrypt_batch;
pub mod infer;
pub mod infer_batch;
pub mod inspect;
pub mod keygen;
pub mod plan;
