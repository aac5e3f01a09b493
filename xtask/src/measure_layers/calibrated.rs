//! Layers of a checkpoint with polynomials over the ranges that a hidden state gives them.

use anyhow::Context;
use distilbert_he::config::EncoderConfig;
use distilbert_he::weights::Weights;
use hnn_layers::attention::{Attention, Weighting};
use hnn_layers::functions::{Exponential, Form, Interval, InverseSquareRoot, Reciprocal, ScalarFunction};
use hnn_layers::layer_norm::{AffineNorm, LayerNorm, References};
use hnn_layers::linear::Linear;
use hnn_layers::ragged::{LengthBucket, Ragged};
use ndarray::{Array1, Array2, s};

use super::Kind;

/// Wanted relative error of inverses: below what matters beside a weight's training, above the noise.
const INVERSE_ERROR: f64 = 1.0 / 4096.0;

/// By how much intervals are wider than what this text needs.
const MARGIN: f64 = 1.2;

/// A checkpoint's layer and what goes into it.
pub struct Source {
    state: Array2<f64>,
    batch: Ragged,
    attention: Attention<f64>,
    gain: Array1<f64>,
    bias: Array1<f64>,
}

/// A layer with its input and with what it should give.
pub struct Calibrated {
    /// The layer.
    pub layer: AnyLayer,
    /// Tokens × features.
    pub input: Array2<f64>,
    /// The polynomial form's output; for the first token alone one row.
    pub polynomial: Array2<f64>,
    /// The exact form's output.
    pub exact: Array2<f64>,
}

/// Layers that the command knows.
pub enum AnyLayer {
    /// For all tokens.
    Attention(Attention<f64>),
    /// For the first token.
    ClsAttention(Attention<f64>),
    /// By each token's statistics.
    LayerNorm(LayerNorm<f64>),
    /// By learned statistics.
    AffineNorm(AffineNorm<f64>),
}

impl Source {
    /// Attention and its normalisation from a layer's tensors; `state` goes into the layer.
    pub fn load(layer: &Weights<'_>, config: &EncoderConfig, state: Array2<f64>) -> anyhow::Result<Self> {
        let d = config.dim;
        let linear = |name: &str| -> anyhow::Result<Linear<f64>> {
            let tensors = layer.pp("attention").pp(name);
            let weight: Array2<f64> = tensors.matrix("weight", (d, d))?;
            Ok(Linear { weight: weight.t().to_owned(), bias: tensors.vector("bias", d)? })
        };
        let mut attention = Attention::zeros(d, config.n_heads, Weighting::power(2, 1.0)?)?;
        attention.query = linear("q_lin")?;
        attention.key = linear("k_lin")?;
        attention.value = linear("v_lin")?;
        attention.output = linear("out_lin")?;
        let norm = layer.pp("sa_layer_norm");
        let positions = state.nrows().next_power_of_two();
        let batch = Ragged::new([state.nrows()], &[LengthBucket { positions, divisor: state.nrows() as f64 }])?;
        Ok(Self { state, batch, attention, gain: norm.vector("weight", d)?, bias: norm.vector("bias", d)? })
    }

    /// The layer of a kind.
    pub fn layer(&self, kind: Kind) -> anyhow::Result<Calibrated> {
        match kind {
            Kind::Power | Kind::PowerCls => self.attention(kind, self.power()?),
            Kind::Cgf => self.attention(kind, self.cgf()?),
            Kind::Softmax | Kind::SoftmaxCls => self.attention(kind, self.softmax()?),
            Kind::LayerNorm => self.layer_norm(),
            Kind::AffineNorm => self.affine_norm(),
        }
    }

    fn attention(&self, kind: Kind, layer: Attention<f64>) -> anyhow::Result<Calibrated> {
        let forward = |form| layer.forward(self.state.view(), &self.batch, form).0;
        let cls = matches!(kind, Kind::PowerCls | Kind::SoftmaxCls);
        let rows = |y: Array2<f64>| if cls { y.slice(s![..1, ..]).to_owned() } else { y };
        let (polynomial, exact) = (rows(forward(Form::Polynomial)), rows(forward(Form::Exact)));
        let layer = if cls { AnyLayer::ClsAttention(layer) } else { AnyLayer::Attention(layer) };
        Ok(Calibrated { layer, input: self.state.clone(), polynomial, exact })
    }

