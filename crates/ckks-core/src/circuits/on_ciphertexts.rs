//! The evaluator that works on ciphertexts.

use std::borrow::Cow;

use num_complex::Complex64;

use super::arithmetic::{GIANTS_AT_ONCE, Giant, Giants, indexed};
use super::{Arithmetic, PlainVector};
use crate::bootstrap::Bootstrapper;
use crate::ciphertext::Ciphertext;
use crate::encoding::Encoder;
use crate::error::{Error, Result};
use crate::eval::{self, RealMatrix};
use crate::kernels::LARGEST_COEFFICIENT;
use crate::keys::EvaluationKeys;
use crate::parallel::{awake, map};
use crate::params::{Params, Scale};
use crate::plaintext::{Plaintext, RealCoefficients, RealPlaintext, SubringPlaintext};

/// Products class by class take every place of the matrix: worth it where at least one in this many is filled.
const SPARSEST: usize = 3;
/// Runs of which two do not fill a tile of four vectors go another way.
const SHORTEST_RUN: usize = 16;

/// [`Arithmetic`] on ciphertexts: every ciphertext that it hands out has the canonical scale of its level.
#[derive(Clone)]
pub struct CkksEvaluator<'k> {
    inner: eval::Evaluator<'k>,
    encoder: Encoder,
    bootstrapper: Option<&'k Bootstrapper<'k>>,
}

impl<'k> CkksEvaluator<'k> {
    /// An evaluator with keys.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] if the keys belong to other parameters.
    pub fn new(params: &Params, keys: &'k EvaluationKeys) -> Result<Self> {
        Ok(Self { inner: eval::Evaluator::new(params, keys)?, encoder: Encoder::new(params)?, bootstrapper: None })
    }

    /// An evaluator that can bootstrap, with the keys of its bootstrapper.
    ///
    /// # Errors
    /// Those of the encoder's tables.
    pub fn with_bootstrapper(bootstrapper: &'k Bootstrapper<'k>) -> Result<Self> {
        let plain = Self::new(bootstrapper.params().scheme(), bootstrapper.keys().evaluation())?;
        Ok(Self { bootstrapper: Some(bootstrapper), ..plain })
    }

    /// What bootstraps here, if anything does.
    #[must_use]
    pub fn bootstrapper(&self) -> Option<&'k Bootstrapper<'k>> {
        self.bootstrapper
    }

    /// An evaluator for what needs no keys: sums and plaintext products.
    ///
    /// # Errors
    /// Those of the encoder's tables.
    pub fn without_keys(params: &Params) -> Result<Self> {
        Ok(Self { inner: eval::Evaluator::without_keys(params), encoder: Encoder::new(params)?, bootstrapper: None })
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        self.inner.params()
    }

    /// The encoder that plaintext factors go through.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Accepts a ciphertext from outside: checks that it has the canonical scale of its level.
    ///
    /// # Errors
    /// [`Error::ScaleMismatch`] with both scales; [`Error::LevelsExhausted`] for a level that the parameters do not have.
    pub fn admit(&self, ciphertext: Ciphertext) -> Result<Ciphertext> {
        let (level, max) = (ciphertext.level(), self.max_level());
        if level > max {
            return Err(Error::LevelsExhausted { operation: "admitting a ciphertext", needed: level, available: max });
        }
        self.canonical(ciphertext)
    }

    /// Products leave the canonical scale only on levels whose prime is not of the scale's size.
    fn canonical(&self, ciphertext: Ciphertext) -> Result<Ciphertext> {
        let level = ciphertext.level();
        let (found, needed) = (ciphertext.scale(), self.params().scale_at(level));
        if found.matches(needed) {
            Ok(ciphertext)
        } else {
            Err(Error::ScaleMismatch { level, left: found.log2(), right: needed.log2() })
        }
    }

    /// Scale of plaintext factors at `level`: S_{ℓ−1}·q_ℓ/S_ℓ.
    fn factor_scale(&self, operation: &'static str, level: usize) -> Result<Scale> {
        Ok(self.product_scale(operation, level)?.over(self.params().scale_at(level)))
    }

