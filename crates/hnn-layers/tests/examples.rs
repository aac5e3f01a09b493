//! Runs every program in `examples/`: what they print is what they assert.

#[path = "../examples/01_an_activation_from_a_wanted_error.rs"]
mod activation;
#[path = "../examples/02_attention_with_a_hidden_length.rs"]
mod attention;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn an_activation_from_a_wanted_error() -> Outcome {
    activation::main()
}

#[test]
fn attention_with_a_hidden_length() -> Outcome {
    attention::main()
}
