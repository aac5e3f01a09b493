//! One sparse matrix on a ciphertext: baby and giant steps with double hoisting.
//!
//! Σ_k D_k ⊙ rot_k(x) = Σ_g rot_g(Σ_b rot_{−g}(D_{g+b}) ⊙ rot_b(x)). The babies stay multiplied by P: one decomposition serves
//! all of them and none is divided by P; the sum over the giants stays so too, and its division by P is the rescaling at the
//! same time (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, eprint 2020/1203, section 4).

use std::collections::BTreeMap;

use num_complex::Complex64;

use super::dft::Diagonals;
use super::keys::EncapsulationKeys;
use super::mod_raise::{Raised, from_sparse_shape};
use super::switching::{Multiplied, Switcher, Turn};
use crate::ciphertext::Ciphertext;
use crate::encoding::Encoder;
use crate::error::{Error, Result};
use crate::eval::Evaluator;
use crate::kernels::{self, AlignedBuf, Modulus};
use crate::keys::{EvaluationKeys, GadgetShape, KeyRequirements};
use crate::parallel::for_each;
use crate::params::{Params, Scale};
use crate::plaintext::ExtendedPlaintext;
use crate::ring::{Ntt, Poly, divide_by_dropped, divide_pair};

/// Cost of a giant step beside that of a baby step: a baby is one inner product, a giant also divides by P and decomposes.
const GIANT_COST: usize = 3;

/// From this many words with one factor on, the products of all giants are done at once.
const GEMM_RUN: usize = 32;

/// Which rotations a matrix takes.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    /// Baby steps in ascending order; the first is 0.
    babies: Vec<i64>,
    /// Per giant step: (place of the baby step, step of the diagonal).
    giants: BTreeMap<i64, Vec<(usize, i64)>>,
}

impl Steps {
    /// The cheapest split of a matrix's steps.
    pub fn of(matrix: &Diagonals) -> Self {
        let unit = matrix.unit as i64;
        let widest = matrix.by_step.len().next_power_of_two() as i64;
        let mut best: Option<(usize, Self)> = None;
        let mut width = 1;
        while width <= widest {
            let steps = Self::with_width(matrix, width * unit);
            let cost = steps.rotations() + GIANT_COST * steps.giants();
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, steps));
            }
            width *= 2;
        }
        best.map_or_else(|| Self::with_width(matrix, unit), |(_, steps)| steps)
    }

    fn with_width(matrix: &Diagonals, width: i64) -> Self {
        let mut babies: Vec<i64> = matrix.by_step.keys().map(|k| k.rem_euclid(width)).chain([0]).collect();
        babies.sort_unstable();
        babies.dedup();
        let mut giants: BTreeMap<i64, Vec<(usize, i64)>> = BTreeMap::new();
        for &k in matrix.by_step.keys() {
            let baby = k.rem_euclid(width);
            let place = babies.binary_search(&baby).unwrap_or(0);
            giants.entry(k - baby).or_default().push((place, k));
        }
        Self { babies, giants }
    }

    /// Every diagonal its own baby step: for a ciphertext that ModRaise has just made.
    pub fn without_giants(matrix: &Diagonals) -> Self {
        let babies: Vec<i64> = matrix.by_step.keys().copied().collect();
        let terms = babies.iter().copied().enumerate().collect();
        Self { babies, giants: BTreeMap::from([(0, terms)]) }
    }

    /// The baby steps.
    pub fn babies(&self) -> &[i64] {
        &self.babies
    }

    /// Number of baby steps that are rotations.
    pub fn rotations(&self) -> usize {
        self.babies.iter().filter(|&&step| step != 0).count()
    }

    /// Number of giant steps that are rotations.
    pub fn giants(&self) -> usize {
        self.giants.keys().filter(|&&step| step != 0).count()
    }

    /// All rotations, for a vector at `level`.
    pub fn need(&self, params: &Params, level: usize, needed: &mut KeyRequirements) {
        self.babies.iter().chain(self.giants.keys()).for_each(|&step| needed.need_rotation(params, step, level));
    }
}

/// A matrix ready for ciphertexts of one level.
pub(super) struct Transform {
    level: usize,
    shape: GadgetShape,
    steps: Steps,
    /// Per giant step, as in `steps`.
    plain: Vec<Vec<ExtendedPlaintext>>,
    scale_after: Scale,
}

impl Transform {
    /// Encodes `matrix` for ciphertexts at `level` and scale `before`, so that the result has scale `after` at `level` − 1.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] at level 0; those of the encoder.
    pub fn new(encoder: &Encoder, matrix: &Diagonals, level: usize, before: Scale, after: Scale) -> Result<Self> {
        let shape = GadgetShape::for_level(encoder.params(), level);
        Self::encoded(encoder, matrix, (level, shape, Steps::of(matrix)), before, after)
    }

