//! AdamW with a running mean of the weights, for whole arrays and for single rows of a large table.

pub mod dense;
pub mod schedule;
pub mod table;

/// Settings shared by all parameters (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2).
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the mean square.
    pub epsilon: f32,
    /// Decoupled weight decay.
    pub decay: f32,
    /// Decay of the running mean of weights.
    pub ema: f32,
}

impl Adam {
    /// β = (0.9, 0.98), ε = 1e-8.
    pub fn new(decay: f32, ema: f32) -> Adam {
        Adam { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, decay, ema }
    }
}

/// What changes from step to step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Learning rate.
    pub rate: f32,
    /// Number of the step, from 1, for the bias correction.
    pub number: u64,
    /// Factor on the gradient (clipping).
    pub gradient_scale: f32,
}

/// Bias-corrected factors of one step: step size and root correction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction {
    pub(crate) mean: f32,
    pub(crate) square: f32,
}

impl Correction {
    pub(crate) fn at(adam: &Adam, number: u64) -> Correction {
        let power = |beta: f32| f64::from(beta).powf(number as f64);
        Correction { mean: (1.0 / (1.0 - power(adam.beta1))) as f32, square: (1.0 / (1.0 - power(adam.beta2))) as f32 }
    }
}

/// One parameter with its means of gradients and squares, one step.
#[inline(always)]
pub(crate) fn update(adam: &Adam, step: &Step, c: Correction, decay: f32, g: f32, (p, m, v): (&mut f32, &mut f32, &mut f32)) {
    let g = g * step.gradient_scale;
    *m = adam.beta1 * *m + (1.0 - adam.beta1) * g;
    *v = adam.beta2 * *v + (1.0 - adam.beta2) * g * g;
    let direction = *m * c.mean / ((*v * c.square).sqrt() + adam.epsilon);
    *p -= step.rate * (direction + decay * *p);
}
