//! The CKKS scheme (Cheon, Kim, Kim, Song 2017, eprint 2016/421) in its RNS form (eprint 2018/931): approximate arithmetic on
//! encrypted vectors of complex numbers.
//!
//! Start with `README.md` and the numbered programs in `examples/`.
//!
//! Rooms: [`params`] (what is secure), [`kernels`] (word arithmetic), [`ring`] (polynomials), [`encoding`] (slots to
//! polynomials and back), [`keys`], [`eval`] (operations on ciphertexts), [`circuits`] (polynomials and linear transforms
//! over any evaluator), [`bootstrap`] (levels back), [`noise`] (how many bits are right), [`file`](mod@file) (how all of it is stored).

pub mod bootstrap;
pub mod ciphertext;
pub mod circuits;
#[cfg(feature = "secret")]
pub mod decrypt;
pub mod encoding;
pub mod encrypt;
pub mod error;
pub mod eval;
pub mod file;
pub mod kernels;
pub mod keys;
pub mod noise;
pub mod parallel;
pub mod params;
pub mod plaintext;
pub mod ring;

pub use error::{Error, Result};

/// The code in the README is compiled and run.
#[cfg(all(doctest, feature = "secret"))]
#[doc = include_str!("../README.md")]
mod readme {}
