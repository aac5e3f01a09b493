//! y = x·W + b.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMutD, Axis};

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::BlockTransform;
use he_tensor::{Evaluator, MatrixProduct, TokenLayout};

use crate::budget::Circuit;
use crate::parameters::{Parameters, Real, named, named_mut};
use crate::{Error, Result};

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

/// A linear map planned for one layout: one level, plus none for the bias.
#[derive(Clone, Debug)]
pub struct LinearCircuit {
    product: BlockTransform,
    bias: Option<PlainVector>,
}

impl Linear<f64> {
    /// Plans the map of every token. The bias is added to padding positions too: keep it zero where they have to stay zero.
    ///
    /// # Errors
    /// [`Error::Shape`] when inputs or outputs do not fit the layout.
    pub fn plan(&self, layout: &TokenLayout) -> Result<LinearCircuit> {
        let (inputs, outputs) = self.weight.dim();
        self.plan_with(layout, |product| {
            product.add_matrix((0, 0), 0, (outputs, inputs), |r, c| self.weight[[c, r]])?;
            Ok(())
        })
    }

    /// Plans the map of a vector that is the same for all tokens, such as a mean: half the diagonals.
    ///
    /// # Errors
    /// As [`Linear::plan`].
    pub fn plan_on_common(&self, layout: &TokenLayout) -> Result<LinearCircuit> {
        let (inputs, outputs) = self.weight.dim();
        self.plan_with(layout, |product| {
            product.add_matrix_on_common((0, 0), (outputs, inputs), |r, c| self.weight[[c, r]])?;
            Ok(())
        })
    }

    fn plan_with(&self, layout: &TokenLayout, fill: impl FnOnce(&mut MatrixProduct) -> Result<()>) -> Result<LinearCircuit> {
        let (inputs, outputs) = self.weight.dim();
        if inputs > layout.period() || outputs > layout.period() {
            let found = format!("{inputs} inputs and {outputs} outputs");
            return Err(Error::Shape {
                what: "linear layer",
                found,
                needed: format!("at most {}, the layout's slots per token", layout.period()),
            });
        }
        let mut product = MatrixProduct::new(layout, 1, 1);
        fill(&mut product)?;
        let bias = PlainVector::from_fn(layout.period(), |r| self.bias.get(r).copied().unwrap_or(0.0))?;
        Ok(LinearCircuit { product: product.plan()?, bias: (!bias.is_zero()).then_some(bias) })
    }
}

impl Circuit for LinearCircuit {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector) -> Result<E::Vector> {
        let mut outputs = self.product.apply(e, &[x])?;
        let Some(y) = outputs.pop() else {
            return Err(Error::Shape { what: "output of a linear layer", found: "nothing".into(), needed: "one vector".into() });
        };
        Ok(match &self.bias {
            Some(bias) => e.add_plain(&y, bias)?,
            None => y,
        })
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
