//! 2. A sentence as a matrix in slots; a public matrix times it; sums over its tokens and features.
//!
//! `cargo run -p he-tensor --example 02_tokens_and_matrices`
//!
//! Here in the simulator: layouts and circuits need no ciphertexts to be tried out.

use ckks_core::params::{Params, ParamsLiteral};
use he_tensor::evaluator::Encryption;
use he_tensor::{CostCounter, MatrixProduct, Simulator, TokenLayout, reduce};

const FEATURES: usize = 12;
const TOKENS: usize = 8;

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let params = Params::new(ParamsLiteral::leveled(13, 45, 2, 30, 1, 50))?;

    // Slot 16·t + f holds feature f of token t: 12 features take a period of 16. Five tokens are there, three are padding.
    let layout = TokenLayout::new(FEATURES, TOKENS, params.slots())?;
    let value = |t: usize, f: usize| (t + 1) as f64 / 8.0 + f as f64 / 100.0;
    let packed = layout.pack(5, value)?.remove(0);
    println!("period {}, pattern {} of {} slots", layout.period(), layout.pattern(), layout.slots());

    // y[t] = M·x[t]: the diagonals of M repeat for every token, so they are plaintexts of 16 values, not of 4096.
    let weight = |r: usize, c: usize| if r == c { 1.0 } else { 1.0 / (r + c + 1) as f64 };
    let mut product = MatrixProduct::new(&layout, 1, 1);
    product.add_matrix((0, 0), 0, (FEATURES, FEATURES), weight)?;
    let product = product.plan()?;
    println!("{} diagonals, {} rotations", product.plain_products(), product.rotations());

    let simulator = Simulator::new(&params);
    let x = simulator.encrypt(&packed, Encryption::Symmetric)?;
    let y = product.apply(&simulator, &[&x])?.remove(0);
    let rows = layout.unpack(&[y.values().to_vec()], TOKENS)?;
    let wanted = |t: usize, r: usize| (0..FEATURES).map(|c| weight(r, c) * value(t, c)).sum::<f64>();
    println!("y[4][2] = {:.6}, wanted {:.6}", rows[4][2], wanted(4, 2));
    assert!((rows[4][2] - wanted(4, 2)).abs() < 1e-12);
    assert_eq!(rows[6], vec![0.0; FEATURES], "padding stays zero");

    // The mean over the five tokens stands in the place of every token; then the features of it are summed, wrapping around.
    let mean = reduce::mean_over_tokens(&simulator, &layout, &y, 5.0)?;
    let total = reduce::sum_over_common_features(&simulator, &layout, &mean)?;
    let expected: f64 = (0..5).flat_map(|t| (0..FEATURES).map(move |r| wanted(t, r))).sum::<f64>() / 5.0;
    println!("sum over features of the mean: {:.6}, wanted {expected:.6}, level {}", total.values()[77].re, total.level());
    assert!((total.values()[77].re - expected).abs() < 1e-12);

    // The same on the counter: which keys all of this needs.
    let counter = CostCounter::new(&params);
    let y = product.apply(&counter, &[&counter.fresh()])?.remove(0);
    let mean = reduce::mean_over_tokens(&counter, &layout, &y, 5.0)?;
    reduce::sum_over_common_features(&counter, &layout, &mean)?;
    let keys = counter.key_requirements();
    println!("{} rotation keys: {:?}", keys.rotations.len(), keys.rotations.keys().collect::<Vec<_>>());
    Ok(())
}
