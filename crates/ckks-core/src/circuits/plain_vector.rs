//! Public vectors that circuits multiply by or add: weights, masks, constants.

use std::sync::{Arc, OnceLock};

use num_complex::Complex64;

use crate::encoding::SpecialFft;
use crate::error::{Error, Result};

/// A public vector of slots, given by one period of it.
///
/// Slot `j` holds `values[j mod period]`; the period is a power of two. It is not encoded yet: each [`super::Arithmetic`]
/// encodes it at the level and scale at which it is used, so one `PlainVector` serves ciphertexts, simulation and cost
/// alike. A short period is cheap: a vector of period `s` is a polynomial in `X^(N/2s)`.
///
/// Cloning shares the values.
#[derive(Clone, Debug)]
pub struct PlainVector {
    values: Arc<Values>,
}

#[derive(Debug)]
enum Values {
    Real(Vec<f64>),
    Complex(Vec<Complex64>),
    Compact(Compact),
}

/// A real vector as the polynomial b_0 + Σ b_k·(Y^k − Y^(2s−k)), b_k = coefficients\[k\]·unit: half the memory of its slots.
#[derive(Debug)]
struct Compact {
    coefficients: Vec<i32>,
    /// A power of two.
    unit: f64,
    /// Decoded for whoever asks for slots; products with ciphertexts do not.
    slots: OnceLock<Vec<f64>>,
}

impl Compact {
    fn slots(&self) -> &[f64] {
        self.slots.get_or_init(|| {
            let c = &self.coefficients;
            let imaginary = |k: usize| if k == 0 { 0.0 } else { -f64::from(c[c.len() - k]) * self.unit };
            let mut w: Vec<_> = (0..c.len()).map(|k| Complex64::new(f64::from(c[k]) * self.unit, imaginary(k))).collect();
            // The length is the power of two that the table was made for.
            if SpecialFft::new(c.len()).and_then(|fft| fft.embed(&mut w)).is_err() {
                w.fill(Complex64::new(f64::NAN, 0.0));
            }
            w.into_iter().map(|z| z.re).collect()
        })
    }
}

