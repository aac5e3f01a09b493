//! Circuits written once, run on every implementation of the evaluator.

mod attention_products;
mod bootstrapping;
mod evaluators;
mod everywhere;
mod matrices;
mod random_circuits;
