//! The transform with AVX2 and FMA: integers in doubles, radix-4 passes, depth first, down to 16 words, which stay in four registers for
//! the last four stages. Words become doubles in the first pass and words again in the last; in between a slice of words holds the
//! bits of doubles.

mod forward;
mod inverse;
mod transpose;
mod twiddles;

pub use twiddles::{Twiddles, fits};

use super::vector::Row;

/// Cuts a block into quarters: what a radix-4 pass brings together.
fn quarters(rows: &mut [Row]) -> [&mut [Row]; 4] {
    let half = rows.len() / 2;
    let (low, high) = rows.split_at_mut(half);
    let ((a, b), (c, d)) = (low.split_at_mut(half / 2), high.split_at_mut(half / 2));
    [a, b, c, d]
}
