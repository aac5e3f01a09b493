//! Complex roots of unity, the same bits on every machine.
//!
//! `f64::sin` calls the system's mathematics library, whose last bit differs between systems. Encoded plaintexts would then
//! differ too, and with them digests of models and golden files. Here the table grows from √2 by half-angle square roots and
//! products in double-double arithmetic (Dekker 1971, "A floating-point technique for extending the available precision"),
//! which uses only IEEE additions, multiplications, divisions and square roots, and is rounded to `f64` once at the end.

use num_complex::Complex64;

/// An unevaluated sum `high + low` with `|low| ≤ ulp(high)/2`: about 106 significant bits.
#[derive(Clone, Copy)]
struct DoubleDouble {
    high: f64,
    low: f64,
}

impl DoubleDouble {
    const ZERO: Self = Self { high: 0.0, low: 0.0 };
    const ONE: Self = Self { high: 1.0, low: 0.0 };

    /// Knuth's two-sum: exact for any order of magnitude.
    fn two_sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let b_part = high - a;
        Self { high, low: (a - (high - b_part)) + (b - b_part) }
    }

    /// Veltkamp's split: two halves of at most 26 bits.
    fn split(a: f64) -> (f64, f64) {
        let scaled = 134_217_729.0 * a; // 2^27 + 1
        let high = scaled - (scaled - a);
        (high, a - high)
    }

    /// Dekker's product: exact, without a fused multiply-add (which not every target has in hardware).
    fn two_product(a: f64, b: f64) -> Self {
        let high = a * b;
        let (a_high, a_low) = Self::split(a);
        let (b_high, b_low) = Self::split(b);
        let low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low;
        Self { high, low }
    }

    fn add(self, other: Self) -> Self {
        let sum = Self::two_sum(self.high, other.high);
        Self::two_sum(sum.high, sum.low + (self.low + other.low))
    }

    fn negate(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }

    fn multiply(self, other: Self) -> Self {
        let product = Self::two_product(self.high, other.high);
        Self::two_sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }

    fn half(self) -> Self {
        Self { high: self.high * 0.5, low: self.low * 0.5 }
    }

    /// One Newton step from the `f64` square root doubles its 53 bits. Argument > 0.
    fn sqrt(self) -> Self {
        let guess = self.high.sqrt();
        let residue = self.add(Self::two_product(guess, guess).negate());
        Self::two_sum(guess, residue.high / (2.0 * guess))
    }

    fn round(self) -> f64 {
        self.high + self.low
    }
}

/// `exp(2πi·k/order)` for k = 0 .. order/8 (the first eighth of the circle), from which symmetry gives all of them.
pub(super) struct Roots {
    order: usize,
    /// (cos, sin) of 2π·k/order for k = 0 ..= order/8.
    octant: Vec<(f64, f64)>,
}

impl Roots {
    /// Table for roots of order `order`, a power of two ≥ 8.
    pub(super) fn new(order: usize) -> Self {
        debug_assert!(order.is_power_of_two() && order >= 8);
        let eighth = order / 8;
        let mut exact = vec![(DoubleDouble::ONE, DoubleDouble::ZERO); eighth + 1];
        // π/4 first, then halved until the step of the table; entry k = (largest power of two in k) + rest.
        let sqrt_half = DoubleDouble { high: 0.5, low: 0.0 }.sqrt();
        let (mut cos, mut sin) = (sqrt_half, sqrt_half);
        let mut position = eighth;
        exact[position] = (cos, sin);
        while position > 1 {
            // sin first from the half-angle of the cosine, as 2·sin(x/2)·cos(x/2) = sin x loses no bits for small angles:
            // sin(x/2) = sin x / (2 cos(x/2)).
            let half_cos = DoubleDouble::ONE.add(cos).half().sqrt();
            sin = divide(sin.half(), half_cos);
            cos = half_cos;
            position /= 2;
            exact[position] = (cos, sin);
        }
        for k in 2..eighth {
            if !k.is_power_of_two() {
                let power = 1 << k.ilog2();
                let ((c1, s1), (c2, s2)) = (exact[power], exact[k - power]);
                let cos = c1.multiply(c2).add(s1.multiply(s2).negate());
                let sin = s1.multiply(c2).add(c1.multiply(s2));
                exact[k] = (cos, sin);
            }
        }
        Self { order, octant: exact.iter().map(|(c, s)| (c.round(), s.round())).collect() }
    }

    /// `exp(2πi·k/order)`, k taken modulo the order.
    pub(super) fn get(&self, k: usize) -> Complex64 {
        let k = k % self.order;
        let quarter = self.order / 4;
        let within = k % quarter;
        let (cos, sin) = if within <= quarter / 2 {
            self.octant[within]
        } else {
            let (c, s) = self.octant[quarter - within];
            (s, c)
        };
        match k / quarter {
            0 => Complex64::new(cos, sin),
            1 => Complex64::new(-sin, cos),
            2 => Complex64::new(-cos, -sin),
            _ => Complex64::new(sin, -cos),
        }
    }
}

/// `a / b` with one correction of the `f64` quotient.
fn divide(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let guess = a.high / b.high;
    let residue = a.add(b.multiply(DoubleDouble { high: guess, low: 0.0 }).negate());
    DoubleDouble::two_sum(guess, residue.high / b.high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_systems_sine_to_one_unit_in_the_last_place() {
        for log_order in 3..=17 {
            let order = 1usize << log_order;
            let roots = Roots::new(order);
            for k in 0..order {
                let angle = 2.0 * std::f64::consts::PI * (k as f64) / (order as f64);
                let root = roots.get(k);
                // The angle itself is rounded (relative ε of at most 2π), the library may be off by one unit.
                let bound = f64::EPSILON * (1.0 + angle);
                assert!((root.re - angle.cos()).abs() <= bound, "cos, order {order}, k {k}");
                assert!((root.im - angle.sin()).abs() <= bound, "sin, order {order}, k {k}");
            }
        }
    }

    #[test]
    #[allow(clippy::excessive_precision)]
    fn bits_are_pinned() {
        // cos(π/8), sin(π/8), sin(2π/2^17) and sin(2π·12345/2^17) from 70-digit decimals.
        let roots = Roots::new(1 << 17);
        assert_eq!(roots.get(1 << 13).re, 0.923_879_532_511_286_756_128_183_189_396_788_286_8);
        assert_eq!(roots.get(1 << 13).im, 0.382_683_432_365_089_771_728_459_984_030_398_866_8);
        assert_eq!(roots.get(1).im, 4.793_689_960_306_688_454_900_399_049_465_887e-5);
        assert_eq!(roots.get(12_345).im, 0.557_840_066_537_064_776_216_044_046_230_721_3);
    }
}
