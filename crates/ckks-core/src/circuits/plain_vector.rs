//! Public vectors that circuits multiply by or add: weights, masks, constants.

use std::sync::Arc;

use num_complex::Complex64;

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

    /// Number of slots after which the values repeat: a power of two.
    #[must_use]
    pub fn period(&self) -> usize {
        match &*self.values {
            Values::Real(v) => v.len(),
            Values::Complex(v) => v.len(),
        }
    }

    /// The value of slot `slot`.
    #[must_use]
    pub fn get(&self, slot: usize) -> Complex64 {
        let at = slot & (self.period() - 1);
        match &*self.values {
            Values::Real(v) => Complex64::new(v[at], 0.0),
            Values::Complex(v) => v[at],
        }
    }

    /// One period, if the vector is real.
    #[must_use]
    pub fn as_real(&self) -> Option<&[f64]> {
        match &*self.values {
            Values::Real(v) => Some(v),
            Values::Complex(_) => None,
        }
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
        }
    }

    /// Mean of |value|² over a period: what a product with this vector multiplies a noise variance by, on average.
    #[must_use]
    pub fn mean_square(&self) -> f64 {
        let sum: f64 = match &*self.values {
            Values::Real(v) => v.iter().map(|x| x * x).sum(),
            Values::Complex(v) => v.iter().map(Complex64::norm_sqr).sum(),
        };
        sum / self.period() as f64
    }

    /// Largest |value|.
    #[must_use]
    pub fn max_abs(&self) -> f64 {
        match &*self.values {
            Values::Real(v) => v.iter().fold(0.0, |m, x| m.max(x.abs())),
            Values::Complex(v) => v.iter().fold(0.0, |m, x| m.max(x.norm())),
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
    fn refuses_odd_lengths_and_nan() {
        assert!(PlainVector::new(vec![1.0; 3]).unwrap_err().to_string().contains("found length 3"));
        assert!(PlainVector::new(Vec::<f64>::new()).is_err());
        assert!(PlainVector::new(vec![1.0, f64::NAN]).unwrap_err().to_string().contains("slot 1"));
        assert!(PlainVector::complex(vec![Complex64::new(0.0, f64::INFINITY)]).is_err());
    }
}
