//! Backpropagation, distillation and checkpoints for the polynomial students.
//!
//! [`run`] goes from data and teacher to the files of a student; everything below it can be used alone: [`data`] (rows,
//! hold-out, augmented texts, cached labels), [`teacher`], [`student`] (forward and backward of the whole network),
//! [`distill`] (the loss), [`optimizer`], [`budget`], [`trainer`] (steps, checkpoints, figures), [`export`] and [`card`]. [`study`] trains the same
//! student in several ways to compare them.

pub mod attention;
pub mod budget;
pub mod card;
mod claim;
pub mod config;
pub mod data;
pub mod distill;
pub mod error;
pub mod export;
mod fit;
pub mod optimizer;
pub mod pca;
mod run;
pub mod student;
pub mod study;
pub mod teacher;
mod trained;
pub mod trainer;

pub use config::TrainConfig;
pub use error::{Error, Result};
pub use run::{Digests, Progress, Report, run};
pub use trained::Trained;
