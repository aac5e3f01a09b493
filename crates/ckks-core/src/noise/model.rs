//! How large the error of each operation is, before anything is encrypted.
//!
//! An error is counted **in slots**: E|ε|² of the complex difference between what a slot holds and what it should hold, in
//! units of slot values (so relative to the scale). An error polynomial with independent coefficients of variance V gives
//! every slot the variance N·V/S² at scale S, because a slot is a sum of N coefficients times roots of unity; half of it
//! falls on the real part. Products with the secret use its weight: a uniform ternary secret has 2N/3 coefficients of ±1,
//! so a product of an independent error with it has coefficients of variance V·2N/3.
//!
//! Sources: the canonical-embedding average-case analysis of Costache, Curtis, Hales, Murphy, Ogilvie, Player, "On the
//! precision loss in approximate homomorphic encryption" (eprint 2022/162), §3–4, for fresh encryptions, products and
//! rescaling; Kim, Papadimitriou, Polyakov, "Approximate Homomorphic Encryption with Reduced Approximation Error" (eprint
//! 2020/1118) §3 and Han, Ki (eprint 2019/688) §3 for hybrid key switching; both are restated here for exact centred
//! digits (as [`crate::eval`] computes them) and for one joint rounding of P and the last prime.
//!
//! Errors are taken as independent of each other and of the message. Where they are not (x + x, a polynomial of one noisy
//! argument) the sum of variances is off; `he-tensor`'s simulator can therefore also draw the errors of this model and carry
//! them through the circuit.

use crate::keys::GadgetShape;
use crate::params::{Params, Scale};
use crate::ring::sampling::SIGMA;

/// Variance of rounding to the nearest integer.
const ROUNDING: f64 = 1.0 / 12.0;

/// Predicts error variances under one parameter set. All results are E|ε|² per slot, in units of slot values.
#[derive(Clone, Debug)]
pub struct NoiseModel {
    params: Params,
}

/// −log₂ of the standard deviation: the bits that are right behind the binary point, ν.
#[must_use]
pub fn bits(variance: f64) -> f64 {
    -0.5 * variance.log2()
}

impl NoiseModel {
    /// A model of these parameters.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self { params: params.clone() }
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    fn n(&self) -> f64 {
        self.params.n() as f64
    }

    /// Mean squared absolute value of the secret in a slot, which is also its mean number of nonzero coefficients: 2N/3.
    #[must_use]
    pub fn secret_weight(&self) -> f64 {
        self.n() * 2.0 / 3.0
    }

    /// From the variance of a polynomial's coefficients to that of a slot at `scale`.
    #[must_use]
    pub fn of_coefficients(&self, variance: f64, scale: Scale) -> f64 {
        self.n() * variance / square(scale.to_f64())
    }

    fn at_level(&self, coefficient_variance: f64, level: usize) -> f64 {
        self.of_coefficients(coefficient_variance, self.params.scale_at(level))
    }

    /// Encoding at `scale` a vector of period `period`: 2·period coefficients are rounded, the others are zero.
    #[must_use]
    pub fn encoding(&self, period: usize, scale: Scale) -> f64 {
        2.0 * period as f64 * ROUNDING / square(scale.to_f64())
    }

    /// Encoding one real number for all slots: one coefficient is rounded.
    #[must_use]
    pub fn encoding_constant(&self, scale: Scale) -> f64 {
        ROUNDING / square(scale.to_f64())
    }

    /// A fresh ciphertext under the secret key at `level`, encoding not included: σ² per coefficient.
    #[must_use]
    pub fn fresh_symmetric(&self, level: usize) -> f64 {
        self.at_level(SIGMA * SIGMA, level)
    }

    /// A fresh ciphertext under the public key at `level`, encoding not included: e₀ + v·e + e₁·s, two products with
    /// ternary polynomials.
    #[must_use]
    pub fn fresh_public(&self, level: usize) -> f64 {
        self.at_level(SIGMA * SIGMA * (1.0 + 2.0 * self.secret_weight()), level)
    }

    /// Rounding both halves of a ciphertext, which is what every division leaves: 1/12 + 1/12·2N/3 per coefficient.
    fn rounded_halves(&self) -> f64 {
        ROUNDING * (1.0 + self.secret_weight())
    }

    /// What a division of both halves leaves in a vector that has `level` afterwards, as every rescaling does; key switches
    /// contain one.
    #[must_use]
    pub fn rounding(&self, level: usize) -> f64 {
        self.at_level(self.rounded_halves(), level)
    }

