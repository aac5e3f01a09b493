//! From a sentence's mean to one margin: h = P·mean + b, margin = o₁·h + o₂·h² + c.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewD, ArrayViewMutD, Axis};

use ckks_core::circuits::PlainVector;
use he_tensor::reduce::{sum_over_common_features, sum_over_tokens};
use he_tensor::{Evaluator, TokenLayout};

use crate::Result;
use crate::budget::Circuit;
use crate::linear::{Linear, LinearCircuit};
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

/// Sum over the tokens, mean, head, planned for one layout and one length class: three levels (P with the mean's constant,
/// the square, o₁ and o₂). The margin comes out in every slot.
#[derive(Clone, Debug)]
pub struct QuadraticHeadCircuit {
    layout: TokenLayout,
    projection: LinearCircuit,
    linear: PlainVector,
    square: PlainVector,
    constant: f64,
}

impl QuadraticHead<f64> {
    /// Plans mean and head; `divisor` is the length class's public constant.
    ///
    /// # Errors
    /// A layout that is too narrow; a divisor or weights that are not finite.
    pub fn plan(&self, layout: &TokenLayout, divisor: f64) -> Result<QuadraticHeadCircuit> {
        let folded = Linear { weight: &self.projection.weight / divisor, bias: self.projection.bias.clone() };
        let vector = |a: &Array1<f64>| PlainVector::from_fn(layout.period(), |j| a.get(j).copied().unwrap_or(0.0));
        Ok(QuadraticHeadCircuit {
            layout: *layout,
            projection: folded.plan_on_common(layout)?,
            linear: vector(&self.linear)?,
            square: vector(&self.square)?,
            constant: self.constant.sum(),
        })
    }
}

impl Circuit for QuadraticHeadCircuit {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector) -> Result<E::Vector> {
        let total = sum_over_tokens(e, &self.layout, x)?;
        let h = self.projection.run(e, &total)?;
        let terms = e.dot_plain(&[(&h, &self.linear), (&e.square(&h)?, &self.square)])?;
        Ok(e.add_scalar(&sum_over_common_features(e, &self.layout, &terms)?, self.constant)?)
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
