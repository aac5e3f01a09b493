//! The circuit of [`LayerNorm`].
//!
//! With ρ a token's reference, h and κ half width and normalised centre of the inverse root's interval and d features:
//!
//! ```text
//! A = Σ x²,  B = Σ x                                   into each token's first slot: log₂ p rotations each
//! z = mask·( A/(ρdh) − B²/(ρd²h) + i·B/(d√(ρh)) )/2       one level: the mask is 1 in the first slots
//! z → all slots of the token                           log₂ p rotations
//! y = z + conj z + ε/(ρh) − κ,   m = (z − conj z)/i    the normalised argument, and the mean over √(ρh)
//! out = (γ/√(ρh)·x − γ·m)·g(y) + β                     g = √h·(1/√w) by [`InverseSquareRoot`]
//! ```
//!
//! Mean and variance travel back together as imaginary and real part, so that the third sum is paid once; x² and B² are on the
//! same level, so that the variance needs no centring first. Padding gets the argument y = 0 and no β: it stays at zero.

use ckks_core::circuits::PlainVector;
use he_tensor::reduce::sum_of_strided;
use he_tensor::{Evaluator, TokenLayout};
use num_complex::Complex64;

use super::LayerNorm;
use super::normalise::References;
use crate::functions::{InverseSquareRoot, ScalarFunction};
use crate::parameters::Real;
use crate::token_mask::TokenMask;
use crate::{Error, Result};

/// Difference of normalised ε between \[CLS\] and the others that the inverse root cannot show at any scale in use.
const UNNOTICED: f64 = 1e-9;

/// A [`LayerNorm`] compiled for a layout.
#[derive(Clone, Debug)]
pub struct LayerNormCircuit {
    layout: TokenLayout,
    inverse_root: InverseSquareRoot,
    references: References,
    epsilon: f64,
    bias: Vec<f64>,
    /// Masks of A, of B² and of B.
    masks: [PlainVector; 3],
    /// γ/√(ρh) and −γ.
    gains: [PlainVector; 2],
}

impl LayerNormCircuit {
    /// Compiles the layer.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the layout has the layer's features; [`Error::Value`] for a sentence that does not fit into the
    /// real parts of one vector.
    pub fn new<T: Real>(layer: &LayerNorm<T>, layout: &TokenLayout) -> Result<Self> {
        check_layout(layout, layer.gain.len())?;
        let d = layout.features() as f64;
        let half = layer.inverse_root.interval().half_width();
        let p = layout.period();
        let reference = |j: usize| layer.references.at(j / p);
        let gain = |f: usize| layer.gain.get(f).map_or(0.0, |&g| Real::as_f64(g));
        let first = |value: &dyn Fn(f64) -> Complex64| {
            let at = |j: usize| if j.is_multiple_of(p) { value(reference(j)) } else { Complex64::default() };
            PlainVector::complex((0..layout.pattern()).map(at).collect::<Vec<_>>())
        };
        let masks = [
            first(&|r| Complex64::from(0.5 / (r * d * half)))?,
            first(&|r| Complex64::from(-0.5 / (r * d * d * half)))?,
            first(&|r| Complex64::new(0.0, 0.5 / (d * (r * half).sqrt())))?,
        ];
        let gains = [
            PlainVector::from_fn(layout.pattern(), |j| gain(j % p) / (reference(j) * half).sqrt())?,
            PlainVector::from_fn(p, |f| -gain(f))?,
        ];
        let bias = layer.bias.iter().map(|&b| Real::as_f64(b)).collect();
        let inverse_root = layer.inverse_root.clone();
        Ok(Self { layout: *layout, inverse_root, references: layer.references, epsilon: layer.epsilon, bias, masks, gains })
    }

    /// Levels between input and output.
    #[must_use]
    pub fn depth(&self) -> usize {
        3 + self.inverse_root.depth()
    }

    /// The normalised rows of `x`, whose padding (tokens and features) has to be zero. Needs the relinearisation and the
    /// conjugation key and Galois keys of ± powers of two below p.
    ///
    /// # Errors
    /// As said at [`ckks_core::circuits::Arithmetic`].
    pub fn apply<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &TokenMask<'_, E::Vector>) -> Result<E::Vector> {
        let p = self.layout.period();
        let sum = sum_of_strided(e, x, 1, p)?;
        let squares = sum_of_strided(e, &e.square(x)?, 1, p)?;
        let square_of_sum = e.square(&sum)?;
        let [a, b2, b] = &self.masks;
        let packed = e.dot_plain(&[(&squares, a), (&square_of_sum, b2), (&sum, b)])?;
        let packed = sum_of_strided(e, &packed, -1, p)?;
        let conjugate = e.conjugate(&packed)?;
        let argument = e.add(&packed, &conjugate)?;
        let mean = e.mul_by_i(&e.sub(&conjugate, &packed)?)?;

        let interval = self.inverse_root.interval();
        let epsilon = |position: usize| self.epsilon / (self.references.at(position) * interval.half_width());
        let others = epsilon(1) + interval.affine_map().1;
        let mut argument = mask.add(e, &self.layout, &argument, |token, _| if token { others } else { 0.0 })?;
        let difference = epsilon(0) - epsilon(1);
        if difference.abs() > UNNOTICED {
            let in_first = |j: usize| if j < p { difference } else { 0.0 };
            argument = e.add_plain(&argument, &PlainVector::from_fn(self.layout.pattern(), in_first)?)?;
        }
        e.watch("layer norm: inverse square root", &argument, 1.0);
        let root = self.inverse_root.circuit(e, &argument)?;

        let [of_x, of_mean] = &self.gains;
        let low = e.drop_to_level(x, e.level(&mean))?;
        let centred = e.dot_plain(&[(&low, of_x), (&mean, of_mean)])?;
        mask.add_row(e, &self.layout, &e.mul(&centred, &root)?, &self.bias)
    }
}

/// Features and one sentence per vector.
pub(super) fn check_layout(layout: &TokenLayout, features: usize) -> Result<()> {
    if layout.features() != features {
        let (found, needed) = (format!("{} features", layout.features()), format!("{features}, those of the layer"));
        return Err(Error::Shape { what: "layout of a normalisation", found, needed });
    }
    if layout.positions() > layout.positions_per_vector() || layout.rotation_period() != layout.pattern() {
        let found = format!("{} positions of {} slots in {} slots", layout.positions(), layout.period(), layout.slots());
        let needed = "one sentence in the real parts of one vector".into();
        return Err(Error::Value { what: "layout of a normalisation", found, needed });
    }
    Ok(())
}
