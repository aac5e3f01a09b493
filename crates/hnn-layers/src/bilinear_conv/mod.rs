//! The bilinear convolution block in the form that needs no masks:
//!
//! ```text
//! u[t] = A·x[t]
//! v[t] = Σ_taps B_s·x_s[t] + G·(Σ_t' x[t'])/c + b
//! y[t] = x[t] + W·(u[t] ⊙ v[t])      or      y[t] = (x[t], u[t] ⊙ v[t])
//! ```
//!
//! The second form *appends* the products to the features instead of adding them ([`Join`]): what comes next then reads both by
//! matrices of its own, where the first form lets it read the products through W only (DenseNet instead of ResNet: Huang et al. 2017,
//! arXiv:1608.06993). Where W is folded into the matrices that come next, as a compiled network does, both forms cost the same.
//!
//! Taps of v: x[t−1], x\[t\], x[t+1], (x[t+2] + … + x[t+9])/4 and (x[t−9] + … + x[t−2])/4, positions counted modulo the
//! length class; c is the class's public constant. One feature of x, the *mask feature*, is 1 on every token: A's row for
//! it is u's bias. Padding is zero in x, so u and with it y − x are zero there whatever v is: no mask is multiplied,
//! no level spent, and the number of tokens stays hidden. W has nothing for the mask feature, so y carries it on.

mod circuit;
mod taps;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMutD, Axis, s};
use serde::{Deserialize, Serialize};

use crate::parameters::{Parameters, Real, named, named_mut};
use crate::pool;
use crate::ragged::Ragged;

pub use circuit::BilinearConvCircuit;
pub use taps::{BOX_DIVISOR, BOX_REACH, TAPS, gather, scatter};

/// How a block's products join its features. Behind a block that appends, the mask feature is no longer the last one, where the
/// gradient of W looks for it: networks in training have one form in all their blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// y = x + W·(u ⊙ v).
    #[default]
    Added,
    /// y = (x, u ⊙ v).
    Appended,
}

/// Weights of a block, or their gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct BilinearConv<T> {
    /// A: features × rank.
    pub centre: Array2<T>,
    /// B: (5·features) × rank, tap after tap in the order x[t−1], x\[t\], x[t+1], right box, left box.
    pub taps: Array2<T>,
    /// G: features × rank.
    pub global: Array2<T>,
    /// b: rank.
    pub bias: Array1<T>,
    /// W: rank × features; its last column belongs to the mask feature and is zero. None if the products are appended.
    pub output: Option<Array2<T>>,
}

/// What the backward pass needs of the forward pass.
#[derive(Clone, Debug)]
pub struct Trace<T> {
    /// Tap inputs, tokens × (5·features).
    pub gathered: Array2<T>,
    /// Means, sentences × features.
    pub means: Array2<T>,
    /// First factor, tokens × rank.
    pub u: Array2<T>,
    /// Second factor, tokens × rank.
    pub v: Array2<T>,
    /// u ⊙ v, tokens × rank.
    pub product: Array2<T>,
}

impl<T: Real> BilinearConv<T> {
    /// All zero, products added: d features, factors of width `rank`.
    pub fn zeros(features: usize, rank: usize) -> BilinearConv<T> {
        BilinearConv::joined(Join::Added, features, rank)
    }

    /// All zero: x of d `features`, factors of width `rank`, y of d or d + rank features.
    pub fn joined(join: Join, features: usize, rank: usize) -> BilinearConv<T> {
        BilinearConv {
            centre: Array2::zeros((features, rank)),
            taps: Array2::zeros((TAPS * features, rank)),
            global: Array2::zeros((features, rank)),
            bias: Array1::zeros(rank),
            output: (join == Join::Added).then(|| Array2::zeros((rank, features))),
        }
    }

    /// Blocks of these ranks one behind the other, all zero: each takes what the one before gives.
    pub fn chain(features: usize, shapes: impl IntoIterator<Item = (Join, usize)>) -> Vec<BilinearConv<T>> {
        let next = |features: &mut usize, (join, rank)| {
            let block = BilinearConv::joined(join, *features, rank);
            *features = block.features_out();
            Some(block)
        };
        shapes.into_iter().scan(features, next).collect()
    }

    /// Features of x, the mask feature among them.
    pub fn features(&self) -> usize {
        self.centre.nrows()
    }

    /// Features of y: those of x, and the rank if products are appended.
    pub fn features_out(&self) -> usize {
        self.features() + if self.output.is_none() { self.rank() } else { 0 }
    }

    /// How the products join the features.
    pub fn join(&self) -> Join {
        if self.output.is_some() { Join::Added } else { Join::Appended }
    }