    /// Scale of products at `level`, which one rescaling makes canonical: S_{ℓ−1}·q_ℓ.
    fn product_scale(&self, operation: &'static str, level: usize) -> Result<Scale> {
        let Some(below) = level.checked_sub(1) else {
            return Err(Error::LevelsExhausted { operation, needed: 1, available: 0 });
        };
        Ok(self.params().scale_at(below).times(self.inner.prime_scale(level)))
    }

    fn encode(&self, p: &PlainVector, level: usize, scale: Scale) -> Result<Plaintext> {
        match p.as_real() {
            Some(values) => self.encoder.encode(values, level, scale),
            None => self.encoder.encode_complex(&p.to_complex(), level, scale),
        }
    }

    fn encode_subring(&self, p: &PlainVector, level: usize, scale: Scale) -> Result<SubringPlaintext> {
        match p.as_real() {
            Some(values) => self.encoder.encode_subring(values, level, scale),
            None => self.encoder.encode_subring_complex(&p.to_complex(), level, scale),
        }
    }

    /// The inner sums of giants at `level`, without rescaling; `scale` is that of the products.
    fn inner_sums(&self, inputs: &[&Ciphertext], giants: &[Giant<'_>], level: usize, scale: Scale) -> Result<Vec<Ciphertext>> {
        match self.real_matrix(inputs, giants, level, scale)? {
            Some(matrix) => self.inner.matrix_real(inputs, &matrix),
            None => self.subring_sums(inputs, giants, level, scale),
        }
    }

    /// The same, each plaintext encoded and multiplied by itself.
    fn subring_sums(&self, inputs: &[&Ciphertext], giants: &[Giant<'_>], level: usize, scale: Scale) -> Result<Vec<Ciphertext>> {
        let mut sums = Vec::with_capacity(giants.len());
        for some in giants.chunks(GIANTS_AT_ONCE) {
            let encode = |&(i, p): &(usize, &PlainVector)| {
                Ok((i, self.encode_subring(p, level, scale.over(indexed(inputs, i)?.scale()))?))
            };
            let plain: Vec<Vec<_>> =
                map(some, |g| g.terms.iter().map(encode).collect::<Result<_>>()).into_iter().collect::<Result<_>>()?;
            let rows: Vec<Vec<_>> = plain.iter().map(|row| row.iter().map(|(i, p)| (*i, p)).collect()).collect();
            sums.extend(self.inner.matrix_subring(inputs, &rows)?);
        }
        Ok(sums)
    }

    /// The matrix of real plaintexts, if it can be multiplied class by class and that is worth it.
    fn real_matrix<'p>(
        &self,
        inputs: &[&Ciphertext],
        giants: &[Giant<'p>],
        level: usize,
        scale: Scale,
    ) -> Result<Option<RealMatrix<'p>>> {
        let terms = || giants.iter().flat_map(|g| &g.terms);
        let period = terms().map(|t| t.1.period()).max().unwrap_or(1);
        let long_runs = period * 2 * SHORTEST_RUN <= self.params().n();
        let full = terms().count() * SPARSEST >= giants.len() * inputs.len();
        if !long_runs || !full || !terms().all(|t| t.1.is_real()) || giants.iter().any(|g| g.terms.is_empty()) {
            return Ok(None);
        }
        let real = |&(i, p): &(usize, &'p PlainVector)| {
            let factor = scale.over(indexed(inputs, i)?.scale()).to_f64();
            let plain = match (p.as_compact(), p.as_real()) {
                (Some((small, unit)), _) => RealPlaintext { coefficients: RealCoefficients::Small(small), factor: unit * factor },
                (None, values) => {
                    let wide = self.encoder.real_coefficients(values.unwrap_or(&[]))?;
                    RealPlaintext { coefficients: RealCoefficients::Wide(wide), factor }
                }
            };
            Ok((i, plain))
        };
        let rows: Vec<Vec<_>> =
            map(giants, |g| g.terms.iter().map(real).collect::<Result<_>>()).into_iter().collect::<Result<_>>()?;
        let largest = map(&rows, |row| row.iter().map(|(_, p)| p.largest()).fold(0.0, f64::max)).into_iter().fold(0.0, f64::max);
        self.encoder.check_fits(largest, level, self.factor_scale("a matrix product", level)?)?;
        Ok((largest + 1.0 < LARGEST_COEFFICIENT).then_some(RealMatrix { rows, period, scale }))
    }

    /// The lowest level among the vectors, and all of them there.
    fn lowered<'v>(&self, vectors: &[&'v Ciphertext]) -> Result<(usize, Vec<Cow<'v, Ciphertext>>)> {
        let lowest = vectors.iter().map(|v| v.level()).min().unwrap_or(0);
        let lower = |v: &&'v Ciphertext| {
            if v.level() == lowest { Ok(Cow::Borrowed(*v)) } else { self.drop_to_level(v, lowest).map(Cow::Owned) }
        };
        Ok((lowest, vectors.iter().map(lower).collect::<Result<_>>()?))
    }
}