    /// The same for what ModRaise makes.
    ///
    /// # Errors
    /// As [`Transform::new`].
    pub fn after_raising(encoder: &Encoder, matrix: &Diagonals, level: usize, before: Scale, after: Scale) -> Result<Self> {
        Self::encoded(encoder, matrix, (level, from_sparse_shape(level), Steps::without_giants(matrix)), before, after)
    }

    fn encoded(
        encoder: &Encoder,
        matrix: &Diagonals,
        (level, shape, steps): (usize, GadgetShape, Steps),
        before: Scale,
        after: Scale,
    ) -> Result<Self> {
        let params = encoder.params();
        if level == 0 || level > params.max_level() {
            return Err(Error::LevelsExhausted {
                operation: "a matrix of bootstrapping",
                needed: level.max(1),
                available: params.max_level(),
            });
        }
        let prime = Scale::from_u64(params.q(level).value()).unwrap_or(before);
        let scale = after.times(prime).over(before);
        let basis = shape.basis(level);
        let encode = |giant: i64, step: i64| {
            let diagonal = &matrix.by_step[&step];
            let period = matrix.period as i64;
            let moved: Vec<Complex64> = (0..period).map(|i| diagonal[(i - giant).rem_euclid(period) as usize]).collect();
            encoder.encode_extended(&moved, basis, scale)
        };
        let plain = steps
            .giants
            .iter()
            .map(|(&giant, terms)| terms.iter().map(|&(_, step)| encode(giant, step)).collect())
            .collect::<Result<_>>()?;
        Ok(Self { level, shape, steps, plain, scale_after: after })
    }

    /// Bytes of the encoded diagonals.
    pub fn bytes(&self) -> u64 {
        self.plain.iter().flatten().map(|p| p.words.len() as u64 * 8).sum()
    }

    /// The product with the matrix, rescaled.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] for another level; [`Error::MissingKey`].
    pub fn apply(&self, evaluator: &Evaluator<'_>, keys: &EvaluationKeys, x: &Ciphertext) -> Result<Ciphertext> {
        if x.level() != self.level {
            let (needed, available) = (self.level, x.level());
            return Err(Error::LevelsExhausted { operation: "a matrix of bootstrapping", needed, available });
        }
        let params = evaluator.params();
        let basis = self.shape.basis(self.level);
        let turn = |&step: &i64| Ok(if step == 0 { None } else { Some(self.turn(params, keys, step)?) });
        let turns = self.steps.babies.iter().map(turn).collect::<Result<Vec<_>>>()?;
        let digits = evaluator.decompose(&x.c1, self.shape)?;
        let inner = self.inner_sums(&Switcher { params, basis, digits: &digits }, &turns, [&x.c0, &x.c1]);
        drop(digits);
        // The giant step 0 is where the sum starts; no other giant needs it.
        let mut giants: Vec<_> = self.steps.giants.keys().copied().zip(inner).collect();
        let mut sum = match giants.iter().position(|(giant, _)| *giant == 0) {
            Some(place) => giants.swap_remove(place).1,
            None => [Poly::zero(params.n(), basis), Poly::zero(params.n(), basis)],
        };
        for (giant, [inner0, inner1]) in giants {
            let turn = self.turn(params, keys, giant)?;
            let inner1 = divide_by_dropped(params, inner1, self.level + 1)?;
            let digits = evaluator.decompose(&inner1, self.shape)?;
            Switcher { params, basis, digits: &digits }.add_rotated(&mut sum, &turn, Multiplied::Already(&inner0));
        }
        let [c0, c1] = divide_pair(params, sum, self.level)?;
        Ok(Ciphertext { c0, c1, scale: self.scale_after })
    }

    /// The product with what ModRaise made, rescaled and under the secret.
    ///
    /// # Errors
    /// As [`Transform::apply`].
    pub fn apply_raised(&self, evaluator: &Evaluator<'_>, keys: &EncapsulationKeys, x: &Raised) -> Result<Ciphertext> {
        if x.level() != self.level {
            let (needed, available) = (self.level, x.level());
            return Err(Error::LevelsExhausted { operation: "a matrix of bootstrapping", needed, available });
        }
        let params = evaluator.params();
        let turn = |&step: &i64| {
            let key = keys.from_sparse(step, self.level)?;
            Ok(Some(Turn::new(params, params.galois_element(step), key)))
        };
        let turns = self.steps.babies.iter().map(turn).collect::<Result<Vec<_>>>()?;
        let switcher = Switcher { params, basis: self.shape.basis(self.level), digits: &x.digits };
        let mut sums = self.inner_sums(&switcher, &turns, [&x.c0, &x.c0]);
        let Some(sum) = sums.pop() else {
            return Err(Error::LengthMismatch { what: "diagonals of a matrix", found: 0, needed: "at least 1".into() });
        };
        let [c0, c1] = divide_pair(params, sum, self.level)?;
        Ok(Ciphertext { c0, c1, scale: self.scale_after })
    }

