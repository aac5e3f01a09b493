//! A planned polynomial on ciphertexts whose levels need not have canonical scales.
//!
//! The scale of the result is chosen and passed down: a quotient is made at the scale that its product needs, every constant
//! is encoded at what is missing to the sum's scale. So no operand is ever adjusted, linear parts join their products before the
//! rescaling, and a step may drop several primes (Bossuat et al., eprint 2020/1203, section 5, in this order of scales).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::plan::{Node, PolynomialPlan, Power, ceil_log2};
use super::weights::Weights;
use crate::ciphertext::Ciphertext;
use crate::error::{Error, Result};
use crate::eval::Evaluator;
use crate::params::{Params, Scale};

/// The product of the primes between two levels.
fn dropped(params: &Params, from: usize, to: usize) -> Scale {
    let prime = |i: usize| Scale::from_u64(params.q(i).value()).unwrap_or(Scale::power_of_two(0));
    (to + 1..=from).fold(Scale::power_of_two(0), |product, i| product.times(prime(i)))
}

/// The same ciphertext without the limbs above `level`; the scale stays.
fn lowered<'a>(evaluator: &Evaluator<'_>, power: &'a Ciphertext, level: usize) -> Result<Cow<'a, Ciphertext>> {
    if power.level() == level { Ok(Cow::Borrowed(power)) } else { evaluator.drop_to_level(power, level).map(Cow::Owned) }
}

/// Scales of all powers, if T₁ has `first`; `levels[d]` is the level after d products.
pub(crate) fn power_scales(plan: &PolynomialPlan, params: &Params, levels: &[usize], first: Scale) -> BTreeMap<usize, Scale> {
    let mut scales = BTreeMap::from([(1, first)]);
    for (&n, p) in &plan.powers {
        let d = ceil_log2(n);
        let scale = scales[&p.a].times(scales[&p.b]).over(dropped(params, levels[d - 1], levels[d]));
        scales.insert(n, scale);
    }
    scales
}

/// One sum of a planned polynomial: products of ciphertexts, which share a relinearisation, and multiples, then one rescaling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    /// Level before the rescaling.
    pub level: usize,
    /// Level after it.
    pub after: usize,
    /// Products of two ciphertexts.
    pub products: usize,
    /// Multiples of ciphertexts.
    pub multiples: usize,
}

impl PolynomialPlan {
    /// w ⊙ p(y) for the vector w of `weights`, at `levels[depth]` and exactly `scale`, for y at `levels[0]`; `levels[d]` is the level after d products.
    ///
    /// # Errors
    /// [`Error::LevelsExhausted`] if y is at another level or too few levels are named; [`Error::MissingKey`].
    pub(crate) fn evaluate_at_scale(
        &self,
        evaluator: &Evaluator<'_>,
        y: &Ciphertext,
        levels: &[usize],
        scale: Scale,
        weights: Weights<'_>,
    ) -> Result<Ciphertext> {
        if y.level() != levels[0] || levels.len() <= self.depth() || self.depth() == 0 {
            return Err(Error::LevelsExhausted {
                operation: "a polynomial",
                needed: levels[0].max(self.depth()),
                available: y.level(),
            });
        }
        let mut powers = BTreeMap::from([(1, y.clone())]);
        for (&n, p) in &self.powers {
            let d = ceil_log2(n);
            let (a, b) = (lowered(evaluator, &powers[&p.a], levels[d - 1])?, lowered(evaluator, &powers[&p.b], levels[d - 1])?);
            // The integer goes into a factor, so that it does not multiply the rescaling's error.
            let mut product = evaluator.tensor(&evaluator.mul_integer(&a, p.integer), &b)?;
            if p.a != p.b {
                evaluator.add_multiple_to_product(&mut product, &powers[&(p.a - p.b)], -p.subtract)?;
            }
            let mut power = evaluator.relinearise_to(&product, levels[d])?;
            if p.a == p.b {
                evaluator.add_constant_assign(&mut power, (-p.subtract).into())?;
            }
            powers.insert(n, power);
        }
        Nodes { evaluator, powers, weights }.at_scale(&self.root, &levels[..=self.depth()], scale)
    }

