//! Circuits written once, run on every implementation of the evaluator.

mod attention_products;
mod everywhere;
mod evaluators;
mod matrices;
mod random_circuits;
