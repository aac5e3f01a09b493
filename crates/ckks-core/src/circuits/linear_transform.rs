//! Public matrices times encrypted vectors, by diagonals with baby and giant steps.
//!
//! With the k-th diagonal D_k of a matrix (`D_k[i] = M[i][i + k]`), `M·x = Σ_k D_k ⊙ rot_k(x)` (Halevi and Shoup 2014).
//! Writing k = g + b and moving the giant rotation outside,
//! `M·x = Σ_g rot_g( Σ_b rot_{−g}(D_{g+b}) ⊙ rot_b(x) )`, needs about 2√n rotations instead of n; the babies rot_b(x) are
//! hoisted (eprint 2018/244 §4.2, 2020/1203 §4). One level.

use std::collections::{BTreeMap, BTreeSet};

use num_complex::Complex64;

use super::{Arithmetic, PlainVector};
use crate::error::{Error, Result};

/// Time of a hoisted rotation relative to a rotation on its own: what the choice between babies and giants weighs. Without
/// its share of the decomposition a rotation keeps the inner product with the key and the division by P.
pub const HOISTED_ROTATION_COST: f64 = 0.6;

/// A public n × n matrix, prepared for products with vectors of period n (n a power of two, at most the slots).
///
/// Slots beyond n hold repetitions of the vector, as the encoder lays them out, and so do those of the result.
#[derive(Clone, Debug)]
pub struct LinearTransform {
    period: usize,
    babies: Vec<i64>,
    giants: Vec<(i64, Vec<(usize, PlainVector)>)>,
}

impl LinearTransform {
    /// The n × n matrix with real entries `entry(row, column)`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless n is a power of two; [`Error::ValueOutOfRange`] for entries that are not finite and
    /// for a matrix of zeros.
    pub fn from_matrix(n: usize, entry: impl Fn(usize, usize) -> f64) -> Result<Self> {
        let diagonals = (0..n).map(|k| {
            Ok((
                k as i64,
                PlainVector::from_fn(n, |i| entry(i, (i + k) % n))?,
            ))
        });
        Self::from_diagonals(n, diagonals.collect::<Result<Vec<_>>>()?)
    }

    /// The n × n matrix with complex entries `entry(row, column)`.
    ///
    /// # Errors
    /// As [`LinearTransform::from_matrix`].
    pub fn from_complex_matrix(
        n: usize,
        entry: impl Fn(usize, usize) -> Complex64,
    ) -> Result<Self> {
        let diagonal = |k: usize| {
            PlainVector::complex((0..n).map(|i| entry(i, (i + k) % n)).collect::<Vec<_>>())
        };
        let diagonals = (0..n).map(|k| Ok((k as i64, diagonal(k)?)));
        Self::from_diagonals(n, diagonals.collect::<Result<Vec<_>>>()?)
    }

    /// The transform `x ↦ Σ D_k ⊙ rot_k(x)` with the given (k, D_k) on vectors of period n. Diagonals of zeros are left
    /// out; steps count modulo n.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless n is a power of two and every diagonal's period divides it;
    /// [`Error::ValueOutOfRange`] if a step occurs twice or no diagonal is left.
    pub fn from_diagonals(
        n: usize,
        diagonals: impl IntoIterator<Item = (i64, PlainVector)>,
    ) -> Result<Self> {
        if !n.is_power_of_two() {
            return Err(Error::LengthMismatch {
                what: "size of a matrix",
                found: n,
                needed: "a power of two: pad the matrix with zeros".into(),
            });
        }
        let mut by_step = BTreeMap::new();
        for (k, d) in diagonals {
            if d.period() > n {
                let needed = format!("at most the size {n} of the matrix");
                return Err(Error::LengthMismatch {
                    what: "period of a diagonal",
                    found: d.period(),
                    needed,
                });
            }
            if !d.is_zero() && by_step.insert(k.rem_euclid(n as i64), d).is_some() {
                return Err(Error::ValueOutOfRange {
                    what: format!("diagonal {k} of a matrix of size {n} was given twice"),
                });
            }
        }
        if by_step.is_empty() {
            return Err(Error::ValueOutOfRange {
                what: "a matrix of zeros has no diagonals; leave the product out".into(),
            });
        }
        Ok(Self::plan(n, &by_step))
    }

    /// Chooses the baby steps: k = g + b with b = k mod m, for the m with the cheapest rotations.
    fn plan(period: usize, diagonals: &BTreeMap<i64, PlainVector>) -> Self {
        let rotations = |set: &BTreeSet<i64>| set.iter().filter(|&&k| k != 0).count() as f64;
        let cost = |m: i64| {
            let babies: BTreeSet<_> = diagonals.keys().map(|k| k % m).collect();
            let giants: BTreeSet<_> = diagonals.keys().map(|k| k - k % m).collect();
            HOISTED_ROTATION_COST * rotations(&babies) + rotations(&giants)
        };
        // Powers of two and three halves of them: the minimum over all m is flat.
        let candidates = (0..=period.ilog2()).flat_map(|e| [1i64 << e, 3i64 << e]);
        let m = candidates
            .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
            .unwrap_or(1);

        let babies: Vec<i64> = diagonals
            .keys()
            .map(|k| k % m)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut giants: BTreeMap<i64, Vec<(usize, PlainVector)>> = BTreeMap::new();
        for (k, d) in diagonals {
            let (b, g) = (k % m, k - k % m);
            // `babies` has b: it was built from the same diagonals.
            let at = babies.partition_point(|&x| x < b);
            giants.entry(g).or_default().push((at, d.rotate(-g)));
        }
        Self {
            period,
            babies,
            giants: giants.into_iter().collect(),
        }
    }

