//! One optimiser step after another.
//!
//! A batch is cut into chunks of a fixed number of sentences; every chunk is one single-threaded pass, chunks run in
//! parallel, and their gradients are added in their order. So the weights have the same bits for any number of threads
//! on one kind of CPU (matrix products choose their kernel by CPU features).

mod batches;
pub mod checkpoint;
mod chunk;
pub mod evaluate;

use std::time::Instant;

use hnn_layers::parameters::Parameters;
use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;

use crate::config::TrainConfig;
use crate::data::corpus::{Example, TrainingSet};
use crate::distill::Loss;
use crate::optimizer::dense::Dense;
use crate::optimizer::table::{RowGradients, Table};
use crate::optimizer::{Adam, Step, schedule};
use crate::student::{Ranges, Student};
use crate::trained::Trained;
use crate::{Error, Result};

use batches::Batches;
use chunk::{Chunk, Sums};

/// Sentences of one pass: enough rows for the matrix products, small enough for the second-level cache.
const SENTENCES_PER_CHUNK: usize = 32;

/// Everything that changes during a run.
pub struct Trainer<'a> {
    config: &'a TrainConfig,
    data: &'a TrainingSet,
    adam: Adam,
    table_adam: Adam,
    loss: Loss,
    batches: Batches,
    pub(crate) student: Student<f32>,
    pub(crate) dense: Dense<Student<f32>>,
    pub(crate) table: Table,
    pub(crate) done: u64,
    /// When the last step ended.
    clock: Instant,
}

/// What one step did.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Number of the step, from 1.
    pub step: u64,
    /// Mean total loss of the batch.
    pub loss: f64,
    /// Mean T²·KL.
    pub distillation: f64,
    /// Mean cross-entropy of the labelled sentences.
    pub label: f64,
    /// Mean range penalty.
    pub range: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate.
    pub rate: f32,
    /// β of the Soft-Argmax layer.
    pub beta: f32,
    /// Largest absolute values of the batch.
    pub ranges: Ranges,
    /// Seconds since the step before in this process.
    pub seconds: f64,
}

impl<'a> Trainer<'a> {
    /// A run at step 0. `table` holds the initial embeddings: vocabulary × (features − 1).
    ///
    /// # Errors
    /// The configuration is refused, or the table has another width.
    pub fn new(config: &'a TrainConfig, data: &'a TrainingSet, table: Array2<f32>) -> Result<Trainer<'a>> {
        config.validate()?;
        if table.ncols() + 1 != config.network.features {
            return Err(Error::Config(format!(
                "a table of {} features was given, the network needs {}",
                table.ncols(),
                config.network.features - 1
            )));
        }
        if data.rows.is_empty() {
            return Err(Error::Config("no training rows are left after the hold-out".into()));
        }
        let square: f64 = table.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        let scale = (square / table.len().max(1) as f64).sqrt().max(1e-6);
        let r = &config.recipe;
        let student = Student::random(&config.network, scale, r.seed)?;
        Ok(Trainer {
            adam: Adam::new(r.decay, r.ema),
            table_adam: Adam::new(0.0, r.ema),
            loss: Loss::new(r, &config.network),
            batches: Batches::new(r, data.rows.len(), data.augmented.len()),
            dense: Dense::new(&student, &student.zero_gradient()),
            table: Table::new(table),
            student,
            config,
            data,
            done: 0,
            clock: Instant::now(),
        })
    }

    /// A run at step 0 whose weights are those of a trained student.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn starting_from(config: &'a TrainConfig, data: &'a TrainingSet, start: &Trained) -> Result<Trainer<'a>> {
        let mut trainer = Trainer::new(config, data, start.table.clone())?;
        trainer.dense = Dense::new(&start.student, &start.student.zero_gradient());
        trainer.student = start.student.clone();
        Ok(trainer)
    }

    /// Steps done so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// One step.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss is no finite number; the weights are then those before the step.
    pub fn step(&mut self) -> Result<StepReport> {
        let number = self.done + 1;
        let r = &self.config.recipe;
        let examples: Vec<&Example> = self
            .batches
            .draw(number)
            .into_iter()
            .map(|p| if p.augmented { &self.data.augmented[p.index] } else { &self.data.rows[p.index] })
            .collect();
        let chunk = Chunk {
            student: &self.student,
            table: self.table.weights.view(),
            config: self.config,
            loss: &self.loss,
            weight: 1.0 / examples.len() as f64,
        };
        let passes: Vec<chunk::Gradients> = examples
            .par_chunks(SENTENCES_PER_CHUNK)
            .enumerate()
            .map(|(i, part)| chunk.run(part, number, i))
            .collect::<Result<_>>()?;

        let mut gradient = self.student.zero_gradient();
        let mut sums = Sums::default();
        let mut parts = Vec::with_capacity(passes.len());
        for pass in passes {
            gradient.add_assign(&pass.student);
            sums.add(&pass.sums);
            parts.push((pass.ids, pass.embeddings));
        }
        let count = examples.len() as f64;
        if !sums.total.is_finite() {
            return Err(Error::Diverged { step: number, loss: sums.total / count });
        }
        let rows = RowGradients::collect(&parts, self.table.weights.ncols());
        let square: f64 =
            gradient.parameters().iter().map(|(_, a)| a.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>()).sum();
        let norm = (square + rows.square_norm()).sqrt();
        if !norm.is_finite() {
            return Err(Error::Diverged { step: number, loss: sums.total / count });
        }
        let gradient_scale = if norm > f64::from(r.clip) { (f64::from(r.clip) / norm) as f32 } else { 1.0 };
        let factor = schedule::factor(number, r.warm_up, r.steps);
        let step = |rate: f32| Step { rate: rate * factor, number, gradient_scale };
        self.dense.step(&self.adam, &step(r.rate), &mut self.student, &gradient);
        self.table.step(&self.table_adam, &step(r.table_rate), &rows);
        self.done = number;
        let started = std::mem::replace(&mut self.clock, Instant::now());
        Ok(StepReport {
            step: number,
            loss: sums.total / count,
            distillation: sums.distillation / count,
            label: if sums.labelled > 0 { sums.label / sums.labelled as f64 } else { 0.0 },
            range: sums.range / count,
            gradient_norm: norm,
            rate: r.rate * factor,
            beta: self.student.beta.sum(),
            ranges: sums.ranges,
            seconds: (self.clock - started).as_secs_f64(),
        })
    }

    /// The running means of all weights: what is evaluated and delivered.
    pub fn averaged(&mut self) -> (&Student<f32>, &Array2<f32>) {
        (&self.dense.ema, self.table.ema_at(&self.table_adam, self.done))
    }
}
