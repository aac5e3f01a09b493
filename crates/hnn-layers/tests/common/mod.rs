//! Repeatable inputs and parameters.

use hnn_layers::parameters::Parameters;

/// Repeatable numbers in [−1, 1].
pub fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// Parameters in [−size, size], array after array.
pub fn fill<P: Parameters<f64>>(layer: &mut P, seed: u64, size: f64) {
    let mut next = numbers(seed);
    for (_, mut a) in layer.parameters_mut() {
        a.mapv_inplace(|_| size * next());
    }
}
