//! Differentiable Soft-Argmax over K classes: SA_β(x) = Σ i·softmax(βx)_i (Florencio, Alencar, Lima 2025), with β = 1/T learned.
//!
//! For two classes a sigmoid of the margin is cheaper. Here: exp by a polynomial, and one inverse; numerator and denominator
//! are summed together as imaginary and real part.

use ckks_core::circuits::PlainVector;
use he_tensor::reduce::sum_over_common_features;
use he_tensor::{Evaluator, TokenLayout};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewD, ArrayViewMutD};
use num_complex::Complex64;

use crate::functions::{Exponential, Form, Reciprocal, ScalarFunction};
use crate::parameters::{Parameters, Real, named, named_mut};
use crate::{Error, Result};

/// The layer, and its two polynomials.
#[derive(Clone, Debug)]
pub struct ClassSoftArgmax<T> {
    /// β, one number.
    pub beta: Array1<T>,
    /// exp(βx), logits shifted so that they lie in its interval.
    pub exponential: Exponential,
    /// 1/Σ exp(βx).
    pub reciprocal: Reciprocal,
}

impl<T: Real> ClassSoftArgmax<T> {
    /// With a first β.
    #[must_use]
    pub fn new(beta: f64, exponential: Exponential, reciprocal: Reciprocal) -> Self {
        Self { beta: Array1::from_elem(1, T::of(beta)), exponential, reciprocal }
    }

    /// Logits (sentences × K) to probabilities (sentences × K) and soft indices in [0, K − 1] (sentences).
    pub fn forward(&self, logits: ArrayView2<'_, T>, form: Form) -> (Array2<T>, Array1<T>) {
        let mut probabilities = self.numerators(logits, form).map(|e| T::of(e.0));
        for mut row in probabilities.rows_mut() {
            let inverse = T::of(self.reciprocal.value(form, row.sum().as_f64()).0);
            row.mapv_inplace(|e| e * inverse);
        }
        let index = |row: ArrayView1<'_, T>| row.iter().enumerate().fold(T::zero(), |s, (i, &p)| s + p * T::of(i as f64));
        let indices = probabilities.rows().into_iter().map(index).collect();
        (probabilities, indices)
    }

    /// Gradient of the logits from that of the soft indices; that of β is added to `gradient`. In the exact form it is
    /// ∂SA/∂x_k = β·p_k·(k − SA).
    pub fn backward(&self, logits: ArrayView2<'_, T>, dindex: ArrayView1<'_, T>, form: Form, gradient: &mut Self) -> Array2<T> {
        let beta = self.beta.sum().as_f64();
        let numerators = self.numerators(logits, form);
        let mut dx = Array2::zeros(logits.dim());
        for (row, mut out) in dx.rows_mut().into_iter().enumerate() {
            let e = numerators.row(row);
            let sum: f64 = e.iter().map(|x| x.0).sum();
            let weighted: f64 = e.iter().enumerate().map(|(i, x)| i as f64 * x.0).sum();
            let (inverse, slope) = self.reciprocal.value(form, sum);
            for (k, out) in out.iter_mut().enumerate() {
                let dz = dindex[row].as_f64() * (k as f64 * inverse + weighted * slope) * e[k].1;
                gradient.beta[0] += T::of(dz * logits[[row, k]].as_f64());
                *out = T::of(dz * beta);
            }
        }
        dx
    }

    /// exp(βx) and its derivative by βx.
    fn numerators(&self, logits: ArrayView2<'_, T>, form: Form) -> Array2<(f64, f64)> {
        let beta = self.beta.sum().as_f64();
        logits.map(|x| self.exponential.value(form, beta * Real::as_f64(*x)))
    }
}

/// −Σ p·ln p of a distribution, in nats: 0 for certainty, ln K for none. What the sharpening by β is reported with.
#[must_use]
pub fn entropy(probabilities: &[f64]) -> f64 {
    probabilities.iter().filter(|&&p| p > 0.0).map(|&p| -p * p.ln()).sum()
}

impl<T: Real> Parameters<T> for ClassSoftArgmax<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        vec![named("beta", &self.beta)]
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        vec![named_mut("beta", &mut self.beta)]
    }
}

/// A [`ClassSoftArgmax`] compiled for vectors that hold the K logits in slots 0 … K − 1 of every token.
#[derive(Clone, Debug)]
pub struct ClassSoftArgmaxCircuit {
    layout: TokenLayout,
    classes: usize,
    exponential: Exponential,
    reciprocal: Reciprocal,
    factor: PlainVector,
    constant: PlainVector,
    weights: PlainVector,
}

impl ClassSoftArgmaxCircuit {
    /// Compiles the layer for `classes` classes.
    ///
    /// # Errors
    /// [`Error::Value`] for fewer than two classes or more than a token has slots.
    pub fn new<T: Real>(layer: &ClassSoftArgmax<T>, classes: usize, layout: &TokenLayout) -> Result<Self> {
        let p = layout.period();
        if classes < 2 || classes > p {
            let needed = format!("2 to {p}, the slots of a token");
            return Err(Error::Value { what: "classes of a Soft-Argmax", found: classes.to_string(), needed });
        }
        let (alpha, beta) = layer.exponential.interval().affine_map();
        let factor = alpha * layer.beta.sum().as_f64();
        let of_class = |value: f64| PlainVector::from_fn(p, |f| if f < classes { value } else { 0.0 });
        // Denominators in the real, numerators in the imaginary part; halves because x ± conj x splits them.
        let (by_half, inverse_factor) = (layer.reciprocal.interval().affine_map().0, layer.reciprocal.factor().recip());
        let weight = |f: usize| Complex64::new(0.5 * by_half, 0.5 * inverse_factor * f as f64);
        let weights =
            PlainVector::complex((0..p).map(|f| if f < classes { weight(f) } else { Complex64::default() }).collect::<Vec<_>>())?;
        Ok(Self {
            layout: *layout,
            classes,
            exponential: layer.exponential.clone(),
            reciprocal: layer.reciprocal.clone(),
            factor: of_class(factor)?,
            constant: of_class(beta)?,
            weights,
        })
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Levels of [`ClassSoftArgmaxCircuit::apply`].
    #[must_use]
    pub fn depth(&self) -> usize {
        3 + self.exponential.depth() + self.reciprocal.depth()
    }

    /// The soft index in every slot. Needs the relinearisation and the conjugation key and Galois keys of powers of two below p.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, logits: &E::Vector) -> Result<E::Vector> {
        self.apply_normalised(e, &e.add_plain(&e.mul_plain(logits, &self.factor)?, &self.constant)?)
    }

    /// The same from α·β·x + β′, where the classifier has folded α and β′ of [`crate::functions::Interval::affine_map`] in, and zero in slots without a
    /// logit: one level less.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply_normalised<E: Evaluator>(&self, e: &E, arguments: &E::Vector) -> Result<E::Vector> {
        e.watch("soft argmax: exponential", arguments, 1.0);
        let numerators = self.exponential.circuit(e, arguments)?;
        let packed = sum_over_common_features(e, &self.layout, &e.mul_plain(&numerators, &self.weights)?)?;
        let conjugate = e.conjugate(&packed)?;
        let sum = e.add_scalar(&e.add(&packed, &conjugate)?, self.reciprocal.interval().affine_map().1)?;
        let weighted = e.mul_by_i(&e.sub(&conjugate, &packed)?)?;
        e.watch("soft argmax: inverse of the sum", &sum, 1.0);
        Ok(e.mul(&weighted, &self.reciprocal.circuit(e, &sum)?)?)
    }
}
