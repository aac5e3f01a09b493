//! The student as training sees it: blocks, mean, head, and the way back.

use hnn_layers::attention::Trace as AttentionTrace;
use hnn_layers::bilinear_conv::{BilinearConv, Trace};
use hnn_layers::parameters::{Parameters, Real, prefixed};
use hnn_layers::pool;
use hnn_layers::quadratic_head::QuadraticHead;
use hnn_layers::ragged::Ragged;
use ndarray::{Array1, Array2, ArrayView1, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, s};

use crate::Result;
use crate::attention::AttentionBlock;
use crate::config::NetworkConfig;
use crate::data::random::{Purpose, stream};

/// Everything behind the embedding table.
#[derive(Clone, Debug)]
pub struct Student<T> {
    /// Bilinear convolution blocks, possibly none.
    pub blocks: Vec<BilinearConv<T>>,
    /// Attention behind the blocks, for comparison.
    pub attention: Option<AttentionBlock<T>>,
    /// The head.
    pub head: QuadraticHead<T>,
    /// β of the Soft-Argmax layer, one number: score = σ(β·margin).
    pub beta: Array1<T>,
}

/// What the backward pass needs.
pub struct Pass<T> {
    /// Input of every block and, last, of the mean.
    inputs: Vec<Array2<T>>,
    traces: Vec<Trace<T>>,
    attention: Option<AttentionTrace<T>>,
    mean: Array2<T>,
    hidden: Array2<T>,
    /// Margin of every sentence.
    pub margins: Array1<T>,
}

/// Largest absolute values seen, for the intervals of the circuit.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ranges {
    /// Of u and v, block by block.
    pub factors: Vec<[f64; 2]>,
    /// Of u ⊙ v, block by block.
    pub products: Vec<f64>,
    /// Of the scores of attention, 0 without attention.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub scores: f64,
    /// Of the features that go into the mean.
    pub features: f64,
    /// Of h.
    pub hidden: f64,
    /// Of the margin.
    pub margin: f64,
}

fn is_zero(v: &f64) -> bool {
    *v == 0.0
}

impl Ranges {
    /// The larger of both, value by value.
    pub fn merge(&mut self, other: &Ranges) {
        if self.factors.len() < other.factors.len() {
            self.factors.resize(other.factors.len(), [0.0; 2]);
            self.products.resize(other.products.len(), 0.0);
        }
        for (a, b) in self.factors.iter_mut().flatten().zip(other.factors.iter().flatten()) {
            *a = a.max(*b);
        }
        for (a, b) in self.products.iter_mut().zip(&other.products) {
            *a = a.max(*b);
        }
        self.scores = self.scores.max(other.scores);
        self.features = self.features.max(other.features);
        self.hidden = self.hidden.max(other.hidden);
        self.margin = self.margin.max(other.margin);
    }
}

impl<T: Real> Student<T> {
    /// All zero.
    ///
    /// # Errors
    /// A shape of attention that its layer refuses.
    pub fn zeros(config: &NetworkConfig) -> Result<Student<T>> {
        let blocks = BilinearConv::chain(config.features, std::iter::repeat_n((config.join, config.rank), config.blocks));
        let features = blocks.last().map_or(config.features, BilinearConv::features_out);
        Ok(Student {
            blocks,
            attention: config.attention.as_ref().map(|shape| AttentionBlock::zeros(features, shape)).transpose()?,
            head: QuadraticHead::zeros(features, config.hidden),
            beta: Array1::zeros(1),
        })
    }

    /// The same shape with zeros: a gradient to add to.
    pub fn zero_gradient(&self) -> Student<T> {
        let hidden = self.head.linear.len();
        Student {
            blocks: self.blocks.iter().map(|b| BilinearConv::joined(b.join(), b.features(), b.rank())).collect(),
            attention: self.attention.as_ref().map(AttentionBlock::zero_gradient),
            head: QuadraticHead::zeros(self.head.projection.weight.nrows(), hidden),
            beta: Array1::zeros(1),
        }
    }

