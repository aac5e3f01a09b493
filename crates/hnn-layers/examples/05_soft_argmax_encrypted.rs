//! 5. Soft-Argmax on ciphertexts: margins in, scores out, with the noise that was predicted.
//!
//! `cargo run -p hnn-layers --example 05_soft_argmax_encrypted`

use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use he_tensor::{CkksEvaluator, Evaluator};
use hnn_layers::budget::{self, Circuit, NoiseBudget};
use hnn_layers::soft_argmax::{SoftArgmax, cubic_clean, cubic_clean_circuit, entropy};
use num_complex::Complex64;

/// Soft-Argmax, with the cubic clean behind it or without.
struct Scores {
    layer: SoftArgmax,
    clean: bool,
}

impl Circuit for Scores {
    fn run<E: Evaluator>(&self, e: &E, margin: &E::Vector) -> hnn_layers::Result<E::Vector> {
        let score = self.layer.circuit(e, margin)?;
        if self.clean { cubic_clean_circuit(e, &score) } else { Ok(score) }
    }
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two classes: the soft index is σ(β·(x₁ − x₀)). β is learned; margins beyond the bound would leave the polynomial.
    let layer = SoftArgmax::new(0.9, 8.0, 15)?;
    println!("σ(0.9·m) for |0.9·m| ≤ 8 by degree 15: off by at most {:.5}", layer.error());
    let params = Params::new(ParamsLiteral::n14_leveled())?;
    let margins: Vec<f64> = (0..64).map(|i| f64::from(i) / 4.0 - 8.0).collect();
    let values: Vec<Complex64> = margins.iter().map(|&m| Complex64::new(m, 0.0)).collect();

    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let encoder = Encoder::new(&params)?;
    for clean in [false, true] {
        let circuit = Scores { layer: layer.clone(), clean };
        let top = params.max_level();
        let cost = budget::cost(&params, &circuit, top)?;
        let predicted = NoiseBudget::predict(&params, &circuit, &values, top, 1)?;

        let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&cost.keys, &mut randomness, |_, _| ());
        let plaintext = encoder.encode(&margins, top, params.scale_at(top))?;
        let encrypted = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?.expand(&params);
        let answer = circuit.run(&CkksEvaluator::new(&params, &keys)?, &encrypted)?;
        assert_eq!(answer.level(), predicted.levels);
        let slots = encoder.decode(&decrypt(&params, &secret, &answer)?)?;

        let wanted = |m: f64| if clean { cubic_clean(layer.score(m)) } else { layer.score(m) };
        let square: f64 =
            margins.iter().zip(&slots).map(|(&m, s)| (s.re - wanted(m)).powi(2)).sum::<f64>() / margins.len() as f64;
        // The prediction counts real and imaginary parts, the measurement the real part alone: half a bit.
        let measured = -0.5 * square.log2();
        let bits: f64 = margins.iter().map(|&m| entropy(wanted(m).clamp(0.0, 1.0))).sum::<f64>() / margins.len() as f64;
        println!(
            "{}: {} levels, ν {:.1} bits predicted, {measured:.1} measured; mean entropy of a score {bits:.3} bits",
            if clean { "with cubic clean   " } else { "without cubic clean" },
            cost.levels_used,
            predicted.bits
        );
        assert!((measured - predicted.bits).abs() < 2.0);
    }
    Ok(())
}