impl PlainVector {
    /// A real vector from one period of it.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless the length is a power of two; [`Error::ValueOutOfRange`] for NaN or an infinity.
    pub fn new(values: impl Into<Vec<f64>>) -> Result<Self> {
        let values = values.into();
        check_period(values.len())?;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(not_finite(at));
        }
        Ok(Self { values: Arc::new(Values::Real(values)) })
    }

    /// A complex vector from one period of it.
    ///
    /// # Errors
    /// As for [`PlainVector::new`].
    pub fn complex(values: impl Into<Vec<Complex64>>) -> Result<Self> {
        let values = values.into();
        check_period(values.len())?;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(not_finite(at));
        }
        Ok(Self { values: Arc::new(Values::Complex(values)) })
    }

    /// The real vector of period `period` whose slot `j` holds `value(j)`.
    ///
    /// # Errors
    /// As for [`PlainVector::new`].
    pub fn from_fn(period: usize, value: impl FnMut(usize) -> f64) -> Result<Self> {
        check_period(period)?;
        Self::new((0..period).map(value).collect::<Vec<_>>())
    }

    /// The same real value in all slots (period 1).
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] for NaN or an infinity.
    pub fn constant(value: f64) -> Result<Self> {
        Self::new(vec![value])
    }

    /// The vector with its polynomial's coefficients rounded to 32-bit integers times one power of two: four bytes a slot, ready
    /// for products with ciphertexts at any level, without a transform of its slots. The values that it stands for are those of
    /// the rounded polynomial, for every [`super::Arithmetic`].
    ///
    /// The rounding error of a slot has the root mean square √(2s/12)·2^−30·max |b_k| or less for a period of s slots; `bits` is
    /// what it has to keep of the root mean square of the vector itself. Rotating the result gives up the compact form.
    ///
    /// # Errors
    /// [`Error::ValueOutOfRange`] for a complex vector, and where 32-bit coefficients keep fewer than `bits` bits, with the
    /// number that they keep (23.8 at least for 2^15 slots; about 30 for weights without structure).
    pub fn compact(&self, bits: f64) -> Result<Self> {
        self.compact_with(&SpecialFft::new(self.period())?, bits)
    }

    /// [`PlainVector::compact`] with tables for its period or more.
    pub(super) fn compact_with(&self, fft: &SpecialFft, bits: f64) -> Result<Self> {
        let values = match &*self.values {
            Values::Compact(_) => return Ok(self.clone()),
            Values::Real(values) => values,
            Values::Complex(_) => {
                let what = "complex values have no compact form; split them into real and imaginary part".into();
                return Err(Error::ValueOutOfRange { what });
            }
        };
        let mut w: Vec<Complex64> = values.iter().map(|&x| x.into()).collect();
        fft.unembed(&mut w)?;
        let largest = w.iter().fold(0.0f64, |m, z| m.max(z.re.abs()));
        // Largest coefficient below 2^31; subnormal units would lose bits of their own.
        let exponent = if largest > 0.0 { (largest.log2().floor() as i32 - 30).max(-1000) } else { 0 };
        let unit = 2f64.powi(exponent);
        let coefficients: Vec<i32> = w.iter().map(|z| (z.re / unit).round_ties_even() as i32).collect();
        // Mean square over the slots (Parseval): every coefficient but the first stands twice.
        let mean_square = |x: &dyn Fn(usize) -> f64| x(0).powi(2) + 2.0 * (1..w.len()).map(|k| x(k).powi(2)).sum::<f64>();
        let signal = mean_square(&|k| w[k].re / unit);
        let error = mean_square(&|k| w[k].re / unit - f64::from(coefficients[k]));
        let kept = if error > 0.0 { 0.5 * (signal / error).log2() } else { f64::INFINITY };
        if kept < bits {
            return Err(Error::ValueOutOfRange {
                what: format!(
                    "32-bit coefficients keep {kept:.1} bits of a vector of period {}, needed {bits:.1}; use the vector as it is",
                    self.period()
                ),
            });
        }
        Ok(Self { values: Arc::new(Values::Compact(Compact { coefficients, unit, slots: OnceLock::new() })) })
    }

    /// Coefficients and their unit, if the vector is in compact form.
    pub(crate) fn as_compact(&self) -> Option<(&[i32], f64)> {
        match &*self.values {
            Values::Compact(c) => Some((&c.coefficients, c.unit)),
            _ => None,
        }
    }

    /// Bytes that the values take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &*self.values {
            Values::Real(v) => size_of_val(&v[..]),
            Values::Complex(v) => size_of_val(&v[..]),
            Values::Compact(c) => size_of_val(&c.coefficients[..]) + c.slots.get().map_or(0, |s| size_of_val(&s[..])),
        }
    }

    /// Number of slots after which the values repeat: a power of two.
    #[must_use]
    pub fn period(&self) -> usize {
        match &*self.values {
            Values::Real(v) => v.len(),
            Values::Complex(v) => v.len(),
            Values::Compact(c) => c.coefficients.len(),
        }
    }

    /// The value of slot `slot`.
    #[must_use]
    pub fn get(&self, slot: usize) -> Complex64 {
        let at = slot & (self.period() - 1);
        match &*self.values {
            Values::Real(v) => Complex64::new(v[at], 0.0),
            Values::Complex(v) => v[at],
            Values::Compact(c) => Complex64::new(c.slots()[at], 0.0),
        }
    }

    /// One period, if the vector is real.
    #[must_use]
    pub fn as_real(&self) -> Option<&[f64]> {
        match &*self.values {
            Values::Real(v) => Some(v),
            Values::Complex(_) => None,
            Values::Compact(c) => Some(c.slots()),
        }
    }

    /// True for [`PlainVector::new`] and what comes from it.
    #[must_use]
    pub fn is_real(&self) -> bool {
        !matches!(&*self.values, Values::Complex(_))
    }

    /// One period, as complex numbers.
    #[must_use]
    pub fn to_complex(&self) -> Vec<Complex64> {
        (0..self.period()).map(|j| self.get(j)).collect()
    }

    /// The vector rotated to the left: slot `j` of the result holds slot `j + steps` of `self`.
    #[must_use]
    pub fn rotate(&self, steps: i64) -> Self {
        let period = self.period();
        let k = steps.rem_euclid(period as i64) as usize;
        if k == 0 {
            return self.clone();
        }
        let values = match &*self.values {
            Values::Real(v) => Values::Real([&v[k..], &v[..k]].concat()),
            Values::Compact(c) => Values::Real([&c.slots()[k..], &c.slots()[..k]].concat()),
            Values::Complex(v) => Values::Complex([&v[k..], &v[..k]].concat()),
        };
        Self { values: Arc::new(values) }
    }

    /// True if every value is exactly zero: a product with it can be left out.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match &*self.values {
            Values::Real(v) => v.iter().all(|&x| x == 0.0),
            Values::Complex(v) => v.iter().all(|x| x.re == 0.0 && x.im == 0.0),
            Values::Compact(c) => c.coefficients.iter().all(|&x| x == 0),
        }
    }

    /// Mean of |value|² over a period: what a product with this vector multiplies a noise variance by, on average.
    #[must_use]
    pub fn mean_square(&self) -> f64 {
        let sum: f64 = match &*self.values {
            Values::Real(v) => v.iter().map(|x| x * x).sum(),
            Values::Complex(v) => v.iter().map(Complex64::norm_sqr).sum(),
            Values::Compact(c) => c.slots().iter().map(|x| x * x).sum(),
        };
        sum / self.period() as f64
    }

    /// Largest |value|.
    #[must_use]
    pub fn max_abs(&self) -> f64 {
        match &*self.values {
            Values::Real(v) => v.iter().fold(0.0, |m, x| m.max(x.abs())),
            Values::Complex(v) => v.iter().fold(0.0, |m, x| m.max(x.norm())),
            Values::Compact(c) => c.slots().iter().fold(0.0, |m, x| m.max(x.abs())),
        }
    }

    /// An address that is the same for clones and different for vectors that are alive together: a key for caches of
    /// encodings, valid as long as a clone is kept beside it.
    #[must_use]
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.values) as usize
    }
}

