//! The embedding table: only rows that a batch touches are visited.
//!
//! Moments of an untouched row stand still ("lazy" Adam). Its running mean catches up when it is touched or read: over k
//! steps without a change, ema ← w + ema^k·(mean − w), exactly what k single steps would have made of it.

use ndarray::{Array1, Array2, ArrayView1, Axis, Zip};
use rayon::prelude::*;

use super::{Adam, Correction, Step, update};

/// Weights of the table with everything that the optimiser keeps of them.
#[derive(Clone, Debug)]
pub struct Table {
    /// Tokens × features.
    pub weights: Array2<f32>,
    /// Mean of gradients.
    pub mean: Array2<f32>,
    /// Mean of squared gradients.
    pub square: Array2<f32>,
    /// Running mean of the weights, row by row as of `seen`.
    pub ema: Array2<f32>,
    /// Step at which a row's running mean was brought up to date.
    pub seen: Array1<u64>,
}

/// Gradients of some rows: distinct ids in ascending order, one row each.
#[derive(Clone, Debug)]
pub struct RowGradients {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Their gradients.
    pub rows: Array2<f32>,
}

impl RowGradients {
    /// Sums gradients of single tokens by id, in the order of the parts and of their rows. Only the first `features`
    /// columns count.
    pub fn collect(parts: &[(Vec<u32>, Array2<f32>)], features: usize) -> RowGradients {
        let mut places: Vec<(u32, usize, usize)> =
            parts.iter().enumerate().flat_map(|(k, (ids, _))| ids.iter().enumerate().map(move |(i, &id)| (id, k, i))).collect();
        places.sort_unstable();
        let groups: Vec<&[(u32, usize, usize)]> = places.chunk_by(|a, b| a.0 == b.0).collect();
        let mut rows = Array2::zeros((groups.len(), features));
        rows.axis_chunks_iter_mut(Axis(0), 256).into_par_iter().enumerate().for_each(|(block, mut chunk)| {
            for (mut row, group) in chunk.axis_iter_mut(Axis(0)).zip(&groups[block * 256..]) {
                for &(_, k, i) in *group {
                    row += &parts[k].1.row(i).slice(ndarray::s![..features]);
                }
            }
        });
        RowGradients { ids: groups.iter().map(|g| g[0].0).collect(), rows }
    }

    /// Sum of squares.
    pub fn square_norm(&self) -> f64 {
        self.rows.iter().map(|&g| f64::from(g) * f64::from(g)).sum()
    }
}

impl Table {
    /// Moments of zero, the running mean at the weights.
    pub fn new(weights: Array2<f32>) -> Table {
        let zeros = Array2::zeros(weights.raw_dim());
        Table { mean: zeros.clone(), square: zeros, ema: weights.clone(), seen: Array1::zeros(weights.nrows()), weights }
    }

    /// One step of the touched rows.
    pub fn step(&mut self, adam: &Adam, step: &Step, gradient: &RowGradients) {
        let c = Correction::at(adam, step.number);
        for (&id, g) in gradient.ids.iter().zip(gradient.rows.axis_iter(Axis(0))) {
            let id = id as usize;
            // The steps since, during which the weight did not change; this step's change counts from now on.
            self.catch_up(adam, id, step.number - 1);
            let mut p = self.weights.row_mut(id);
            Zip::from(&mut p)
                .and(g)
                .and(self.mean.row_mut(id))
                .and(self.square.row_mut(id))
                .for_each(|p, &g, m, v| update(adam, step, c, 0.0, g, (p, m, v)));
            self.catch_up(adam, id, step.number);
        }
    }

    fn catch_up(&mut self, adam: &Adam, id: usize, number: u64) {
        let missed = number.saturating_sub(self.seen[id]);
        self.seen[id] = number;
        if missed > 0 {
            let keep = f64::from(adam.ema).powf(missed as f64) as f32;
            blend(self.ema.row_mut(id), self.weights.row(id), keep);
        }
    }

    /// Brings the running mean of every row up to step `number` and gives it.
    pub fn ema_at(&mut self, adam: &Adam, number: u64) -> &Array2<f32> {
        for id in 0..self.weights.nrows() {
            self.catch_up(adam, id, number);
        }
        &self.ema
    }
}

fn blend(mut ema: ndarray::ArrayViewMut1<'_, f32>, weights: ArrayView1<'_, f32>, keep: f32) {
    Zip::from(&mut ema).and(weights).for_each(|e, &w| *e = w + keep * (*e - w));
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn gradients_of_one_token_add_up() {
        let parts = [(vec![5, 2], array![[1.0, 9.0], [2.0, 9.0]]), (vec![5], array![[4.0, 9.0]])];
        let g = RowGradients::collect(&parts, 1);
        assert_eq!(g.ids, [2, 5]);
        assert_eq!(g.rows, array![[2.0], [5.0]]);
    }

    #[test]
    fn the_lazy_running_mean_is_that_of_single_steps() {
        let adam = Adam::new(0.0, 0.9);
        let mut table = Table::new(array![[1.0f32]]);
        let mut expected = 1.0f64;
        for number in 1..=7 {
            if number == 3 || number == 4 {
                let step = Step { rate: 0.1, number, gradient_scale: 1.0 };
                table.step(&adam, &step, &RowGradients { ids: vec![0], rows: array![[1.0]] });
            }
            expected = 0.9 * expected + 0.1 * f64::from(table.weights[[0, 0]]);
        }
        let found = f64::from(table.ema_at(&adam, 7)[[0, 0]]);
        assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
    }
}
