//! A public matrix times an encrypted vector.
//!
//! With the k-th diagonal D_k of a matrix (`D_k[i] = M[i][i + k]`), `M·x = Σ_k D_k ⊙ rot_k(x)` (Halevi and Shoup, CRYPTO
//! 2014): the 1 × 1 case of [`BlockTransform`], about 2√n rotations and one level.

use num_complex::Complex64;

use super::block_transform::{BlockTransform, Diagonals};
use super::{Arithmetic, PlainVector};
use crate::error::{Error, Result};
use crate::keys::KeyRequirements;
use crate::params::Params;

/// A public n × n matrix, prepared for products with vectors of period n (n a power of two, at most the slots).
///
/// Slots beyond n hold repetitions of the vector, as the encoder lays them out, and so do those of the result.
#[derive(Clone, Debug)]
pub struct LinearTransform(BlockTransform);

impl LinearTransform {
    /// The n × n matrix with real entries `entry(row, column)`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless n is a power of two; [`Error::ValueOutOfRange`] for entries that are not finite and
    /// for a matrix of zeros.
    pub fn from_matrix(n: usize, entry: impl Fn(usize, usize) -> f64) -> Result<Self> {
        let diagonals = (0..n).map(|k| Ok((k as i64, PlainVector::from_fn(n, |i| entry(i, (i + k) % n))?)));
        Self::from_diagonals(n, diagonals.collect::<Result<Vec<_>>>()?)
    }

    /// The n × n matrix with complex entries `entry(row, column)`.
    ///
    /// # Errors
    /// As [`LinearTransform::from_matrix`].
    pub fn from_complex_matrix(n: usize, entry: impl Fn(usize, usize) -> Complex64) -> Result<Self> {
        let diagonal = |k: usize| PlainVector::complex((0..n).map(|i| entry(i, (i + k) % n)).collect::<Vec<_>>());
        let diagonals = (0..n).map(|k| Ok((k as i64, diagonal(k)?)));
        Self::from_diagonals(n, diagonals.collect::<Result<Vec<_>>>()?)
    }

    /// The transform `x ↦ Σ D_k ⊙ rot_k(x)` with the given (k, D_k) on vectors of period n. Diagonals of zeros are left
    /// out; steps count modulo n.
    ///
    /// # Errors
    /// As [`BlockTransform::new`].
    pub fn from_diagonals(n: usize, diagonals: impl IntoIterator<Item = (i64, PlainVector)>) -> Result<Self> {
        let mut by_step = Diagonals::new();
        for (k, d) in diagonals {
            if by_step.insert(k, d).is_some() {
                return Err(Error::ValueOutOfRange { what: format!("the diagonal of step {k} was given twice") });
            }
        }
        Ok(Self(BlockTransform::new(n, vec![vec![by_step]])?))
    }

    /// The size n.
    #[must_use]
    pub fn period(&self) -> usize {
        self.0.period()
    }

    /// The keys that [`LinearTransform::apply`] needs for a vector at `level`.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] at level 0.
    pub fn key_requirements(&self, params: &Params, level: usize) -> Result<KeyRequirements> {
        self.0.key_requirements(params, level)
    }

    /// `M·x`: one level and the keys of [`LinearTransform::key_requirements`].
    ///
    /// # Errors
    /// As said at [`Arithmetic`]; a size above the slots is refused.
    pub fn apply<A: Arithmetic>(&self, arithmetic: &A, x: &A::Vector) -> Result<A::Vector> {
        // One output was planned, so one comes back.
        Ok(self.0.apply(arithmetic, &[x])?.swap_remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuits::plain_arithmetic::PlainArithmetic;

    fn entry(i: usize, j: usize) -> f64 {
        ((i * 31 + j * 17 + i * j) % 23) as f64 - 11.0
    }

    #[test]
    fn equals_the_matrix_product_for_every_size() {
        for log_n in 0..=6 {
            let n = 1usize << log_n;
            let arithmetic = PlainArithmetic::new(64, 3);
            let x = |j: usize| (j % n) as f64 * 0.5 - 1.0;
            let transform = LinearTransform::from_matrix(n, entry).unwrap();
            let y = transform.apply(&arithmetic, &arithmetic.vector(x)).unwrap();
            assert_eq!(y.level, 2);
            for slot in 0..64 {
                let expected: f64 = (0..n).map(|j| entry(slot % n, j) * x(j)).sum();
                assert!((y.values[slot].re - expected).abs() < 1e-9, "n = {n}, slot {slot}");
            }
            let done = arithmetic.counts().rotations;
            assert!(done.len() as f64 <= 2.2 * (n as f64).sqrt(), "n = {n}: {} rotations", done.len());
        }
    }

    #[test]
    fn few_diagonals_need_few_rotations() {
        let d = PlainVector::from_fn(64, |i| i as f64).unwrap();
        let transform = LinearTransform::from_diagonals(64, [(0, d.clone()), (-1, d.clone()), (32, d)]).unwrap();
        let arithmetic = PlainArithmetic::new(128, 1);
        let y = transform.apply(&arithmetic, &arithmetic.vector(|j| (j % 64) as f64)).unwrap();
        for slot in 0..128usize {
            let x = |k: usize| ((slot + k) % 64) as f64;
            assert_eq!(y.values[slot].re, (slot % 64) as f64 * (x(0) + x(63) + x(32)));
        }
        assert!(arithmetic.counts().rotations.len() <= 3);
    }

    #[test]
    fn complex_matrices() {
        let entry = |i: usize, j: usize| Complex64::new(entry(i, j), entry(j, i + 1));
        let arithmetic = PlainArithmetic::new(8, 1);
        let y = LinearTransform::from_complex_matrix(8, entry).unwrap();
        let y = y.apply(&arithmetic, &arithmetic.vector(|j| j as f64 + 1.0)).unwrap();
        for i in 0..8 {
            let expected: Complex64 = (0..8).map(|j| entry(i, j) * (j as f64 + 1.0)).sum();
            assert!((y.values[i] - expected).norm() < 1e-9);
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(LinearTransform::from_matrix(3, entry).unwrap_err().to_string().contains("found length 3"));
        assert!(LinearTransform::from_matrix(4, |_, _| 0.0).unwrap_err().to_string().contains("zeros"));
        assert!(LinearTransform::from_matrix(4, |_, _| f64::NAN).is_err());
        let d = PlainVector::constant(1.0).unwrap();
        assert!(LinearTransform::from_diagonals(4, [(1, d.clone()), (-3, d)]).unwrap_err().to_string().contains("twice"));
        let large = LinearTransform::from_matrix(16, entry).unwrap();
        let arithmetic = PlainArithmetic::new(8, 1);
        assert!(large.apply(&arithmetic, &arithmetic.vector(|_| 1.0)).unwrap_err().to_string().contains("at most 8"));
    }
}