fn check_period(len: usize) -> Result<()> {
    if len.is_power_of_two() {
        Ok(())
    } else {
        Err(Error::LengthMismatch { what: "period of a plain vector", found: len, needed: "a power of two".into() })
    }
}

fn not_finite(at: usize) -> Error {
    Error::ValueOutOfRange { what: format!("slot {at} of a plain vector is not a finite number") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_rotates() {
        let v = PlainVector::new(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(v.get(6).re, 3.0);
        let r = v.rotate(-1);
        for j in 0..8 {
            assert_eq!(r.get(j), v.get(j + 3));
        }
        assert_eq!(v.rotate(5).as_real(), Some(&[2.0, 3.0, 4.0, 1.0][..]));
        assert_eq!(v.mean_square(), 7.5);
        assert_eq!(v.identity(), v.clone().identity());
    }

    #[test]
    fn compact_form_keeps_what_it_says() {
        for period in [1, 2, 8, 1024] {
            let v = PlainVector::from_fn(period, |i| ((i * 37 + 11) % 64) as f64 - 20.0).unwrap();
            let c = v.compact(24.0).unwrap();
            assert_eq!((c.period(), c.bytes()), (period, 4 * period));
            let error = (0..period).map(|j| (c.get(j).re - v.get(j).re).powi(2)).sum::<f64>() / period as f64;
            let kept = 0.5 * (v.mean_square() / error.max(1e-300)).log2();
            assert!(kept > 28.0, "period {period}: {kept:.1} bits");
            assert!((c.mean_square() / v.mean_square() - 1.0).abs() < 1e-7 && (c.max_abs() / v.max_abs() - 1.0).abs() < 1e-7);
            assert!((c.rotate(3).get(0).re - v.get(3).re).abs() < 1e-6);
            // What was refused for its bits keeps nearly as many.
            let refused = v.compact(60.0);
            assert_eq!(refused.is_err(), period > 1, "period {period}");
        }
        assert!(PlainVector::new(vec![0.0; 4]).unwrap().compact(30.0).unwrap().is_zero());
        assert!(PlainVector::complex(vec![Complex64::i()]).unwrap().compact(1.0).is_err());
        let tiny = PlainVector::new(vec![1e-310, 2e-310]).unwrap();
        assert!(tiny.compact(20.0).is_err());
    }

    #[test]
    fn refuses_odd_lengths_and_nan() {
        assert!(PlainVector::new(vec![1.0; 3]).unwrap_err().to_string().contains("found length 3"));
        assert!(PlainVector::new(Vec::<f64>::new()).is_err());
        assert!(PlainVector::new(vec![1.0, f64::NAN]).unwrap_err().to_string().contains("slot 1"));
        assert!(PlainVector::complex(vec![Complex64::new(0.0, f64::INFINITY)]).is_err());
    }
}