    /// What [`PolynomialPlan::evaluate_at_scale`] consists of.
    pub(crate) fn sums(&self, levels: &[usize]) -> Vec<Sum> {
        fn walk(node: &Node, levels: &[usize], out: &mut Vec<Sum>) {
            let [shorter @ .., after] = levels else { return };
            let Some(&level) = shorter.last() else { return };
            out.push(Sum { level, after: *after, products: node.products.len(), multiples: node.linear.len() });
            node.products.iter().for_each(|(quotient, _)| walk(quotient, shorter, out));
        }
        let power = |(n, p): (&usize, &Power)| {
            let d = ceil_log2(*n);
            Sum { level: levels[d - 1], after: levels[d], products: 1, multiples: usize::from(p.a != p.b) }
        };
        let mut out: Vec<_> = self.powers.iter().map(power).collect();
        walk(&self.root, &levels[..=self.depth()], &mut out);
        out
    }

    /// The same on a number; `disturb(level, scale)` is added wherever a ciphertext is rescaled to that level and scale.
    pub(crate) fn evaluate_disturbed(
        &self,
        params: &Params,
        y: f64,
        levels: &[usize],
        scales: (Scale, Scale),
        disturb: &mut dyn FnMut(usize, Scale) -> f64,
    ) -> f64 {
        let power_scales = power_scales(self, params, levels, scales.0);
        let mut powers = BTreeMap::from([(0, 1.0), (1, y)]);
        for (&n, p) in &self.powers {
            let value = p.integer as f64 * powers[&p.a] * powers[&p.b] - p.subtract * powers[&(p.a - p.b)];
            powers.insert(n, value + disturb(levels[ceil_log2(n)], power_scales[&n]));
        }
        node_disturbed(params, &self.root, &powers, &power_scales, &levels[..=self.depth()], scales.1, disturb)
    }
}

struct Nodes<'a, 'k> {
    evaluator: &'a Evaluator<'k>,
    powers: BTreeMap<usize, Ciphertext>,
    weights: Weights<'a>,
}

impl Nodes<'_, '_> {
    fn at_scale(&self, node: &Node, levels: &[usize], scale: Scale) -> Result<Ciphertext> {
        let Self { evaluator, powers, weights } = self;
        let [above @ .., before, after] = levels else {
            return Err(Error::LevelsExhausted { operation: "a polynomial", needed: 2, available: levels.len() });
        };
        let sum_scale = scale.times(dropped(evaluator.params(), *before, *after));
        let mut out = if node.products.is_empty() {
            let (n, c) = node.linear.first().copied().unwrap_or((1, 0.0));
            let first = lowered(evaluator, &powers[&n], *before)?;
            let mut sum = weights.multiple(evaluator, &first, c, sum_scale.over(first.scale()))?;
            sum.scale = sum_scale;
            for &(n, c) in node.linear.iter().skip(1) {
                weights.add_multiple(evaluator, &mut sum, &powers[&n], c)?;
            }
            evaluator.rescale_to(&sum, *after)?
        } else {
            let factors = node
                .products
                .iter()
                .map(|(quotient, n)| {
                    let power = lowered(evaluator, &powers[n], *before)?;
                    let levels: Vec<usize> = above.iter().chain([before]).copied().collect();
                    let mut value = self.at_scale(quotient, &levels, sum_scale.over(power.scale()))?;
                    // The same number but for the last bits of the mantissa.
                    value.scale = sum_scale.over(power.scale());
                    Ok((value, power))
                })
                .collect::<Result<Vec<_>>>()?;
            let pairs: Vec<_> = factors.iter().map(|(a, b)| (a, &**b)).collect();
            let mut product = evaluator.tensor_sum(&pairs)?;
            product.scale = sum_scale;
            for &(n, c) in &node.linear {
                weights.add_multiple_to_product(evaluator, &mut product, &powers[&n], c)?;
            }
            evaluator.relinearise_to(&product, *after)?
        };
        out.scale = scale;
        weights.add_constant(evaluator, out, node.constant)
    }
}

fn node_disturbed(
    params: &Params,
    node: &Node,
    powers: &BTreeMap<usize, f64>,
    power_scales: &BTreeMap<usize, Scale>,
    levels: &[usize],
    scale: Scale,
    disturb: &mut dyn FnMut(usize, Scale) -> f64,
) -> f64 {
    let last = levels.len() - 1;
    let sum_scale = scale.times(dropped(params, levels[last - 1], levels[last]));
    let mut value = node.constant + node.linear.iter().map(|(n, c)| c * powers[n]).sum::<f64>();
    for (quotient, n) in &node.products {
        let needed = sum_scale.over(power_scales[n]);
        value += powers[n] * node_disturbed(params, quotient, powers, power_scales, &levels[..last], needed, disturb);
    }
    value + disturb(levels[last], scale)
}
