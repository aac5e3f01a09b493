//! The arithmetic over which every circuit is written once.

use super::PlainVector;
use crate::error::{Error, Result};

/// Arithmetic on vectors of slots with levels.
///
/// A circuit that is generic over this trait runs unchanged on ciphertexts, in a simulator with plain numbers, and in a
/// counter of cost. What the three have to agree on is written here and tested:
///
/// * **Levels.** The level of a vector is the number of rescalings it has left. An operation on vectors of different
///   levels first brings them to the lowest of these levels; products then cost one level, everything else none. An
///   operation that would need a level below zero is refused.
/// * **Scales.** A vector at level ℓ always has the canonical scale S_ℓ of the parameters, so that no circuit ever sees
///   or sets a scale.
/// * **Rotations** are to the left: slot `j` of `rotate(v, k)` is slot `(j + k) mod slots` of `v`; `k` may be negative,
///   and any multiple of the number of slots is no rotation at all (and needs no key).
///
/// Implementations answer with [`crate::Error::LevelsExhausted`] where levels run out and with
/// [`crate::Error::MissingKey`] where an evaluation key was not generated.
pub trait Arithmetic: Sync {
    /// A vector of slots: a ciphertext, or what stands for it.
    type Vector: Clone + Send + Sync;

    /// Number of slots of a vector, N/2.
    fn slots(&self) -> usize;

    /// The level of a fresh vector: the number of rescalings that the parameters allow.
    fn max_level(&self) -> usize;

    /// Rescalings that `v` has left.
    fn level(&self, v: &Self::Vector) -> usize;

    /// `a + b`, no level.
    ///
    /// # Errors
    /// As said at the trait.
    fn add(&self, a: &Self::Vector, b: &Self::Vector) -> Result<Self::Vector>;

    /// `a − b`, no level.
    ///
    /// # Errors
    /// As said at the trait.
    fn sub(&self, a: &Self::Vector, b: &Self::Vector) -> Result<Self::Vector>;

    /// `−a`, no level.
    ///
    /// # Errors
    /// As said at the trait.
    fn negate(&self, a: &Self::Vector) -> Result<Self::Vector>;

    /// `a ⊙ b` slot by slot, relinearised and rescaled: one level, the relinearisation key.
    ///
    /// # Errors
    /// As said at the trait.
    fn mul(&self, a: &Self::Vector, b: &Self::Vector) -> Result<Self::Vector>;

    /// `a ⊙ a`: one level, the relinearisation key.
    ///
    /// # Errors
    /// As said at the trait.
    fn square(&self, a: &Self::Vector) -> Result<Self::Vector> {
        self.mul(a, a)
    }

    /// `Σ aᵢ ⊙ bᵢ` with one relinearisation and one rescaling for the whole sum: one level below the lowest operand.
    ///
    /// # Errors
    /// As said at the trait; an empty sum is refused.
    fn sum_of_products(&self, pairs: &[(&Self::Vector, &Self::Vector)]) -> Result<Self::Vector>;

    /// `a + c` in every slot, no level.
    ///
    /// # Errors
    /// As said at the trait.
    fn add_scalar(&self, a: &Self::Vector, c: f64) -> Result<Self::Vector>;

    /// `c·a`: one level. For integers see [`Arithmetic::mul_integer`].
    ///
    /// # Errors
    /// As said at the trait.
    fn mul_scalar(&self, a: &Self::Vector, c: f64) -> Result<Self::Vector> {
        self.linear_combination(&[(a, c)], 0.0)
    }

    /// `c·a` for an integer, no level; the noise grows by |c| like the values.
    ///
    /// # Errors
    /// As said at the trait.
    fn mul_integer(&self, a: &Self::Vector, c: i64) -> Result<Self::Vector>;

    /// `i·a`, no level.
    ///
    /// # Errors
    /// As said at the trait.
    fn mul_by_i(&self, a: &Self::Vector) -> Result<Self::Vector>;

    /// `a + p`, no level.
    ///
    /// # Errors
    /// As said at the trait; a period longer than the slots is refused.
    fn add_plain(&self, a: &Self::Vector, p: &PlainVector) -> Result<Self::Vector>;

    /// `a ⊙ p`: one level.
    ///
    /// # Errors
    /// As said at the trait; a period longer than the slots is refused.
    fn mul_plain(&self, a: &Self::Vector, p: &PlainVector) -> Result<Self::Vector> {
        self.dot_plain(&[(a, p)])
    }

    /// `Σ aᵢ ⊙ pᵢ` with one rescaling for the whole sum: one level below the lowest operand.
    ///
    /// # Errors
    /// As said at the trait; an empty sum and a period longer than the slots are refused.
    fn dot_plain(&self, terms: &[(&Self::Vector, &PlainVector)]) -> Result<Self::Vector>;

