//! Runs every program in `examples/`: what they print is what they assert.

#[path = "../examples/04_cost_before_keys.rs"]
mod cost_before_keys;
#[path = "../examples/03_errors_before_encryption.rs"]
mod errors_before_encryption;
#[path = "../examples/01_one_circuit_three_evaluators.rs"]
mod one_circuit_three_evaluators;
#[path = "../examples/02_tokens_and_matrices.rs"]
mod tokens_and_matrices;

#[test]
fn e01_one_circuit_three_evaluators() {
    one_circuit_three_evaluators::main().unwrap();
}

#[test]
fn e02_tokens_and_matrices() {
    tokens_and_matrices::main().unwrap();
}

#[test]
fn e03_errors_before_encryption() {
    errors_before_encryption::main().unwrap();
}

#[test]
fn e04_cost_before_keys() {
    cost_before_keys::main().unwrap();
}
