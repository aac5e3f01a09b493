//! Forward and backward of some sentences on one thread.

use hnn_layers::ragged::Ragged;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::Result;
use crate::config::TrainConfig;
use crate::data::corpus::Example;
use crate::data::random::{Purpose, Stream, stream};
use crate::distill::Loss;
use crate::student::{Ranges, Site, Student};

/// What all chunks of a step share.
pub(super) struct Chunk<'a> {
    pub student: &'a Student<f32>,
    pub table: ArrayView2<'a, f32>,
    pub config: &'a TrainConfig,
    pub loss: &'a Loss,
    /// One over the sentences of the whole batch.
    pub weight: f64,
}

/// Sums over sentences.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub total: f64,
    pub distillation: f64,
    pub label: f64,
    pub labelled: usize,
    pub range: f64,
    pub ranges: Ranges,
}

impl Sums {
    pub fn add(&mut self, other: &Sums) {
        self.total += other.total;
        self.distillation += other.distillation;
        self.label += other.label;
        self.labelled += other.labelled;
        self.range += other.range;
        self.ranges.merge(&other.ranges);
    }
}

/// Gradients of one chunk.
pub(super) struct Gradients {
    pub student: Student<f32>,
    pub ids: Vec<u32>,
    pub embeddings: Array2<f32>,
    pub sums: Sums,
}

/// Embeddings of tokens with the mask feature behind them: 1 on every token.
pub(super) fn embed(table: ArrayView2<'_, f32>, ids: &[u32]) -> Array2<f32> {
    let width = table.ncols();
    let mut x = Array2::ones((ids.len(), width + 1));
    for (mut row, &id) in x.axis_iter_mut(Axis(0)).zip(ids) {
        row.slice_mut(s![..width]).assign(&table.row(id as usize));
    }
    x
}

impl Chunk<'_> {
    pub fn run(&self, examples: &[&Example], step: u64, index: usize) -> Result<Gradients> {
        let recipe = &self.config.recipe;
        let mut rng = stream(recipe.seed, Purpose::Dropout, step << 20 | index as u64);
        let batch = Ragged::new(examples.iter().map(|e| e.ids.len()), &self.config.network.buckets)?;
        let ids: Vec<u32> = examples.iter().flat_map(|e| e.ids.iter().copied()).collect();
        let mut x = embed(self.table, &ids);
        let mask = x.ncols() - 1;
        let kept = keep((x.nrows(), x.ncols()), mask, recipe.dropout, recipe.word_dropout, &mut rng);
        x *= &kept;
        let means = (examples.len(), self.student.head.projection.weight.nrows());
        let mean_kept = keep(means, mask, recipe.dropout, 0.0, &mut rng);
        let noise = recipe.noise_budget.map_or(0.0, |nu| 2f64.powf(-nu) as f32);
        let pass = self.student.forward(x, &batch, &mut |site, values| match site {
            Site::Product => add_noise(values, noise, &mut rng),
            Site::Mean => *values *= &mean_kept,
        });

        let mut sums = Sums { ranges: pass.ranges(), ..Sums::default() };
        let beta = f64::from(self.student.beta.sum());
        let mut dbeta = 0.0;
        let dmargin: Array1<f32> = pass
            .margins
            .iter()
            .zip(examples)
            .map(|(&margin, e)| {
                let term = self.loss.term(margin.into(), e.teacher.into(), beta, e.label);
                sums.total += term.total;
                sums.distillation += term.distillation;
                sums.label += term.label;
                sums.labelled += usize::from(e.label.is_some());
                dbeta += term.dbeta;
                (term.dmargin * self.weight) as f32
            })
            .collect();
        let limit = recipe.range_limit;
        let excess = move |f: f32| (f.abs() - limit).max(0.0) * f.signum();
        let largest = sums.ranges.factors.iter().flatten().fold(0.0, |m: f64, &v| m.max(v));
        if largest > f64::from(limit) {
            sums.range = f64::from(recipe.range_weight) * pass.sum_over_factors(&move |f| excess(f) * excess(f));
            sums.total += sums.range;
        }
        let penalty_scale = (2.0 * f64::from(recipe.range_weight) * self.weight) as f32;

        let mut gradient = self.student.zero_gradient();
        gradient.beta.fill((dbeta * self.weight) as f32);
        let mut embeddings = self.student.backward(
            &pass,
            &batch,
            dmargin.view(),
            &mut |d| *d *= &mean_kept,
            &|f| penalty_scale * excess(f),
            &mut gradient,
        );
        embeddings *= &kept;
        Ok(Gradients { student: gradient, ids, embeddings, sums })
    }
}

/// Dropout factors: 0 with probability `rate` (in steps of 1/256), otherwise 1/(1 − rate); whole rows are 0 with
/// probability `row_rate`. The column `mask` is always kept as it is.
fn keep((rows, columns): (usize, usize), mask: usize, rate: f32, row_rate: f32, rng: &mut Stream) -> Array2<f32> {
    let threshold = (rate * 256.0).round() as u32;
    let scale = 256.0 / (256 - threshold.min(255)) as f32;
    let mut out = Array2::ones((rows, columns));
    if threshold == 0 && row_rate == 0.0 {
        return out;
    }
    for mut row in out.axis_iter_mut(Axis(0)) {
        let is_dropped = rng.uniform() < row_rate;
        let (mut bits, mut left) = (0, 0);
        for v in row.iter_mut() {
            if left == 0 {
                (bits, left) = (rng.bits(), 4);
            }
            *v = if is_dropped || bits & 255 < threshold { 0.0 } else { scale };
            bits >>= 8;
            left -= 1;
        }
        row[mask] = 1.0;
    }
    out
}

/// Adds Gaussian noise.
pub(super) fn add_noise(values: &mut Array2<f32>, deviation: f32, rng: &mut Stream) {
    if deviation == 0.0 {
        return;
    }
    let mut spare = None;
    values.mapv_inplace(|v| {
        let n = match spare.take() {
            Some(n) => n,
            None => {
                let (a, b) = rng.normal_pair();
                spare = Some(b);
                a
            }
        };
        v + deviation * n
    });
}
