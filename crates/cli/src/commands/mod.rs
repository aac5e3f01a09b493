//! One file per command.

pub mod decrypt;
pub mod demo;
pub mod doctor;
pub mod encrypt;
pub mod infer;
pub mod inspect;
pub mod keygen;
pub mod plan;
