//! Row functions of the teacher in f32, written so that the compiler vectorises them.

use ndarray::{Array1, ArrayViewMut1, ArrayViewMut2, Axis};

/// e^x for x in [−87, 88] to about 2 units in the last place: e^x = 2^n · 2^r with n = round(x·log2 e) taken from the
/// mantissa of x·log2 e + 1.5·2^23, and a polynomial for 2^r, |r| ≤ 1/2.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    let z = x.clamp(-87.0, 88.0) * std::f32::consts::LOG2_E;
    let shifted = z + MAGIC;
    let r = (z - (shifted - MAGIC)) * std::f32::consts::LN_2;
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    f32::from_bits(shifted.to_bits().wrapping_add(127) << 23) * p
}

/// GELU(x) = x/2·(1 + erf(x/√2)), erf by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let a = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let poly = t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let erf = 1.0 - poly * exp(-a * a);
    0.5 * x * (1.0 + if x < 0.0 { -erf } else { erf })
}

/// GELU of every entry.
pub fn gelu_assign(x: &mut [f32]) {
    for v in x {
        *v = gelu(*v);
    }
}

/// Softmax of one row.
pub fn softmax_assign(mut row: ArrayViewMut1<'_, f32>) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.mapv_inplace(|v| exp(v - max));
    let scale = 1.0 / row.sum();
    row.mapv_inplace(|v| v * scale);
}

/// LayerNorm of every row with variance + `epsilon`.
pub fn layer_norm_assign(mut x: ArrayViewMut2<'_, f32>, weight: &Array1<f32>, bias: &Array1<f32>, epsilon: f32) {
    for mut row in x.axis_iter_mut(Axis(0)) {
        let n = row.len() as f32;
        let mean = row.sum() / n;
        let variance = row.fold(0.0, |s, &v| s + (v - mean) * (v - mean)) / n;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for ((v, w), b) in row.iter_mut().zip(weight).zip(bias) {
            *v = (*v - mean) * inverse * w + b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_has_full_single_precision() {
        for i in -8000..8000 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            // Reduced argument and polynomial each lose about one unit in the last place, x·log2 e another |x|·2^-24.
            let bound = exact * (3.0 + f64::from(x.abs())) * 2f64.powi(-23);
            assert!((f64::from(exp(x)) - exact).abs() <= bound, "exp({x})");
        }
    }

    #[test]
    fn gelu_matches_known_values() {
        // x·Φ(x) for the normal distribution function Φ.
        for (x, y) in [(0.0, 0.0), (1.0, 0.841_344_75), (-1.0, -0.158_655_25), (2.0, 1.954_499_7), (-3.0, -0.004_049_69)] {
            assert!((gelu(x) - y).abs() < 1e-6, "gelu({x}) = {}", gelu(x));
        }
    }
}