    /// q·k/√b, one matrix per head.
    fn scores(&self) -> Vec<Array2<f64>> {
        let a = &self.attention;
        let (q, k) = (a.query.forward(self.state.view()), a.key.forward(self.state.view()));
        let b = a.width();
        let head = |h: usize| {
            let columns = s![.., h * b..(h + 1) * b];
            q.slice(columns).dot(&k.slice(columns).t()) / (b as f64).sqrt()
        };
        (0..a.heads()).map(head).collect()
    }

    /// c = 2, R the mean row sum.
    fn power(&self) -> anyhow::Result<Attention<f64>> {
        let scores = self.scores();
        let shift = 2.0;
        let total: f64 = scores.iter().flatten().map(|s| (s + shift).powi(4)).sum();
        let divisor = total / (scores.len() * self.state.nrows()) as f64;
        let mut layer = Attention { weighting: Weighting::power(4, divisor)?, ..self.attention.clone() };
        layer.shift.fill(shift);
        Ok(layer)
    }

    /// c = −μ − σ²/2 of each head's scores.
    fn cgf(&self) -> anyhow::Result<Attention<f64>> {
        let scores = self.scores();
        let shift: Array1<f64> = scores.iter().map(|s| -s.mean().unwrap_or(0.0) - 0.5 * s.var(0.0)).collect();
        let interval = argument_interval(&scores, &shift)?;
        let exponential = exponential(interval, 1.0 / self.state.nrows() as f64)?;
        Ok(Attention { weighting: Weighting::Cgf(exponential), shift, ..self.attention.clone() })
    }

    /// c = −the largest score of each head.
    fn softmax(&self) -> anyhow::Result<Attention<f64>> {
        let scores = self.scores();
        let shift: Array1<f64> = scores.iter().map(|s| -s.iter().copied().fold(0.0, f64::max)).collect();
        let interval = argument_interval(&scores, &shift)?;
        let mut sums = Vec::new();
        for (head, &c) in scores.iter().zip(&shift) {
            sums.extend(head.rows().into_iter().map(|row| row.iter().map(|s| (s + c).exp()).sum::<f64>()));
            // Rows of padded queries have scores of zero.
            sums.push(self.state.nrows() as f64 * c.exp());
        }
        let (low, high) = range(&sums);
        let interval_of_sums = Interval::positive(low / MARGIN, high * MARGIN)?;
        let reciprocal =
            cheapest("row sums", interval_of_sums, 8, |degree, n| Ok(Reciprocal::new(interval_of_sums, degree, n)?))?;
        let weighting = Weighting::Softmax { exponential: exponential(interval, 1.0)?, reciprocal };
        Ok(Attention { weighting, shift, ..self.attention.clone() })
    }

    /// x + attention(x), exact: what the normalisation gets.
    fn residual(&self) -> anyhow::Result<Array2<f64>> {
        // The exact form asks for no polynomial: any will do.
        let exponential = Exponential::new(Interval::new(-1.0, 1.0)?, 3, 0, 1.0)?;
        let weighting = Weighting::Softmax { exponential, reciprocal: Reciprocal::new(Interval::positive(0.5, 2.0)?, 3, 0)? };
        let mut layer = Attention { weighting, ..self.attention.clone() };
        layer.shift = self.scores().iter().map(|s| -s.iter().copied().fold(0.0, f64::max)).collect();
        Ok(&self.state + &layer.forward(self.state.view(), &self.batch, Form::Exact).0)
    }

    /// Exactly the checkpoint's normalisation of `x`.
    fn exact_norm(&self, x: &Array2<f64>) -> anyhow::Result<Array2<f64>> {
        let any = InverseSquareRoot::new(Interval::positive(0.5, 2.0)?, 3, 0)?;
        let mut layer = LayerNorm::new(self.gain.len(), References { cls: 1.0, others: 1.0 }, any)?;
        (layer.gain, layer.bias) = (self.gain.clone(), self.bias.clone());
        Ok(layer.forward(x.view(), &self.batch, Form::Exact).0)
    }

