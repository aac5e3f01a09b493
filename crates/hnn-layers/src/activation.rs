//! Activations by a fitted polynomial of any degree, which training may go on to change.

use ckks_core::circuits::polynomial::{ChebyshevPolynomial, evaluate, evaluate_normalised};
use he_tensor::Evaluator;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMutD};

use crate::functions::{Form, Interval};
use crate::parameters::{Parameters, Real, named, named_mut};
use crate::{Error, Result};

/// The exact functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Nonlinearity {
    /// x·Φ(x) (Hendrycks, Gimpel 2016, arXiv:1606.08415).
    Gelu,
    /// max(x, 0). Its corner makes polynomials converge slowly.
    Relu,
    /// tanh x.
    Tanh,
    /// 1/(1 + e^−x).
    Sigmoid,
}

impl Nonlinearity {
    /// f(x) and f′(x).
    #[must_use]
    pub fn value(self, x: f64) -> (f64, f64) {
        match self {
            Self::Gelu => {
                let phi = 0.5 * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
                let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
                (x * phi, phi + x * density)
            }
            Self::Relu => (x.max(0.0), f64::from(u8::from(x > 0.0))),
            Self::Tanh => (x.tanh(), 1.0 - x.tanh().powi(2)),
            Self::Sigmoid => {
                let s = 1.0 / (1.0 + (-x).exp());
                (s, s * (1.0 - s))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// A function and the polynomial that stands for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation<T> {
    /// What is approximated.
    pub function: Nonlinearity,
    /// Where.
    pub interval: Interval,
    /// Chebyshev coefficients on the interval, lowest degree first; parameters of the polynomial form.
    pub coefficients: Array1<T>,
}

/// Highest degree that [`Activation::fit_to`] tries: six levels.
const HIGHEST_DEGREE: usize = 63;

impl<T: Real> Activation<T> {
    /// Interpolates at the Chebyshev points. Where 0 lies in the interval the polynomial is moved to be right there, so that
    /// padding stays what it was; that at most doubles the error.
    ///
    /// # Errors
    /// None for an interval that exists.
    pub fn fit(function: Nonlinearity, degree: usize, interval: Interval) -> Result<Self> {
        let fitted = ChebyshevPolynomial::interpolate(|x| function.value(x).0, degree, (interval.low, interval.high))?;
        let mut coefficients: Array1<T> = fitted.coefficients().iter().map(|&c| T::of(c)).collect();
        if interval.contains(0.0) {
            coefficients[0] += T::of(function.value(0.0).0 - fitted.eval(0.0));
        }
        Ok(Self { function, interval, coefficients })
    }

    /// The polynomial of the lowest degree that stays within `error` of the function on the whole interval.
    ///
    /// # Errors
    /// [`Error::Approximation`] if degree 63 does not.
    pub fn fit_to(function: Nonlinearity, error: f64, interval: Interval) -> Result<Self> {
        let mut last = f64::INFINITY;
        for degree in 1..=HIGHEST_DEGREE {
            let layer = Self::fit(function, degree, interval)?;
            last = layer.max_error()?;
            if last <= error {
                return Ok(layer);
            }
        }
        let (low, high) = (interval.low, interval.high);
        Err(Error::Approximation {
            function: function.name().into(),
            low,
            high,
            degree: HIGHEST_DEGREE,
            error: last,
            wanted: error,
        })
    }

    /// Largest |polynomial − function| on a fine grid of the interval.
    ///
    /// # Errors
    /// Coefficients that are not finite.
    pub fn max_error(&self) -> Result<f64> {
        let polynomial = self.polynomial()?;
        let width = self.interval.high - self.interval.low;
        let error = |i: u32| {
            let x = self.interval.low + width * f64::from(i) / 4000.0;
            (polynomial.eval(x) - self.function.value(x).0).abs()
        };
        Ok((0..=4000).map(error).fold(0.0, f64::max))
    }

    /// The polynomial form.
    ///
    /// # Errors
    /// Coefficients that are not finite.
    pub fn polynomial(&self) -> Result<ChebyshevPolynomial> {
        let coefficients: Vec<f64> = self.coefficients.iter().map(|&c| Real::as_f64(c)).collect();
        Ok(ChebyshevPolynomial::new(coefficients, (self.interval.low, self.interval.high))?)
    }

    /// Element by element.
    ///
    /// # Errors
    /// Coefficients that are not finite.
    pub fn forward(&self, x: ArrayView2<'_, T>, form: Form) -> Result<Array2<T>> {
        let polynomial = self.polynomial()?;
        Ok(x.mapv(|v| {
            let v = Real::as_f64(v);
            T::of(match form {
                Form::Exact => self.function.value(v).0,
                Form::Polynomial => polynomial.eval(v),
            })
        }))
    }

    /// Gradient of the input; that of the coefficients (polynomial form only) is added to `gradient`. `penalty` is the
    /// derivative of a further term of the loss by each **normalised** argument, which is within ±1 inside the interval.
    ///
    /// # Errors
    /// Coefficients that are not finite.
    pub fn backward(
        &self,
        x: ArrayView2<'_, T>,
        dy: ArrayView2<'_, T>,
        form: Form,
        penalty: &dyn Fn(f64) -> f64,
        gradient: &mut Self,
    ) -> Result<Array2<T>> {
        let derivative = self.polynomial()?.derivative();
        let alpha = self.interval.affine_map().0;
        let mut dx = Array2::zeros(x.dim());
        ndarray::Zip::from(&mut dx).and(x).and(dy).for_each(|dx, &x, &dy| {
            let (x, dy) = (Real::as_f64(x), Real::as_f64(dy));
            let y = self.interval.normalise(x);
            let slope = match form {
                Form::Exact => self.function.value(x).1,
                Form::Polynomial => derivative.eval(x),
            };
            *dx = T::of(dy * slope + alpha * penalty(y));
            if form == Form::Polynomial {
                // Tₙ(y) by its recurrence.
                let (mut current, mut next) = (1.0, y);
                for g in &mut gradient.coefficients {
                    *g += T::of(dy * current);
                    (current, next) = (next, 2.0 * y * next - current);
                }
            }
        });
        Ok(dx)
    }

    /// The polynomial in every slot of `x`: [`ChebyshevPolynomial::depth`] levels, the relinearisation key.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn circuit<E: Evaluator>(&self, e: &E, x: &E::Vector) -> Result<E::Vector> {
        let centred = e.add_scalar(x, -0.5 * (self.interval.low + self.interval.high))?;
        e.watch(&format!("activation: {}", self.function.name()), &centred, self.interval.half_width());
        Ok(evaluate(e, &self.polynomial()?, x)?)
    }

    /// The polynomial from the normalised argument, where the matrix before has folded [`Interval::affine_map`] in:
    /// [`ChebyshevPolynomial::depth_normalised`] levels.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn circuit_normalised<E: Evaluator>(&self, e: &E, y: &E::Vector) -> Result<E::Vector> {
        e.watch(&format!("activation: {}", self.function.name()), y, 1.0);
        Ok(evaluate_normalised(e, &self.polynomial()?, y)?)
    }
}

impl<T: Real> Parameters<T> for Activation<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        vec![named("coefficients", &self.coefficients)]
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        vec![named_mut("coefficients", &mut self.coefficients)]
    }
}