    /// Per output `Σ_g rot_g( Σ vectors[i] ⊙ p )` over its giants, with one rescaling: the part of a product with a public
    /// matrix that comes after the baby rotations ([`super::block_transform::BlockTransform`]). One level below the lowest of
    /// the vectors; the Galois keys of [`Giants::rotations`] **at the level of the vectors**, because the rescaling comes last,
    /// in one division with that of the last key switch (eprint 2020/1203 §4.3). The provided form rescales first, which the
    /// same keys serve. A vector at a higher level loses its upper primes and nothing else: its factors are encoded at the
    /// scale that brings the product to the canonical one.
    ///
    /// # Errors
    /// As [`Arithmetic::dot_plain`]; an index outside `vectors` and an output without terms are refused.
    fn matrix_product(&self, vectors: &[&Self::Vector], outputs: &[Giants<'_>]) -> Result<Vec<Self::Vector>> {
        let lowest = vectors.iter().map(|v| self.level(v)).min().unwrap_or(0);
        let lowered = vectors.iter().map(|v| self.drop_to_level(v, lowest)).collect::<Result<Vec<_>>>()?;
        let lowered: Vec<&Self::Vector> = lowered.iter().collect();
        let inner = |g: &Giant<'_>| {
            let terms = g.terms.iter().map(|&(i, p)| Ok((indexed(&lowered, i)?, p))).collect::<Result<Vec<_>>>()?;
            self.dot_plain(&terms)
        };
        let output = |giants: &Giants<'_>| {
            let sums = giants.giants.iter().map(inner).collect::<Result<Vec<_>>>()?;
            if !giants.chained {
                let terms: Vec<_> = sums.iter().zip(&giants.giants).map(|(v, g)| (v, g.step)).collect();
                return self.sum_of_rotations(&terms);
            }
            let mut sum: Option<(Self::Vector, i64)> = None;
            for (v, g) in sums.into_iter().zip(&giants.giants).rev() {
                sum = Some(match sum {
                    None => (v, g.step),
                    Some((s, at)) => (self.add(&self.rotate(&s, at - g.step)?, &v)?, g.step),
                });
            }
            let empty = || Error::LengthMismatch { what: "terms of a matrix product", found: 0, needed: "at least 1".into() };
            let (sum, at) = sum.ok_or_else(empty)?;
            self.rotate(&sum, at)
        };
        outputs.iter().map(output).collect()
    }

    /// `Σ rot_k(v)` over the given (v, k), no level, the Galois keys of the steps at the lowest level among the vectors.
    ///
    /// # Errors
    /// As said at the trait; an empty sum is refused.
    fn sum_of_rotations(&self, terms: &[(&Self::Vector, i64)]) -> Result<Self::Vector> {
        let lowest = terms.iter().map(|(v, _)| self.level(v)).min().unwrap_or(0);
        let mut sum: Option<Self::Vector> = None;
        for &(v, step) in terms {
            let rotated = self.rotate(&self.drop_to_level(v, lowest)?, step)?;
            sum = Some(match sum {
                None => rotated,
                Some(sum) => self.add(&sum, &rotated)?,
            });
        }
        sum.ok_or_else(|| Error::LengthMismatch { what: "terms of a sum of rotations", found: 0, needed: "at least 1".into() })
    }

    /// `constant + Σ cᵢ·aᵢ` with one rescaling for the whole sum: one level below the lowest operand.
    ///
    /// # Errors
    /// As said at the trait; an empty sum is refused.
    fn linear_combination(&self, terms: &[(&Self::Vector, f64)], constant: f64) -> Result<Self::Vector>;

    /// Rotation to the left by `steps`, no level, the Galois key of `steps`.
    ///
    /// # Errors
    /// As said at the trait.
    fn rotate(&self, a: &Self::Vector, steps: i64) -> Result<Self::Vector>;

    /// The rotations of one vector by several steps, in their order: cheaper than one by one, because the vector is
    /// decomposed once (hoisting, Halevi and Shoup, eprint 2018/244 §4.2).
    ///
    /// # Errors
    /// As said at the trait.
    fn rotate_many(&self, a: &Self::Vector, steps: &[i64]) -> Result<Vec<Self::Vector>> {
        steps.iter().map(|&k| self.rotate(a, k)).collect()
    }

    /// Complex conjugation of every slot, no level, the conjugation key.
    ///
    /// # Errors
    /// As said at the trait.
    fn conjugate(&self, a: &Self::Vector) -> Result<Self::Vector>;

    /// The same vector at a lower level.
    ///
    /// # Errors
    /// As said at the trait; `level` above the vector's is refused.
    fn drop_to_level(&self, a: &Self::Vector, level: usize) -> Result<Self::Vector>;
}

/// Inner sums of a product that are computed side by side: the vectors are then read once for all of them.
pub const GIANTS_AT_ONCE: usize = 8;

/// One giant step of [`Arithmetic::matrix_product`].
#[derive(Clone, Debug)]
pub struct Giant<'p> {
    /// Rotation of the inner sum.
    pub step: i64,
    /// (index of a vector, plaintext factor).
    pub terms: Vec<(usize, &'p PlainVector)>,
}

/// The giant steps of one output of [`Arithmetic::matrix_product`], in ascending order.
#[derive(Clone, Debug)]
pub struct Giants<'p> {
    /// True: the sum is made from the last giant down, rotating what there is by the distance to the next,
    /// `rot_{g₁}(y₁ + rot_{g₂−g₁}(y₂ + …))`: equal distances share one key, but every rotation is divided by P on its own.
    /// False: every inner sum is rotated by its own step, with a key for each and one division for all.
    pub chained: bool,
    /// The steps with their inner sums.
    pub giants: Vec<Giant<'p>>,
}

impl Giants<'_> {
    /// The rotations made, zeros left out: each needs the key of its step.
    #[must_use]
    pub fn rotations(&self) -> Vec<i64> {
        giant_rotations(self.chained, self.giants.iter().map(|g| g.step))
    }
}

/// The rotations that giant steps (in ascending order) take, chained or not.
pub(super) fn giant_rotations(chained: bool, steps: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut before = 0;
    let rotation = |step: i64| {
        let distance = step - before;
        if chained {
            before = step;
        }
        distance
    };
    steps.map(rotation).filter(|&k| k != 0).collect()
}

/// `vectors[i]`, or an error that says how many there are.
///
/// # Errors
/// [`Error::LengthMismatch`].
pub fn indexed<V: Copy>(vectors: &[V], i: usize) -> Result<V> {
    vectors.get(i).copied().ok_or_else(|| Error::LengthMismatch {
        what: "vectors of a matrix product",
        found: vectors.len(),
        needed: format!("more than {i}"),
    })
}
