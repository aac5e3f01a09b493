//! The choice of babies and giants: the cheapest rotations and keys.

use std::collections::{BTreeMap, BTreeSet};

use super::giant_rotations;
use crate::keys::GadgetShape;
use crate::params::Params;

/// Time of a hoisted rotation relative to one on its own: without the decomposition.
pub const HOISTED_ROTATION_COST: f64 = PlanCosts::DEFAULT.inner_product + PlanCosts::DEFAULT.division;

/// What a key weighs by default, in rotations: for keys that are made or loaded, and used for one or a few circuits.
pub const DEFAULT_KEY_COST: f64 = 1.5;

/// What the choice of babies and giants weighs: the parts of a rotation's time, in one unit, and a key in the same.
#[derive(Clone, Copy, Debug)]
pub struct PlanCosts {
    /// Decomposition into digits, which hoisting shares between babies.
    pub decomposition: f64,
    /// Inner product of the digits with the key.
    pub inner_product: f64,
    /// Division by P, which giants that are not chained share.
    pub division: f64,
    /// One more key to make, to load and to hold.
    pub key: f64,
}

impl PlanCosts {
    /// A rotation at a high level is 1; keys weigh [`DEFAULT_KEY_COST`].
    pub const DEFAULT: Self = Self { decomposition: 0.45, inner_product: 0.4, division: 0.15, key: DEFAULT_KEY_COST };

    /// Time only, at `level`, in number-theoretic transforms, for keys that stay in memory and are used again and again. Measured on
    /// a Zen 4 with N = 2^16: the words of one limb of digit and key stream in about one and a half times the time of a
    /// transform, and a converted limb adds three fifths to its transform.
    #[must_use]
    pub fn at_level(params: &Params, level: usize) -> Self {
        const INNER_PRODUCT: f64 = 1.5;
        const CONVERSION: f64 = 0.6;
        let shape = GadgetShape::for_level(params, level);
        let (limbs, special) = ((level + 1) as f64, shape.special as f64);
        let extended = shape.digits(level) as f64 * (limbs + special);
        Self {
            decomposition: limbs + (extended - limbs) * (1.0 + CONVERSION),
            inner_product: INNER_PRODUCT * extended,
            division: 2.0 * (special + limbs * (1.0 + CONVERSION)),
            key: 0.0,
        }
    }
}

/// What the search for a plan varies.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// k = g + b, b = k mod m.
    pub m: i64,
    /// b = coarse + fine, fine = b mod this.
    pub fine: i64,
    pub chained: bool,
}

impl Shape {
    pub fn babies(&self, steps: &BTreeSet<i64>) -> Vec<(i64, Vec<i64>)> {
        let mut out: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for k in steps {
            let b = k.rem_euclid(self.m);
            out.entry(b - b % self.fine).or_default().insert(b % self.fine);
        }
        out.into_iter().map(|(c, fine)| (c, fine.into_iter().collect())).collect()
    }

    /// In the unit of the costs.
    pub fn cost(&self, by_input: &[BTreeSet<i64>], by_output: &[BTreeSet<i64>], costs: &PlanCosts) -> f64 {
        let mut keys: BTreeSet<i64> = BTreeSet::new();
        let mut cost = 0.0;
        let mut hoisted = |steps: &mut dyn Iterator<Item = i64>, keys: &mut BTreeSet<i64>| {
            let steps: Vec<i64> = steps.filter(|&k| k != 0).collect();
            if !steps.is_empty() {
                cost += costs.decomposition + steps.len() as f64 * (costs.inner_product + costs.division);
            }
            keys.extend(steps);
        };
        for steps in by_input {
            let babies = self.babies(steps);
            hoisted(&mut babies.iter().map(|b| b.0), &mut keys);
            babies.iter().for_each(|(_, fine)| hoisted(&mut fine.iter().copied(), &mut keys));
        }
        for steps in by_output {
            let giants: BTreeSet<i64> = steps.iter().map(|k| k - k.rem_euclid(self.m)).collect();
            let rotations = giant_rotations(self.chained, giants.into_iter());
            let divisions = if self.chained { rotations.len() as f64 } else { 1.0 };
            cost += rotations.len() as f64 * (costs.decomposition + costs.inner_product) + divisions * costs.division;
            keys.extend(rotations);
        }
        cost + costs.key * keys.len() as f64
    }
}
