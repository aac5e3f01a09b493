//! RNS polynomials in `Z_Q[X]/(X^N + 1)`.
//!
//! A polynomial's type says its form: [`Poly<Ntt>`] and [`Poly<Coeff>`] cannot be added to each other.

pub mod automorphism;
mod divide;
mod extension;
mod poly;
pub mod primes;
mod rescale;
pub mod sampling;

pub(crate) use divide::{divide_by_dropped, divide_pair};
pub(crate) use extension::{Bases, Extension, RowSums, row_stride, rows_in, sum_all_rows, sum_rows};
pub use poly::{Basis, Coeff, Form, Ntt, Poly};
pub(crate) use poly::{fill_pair, residue};
#[cfg(test)]
pub(crate) use rescale::tests::random;
pub(crate) use rescale::{ProductOf, rescaled_pair};