    /// Coefficient variance of Σ digit·error over the digits of a key switch at `level`, divided by `divisor`: a digit is
    /// uniform below its product D of primes, N of its coefficients meet an error coefficient each.
    fn inner_product(&self, shape: GadgetShape, level: usize, divisor: f64) -> f64 {
        // Divided before squaring: the square of a digit of 512 bits is beyond an f64.
        let digit = |j: usize| -> f64 {
            let product: f64 = shape.digit_range(level, j).map(|i| self.params.q(i).value() as f64).product();
            square(product / divisor) * ROUNDING
        };
        self.n() * SIGMA * SIGMA * (0..shape.digits(level)).map(digit).sum::<f64>()
    }

    fn special_product(&self, shape: GadgetShape) -> f64 {
        (0..shape.special).map(|i| self.params.p(i).value() as f64).product()
    }

    /// What the errors in a switching key leave after the division by P, without the rounding of that division, at `level`
    /// with a key made for `key_level`.
    #[must_use]
    pub fn switched(&self, level: usize, key_level: usize) -> f64 {
        let shape = GadgetShape::for_level(&self.params, key_level.max(level));
        self.at_level(self.inner_product(shape, level, self.special_product(shape)), level)
    }

    /// [`NoiseModel::switched`] where P and the prime of the level are divided out together: what is left in a vector that
    /// has `level` − 1 afterwards. At level 0 there is no prime to divide by.
    #[must_use]
    pub fn switched_and_rescaled(&self, level: usize, key_level: usize) -> f64 {
        let Some(below) = level.checked_sub(1) else { return self.switched(level, key_level) };
        let shape = GadgetShape::for_level(&self.params, key_level.max(level));
        let divisor = self.special_product(shape) * self.params.q(level).value() as f64;
        self.at_level(self.inner_product(shape, level, divisor), below)
    }

    /// What a rotation, a conjugation or a relinearisation on its own adds at `level`, with a key made for `key_level`.
    #[must_use]
    pub fn key_switching(&self, level: usize, key_level: usize) -> f64 {
        self.switched(level, key_level) + self.rounding(level)
    }

    /// [`NoiseModel::key_switching`] on a vector at `level` that is not rescaled yet and has `scale`.
    #[must_use]
    pub fn key_switching_at_scale(&self, level: usize, key_level: usize, scale: Scale) -> f64 {
        let shape = GadgetShape::for_level(&self.params, key_level.max(level));
        let divided = self.inner_product(shape, level, self.special_product(shape));
        self.of_coefficients(divided + self.rounded_halves(), scale)
    }

    /// What relinearisation and rescaling of a product at `level` add to the vector, which has `level` − 1 afterwards, with
    /// one rounding for both.
    #[must_use]
    pub fn relinearised_rescaling(&self, level: usize, key_level: usize) -> f64 {
        self.switched_and_rescaled(level, key_level) + self.rounding(level.saturating_sub(1))
    }

    /// What bringing a vector from level `from` down to `to` adds: nothing if the canonical scales are equal, else the
    /// rounding of a constant (which acts on the message's mean square `message`) and of a rescaling.
    #[must_use]
    pub fn level_drop(&self, from: usize, to: usize, message: f64) -> f64 {
        let (above, below) = (self.params.scale_at(from), self.params.scale_at(to));
        if from == to || above.matches(below) {
            return 0.0;
        }
        let prime = self.params.q(to + 1).value() as f64;
        let constant = below.to_f64() * prime / above.to_f64();
        message * ROUNDING / square(constant) + self.rounding(to)
    }

    /// Scale at which plaintext factors of a vector at `level` are encoded, so that the rescaled product has the canonical
    /// scale: S_{ℓ−1}·q_ℓ/S_ℓ. `None` at level 0, where there is no product.
    #[must_use]
    pub fn plaintext_scale(&self, level: usize) -> Option<Scale> {
        let below = self.params.scale_at(level.checked_sub(1)?);
        let prime = Scale::from_u64(self.params.q(level).value())?;
        Some(below.times(prime).over(self.params.scale_at(level)))
    }

    /// The product of independent vectors: |a|²·v_b + |b|²·v_a + v_a·v_b, for squared messages and error variances; what
    /// relinearisation and rescaling add comes on top ([`NoiseModel::relinearised_rescaling`]).
    #[must_use]
    pub fn product(message_a: f64, noise_a: f64, message_b: f64, noise_b: f64) -> f64 {
        message_a * noise_b + message_b * noise_a + noise_a * noise_b
    }

    /// The square of a vector: its error meets itself, |2aε + ε²|² with E|ε|⁴ = 2v² for a complex Gaussian ε.
    #[must_use]
    pub fn square(message: f64, noise: f64) -> f64 {
        4.0 * message * noise + 2.0 * noise * noise
    }

    /// The product with a plaintext: |p|²·v + |a|²·(rounding of the plaintext), before rescaling.
    #[must_use]
    #[inline]
    pub fn plain_product(message: f64, noise: f64, plain: f64, encoding: f64) -> f64 {
        plain * noise + (message + noise) * encoding
    }
}

fn square(x: f64) -> f64 {
    x * x
}