    /// The size n.
    #[must_use]
    pub fn period(&self) -> usize {
        self.period
    }

    /// Rotations that the product needs, by the number of levels below the operand at which they are made: babies at 0,
    /// giants at 1.
    #[must_use]
    pub fn rotations(&self) -> [Vec<i64>; 2] {
        let babies = self.babies.iter().copied().filter(|&k| k != 0).collect();
        let giants = self
            .giants
            .iter()
            .map(|g| g.0)
            .filter(|&k| k != 0)
            .collect();
        [babies, giants]
    }

    /// `M·x`: one level and the Galois keys of [`LinearTransform::rotations`].
    ///
    /// # Errors
    /// As said at [`Arithmetic`]; a size above the slots is refused.
    pub fn apply<A: Arithmetic>(&self, arithmetic: &A, x: &A::Vector) -> Result<A::Vector> {
        if self.period > arithmetic.slots() {
            let needed = format!("at most {}, the number of slots", arithmetic.slots());
            return Err(Error::LengthMismatch {
                what: "size of a matrix",
                found: self.period,
                needed,
            });
        }
        let babies = arithmetic.rotate_many(x, &self.babies)?;
        let mut sum: Option<A::Vector> = None;
        for (step, terms) in &self.giants {
            let terms: Vec<_> = terms.iter().map(|(b, d)| (&babies[*b], d)).collect();
            let part = arithmetic.rotate(&arithmetic.dot_plain(&terms)?, *step)?;
            sum = Some(match sum {
                None => part,
                Some(sum) => arithmetic.add(&sum, &part)?,
            });
        }
        sum.ok_or_else(|| Error::ValueOutOfRange {
            what: "a matrix of zeros has no diagonals".into(),
        })
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
                assert!(
                    (y.values[slot].re - expected).abs() < 1e-9,
                    "n = {n}, slot {slot}"
                );
            }
            let [babies, giants] = transform.rotations();
            let done = arithmetic.counts().rotations;
            let promised = babies
                .iter()
                .map(|&k| (k, 3))
                .chain(giants.iter().map(|&k| (k, 2)));
            assert_eq!(
                done,
                promised.collect::<Vec<_>>(),
                "keys are known beforehand"
            );
            assert!(
                done.len() as f64 <= 2.2 * (n as f64).sqrt(),
                "n = {n}: {} rotations",
                done.len()
            );
        }
    }

    #[test]
    fn few_diagonals_need_few_rotations() {
        let d = PlainVector::from_fn(64, |i| i as f64).unwrap();
        let transform =
            LinearTransform::from_diagonals(64, [(0, d.clone()), (-1, d.clone()), (32, d)])
                .unwrap();
        let arithmetic = PlainArithmetic::new(128, 1);
        let y = transform
            .apply(&arithmetic, &arithmetic.vector(|j| (j % 64) as f64))
            .unwrap();
        for slot in 0..128usize {
            let x = |k: usize| ((slot + k) % 64) as f64;
            assert_eq!(
                y.values[slot].re,
                (slot % 64) as f64 * (x(0) + x(63) + x(32))
            );
        }
        assert!(arithmetic.counts().rotations.len() <= 3);
    }

    #[test]
    fn complex_matrices() {
        let entry = |i: usize, j: usize| Complex64::new(entry(i, j), entry(j, i + 1));
        let arithmetic = PlainArithmetic::new(8, 1);
        let y = LinearTransform::from_complex_matrix(8, entry).unwrap();
        let y = y
            .apply(&arithmetic, &arithmetic.vector(|j| j as f64 + 1.0))
            .unwrap();
        for i in 0..8 {
            let expected: Complex64 = (0..8).map(|j| entry(i, j) * (j as f64 + 1.0)).sum();
            assert!((y.values[i] - expected).norm() < 1e-9);
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(
            LinearTransform::from_matrix(3, entry)
                .unwrap_err()
                .to_string()
                .contains("found length 3")
        );
        assert!(
            LinearTransform::from_matrix(4, |_, _| 0.0)
                .unwrap_err()
                .to_string()
                .contains("zeros")
        );
        assert!(LinearTransform::from_matrix(4, |_, _| f64::NAN).is_err());
        let d = PlainVector::constant(1.0).unwrap();
        assert!(
            LinearTransform::from_diagonals(4, [(1, d.clone()), (-3, d)])
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
        let large = LinearTransform::from_matrix(16, entry).unwrap();
        let arithmetic = PlainArithmetic::new(8, 1);
        assert!(
            large
                .apply(&arithmetic, &arithmetic.vector(|_| 1.0))
                .unwrap_err()
                .to_string()
                .contains("at most 8")
        );
    }
}