impl Arithmetic for CkksEvaluator<'_> {
    type Vector = Ciphertext;

    fn slots(&self) -> usize {
        self.inner.params().slots()
    }

    /// Without bootstrapping that of the parameters, with it that of a bootstrap's result.
    fn max_level(&self) -> usize {
        self.bootstrapper.map_or(self.inner.params().max_level(), |b| b.params().output_level())
    }

    fn level(&self, v: &Ciphertext) -> usize {
        v.level()
    }

    fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.inner.add(a, b)
    }

    fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.inner.sub(a, b)
    }

    fn negate(&self, a: &Ciphertext) -> Result<Ciphertext> {
        Ok(self.inner.negate(a))
    }

    fn mul(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.canonical(self.inner.mul_rescale(a, b)?)
    }

    fn sum_of_products(&self, pairs: &[(&Ciphertext, &Ciphertext)]) -> Result<Ciphertext> {
        let product = self.inner.tensor_sum(pairs)?;
        self.canonical(self.inner.relinearise_rescale(&product)?)
    }

    fn add_scalar(&self, a: &Ciphertext, c: f64) -> Result<Ciphertext> {
        self.inner.add_constant(a, Complex64::new(c, 0.0))
    }

    fn mul_integer(&self, a: &Ciphertext, c: i64) -> Result<Ciphertext> {
        Ok(self.inner.mul_integer(a, c))
    }

    fn mul_by_i(&self, a: &Ciphertext) -> Result<Ciphertext> {
        Ok(self.inner.mul_by_i(a))
    }

    fn add_plain(&self, a: &Ciphertext, p: &PlainVector) -> Result<Ciphertext> {
        self.inner.add_plain(a, &self.encode(p, a.level(), a.scale())?)
    }

    fn dot_plain(&self, terms: &[(&Ciphertext, &PlainVector)]) -> Result<Ciphertext> {
        let level = terms.iter().map(|t| t.0.level()).min().unwrap_or(0);
        let scale = self.product_scale("a plaintext product", level)?;
        let encode = |(a, p): &(&Ciphertext, &PlainVector)| self.encode_subring(p, level, scale.over(a.scale()));
        let plain = map(terms, encode).into_iter().collect::<Result<Vec<_>>>()?;
        let pairs: Vec<_> = terms.iter().zip(&plain).map(|((a, _), p)| (*a, p)).collect();
        self.canonical(self.inner.rescale(&self.inner.dot_subring(&pairs)?)?)
    }

    fn linear_combination(&self, terms: &[(&Ciphertext, f64)], constant: f64) -> Result<Ciphertext> {
        let Some(((_, first), rest)) = terms.split_first() else {
            return Err(Error::LengthMismatch { what: "terms of a linear combination", found: 0, needed: "at least 1".into() });
        };
        let vectors: Vec<_> = terms.iter().map(|t| t.0).collect();
        let (level, lowered) = self.lowered(&vectors)?;
        let scale = self.factor_scale("a linear combination", level)?;
        let mut sum = self.inner.mul_constant(&lowered[0], *first, scale)?;
        for (a, (_, c)) in lowered[1..].iter().zip(rest) {
            self.inner.mul_constant_add(&mut sum, a, *c)?;
        }
        self.add_scalar(&self.canonical(self.inner.rescale(&sum)?)?, constant)
    }

    fn rotate(&self, a: &Ciphertext, steps: i64) -> Result<Ciphertext> {
        self.inner.rotate(a, steps)
    }

    fn rotate_many(&self, a: &Ciphertext, steps: &[i64]) -> Result<Vec<Ciphertext>> {
        self.inner.rotate_hoisted(a, steps)
    }

    fn conjugate(&self, a: &Ciphertext) -> Result<Ciphertext> {
        self.inner.conjugate(a)
    }

    fn drop_to_level(&self, a: &Ciphertext, level: usize) -> Result<Ciphertext> {
        if level > a.level() {
            return Err(Error::LevelsExhausted { operation: "dropping to a level", needed: level, available: a.level() });
        }
        self.inner.adjust_to(a, level, self.params().scale_at(level))
    }

    fn sum_of_rotations(&self, terms: &[(&Ciphertext, i64)]) -> Result<Ciphertext> {
        let vectors: Vec<_> = terms.iter().map(|t| t.0).collect();
        let (_, lowered) = self.lowered(&vectors)?;
        let terms: Vec<_> = lowered.iter().zip(terms).map(|(v, t)| (&**v, t.1)).collect();
        self.inner.rotate_sum(&terms)
    }

    fn matrix_product(&self, inputs: &[&Ciphertext], outputs: &[Giants<'_>]) -> Result<Vec<Ciphertext>> {
        let level = inputs.iter().map(|v| v.level()).min().unwrap_or(0);
        let scale = self.product_scale("a matrix product", level)?;
        let output = |giants: &Giants<'_>| {
            if !giants.chained {
                if let Some(matrix) = self.real_matrix(inputs, &giants.giants, level, scale)? {
                    let steps: Vec<i64> = giants.giants.iter().map(|g| g.step).collect();
                    return self.canonical(self.inner.matrix_real_rotated_rescale(inputs, &matrix, &steps)?);
                }
                let sums = self.subring_sums(inputs, &giants.giants, level, scale)?;
                let terms: Vec<_> = sums.iter().zip(&giants.giants).map(|(v, g)| (v, g.step)).collect();
                return self.canonical(self.inner.rotate_sum_rescale(&terms)?);
            }
            // From the last giant down, so that no more sums are alive than are computed side by side. Products class by class
            // transform their weights once for all.
            let all_real = giants.giants.iter().flat_map(|g| &g.terms).all(|t| t.1.is_real());
            let at_once = if all_real { giants.giants.len().max(1) } else { GIANTS_AT_ONCE };
            let mut chain: Option<(Ciphertext, i64)> = None;
            for some in giants.giants.rchunks(at_once) {
                let sums = self.inner_sums(inputs, some, level, scale)?;
                for (inner, giant) in sums.into_iter().zip(some).rev() {
                    let sum = match chain {
                        None => inner,
                        Some((sum, at)) => self.inner.add_to(self.inner.rotate(&sum, at - giant.step)?, &inner)?,
                    };
                    chain = Some((sum, giant.step));
                }
            }
            let Some((sum, at)) = chain else {
                return Err(Error::LengthMismatch { what: "terms of a sum of rotations", found: 0, needed: "at least 1".into() });
            };
            self.canonical(self.inner.rotate_sum_rescale(&[(&sum, at)])?)
        };
        // Chains are long and made of small steps: side by side they keep more threads busy than the steps do.
        awake(|| map(outputs, output)).into_iter().collect()
    }
}
