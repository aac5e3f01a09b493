//! The transform with AVX2 and FMA: integers in doubles, radix-4 passes, depth first, down to 16 words, which stay in four registers for
//! the last four stages. Words become doubles in the first pass and words again in the last; in between a slice of words holds the
//! bits of doubles.

mod forward;
mod inverse;
mod transpose;
mod twiddles;

pub use twiddles::{Twiddles, fits};
