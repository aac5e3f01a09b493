//! AdamW for all arrays of a network at once.

use hnn_layers::parameters::Parameters;
use ndarray::Zip;

use super::{Adam, Correction, Step, update};

/// State beside the weights: both moments and the running mean.
#[derive(Clone, Debug)]
pub struct Dense<P> {
    /// Mean of gradients.
    pub mean: P,
    /// Mean of squared gradients.
    pub square: P,
    /// Running mean of the weights.
    pub ema: P,
}

impl<P: Parameters<f32> + Clone> Dense<P> {
    /// Moments of zero (`zeros` has the shapes of `weights`), the running mean at the weights.
    pub fn new(weights: &P, zeros: &P) -> Dense<P> {
        Dense { mean: zeros.clone(), square: zeros.clone(), ema: weights.clone() }
    }

    /// One step; matrices decay, vectors do not.
    pub fn step(&mut self, adam: &Adam, step: &Step, weights: &mut P, gradient: &P) {
        let c = Correction::at(adam, step.number);
        let moments = self.mean.parameters_mut().into_iter().zip(self.square.parameters_mut());
        let arrays = weights.parameters_mut().into_iter().zip(gradient.parameters()).zip(moments).zip(self.ema.parameters_mut());
        for ((((_, p), (_, g)), ((_, m), (_, v))), (_, mut ema)) in arrays {
            let decay = if p.ndim() >= 2 { adam.decay } else { 0.0 };
            let mut p = p;
            Zip::from(&mut p).and(g).and(m).and(v).for_each(|p, &g, m, v| update(adam, step, c, decay, g, (p, m, v)));
            Zip::from(&mut ema).and(&p).for_each(|e, &p| *e = adam.ema * *e + (1.0 - adam.ema) * p);
        }
    }
}
