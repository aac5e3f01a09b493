//! Evaluation of a planned polynomial on any arithmetic.

use std::collections::BTreeMap;

use super::plan::{InputMap, Node, PolynomialPlan};
use super::{Arithmetic, ChebyshevPolynomial};
use crate::error::Result;

/// p(x) in every slot, for values in the polynomial's interval. Uses [`ChebyshevPolynomial::depth`] levels and the
/// relinearisation key.
///
/// # Errors
/// [`crate::Error::LevelsExhausted`] if `x` has fewer levels; a missing relinearisation key.
pub fn evaluate<A: Arithmetic>(arithmetic: &A, polynomial: &ChebyshevPolynomial, x: &A::Vector) -> Result<A::Vector> {
    PolynomialPlan::on_interval(polynomial).evaluate(arithmetic, x)
}

/// p at the normalised argument y in [−1, 1], whatever the interval. Uses [`ChebyshevPolynomial::depth_normalised`] levels
/// and the relinearisation key.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_normalised<A: Arithmetic>(arithmetic: &A, polynomial: &ChebyshevPolynomial, y: &A::Vector) -> Result<A::Vector> {
    PolynomialPlan::normalised(polynomial).evaluate(arithmetic, y)
}

impl PolynomialPlan {
    /// Runs the plan.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn evaluate<A: Arithmetic>(&self, arithmetic: &A, x: &A::Vector) -> Result<A::Vector> {
        if self.depth() == 0 {
            return arithmetic.add_scalar(&arithmetic.mul_integer(x, 0)?, self.root.constant);
        }
        let first = match self.input {
            InputMap::Folded { shift, factor } => {
                let shifted = if shift == 0.0 { x.clone() } else { arithmetic.add_scalar(x, shift)? };
                if factor == 1 { shifted } else { arithmetic.mul_integer(&shifted, factor)? }
            }
            InputMap::Affine { factor, constant } => arithmetic.linear_combination(&[(x, factor)], constant)?,
        };
        let mut powers = BTreeMap::from([(1, first)]);
        for (&n, p) in &self.powers {
            // The integer goes into a factor, not onto the product: so it does not multiply the errors of
            // relinearisation and rescaling.
            let product = match p.integer {
                1 if p.a == p.b => arithmetic.square(&powers[&p.a])?,
                1 => arithmetic.mul(&powers[&p.a], &powers[&p.b])?,
                m => arithmetic.mul(&arithmetic.mul_integer(&powers[&p.a], m)?, &powers[&p.b])?,
            };
            let power = match p.a - p.b {
                0 => arithmetic.add_scalar(&product, -p.subtract)?,
                c if p.subtract == 1.0 => arithmetic.sub(&product, &powers[&c])?,
                c => arithmetic.add(&product, &arithmetic.mul_scalar(&powers[&c], -p.subtract)?)?,
            };
            powers.insert(n, power);
        }
        run(arithmetic, &self.root, &powers)
    }
}

fn run<A: Arithmetic>(arithmetic: &A, node: &Node, powers: &BTreeMap<usize, A::Vector>) -> Result<A::Vector> {
    let linear = if node.linear.is_empty() {
        None
    } else {
        let terms: Vec<_> = node.linear.iter().map(|(n, c)| (&powers[n], *c)).collect();
        Some(arithmetic.linear_combination(&terms, node.constant)?)
    };
    if node.products.is_empty() {
        // Only polynomials of degree zero have neither part, and they are answered before.
        return linear.map_or_else(|| arithmetic.add_scalar(&arithmetic.mul_integer(&powers[&1], 0)?, node.constant), Ok);
    }
    let quotients = node.products.iter().map(|(q, _)| run(arithmetic, q, powers)).collect::<Result<Vec<_>>>()?;
    let pairs: Vec<_> = quotients.iter().zip(&node.products).map(|(q, (_, n))| (q, &powers[n])).collect();
    let sum = arithmetic.sum_of_products(&pairs)?;
    match linear {
        Some(linear) => arithmetic.add(&sum, &linear),
        None => arithmetic.add_scalar(&sum, node.constant),
    }
}
