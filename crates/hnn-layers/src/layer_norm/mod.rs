//! Layer normalisation (Ba, Kiros, Hinton 2016, arXiv:1607.06450) in the two forms that a circuit can afford.
//!
//! * [`LayerNorm`]: y = γ·(x − mean)/√(var + ε) + β, where the inverse square root is a polynomial with Newton steps over a
//!   calibrated interval. Two levels for mean and variance, those of the inverse square root, one for the product.
//! * [`AffineNorm`]: y = γ·(x − m)/s + β with learned numbers m and s in the place of each token's statistics: one level. Cheap,
//!   and fragile: nothing holds the activations back behind it.
//!
//! **\[CLS\] apart.** The first token's variance lies far from the others' (its standard deviation is 11.28 in the first layer
//! of a fine-tuned encoder whose median token has .76), so both forms have one set of numbers for it and one for the rest. The
//! polynomial form divides each variance by its *reference*, so that one interval around 1 serves both; the division is folded
//! into the mask that cuts the sums out.

mod affine;
mod circuit;
mod normalise;

pub use affine::{AffineNorm, AffineNormCircuit};
pub use circuit::LayerNormCircuit;
pub use normalise::{LayerNorm, References, Statistics};

/// Which of two kinds of tokens stands at a position of a sentence: 0 for \[CLS\], 1 for the others.
fn kind(position: usize) -> usize {
    usize::from(position > 0)
}