    /// Random weights for features of root mean square `scale`: u starts near ±0.7, v near 1 ± 0.8, blocks near the
    /// identity; u's bias (the mask feature's row) starts at 0 and v's at 1.
    ///
    /// # Errors
    /// As [`Student::zeros`].
    pub fn random(config: &NetworkConfig, scale: f64, seed: u64) -> Result<Student<T>> {
        let mut student = Student::zeros(config)?;
        let mut rng = stream(seed, Purpose::Weights, 0);
        let mut fill = |mut a: ArrayViewMutD<'_, T>, std: f64| a.mapv_inplace(|_| T::of(std * f64::from(rng.normal_pair().0)));
        let per_feature = 1.0 / (scale * (config.features as f64).sqrt());
        let mask = config.features - 1;
        // Appended products have root mean squares near 1.
        let per_product = 0.3 / (config.rank as f64).sqrt();
        let by_row = |fill: &mut dyn FnMut(ArrayViewMutD<'_, T>, f64), mut a: ArrayViewMut2<'_, T>, factor: f64| {
            fill(a.slice_mut(s![..config.features, ..]).into_dyn(), factor * per_feature);
            fill(a.slice_mut(s![config.features.., ..]).into_dyn(), factor * per_product);
        };
        for block in &mut student.blocks {
            by_row(&mut fill, block.centre.view_mut(), 0.7);
            block.taps.axis_chunks_iter_mut(Axis(0), block.centre.nrows()).for_each(|tap| by_row(&mut fill, tap, 0.35));
            by_row(&mut fill, block.global.view_mut(), 0.35);
            if let Some(output) = &mut block.output {
                fill(output.view_mut().into_dyn(), 0.3 * scale / (config.rank as f64).sqrt());
                output.column_mut(mask).fill(T::zero());
            }
            block.centre.row_mut(mask).fill(T::zero());
            block.bias.fill(T::one());
        }
        by_row(&mut fill, student.head.projection.weight.view_mut(), 1.0);
        let per_hidden = 1.0 / (config.hidden as f64).sqrt();
        fill(student.head.linear.view_mut().into_dyn(), per_hidden);
        fill(student.head.square.view_mut().into_dyn(), 0.1 * per_hidden);
        student.beta.fill(T::one());
        if let Some(attention) = &mut student.attention {
            let output = 0.3 * scale / (config.features as f64).sqrt();
            attention.randomise(per_feature, output, &mut |a, std| fill(a.into_dyn(), std));
        }
        Ok(student)
    }

    /// Forward. `disturb` may change every product of two encrypted values and the means (injected noise, dropout).
    pub fn forward(&self, x: Array2<T>, batch: &Ragged, disturb: &mut dyn FnMut(Site, &mut Array2<T>)) -> Pass<T> {
        let mut inputs = vec![x];
        let mut traces = Vec::with_capacity(self.blocks.len());
        for (block, i) in self.blocks.iter().zip(0..) {
            let (y, trace) = block.forward_with(inputs[i].view(), batch, &mut |p| disturb(Site::Product, p));
            inputs.push(y);
            traces.push(trace);
        }
        let mut attention = None;
        if let Some(layer) = &self.attention {
            let x = &inputs[self.blocks.len()];
            let (mut y, trace) = layer.forward(x.view(), batch);
            disturb(Site::Product, &mut y);
            y += x;
            inputs.push(y);
            attention = Some(trace);
        }
        let mut mean = pool::mean(inputs[inputs.len() - 1].view(), batch);
        disturb(Site::Mean, &mut mean);
        let (hidden, margins) = self.head.forward(mean.view());
        Pass { inputs, traces, attention, mean, hidden, margins }
    }

    /// Gradient of the input, given that of the margins; the student's is added to `gradient`. `mean_backward` turns the
    /// gradient of the disturbed mean into that of the undisturbed; `penalty` is the derivative of the range penalty.
    pub fn backward(
        &self,
        pass: &Pass<T>,
        batch: &Ragged,
        dmargin: ArrayView1<'_, T>,
        mean_backward: &mut dyn FnMut(&mut Array2<T>),
        penalty: &dyn Fn(T) -> T,
        gradient: &mut Student<T>,
    ) -> Array2<T> {
        let mut dmean = self.head.backward(pass.mean.view(), &pass.hidden, dmargin, &mut gradient.head);
        mean_backward(&mut dmean);
        let mut dx = Array2::zeros(pass.inputs[pass.inputs.len() - 1].raw_dim());
        pool::mean_backward(dmean.view(), batch, &mut dx);
        if let (Some(layer), Some(trace), Some(g)) = (&self.attention, &pass.attention, &mut gradient.attention) {
            dx = layer.backward(pass.inputs[self.blocks.len()].view(), batch, trace, &dx, g);
        }
        for (i, block) in self.blocks.iter().enumerate().rev() {
            dx = block.backward(pass.inputs[i].view(), batch, &pass.traces[i], &dx, penalty, &mut gradient.blocks[i]);
        }
        dx
    }
}

/// Where a forward pass may be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// u ⊙ v of a block, or the output of attention.
    Product,
    /// The means before the head.
    Mean,
}