    /// The key of a rotation; all keys of one matrix have to cut digits alike, so one of another level does not serve.
    fn turn<'k>(&self, params: &Params, keys: &'k EvaluationKeys, step: i64) -> Result<Turn<'k>> {
        let step = step.rem_euclid(params.slots() as i64);
        let element = params.galois_element(step);
        let key = keys.galois(element, self.level, || format!("key for rotation by {step} (bootstrapping)"))?;
        let (found, needed) = (key.shape(), self.shape);
        if (found.special, found.digit_limbs) != (needed.special, needed.digit_limbs) {
            let key = format!(
                "key for rotation by {step} with {} special primes and digits of {} primes (found {} and {})",
                needed.special, needed.digit_limbs, found.special, found.digit_limbs
            );
            return Err(Error::MissingKey { key, level: self.level });
        }
        Ok(Turn::new(params, element, key))
    }

    /// Runs of equal words in a limb of the plaintexts.
    fn blocks(&self) -> usize {
        self.plain.iter().flatten().next().map_or(1, |p| p.blocks)
    }

    /// Σ_b plain ⊙ P·rot_b(x) for every giant step. A limb of all babies is made and used before the next one.
    fn inner_sums(&self, switcher: &Switcher<'_>, turns: &[Option<Turn<'_>>], parts: [&Poly<Ntt>; 2]) -> Vec<[Poly<Ntt>; 2]> {
        let (n, basis) = (switcher.params.n(), switcher.basis);
        // Place in `plain` of each pair of giant and baby.
        let mut place = vec![None; self.plain.len() * turns.len()];
        for (g, terms) in self.steps.giants.values().enumerate() {
            for (k, &(baby, _)) in terms.iter().enumerate() {
                place[g * turns.len() + baby] = Some((g, k));
            }
        }
        let empty = || Poly::<Ntt>::unfilled(n, basis);
        let mut out: Vec<[Poly<Ntt>; 2]> = self.plain.iter().map(|_| [empty(), empty()]).collect();
        let mut limbs: Vec<[Vec<&mut [u64]>; 2]> = (0..basis.limbs()).map(|_| [Vec::new(), Vec::new()]).collect();
        for [sum0, sum1] in &mut out {
            let halves = sum0.data_mut().chunks_exact_mut(n).zip(sum1.data_mut().chunks_exact_mut(n));
            for (rows, (limb0, limb1)) in limbs.iter_mut().zip(halves) {
                rows[0].push(limb0);
                rows[1].push(limb1);
            }
        }
        for_each(limbs.iter_mut().enumerate(), |(i, halves)| {
            let mut babies = AlignedBuf::unfilled(2 * turns.len() * n);
            for (turn, baby) in turns.iter().zip(babies.chunks_exact_mut(2 * n)) {
                let (baby0, baby1) = baby.split_at_mut(n);
                switcher.rotated(i, turn.as_ref(), parts, [baby0, baby1]);
            }
            let weight = |p: &Option<(usize, usize)>| p.map_or(&[][..], |(g, k)| self.plain[g][k].limb(i));
            let weights: Vec<&[u64]> = place.iter().map(weight).collect();
            let modulus = switcher.params.modulus(basis, i);
            for (half, rows) in halves.iter_mut().enumerate() {
                let inputs: Vec<&[u64]> = babies.chunks_exact(2 * n).map(|baby| &baby[half * n..(half + 1) * n]).collect();
                self.rows_of_limb(modulus, rows, &inputs, &weights);
            }
        });
        out
    }

    /// Per row Σ weights ⊙ inputs, weights of neighbouring equal words once or in full.
    fn rows_of_limb(&self, modulus: &Modulus, rows: &mut [&mut [u64]], inputs: &[&[u64]], weights: &[&[u64]]) {
        let Some(n) = inputs.first().map(|input| input.len()) else { return };
        if weights.iter().all(|w| w.is_empty() || w.len() == n) {
            for (row, weights) in rows.iter_mut().zip(weights.chunks_exact(inputs.len())) {
                let pairs: Vec<_> = inputs.iter().copied().zip(weights.iter().copied()).filter(|(_, w)| !w.is_empty()).collect();
                kernels::dot_into(modulus, row, &pairs);
            }
        } else if n / self.blocks() >= GEMM_RUN {
            kernels::gemm_blocks(modulus, rows, inputs, weights);
        } else {
            for (row, weights) in rows.iter_mut().zip(weights.chunks_exact(inputs.len())) {
                row.fill(0);
                for (input, w) in inputs.iter().zip(weights).filter(|(_, w)| !w.is_empty()) {
                    kernels::mul_blocks_add_assign(modulus, row, input, w);
                }
            }
        }
    }
}
