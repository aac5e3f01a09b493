//! Runs every program in `examples/`: what they print is what they assert.

#[path = "../examples/01_an_activation_from_a_wanted_error.rs"]
mod activation;
#[path = "../examples/02_attention_with_a_hidden_length.rs"]
mod attention;
#[path = "../examples/04_one_layer_four_sides.rs"]
mod one_layer;
#[path = "../examples/03_polynomials_for_functions.rs"]
mod polynomials;
#[path = "../examples/05_soft_argmax_encrypted.rs"]
mod soft_argmax;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn an_activation_from_a_wanted_error() -> Outcome {
    activation::main()
}

#[test]
fn attention_with_a_hidden_length() -> Outcome {
    attention::main()
}

#[test]
fn polynomials_for_functions() -> Outcome {
    Ok(polynomials::main()?)
}

#[test]
fn one_layer_four_sides() -> Outcome {
    one_layer::main()
}

#[test]
fn soft_argmax_encrypted() -> Outcome {
    soft_argmax::main()
}