/// Values folded side by side, so that the compiler keeps them in one vector register.
const LANES: usize = 16;

/// Largest absolute value; NaN counts as nothing (the loss notices it).
fn max_abs<T: Real, D: ndarray::Dimension>(a: &ndarray::Array<T, D>) -> f64 {
    let mut lanes = [T::zero(); LANES];
    let larger = |m: T, v: T| if v.abs() > m { v.abs() } else { m };
    match a.as_slice_memory_order() {
        Some(values) => {
            let (blocks, rest) = values.as_chunks::<LANES>();
            for block in blocks {
                for (m, &v) in lanes.iter_mut().zip(block) {
                    *m = larger(*m, v);
                }
            }
            lanes[0] = rest.iter().fold(lanes[0], |m, &v| larger(m, v));
        }
        None => lanes[0] = a.iter().fold(lanes[0], |m, &v| larger(m, v)),
    }
    lanes.into_iter().fold(T::zero(), larger).as_f64()
}

impl<T: Real> Pass<T> {
    /// Sum of `term` over u and v of all blocks.
    pub fn sum_over_factors(&self, term: &dyn Fn(T) -> T) -> f64 {
        let sum = |a: &Array2<T>| a.iter().map(|&f| term(f).as_f64()).sum::<f64>();
        self.traces.iter().map(|t| sum(&t.u) + sum(&t.v)).sum()
    }

    /// Largest absolute values of this pass.
    pub fn ranges(&self) -> Ranges {
        Ranges {
            factors: self.traces.iter().map(|t| [max_abs(&t.u), max_abs(&t.v)]).collect(),
            products: self.traces.iter().map(|t| max_abs(&t.product)).collect(),
            scores: self.attention.as_ref().map_or(0.0, |t| t.argument_range.1.max(-t.argument_range.0)),
            features: self.inputs.last().map_or(0.0, max_abs),
            hidden: max_abs(&self.hidden),
            margin: max_abs(&self.margins),
        }
    }
}

impl<T: Real> Parameters<T> for Student<T> {
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)> {
        let mut list = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            list.extend(prefixed(&format!("blocks.{i}"), block.parameters()));
        }
        list.extend(prefixed("head", self.head.parameters()));
        list.push(("soft_argmax.beta".into(), self.beta.view().into_dyn()));
        list.extend(self.attention.iter().flat_map(|a| prefixed("attention", a.parameters())));
        list
    }

    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)> {
        let mut list = Vec::new();
        for (i, block) in self.blocks.iter_mut().enumerate() {
            list.extend(prefixed(&format!("blocks.{i}"), block.parameters_mut()));
        }
        list.extend(prefixed("head", self.head.parameters_mut()));
        list.push(("soft_argmax.beta".into(), self.beta.view_mut().into_dyn()));
        list.extend(self.attention.iter_mut().flat_map(|a| prefixed("attention", a.parameters_mut())));
        list
    }
}
