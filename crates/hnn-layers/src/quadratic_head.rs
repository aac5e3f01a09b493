//! From a sentence's mean to one margin: h = P·mean + b, margin = o₁·h + o₂·h² + c.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewD, ArrayViewMutD, Axis};

use crate::linear::Linear;
use crate::parameters::{Parameters, Real, named, named_mut, prefixed};

/// The head: one matrix, one square, two sums. Positive margins mean the second class.
#[derive(Clone, Debug, PartialEq)]
pub struct QuadraticHead<T> {
    /// P and b: features to hidden.
    pub projection: Linear<T>,
    /// o₁.
    pub linear: Array1<T>,
    /// o₂.
    pub square: Array1<T>,
    /// c, one number.
    pub constant: Array1<T>,
}

impl<T: Real> QuadraticHead<T> {
    /// All zero.
    pub fn zeros(features: usize, hidden: usize) -> QuadraticHead<T> {
        QuadraticHead {
            projection: Linear::zeros(features, hidden),
            linear: Array1::zeros(hidden),
            square: Array1::zeros(hidden),
            constant: Array1::zeros(1),
        }
    }

    /// Means (sentences × features) to h (sentences × hidden) and margins (sentences).
    pub fn forward(&self, mean: ArrayView2<'_, T>) -> (Array2<T>, Array1<T>) {
        let h = self.projection.forward(mean);
        let mut margin = h.dot(&self.linear) + (&h * &h).dot(&self.square);
        margin += self.constant.sum();
        (h, margin)
    }

    /// Gradient of the means; the layer's is added to `gradient`. `h` is from the forward pass.
    pub fn backward(
        &self,
        mean: ArrayView2<'_, T>,
        h: &Array2<T>,
        dmargin: ArrayView1<'_, T>,
        gradient: &mut QuadraticHead<T>,
    ) -> Array2<T> {
        gradient.linear += &h.t().dot(&dmargin);
        gradient.square += &(h * h).t().dot(&dmargin);
        gradient.constant += dmargin.sum();
        let two = T::one() + T::one();
        let mut dh = h * &self.square * two + &self.linear;
        dh *= &dmargin.insert_axis(Axis(1));
        self.projection.backward(mean, dh.view(), &mut gradient.projection)
    }
}

impl<T: Real> Parameters<T> for QuadraticHead<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        let mut list: Vec<_> = prefixed("projection", self.projection.parameters()).collect();
        list.extend([named("linear", &self.linear), named("square", &self.square), named("constant", &self.constant)]);
        list
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        let mut list: Vec<_> = prefixed("projection", self.projection.parameters_mut()).collect();
        list.extend([
            named_mut("linear", &mut self.linear),
            named_mut("square", &mut self.square),
            named_mut("constant", &mut self.constant),
        ]);
        list
    }
}