    fn layer_norm(&self) -> anyhow::Result<Calibrated> {
        let input = self.residual()?;
        let variances: Vec<f64> = input.rows().into_iter().map(|r| r.var(0.0)).collect();
        let references = References { cls: variances[0], others: median(&variances) };
        let ratios: Vec<f64> = variances.iter().enumerate().map(|(t, v)| v / references.at(t)).collect();
        let (low, high) = range(&ratios);
        let interval = Interval::positive(low / MARGIN, high * MARGIN)?;
        let inverse_root = cheapest("variances", interval, 4, |degree, n| Ok(InverseSquareRoot::new(interval, degree, n)?))?;
        let mut layer = LayerNorm::new(self.gain.len(), references, inverse_root)?;
        (layer.gain, layer.bias) = (self.gain.clone(), self.bias.clone());
        let polynomial = layer.forward(input.view(), &self.batch, Form::Polynomial).0;
        let exact = self.exact_norm(&input)?;
        Ok(Calibrated { layer: AnyLayer::LayerNorm(layer), input, polynomial, exact })
    }

    fn affine_norm(&self) -> anyhow::Result<Calibrated> {
        let input = self.residual()?;
        let statistics = |rows: ndarray::ArrayView2<'_, f64>| {
            let means = rows.rows().into_iter().map(|r| r.mean().unwrap_or(0.0)).sum::<f64>() / rows.nrows().max(1) as f64;
            let roots = rows.rows().into_iter().map(|r| r.std(0.0).recip()).sum::<f64>() / rows.nrows().max(1) as f64;
            (means, roots)
        };
        let (cls, others) = (statistics(input.slice(s![..1, ..])), statistics(input.slice(s![1.., ..])));
        let mut layer = AffineNorm::new(self.gain.len());
        (layer.gain, layer.bias) = (self.gain.clone(), self.bias.clone());
        layer.mean = Array1::from_vec(vec![cls.0, others.0]);
        layer.inverse_deviation = Array1::from_vec(vec![cls.1, others.1]);
        let polynomial = layer.forward(input.view(), &self.batch);
        let exact = self.exact_norm(&input)?;
        Ok(Calibrated { layer: AnyLayer::AffineNorm(layer), input, polynomial, exact })
    }
}

/// Where s + c lies for all heads, padding's s = 0 included.
fn argument_interval(scores: &[Array2<f64>], shift: &Array1<f64>) -> anyhow::Result<Interval> {
    let mut all: Vec<f64> = shift.to_vec();
    for (head, c) in scores.iter().zip(shift) {
        all.extend(head.iter().map(|s| s + c));
    }
    let (low, high) = range(&all);
    let slack = 0.5 * (MARGIN - 1.0) * (high - low);
    Ok(Interval::new(low - slack, high + slack)?)
}

/// Degree 7, with squarings until the polynomial's argument spans 3.
fn exponential(interval: Interval, scale: f64) -> anyhow::Result<Exponential> {
    let width = interval.high - interval.low;
    let squarings = (0..6).find(|k| width / f64::from(1 << k) <= 3.0).unwrap_or(6);
    Ok(Exponential::new(interval, 7, squarings, scale)?)
}

/// The function of the fewest levels that stays within [`INVERSE_ERROR`], of degrees that use their levels fully.
fn cheapest<F: ScalarFunction>(
    what: &str,
    interval: Interval,
    most: u32,
    build: impl Fn(usize, u32) -> anyhow::Result<F>,
) -> anyhow::Result<F> {
    let all = [3, 7, 15, 31, 63, 127].into_iter().flat_map(|d| (0..=most).map(move |n| (d, n)));
    let good = all.filter_map(|(d, n)| build(d, n).ok()).filter(|f| f.max_relative_error() <= INVERSE_ERROR);
    good.min_by_key(ScalarFunction::depth).with_context(|| {
        let Interval { low, high } = interval;
        format!(
            "{what} of this text span [{low:.3e}, {high:.3e}]: no inverse of degree 127 or less comes within {INVERSE_ERROR:e}"
        )
    })
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
