//! Circuits written once, run on every implementation of the evaluator.

mod common;
mod evaluators;
mod matrices;
mod random_circuits;
