//! 4. One layer, four sides: plain forward, gradient, simulated circuit, cost.
//!
//! `cargo run -p hnn-layers --example 04_one_layer_four_sides`

use ckks_core::params::{Params, ParamsLiteral};
use he_tensor::evaluator::Encryption;
use he_tensor::{Simulator, TokenLayout};
use hnn_layers::bilinear_conv::BilinearConv;
use hnn_layers::budget::{self, Circuit, NoiseBudget};
use hnn_layers::parameters::Parameters;
use hnn_layers::ragged::{LengthBucket, Ragged};
use ndarray::Array2;

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A bilinear convolution of 6 features (the last one is the mask feature, 1 on every token) and rank 8, with some weights.
    let (features, rank, tokens) = (6, 8, 11);
    let mut block = BilinearConv::<f64>::zeros(features, rank);
    let mut number = (0u32..).map(|i| (f64::from(i) * 0.618).sin() * 0.4);
    for (_, mut array) in block.parameters_mut() {
        array.iter_mut().zip(&mut number).for_each(|(w, n)| *w = n);
    }
    block.output.iter_mut().for_each(|w| w.column_mut(features - 1).fill(0.0));

    // Plain: sentences of any lengths stand below each other; each belongs to a public length class.
    let class = LengthBucket { positions: 16, divisor: 12.0 };
    let batch = Ragged::new([tokens], std::slice::from_ref(&class))?;
    let x =
        Array2::from_shape_fn(
            (tokens, features),
            |(t, f)| if f + 1 == features { 1.0 } else { (t * 7 + f * 3) as f64 % 5.0 / 5.0 - 0.4 },
        );
    let (y, trace) = block.forward(x.view(), &batch);
    println!("plain:      y[3] = {:.6}", y.row(3));

    // Gradient of the loss Σ y² / 2, whose derivative by y is y; one entry against a finite difference.
    let mut gradient = BilinearConv::zeros(features, rank);
    block.backward(x.view(), &batch, &trace, &y, &|_| 0.0, &mut gradient);
    let loss = |b: &BilinearConv<f64>| b.forward(x.view(), &batch).0.mapv(|v| 0.5 * v * v).sum();
    let moved = |by: f64| {
        let mut b = block.clone();
        b.global[[2, 5]] += by;
        loss(&b)
    };
    let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    println!("gradient:   {:.8} by backpropagation, {difference:.8} by differences", gradient.global[[2, 5]]);
    assert!((gradient.global[[2, 5]] - difference).abs() < 1e-6);

    // The circuit, generic over the evaluator. In the simulator it has the plain values, and zero on padding although no mask
    // is multiplied and the circuit does not know the number of tokens.
    let params = Params::new(ParamsLiteral::leveled(13, 45, 3, 30, 1, 50))?;
    let layout = TokenLayout::new(features, class.positions, params.slots())?;
    let circuit = block.plan(&layout, class.divisor)?;
    let slots = layout.pack(tokens, |t, f| x[[t, f]])?.remove(0);
    let simulator = Simulator::new(&params);
    let out = circuit.run(&simulator, &simulator.encrypt(&slots, Encryption::Symmetric)?)?;
    let rows = layout.unpack(&[out.values().to_vec()], class.positions)?;
    let worst = rows.iter().enumerate().flat_map(|(t, row)| {
        let y = &y;
        row.iter().enumerate().map(move |(f, v)| (v - if t < tokens { y[[t, f]] } else { 0.0 }).abs())
    });
    let worst = worst.fold(0.0, f64::max);
    println!("circuit:    largest difference {worst:.1e}, padding included");
    assert!(worst < 1e-9);

    // What it will cost and how precise it will be, before there is any key.
    let cost = budget::cost(&params, &circuit, params.max_level())?;
    let noise = NoiseBudget::predict(&params, &circuit, &slots, params.max_level(), 1)?;
    println!(
        "cost:       {} levels, {} keys, {:.1} MB of keys in memory",
        cost.levels_used,
        cost.keys.count(),
        cost.key_bytes_in_memory as f64 / 1e6
    );
    println!("budget:     ν = {:.1} bits with {} levels left", noise.bits, noise.levels);
    assert_eq!((cost.levels_used, noise.levels), (3, 0));
    Ok(())
}
