//! The encoder.

use std::sync::Arc;

use num_complex::Complex64;

use super::reconstruct::real_coefficients;
use super::rounding::{RoundedCoefficients, check_fits};
use super::special_fft::SpecialFft;
use super::subring_ntt::SubringNtt;
use crate::error::{Error, Result};
use crate::kernels::AlignedBuf;
use crate::parallel::{awake, for_each};
use crate::params::{Params, Scale};
use crate::plaintext::{Plaintext, SubringPlaintext};
use crate::ring::{Basis, Ntt, Poly, residue};

/// Below this many words a limb is not worth handing to another thread.
const PARALLEL_BLOCKS: usize = 4096;

/// Encodes vectors of slots as polynomials and decodes them. Cheap to clone; the tables are shared.
///
/// A vector of length n ≤ N/2 is filled up with zeros to the next power of two s and becomes a polynomial in X^(N/2s): in the
/// N/2 slots of a ciphertext it stands N/2s times, one after the other (Cheon, Kim, Kim, Song 2017, §3.2 with sparse packing
/// as in Cheon, Han, Kim, Kim, Song 2018, eprint 2018/153, §5.2).
#[derive(Clone)]
pub struct Encoder {
    inner: Arc<Inner>,
}

struct Inner {
    params: Params,
    fft: SpecialFft,
    /// Per prime in the order of `Params::prime_index`.
    subring: Vec<SubringNtt>,
}

impl Encoder {
    /// An encoder with its tables.
    ///
    /// # Errors
    /// None for valid parameters; the transform's own check is passed on.
    pub fn new(params: &Params) -> Result<Self> {
        let fft = SpecialFft::new(params.slots())?;
        let subring = (0..params.full_basis().limbs()).map(|_| SubringNtt::new(params.log_n())).collect();
        Ok(Self { inner: Arc::new(Inner { params: params.clone(), fft, subring }) })
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.inner.params
    }

    /// Encodes 1 to N/2 real values over the primes of `level`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for no or too many values; [`Error::LevelsExhausted`] for a level that the parameters do not
    /// have; [`Error::ValueOutOfRange`] for NaN and infinities, and for values that at this scale overflow the level's modulus.
    pub fn encode(&self, values: &[f64], level: usize, scale: Scale) -> Result<Plaintext> {
        self.encode_parts(self.real_parts(values)?, level, scale)
    }

