//! The cubic clean: 3s² − 2s³ moves scores towards the nearer of 0 and 1 and squares errors that are near them.

use he_tensor::Evaluator;

use crate::Result;

/// 3s² − 2s³.
pub fn cubic_clean(s: f64) -> f64 {
    s * s * (3.0 - 2.0 * s)
}

/// The same on encrypted scores: s²·(3 − 2s), two levels.
///
/// # Errors
/// Levels or keys that do not suffice.
pub fn cubic_clean_circuit<E: Evaluator>(e: &E, s: &E::Vector) -> Result<E::Vector> {
    let square = e.square(s)?;
    let rest = e.add_scalar(&e.mul_integer(s, -2)?, 3.0)?;
    Ok(e.mul(&square, &rest)?)
}