    /// How y is made of u ⊙ v, W or the places of what is appended: rank × features of y.
    pub fn placing(&self) -> Array2<T> {
        let (features, rank) = (self.features(), self.rank());
        let unit = |(r, c)| if c == features + r { T::one() } else { T::zero() };
        self.output.clone().unwrap_or_else(|| Array2::from_shape_fn((rank, features + rank), unit))
    }

    /// Width of u and v.
    pub fn rank(&self) -> usize {
        self.centre.ncols()
    }

    /// Tokens × features of x to tokens × features of y.
    pub fn forward(&self, x: ArrayView2<'_, T>, batch: &Ragged) -> (Array2<T>, Trace<T>) {
        self.forward_with(x, batch, &mut |_| ())
    }

    /// As [`BilinearConv::forward`]; `disturb` may change u ⊙ v before it goes on: training injects there the noise that a
    /// ciphertext product will have.
    pub fn forward_with(
        &self,
        x: ArrayView2<'_, T>,
        batch: &Ragged,
        disturb: &mut dyn FnMut(&mut Array2<T>),
    ) -> (Array2<T>, Trace<T>) {
        let gathered = gather(x, batch);
        let means = pool::mean(x, batch);
        let u = x.dot(&self.centre);
        let mut v = gathered.dot(&self.taps);
        let mut shared = means.dot(&self.global);
        shared += &self.bias;
        for (row, sentence) in shared.axis_iter(Axis(0)).zip(batch.sentences()) {
            let mut tokens = v.slice_mut(s![sentence.rows.clone(), ..]);
            tokens += &row;
        }
        let mut product = &u * &v;
        disturb(&mut product);
        let y = match &self.output {
            Some(output) => {
                let mut y = x.to_owned();
                general_mat_mul(T::one(), &product, output, T::one(), &mut y);
                y
            }
            None => {
                let mut y = Array2::zeros((x.nrows(), self.features_out()));
                y.slice_mut(s![.., ..x.ncols()]).assign(&x);
                y.slice_mut(s![.., x.ncols()..]).assign(&product);
                y
            }
        };
        (y, Trace { gathered, means, u, v, product })
    }

    /// Gradient of the input; the block's is added to `gradient`. `penalty` is added to the gradients of u and v: the
    /// derivative of a term of the loss that looks at the factors themselves, such as a range penalty.
    pub fn backward(
        &self,
        x: ArrayView2<'_, T>,
        batch: &Ragged,
        trace: &Trace<T>,
        dy: &Array2<T>,
        penalty: &dyn Fn(T) -> T,
        gradient: &mut BilinearConv<T>,
    ) -> Array2<T> {
        let one = T::one();
        let (mut dx, mut du) = match (&self.output, &mut gradient.output) {
            (Some(output), Some(gradient)) => {
                general_mat_mul(one, &trace.product.t(), dy, one, gradient);
                let mask = gradient.ncols() - 1;
                gradient.column_mut(mask).fill(T::zero());
                (dy.clone(), dy.dot(&output.t()))
            }
            _ => {
                let (dx, dproduct) = dy.view().split_at(Axis(1), self.features());
                (dx.to_owned(), dproduct.to_owned())
            }
        };
        let mut dv = du.clone();
        ndarray::Zip::from(&mut du).and(&mut dv).and(&trace.u).and(&trace.v).for_each(|du, dv, &u, &v| {
            *du = *du * v + penalty(u);
            *dv = *dv * u + penalty(v);
        });
        general_mat_mul(one, &x.t(), &du, one, &mut gradient.centre);
        general_mat_mul(one, &trace.gathered.t(), &dv, one, &mut gradient.taps);
        let mut dshared = Array2::zeros((batch.sentences().len(), self.rank()));
        for (mut row, sentence) in dshared.axis_iter_mut(Axis(0)).zip(batch.sentences()) {
            row += &dv.slice(s![sentence.rows.clone(), ..]).sum_axis(Axis(0));
        }
        gradient.bias += &dshared.sum_axis(Axis(0));
        general_mat_mul(one, &trace.means.t(), &dshared, one, &mut gradient.global);

        general_mat_mul(one, &du, &self.centre.t(), one, &mut dx);
        scatter(dv.dot(&self.taps.t()).view(), batch, &mut dx);
        pool::mean_backward(dshared.dot(&self.global.t()).view(), batch, &mut dx);
        dx
    }
}

impl<T: Real> Parameters<T> for BilinearConv<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        let mut list = vec![
            named("centre", &self.centre),
            named("taps", &self.taps),
            named("global", &self.global),
            named("bias", &self.bias),
        ];
        list.extend(self.output.iter().map(|output| named("output", output)));
        list
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        let mut list = vec![
            named_mut("centre", &mut self.centre),
            named_mut("taps", &mut self.taps),
            named_mut("global", &mut self.global),
            named_mut("bias", &mut self.bias),
        ];
        list.extend(self.output.iter_mut().map(|output| named_mut("output", output)));
        list
    }
}