    /// Encodes 1 to N/2 complex values over the primes of `level`.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_complex(&self, values: &[Complex64], level: usize, scale: Scale) -> Result<Plaintext> {
        self.encode_parts(self.complex_parts(values)?, level, scale)
    }

    /// Encodes 1 to N/2 real values, keeping one word for each run of equal words: 2s per limb instead of N.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_subring(&self, values: &[f64], level: usize, scale: Scale) -> Result<SubringPlaintext> {
        self.encode_period(self.real_parts(values)?, level, scale)
    }

    /// Encodes 1 to N/2 complex values, keeping one word for each run of equal words: 2s per limb instead of N.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_subring_complex(&self, values: &[Complex64], level: usize, scale: Scale) -> Result<SubringPlaintext> {
        self.encode_period(self.complex_parts(values)?, level, scale)
    }

    /// The plaintext with all N words per limb that a small one stands for.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for words that are not those of these parameters.
    pub fn expand(&self, small: &SubringPlaintext) -> Result<Plaintext> {
        let params = self.params();
        let (n, blocks) = (params.n(), small.blocks);
        let limbs = small.words.len() / blocks.max(1);
        let fits = blocks >= 2 && blocks <= n && blocks.is_power_of_two() && limbs * blocks == small.words.len();
        if !fits || limbs == 0 || limbs > params.max_level() + 1 {
            return Err(Error::LengthMismatch {
                what: "words of a plaintext of small period",
                found: small.words.len(),
                needed: format!("1 to {} limbs of {blocks} words, a power of two up to {n}", params.max_level() + 1),
            });
        }
        let mut poly = Poly::<Ntt>::zero(n, Basis::at_level(limbs - 1));
        poly.for_each_limb(|i, limb| {
            for (run, &word) in limb.chunks_exact_mut(n / blocks).zip(small.limb(i)) {
                run.fill(word);
            }
        });
        Ok(Plaintext { poly, scale: small.scale })
    }

    /// All N/2 slots.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if the plaintext belongs to another ring.
    pub fn decode(&self, plaintext: &Plaintext) -> Result<Vec<Complex64>> {
        self.decode_period(plaintext, self.params().slots())
    }

    /// The real parts of all N/2 slots.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_real(&self, plaintext: &Plaintext) -> Result<Vec<f64>> {
        Ok(self.decode(plaintext)?.into_iter().map(|z| z.re).collect())
    }

    /// One period of a vector that repeats every `period` slots: the mean of its N/(2·period) copies, whose noise is smaller
    /// than that of each.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless the period is a power of two up to N/2 and the plaintext belongs to this ring.
    pub fn decode_period(&self, plaintext: &Plaintext, period: usize) -> Result<Vec<Complex64>> {
        let params = self.params();
        let basis = plaintext.poly.basis();
        if plaintext.poly.n() != params.n() || basis.p != 0 || basis.q == 0 || basis.q > params.max_level() + 1 {
            return Err(Error::LengthMismatch {
                what: "residues of the plaintext to decode",
                found: plaintext.poly.data().len(),
                needed: format!("1 to {} limbs of {}", params.max_level() + 1, params.n()),
            });
        }
        if !period.is_power_of_two() || period > params.slots() {
            return Err(Error::LengthMismatch {
                what: "period to decode",
                found: period,
                needed: format!("a power of two up to {}", params.slots()),
            });
        }
        let coefficients = real_coefficients(params, &plaintext.poly, plaintext.scale);
        // The coefficients of the other powers of X have mean zero over the copies.
        let gap = params.slots() / period;
        let (low, high) = coefficients.split_at(params.slots());
        let mut parts = AlignedBuf::unfilled(2 * period);
        let (re, im) = parts.doubles_mut().split_at_mut(period);
        re.iter_mut().zip(low.iter().step_by(gap)).for_each(|(part, &x)| *part = x);
        im.iter_mut().zip(high.iter().step_by(gap)).for_each(|(part, &x)| *part = x);
        self.inner.fft.embed_parts(parts.doubles_mut())?;
        let (re, im) = parts.doubles().split_at(period);
        Ok(re.iter().zip(im).map(|(&re, &im)| Complex64::new(re, im)).collect())
    }

    /// Number of slots that a vector of `len` values takes: the next power of two.
    fn period_of(&self, len: usize) -> Result<usize> {
        let slots = self.params().slots();
        if len == 0 || len > slots {
            return Err(Error::LengthMismatch { what: "values to encode", found: len, needed: format!("1 to {slots} (N/2)") });
        }
        Ok(len.next_power_of_two())
    }

    /// Real parts and, behind them, imaginary parts of one full period: zeros where there are no values.
    fn real_parts(&self, values: &[f64]) -> Result<AlignedBuf> {
        let mut parts = AlignedBuf::zeroed(2 * self.period_of(values.len())?);
        parts.doubles_mut()[..values.len()].copy_from_slice(values);
        Ok(parts)
    }

    /// The same for complex values.
    fn complex_parts(&self, values: &[Complex64]) -> Result<AlignedBuf> {
        let period = self.period_of(values.len())?;
        let mut parts = AlignedBuf::zeroed(2 * period);
        let (re, im) = parts.doubles_mut().split_at_mut(period);
        for ((re, im), z) in re.iter_mut().zip(im).zip(values) {
            (*re, *im) = (z.re, z.im);
        }
        Ok(parts)
    }

    /// One full period over all N words. Those of a vector that fills all slots are made where they stay.
    fn encode_parts(&self, parts: AlignedBuf, level: usize, scale: Scale) -> Result<Plaintext> {
        let params = self.params();
        if parts.len() < params.n() || parts.len() == 2 {
            return self.expand(&self.encode_period(parts, level, scale)?);
        }
        // Other threads wake up during the complex transform.
        awake(|| {
            let coefficients = self.coefficients(parts, level, scale)?;
            let mut poly = Poly::<Ntt>::unfilled(params.n(), Basis::at_level(level));
            poly.for_each_limb(|i, limb| {
                let table = params.ntt_q(i);
                coefficients.residues_into(table.modulus(), limb);
                table.forward(limb);
            });
            Ok(Plaintext { poly, scale })
        })
    }

    /// One full period.
    fn encode_period(&self, parts: AlignedBuf, level: usize, scale: Scale) -> Result<SubringPlaintext> {
        if let [re, im] = *parts.doubles() {
            self.check(parts.doubles(), level)?;
            return self.encode_constant(Complex64::new(re, im), level, scale);
        }
        let coefficients = self.coefficients(parts, level, scale)?;
        Ok(self.subring_plaintext(&coefficients, level, scale))
    }

    /// Coefficients of 1, Y, …, Y^(2s−1) of the polynomial in Y = X^(N/2s) that has these slots, times the scale, rounded.
    fn coefficients(&self, mut parts: AlignedBuf, level: usize, scale: Scale) -> Result<RoundedCoefficients> {
        self.check(parts.doubles(), level)?;
        self.inner.fft.unembed_parts(parts.doubles_mut())?;
        RoundedCoefficients::new(self.params(), parts, level, scale)
    }

    /// The same from complex values that are a full period, at any level.
    pub(super) fn coefficients_of(&self, values: &[Complex64], level: usize, scale: Scale) -> Result<RoundedCoefficients> {
        self.coefficients(self.complex_parts(values)?, level, scale)
    }

    fn subring_plaintext(&self, coefficients: &RoundedCoefficients, level: usize, scale: Scale) -> SubringPlaintext {
        filled_subring(coefficients.len(), level, scale, |i, words| {
            coefficients.residues_into(self.params().q(i), words);
            self.transform(i, words);
        })
    }

    /// Refuses levels that there are not and values that are not finite.
    fn check(&self, parts: &[f64], level: usize) -> Result<()> {
        let params = self.params();
        if level > params.max_level() {
            return Err(Error::LevelsExhausted { operation: "encoding", needed: level, available: params.max_level() });
        }
        // Without branches: eight at a time.
        if parts.iter().fold(true, |all, x| all & x.is_finite()) {
            return Ok(());
        }
        let (re, im) = parts.split_at(parts.len() / 2);
        let slots = re.iter().zip(im).map(|(&re, &im)| Complex64::new(re, im)).enumerate();
        let Some((slot, value)) = slots.into_iter().find(|(_, z)| !z.is_finite()) else { return Ok(()) };
        Err(Error::ValueOutOfRange { what: format!("value {slot} is {value}; only finite values can be encoded") })
    }

    /// The same value in all slots: re + im·X^(N/2), rounded exactly at any scale.
    fn encode_constant(&self, value: Complex64, level: usize, scale: Scale) -> Result<SubringPlaintext> {
        let params = self.params();
        check_fits(params, value.re.abs().max(value.im.abs()) * scale.to_f64(), level, scale)?;
        match (scale.scaled_integer(value.re), scale.scaled_integer(value.im)) {
            (Some(re), Some(im)) => Ok(filled_subring(2, level, scale, |i, words| {
                words[0] = residue(params.q(i), re);
                words[1] = residue(params.q(i), im);
                self.transform(i, words);
            })),
            // Beyond 2^126 a double's 53 bits end far above the unit: nothing is left to round.
            _ => {
                let parts = AlignedBuf::from_slice(&[value.re.to_bits(), value.im.to_bits()]);
                let coefficients = RoundedCoefficients::new(params, parts, level, scale)?;
                Ok(self.subring_plaintext(&coefficients, level, scale))
            }
        }
    }

    /// The coefficients b_k of the polynomial b_0 + Σ b_k·(Y^k − Y^(2s−k)), 0 < k < s, Y = X^(N/2s), whose slots are these s real
    /// values, s a power of two.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for a wrong length.
    pub(crate) fn real_coefficients(&self, values: &[f64]) -> Result<Vec<f64>> {
        let mut parts = self.real_parts(values)?;
        self.inner.fft.unembed_parts(parts.doubles_mut())?;
        Ok(parts.doubles()[..parts.len() / 2].to_vec())
    }

    /// Refuses coefficients of magnitude `largest` at this scale that wrap around modulo Q of `level`.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] with both figures.
    pub(crate) fn check_fits(&self, largest: f64, level: usize, scale: Scale) -> Result<()> {
        check_fits(self.params(), largest, level, scale)
    }

    /// Transform of a polynomial in X^(N/words) modulo prime `i` in the order of `Params::prime_index`.
    pub(super) fn transform(&self, i: usize, words: &mut [u64]) {
        let params = self.params();
        self.inner.subring[i].forward(params.ntt(params.full_basis(), i), words);
    }
}

/// A plaintext of small period whose limbs are filled by `fill`, in parallel where they are long.
fn filled_subring(blocks: usize, level: usize, scale: Scale, fill: impl Fn(usize, &mut [u64]) + Sync) -> SubringPlaintext {
    SubringPlaintext { words: filled_words(blocks, level + 1, fill), blocks, scale }
}

/// `limbs` limbs of `blocks` words each, filled by `fill`, in parallel where they are long.
pub(super) fn filled_words(blocks: usize, limbs: usize, fill: impl Fn(usize, &mut [u64]) + Sync) -> Vec<u64> {
    let mut words = vec![0; blocks * limbs];
    if blocks >= PARALLEL_BLOCKS {
        for_each(words.chunks_exact_mut(blocks).enumerate(), |(i, limb)| fill(i, limb));
    } else {
        words.chunks_exact_mut(blocks).enumerate().for_each(|(i, limb)| fill(i, limb));
    }
    words
}
