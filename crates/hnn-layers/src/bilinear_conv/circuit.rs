//! The block on ciphertexts.

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::BlockTransform;
use he_tensor::reduce::{sum_over_tokens, window_sum};
use he_tensor::{Evaluator, MatrixProduct, TokenLayout};
use ndarray::s;

use super::{BOX_DIVISOR, BOX_REACH, BilinearConv, TAPS};
use crate::budget::Circuit;
use crate::{Error, Result};

/// A block planned for one layout and one length class: three levels (u and v, their product, W).
///
/// x has zeros where y has products that a block appends.
///
/// Several blocks in a row need only two each when W is folded into the matrices that read its output; that is the
/// business of whoever compiles a whole network.
#[derive(Clone, Debug)]
pub struct BilinearConvCircuit {
    layout: TokenLayout,
    factors: BlockTransform,
    bias: PlainVector,
    output: BlockTransform,
}

impl BilinearConv<f64> {
    /// Plans the circuit. `divisor` is the length class's public constant.
    ///
    /// # Errors
    /// [`Error::Shape`] for a layout of another width than y's or one that is too narrow for the rank, batched, or longer than
    /// one vector; [`Error::Value`] for a divisor that is zero or not finite.
    pub fn plan(&self, layout: &TokenLayout, divisor: f64) -> Result<BilinearConvCircuit> {
        let (d, out, rank) = (self.features(), self.features_out(), self.rank());
        if layout.features() != out || rank > layout.period() {
            let needed = format!("{out} features and room for {rank} factors");
            return Err(Error::Shape {
                what: "layout of a block",
                found: format!("{} features in {} slots", layout.features(), layout.period()),
                needed,
            });
        }
        if layout.parts() != 1 || layout.sentences() != 1 || layout.rotation_period() != layout.pattern() {
            let found = format!("{} vectors, {} sentences", layout.parts(), layout.sentences());
            return Err(Error::Shape {
                what: "layout of a block",
                found,
                needed: "one sentence in one vector, so that positions are cyclic".into(),
            });
        }
        if !(divisor.is_finite() && divisor != 0.0) {
            return Err(Error::Value {
                what: "divisor of a mean",
                found: divisor.to_string(),
                needed: "a finite number other than 0".into(),
            });
        }
        // Inputs: x, the sum of 8 tokens from each token on, the sum of all tokens. Outputs: u and v.
        let mut factors = MatrixProduct::new(layout, 3, 2);
        factors.add_matrix((0, 0), 0, (rank, d), |r, c| self.centre[[c, r]])?;
        for k in 0..TAPS {
            let tap = self.taps.slice(s![k * d..(k + 1) * d, ..]);
            match k {
                0..=2 => factors.add_matrix((1, 0), k as i64 - 1, (rank, d), |r, c| tap[[c, r]])?,
                3 => factors.add_matrix((1, 1), 2, (rank, d), |r, c| tap[[c, r]] / BOX_DIVISOR)?,
                _ => factors.add_matrix((1, 1), -BOX_REACH, (rank, d), |r, c| tap[[c, r]] / BOX_DIVISOR)?,
            };
        }
        factors.add_matrix_on_common((1, 2), (rank, d), |r, c| self.global[[c, r]] / divisor)?;
        let placing = self.placing();
        let mut output = MatrixProduct::new(layout, 1, 1);
        output.add_matrix((0, 0), 0, (out, rank), |r, c| placing[[c, r]])?;
        Ok(BilinearConvCircuit {
            layout: *layout,
            factors: factors.plan()?,
            bias: PlainVector::from_fn(layout.period(), |r| self.bias.get(r).copied().unwrap_or(0.0))?,
            output: output.plan()?,
        })
    }
}

impl Circuit for BilinearConvCircuit {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector) -> Result<E::Vector> {
        let boxed = window_sum(e, &self.layout, x, 0, BOX_REACH as usize - 1)?;
        let total = sum_over_tokens(e, &self.layout, x)?;
        let factors = self.factors.apply(e, &[x, &boxed, &total])?;
        let [u, v] = factors.as_slice() else {
            return Err(Error::Shape { what: "factors of a block", found: factors.len().to_string(), needed: "2".into() });
        };
        let product = e.mul(u, &e.add_plain(v, &self.bias)?)?;
        let change = self.output.apply(e, &[&product])?;
        match change.first() {
            Some(change) => Ok(e.add(x, change)?),
            None => Err(Error::Shape { what: "output of a block", found: "nothing".into(), needed: "one vector".into() }),
        }
    }
}
