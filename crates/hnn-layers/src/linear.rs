//! y = x·W + b.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMutD, Axis};

use crate::parameters::{Parameters, Real, named, named_mut};

/// A linear map of every row.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear<T> {
    /// Inputs × outputs.
    pub weight: Array2<T>,
    /// Outputs.
    pub bias: Array1<T>,
}

impl<T: Real> Linear<T> {
    /// All zero.
    pub fn zeros(inputs: usize, outputs: usize) -> Linear<T> {
        Linear { weight: Array2::zeros((inputs, outputs)), bias: Array1::zeros(outputs) }
    }

    /// Rows × inputs to rows × outputs.
    pub fn forward(&self, x: ArrayView2<'_, T>) -> Array2<T> {
        let mut y = x.dot(&self.weight);
        y += &self.bias;
        y
    }

    /// Given the input and the gradient of the output: the gradient of the input, and the layer's, which is added to `gradient`.
    pub fn backward(&self, x: ArrayView2<'_, T>, dy: ArrayView2<'_, T>, gradient: &mut Linear<T>) -> Array2<T> {
        ndarray::linalg::general_mat_mul(T::one(), &x.t(), &dy, T::one(), &mut gradient.weight);
        gradient.bias += &dy.sum_axis(Axis(0));
        dy.dot(&self.weight.t())
    }
}

impl<T: Real> Parameters<T> for Linear<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        vec![named("weight", &self.weight), named("bias", &self.bias)]
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        vec![named_mut("weight", &mut self.weight), named_mut("bias", &mut self.bias)]
    }
}
