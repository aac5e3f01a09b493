//! The loss: distillation of margins, cross-entropy on labels behind the Soft-Argmax layer, a penalty on its range.

use hnn_layers::soft_argmax::sigmoid;

use crate::config::{NetworkConfig, RecipeConfig};

/// Weights of the terms.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// T of the distillation.
    pub temperature: f64,
    /// Weight of the distillation.
    pub distillation_weight: f64,
    /// Whether cross-entropy and range penalty look at β·margin; otherwise at the margin, without a penalty.
    pub soft_argmax: bool,
    /// Weight of the cross-entropy on labels.
    pub label_weight: f64,
    /// Weight of the penalty on |β·margin|.
    pub range_weight: f64,
    /// Where that penalty starts.
    pub range_start: f64,
}

/// Loss and derivatives of one sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Term {
    /// T²·KL(teacher ‖ student) of the two classes at temperature T (Hinton et al. 2015, arXiv:1503.02531 §2).
    pub distillation: f64,
    /// Cross-entropy of σ(β·margin) with the label, 0 without one.
    pub label: f64,
    /// All weighted terms together.
    pub total: f64,
    /// ∂total/∂margin.
    pub dmargin: f64,
    /// ∂total/∂β.
    pub dbeta: f64,
}

/// ln(1 + e^x), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl Loss {
    /// As configured.
    pub fn new(recipe: &RecipeConfig, network: &NetworkConfig) -> Loss {
        Loss {
            temperature: recipe.temperature.into(),
            distillation_weight: recipe.distillation_weight.into(),
            soft_argmax: recipe.soft_argmax,
            label_weight: recipe.label_weight.into(),
            range_weight: recipe.score_range_weight.into(),
            range_start: 0.75 * network.score_bound,
        }
    }

    /// The loss of one sentence: the student's margin, the teacher's, β, and the label where there is one.
    pub fn term(&self, margin: f64, teacher: f64, beta: f64, label: Option<u8>) -> Term {
        let t = self.temperature;
        let p = sigmoid(teacher / t);
        // −Σ p·ln q − (−Σ p·ln p), with ln σ(x) = −softplus(−x).
        let cross = |m: f64| p * softplus(-m / t) + (1.0 - p) * softplus(m / t);
        let distillation = t * t * (cross(margin) - cross(teacher));
        let mut dmargin = self.distillation_weight * (t * (sigmoid(margin / t) - p));
        let beta = if self.soft_argmax { beta } else { 1.0 };
        let (mut label_loss, mut dbeta) = (0.0, 0.0);
        if let Some(y) = label {
            let y = f64::from(y);
            let x = beta * margin;
            label_loss = y * softplus(-x) + (1.0 - y) * softplus(x);
            let d = self.label_weight * (sigmoid(x) - y);
            dmargin += d * beta;
            dbeta += d * margin;
        }
        if !self.soft_argmax {
            let total = self.distillation_weight * distillation + self.label_weight * label_loss;
            return Term { distillation, label: label_loss, total, dmargin, dbeta: 0.0 };
        }
        let x = beta * margin;
        let over = (x.abs() - self.range_start).max(0.0);
        let d = self.range_weight * 2.0 * over * x.signum();
        dmargin += d * beta;
        dbeta += d * margin;
        let total = self.distillation_weight * distillation + self.label_weight * label_loss + self.range_weight * over * over;
        Term { distillation, label: label_loss, total, dmargin, dbeta }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_finite_differences() {
        let with = |distillation_weight, soft_argmax| Loss {
            distillation_weight,
            soft_argmax,
            temperature: 2.0,
            label_weight: 0.2,
            range_weight: 0.1,
            range_start: 3.0,
        };
        let cases = [(0.3, -1.0, 0.8, None), (5.0, 2.0, 1.1, Some(1)), (-6.0, 2.0, 0.9, Some(0)), (1.0, 40.0, 1.0, Some(0))];
        let losses = [with(1.0, true), with(1.0, false), with(0.0, true), with(0.3, false)];
        for (loss, (margin, teacher, beta, label)) in losses.iter().flat_map(|l| cases.map(|c| (l, c))) {
            let h = 1e-5;
            let at = |m: f64, b: f64| loss.term(m, teacher, b, label).total;
            let found = loss.term(margin, teacher, beta, label);
            let dmargin = (at(margin + h, beta) - at(margin - h, beta)) / (2.0 * h);
            let dbeta = (at(margin, beta + h) - at(margin, beta - h)) / (2.0 * h);
            assert!((found.dmargin - dmargin).abs() < 1e-8, "{found:?} against {dmargin}");
            assert!((found.dbeta - dbeta).abs() < 1e-8, "{found:?} against {dbeta}");
        }
    }

    #[test]
    fn a_student_that_agrees_has_no_distillation_loss() {
        let loss = Loss {
            temperature: 2.0,
            distillation_weight: 1.0,
            soft_argmax: true,
            label_weight: 0.2,
            range_weight: 0.0,
            range_start: 9.0,
        };
        let term = loss.term(1.7, 1.7, 1.0, None);
        assert!(term.distillation.abs() < 1e-12 && term.dmargin.abs() < 1e-12, "{term:?}");
    }
}
