//! 2. Attention in three forms on a sentence whose length the server does not know.
//!
//! `cargo run -p hnn-layers --example 02_attention_with_a_hidden_length`

use ckks_core::noise::model::bits;
use ckks_core::params::{Params, ParamsLiteral};
use he_tensor::evaluator::{Encryption, Operation};
use he_tensor::{CostCounter, Evaluator, Simulator, TokenLayout};
use hnn_layers::attention::{Attention, AttentionCircuit, Weighting};
use hnn_layers::functions::{Exponential, Form, Interval, Reciprocal};
use hnn_layers::parameters::Parameters;
use hnn_layers::ragged::{LengthBucket, Ragged};
use hnn_layers::token_mask::TokenMask;
use ndarray::Array2;
use num_complex::Complex64;

const FEATURES: usize = 16;
const POSITIONS: usize = 8;
const TOKENS: usize = 5;

/// The circuit, written once for every evaluator.
fn layer<E: Evaluator>(e: &E, circuit: &AttentionCircuit, x: &E::Vector, mask: &E::Vector) -> hnn_layers::Result<E::Vector> {
    circuit.apply(e, x, &TokenMask::Secret(mask))
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exponential = |scale| Exponential::new(Interval::new(-2.0, 2.0)?, 7, 0, scale);
    let forms = [
        ("(s + c)^4 / R", Weighting::power(4, 16.0)?),
        ("exp(s + c) / n", Weighting::Cgf(exponential(0.2)?)),
        (
            "exp(s + c) / sum",
            Weighting::Softmax {
                exponential: exponential(1.0)?,
                reciprocal: Reciprocal::new(Interval::positive(0.5, 24.0)?, 7, 2)?,
            },
        ),
    ];
    let x = Array2::from_shape_fn((TOKENS, FEATURES), |(t, f)| ((t * 37 + f * 11 + t * f) % 23) as f64 / 11.5 - 1.0);
    let batch = Ragged::new([TOKENS], &[LengthBucket { positions: POSITIONS, divisor: 5.0 }])?;
    for (name, weighting) in forms {
        let mut attention = Attention::<f64>::zeros(FEATURES, 2, weighting)?;
        for (k, (_, mut array)) in attention.parameters_mut().into_iter().enumerate() {
            array.iter_mut().enumerate().for_each(|(i, w)| *w = (((i * 29 + k * 7) % 31) as f64 / 15.0 - 1.0) * 0.25);
        }
        let params = Params::new_insecure(ParamsLiteral::toy(10, 4 + attention.weighting.depth()))?;
        let layout = TokenLayout::new(FEATURES, POSITIONS, params.slots())?;
        let circuit = AttentionCircuit::new(&attention, &layout)?;

        let simulator = Simulator::new(&params);
        let slots = layout.pack(TOKENS, |t, f| x[[t, f]])?.remove(0);
        let mask: Vec<Complex64> =
            (0..layout.pattern()).map(|j| f64::from(u8::from(j < TOKENS * layout.period())).into()).collect();
        let encrypt = |v: &[Complex64]| simulator.encrypt(v, Encryption::Symmetric);
        let y = layer(&simulator, &circuit, &encrypt(&slots)?, &encrypt(&mask)?)?;
        let rows = layout.unpack(&[y.values().to_vec()], TOKENS)?;

        let (polynomial, trace) = attention.forward(x.view(), &batch, Form::Polynomial);
        let (exact, _) = attention.forward(x.view(), &batch, Form::Exact);
        for ((t, f), wanted) in polynomial.indexed_iter() {
            assert!((rows[t][f] - wanted).abs() < 1e-9, "the circuit is the polynomial form");
        }
        let approximation = (&polynomial - &exact).mapv(f64::abs).fold(0.0f64, |a, &b| a.max(b));
        let counter = CostCounter::new(&params);
        layer(&counter, &circuit, &counter.fresh(), &counter.fresh())?;
        let report = counter.report();
        println!(
            "{name:17} {} levels, {} rotations, {} relinearisations; arguments in [{:.2}, {:.2}]; polynomials off by {approximation:.1e}; {:.1} bits right",
            circuit.depth(),
            report.count(Operation::Rotation),
            report.count(Operation::Relinearisation),
            trace.argument_range.0,
            trace.argument_range.1,
            bits(y.mean_variance()),
        );
        for (what, ratio) in simulator.ranges() {
            println!("  {what}: {:.0} % of its interval", 100.0 * ratio);
            assert!(ratio <= 1.0);
        }
    }
    Ok(())
}
