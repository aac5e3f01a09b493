//! What the simulator computes with.

use num_complex::Complex64;

/// Slots as plain numbers, a level, and per slot the predicted variance of the error.
#[derive(Clone, Debug)]
pub struct SimulatedVector {
    pub(super) values: Vec<Complex64>,
    pub(super) variance: Vec<f64>,
    pub(super) level: usize,
}

impl SimulatedVector {
    /// The slots; with the errors of [`super::Simulator::with_noise`] in them.
    #[must_use]
    pub fn values(&self) -> &[Complex64] {
        &self.values
    }

    /// Real parts of the slots.
    #[must_use]
    pub fn real(&self) -> Vec<f64> {
        self.values.iter().map(|z| z.re).collect()
    }

    /// Predicted E|ε|² of each slot, in units of slot values; half of it falls on the real part.
    #[must_use]
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// Mean of the predicted variances: what the mean square error of a decrypted vector is compared with.
    #[must_use]
    pub fn mean_variance(&self) -> f64 {
        self.variance.iter().sum::<f64>() / self.variance.len() as f64
    }

    /// Remaining rescalings.
    #[must_use]
    pub fn level(&self) -> usize {
        self.level
    }
}

/// How a simulated vector was encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With the secret key.
    Symmetric,
    /// With the public key.
    Public,
}
