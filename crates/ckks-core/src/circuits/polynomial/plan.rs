//! How a polynomial is evaluated: which Chebyshev powers, which products.

use std::collections::{BTreeMap, BTreeSet};

use super::ChebyshevPolynomial;

/// ⌈log₂ n⌉ for n ≥ 1.
pub(super) fn ceil_log2(n: usize) -> usize {
    n.next_power_of_two().trailing_zeros() as usize
}

/// Largest λₙ that the folding of an interval may use: the powers then stay four bits above the values of Tₙ, which any
/// level above zero has room for.
const LARGEST_FACTOR: f64 = 16.0;

/// From x to t₁ = λ₁·T₁(y).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum InputMap {
    /// t₁ = m·(x + shift): no level.
    Folded {
        /// −c.
        shift: f64,
        /// m.
        factor: i64,
    },
    /// t₁ = α·x + β: one level.
    Affine {
        /// α.
        factor: f64,
        /// β.
        constant: f64,
    },
}

/// tₙ = m·t_a·t_b − κ·t_c with n = a + b, c = a − b ≥ 0 and t₀ = 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Power {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) integer: i64,
    pub(super) subtract: f64,
}

/// constant + Σ linear + Σ products: the products share one relinearisation.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) constant: f64,
    /// (n, factor of tₙ).
    pub(super) linear: Vec<(usize, f64)>,
    /// (quotient, n): quotient·tₙ.
    pub(super) products: Vec<(Node, usize)>,
}

/// The steps in which a polynomial is evaluated, and what they cost.
#[derive(Clone, Debug)]
pub struct PolynomialPlan {
    pub(super) input: InputMap,
    pub(super) powers: BTreeMap<usize, Power>,
    pub(super) root: Node,
    depth: usize,
}

impl PolynomialPlan {
    /// The plan for an argument in the polynomial's interval.
    #[must_use]
    pub fn on_interval(polynomial: &ChebyshevPolynomial) -> Self {
        let (a, b) = polynomial.interval();
        let half = 0.5 * (b - a);
        let integer = if half >= std::f64::consts::FRAC_1_SQRT_2 { 1.0 } else { (1.0 / half).round() };
        let degree = polynomial.degree();
        // An integer above 2^40 would leave nothing of any scale in use.
        if integer < 2f64.powi(40)
            && let Some(folded) = Self::best(polynomial.coefficients(), integer * half)
        {
            let input = InputMap::Folded { shift: -0.5 * (a + b), factor: integer as i64 };
            return Self { input, ..folded };
        }
        let (factor, constant) = polynomial.affine_map();
        let plan = Self::normalised(polynomial);
        Self { input: InputMap::Affine { factor, constant }, depth: plan.depth + usize::from(degree > 0), ..plan }
    }

    /// The plan for an argument that is in [−1, 1] already.
    #[must_use]
    pub fn normalised(polynomial: &ChebyshevPolynomial) -> Self {
        let coefficients = polynomial.coefficients();
        Self::best(coefficients, 1.0).unwrap_or_else(|| Self::with_babies(coefficients, 1.0, coefficients.len()))
    }

    /// Levels used.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Products of two ciphertexts.
    #[must_use]
    pub fn products(&self) -> usize {
        fn count(node: &Node) -> usize {
            node.products.iter().map(|(q, _)| 1 + count(q)).sum()
        }
        self.powers.len() + count(&self.root)
    }

    /// Relinearisations: at most one per product, because sums of products share one.
    #[must_use]
    pub fn relinearisations(&self) -> usize {
        fn count(node: &Node) -> usize {
            usize::from(!node.products.is_empty()) + node.products.iter().map(|(q, _)| count(q)).sum::<usize>()
        }
        self.powers.len() + count(&self.root)
    }

    /// The cheapest plan over the number of babies; none where a factor λₙ would leave its range.
    fn best(coefficients: &[f64], lambda: f64) -> Option<Self> {
        (0..=ceil_log2(coefficients.len()))
            .map(|log| Self::with_babies(coefficients, lambda, 1 << log))
            .filter(|plan| plan.largest_factor(lambda) <= LARGEST_FACTOR)
            // A relinearisation costs several times what the rest of a product does.
            .min_by_key(|plan| (4 * plan.relinearisations() + plan.products(), plan.powers.len()))
    }

    fn with_babies(coefficients: &[f64], lambda: f64, babies: usize) -> Self {
        let depth = ceil_log2(coefficients.len());
        let mut root = split(coefficients, depth, babies);
        let mut used = BTreeSet::new();
        powers_of(&root, &mut used);
        let (powers, factors) = generate(&used, lambda);
        absorb(&mut root, &factors);
        let input = InputMap::Folded { shift: 0.0, factor: 1 };
        Self { input, powers, root, depth }
    }

    fn largest_factor(&self, lambda: f64) -> f64 {
        let mut factors = BTreeMap::from([(0, 1.0), (1, lambda)]);
        let mut largest: f64 = if self.depth == 0 { 0.0 } else { lambda };
        for (&n, p) in &self.powers {
            let f = p.integer as f64 * factors[&p.a] * factors[&p.b] / 2.0;
            largest = largest.max(f);
            factors.insert(n, f);
        }
        largest
    }
}

/// Splits Σ cᵢTᵢ by the largest power of two until a linear combination of the babies fits the levels left.
fn split(coefficients: &[f64], levels: usize, babies: usize) -> Node {
    let degree = coefficients.iter().rposition(|&c| c != 0.0).unwrap_or(0);
    let mut node = Node::default();
    let mut rest = coefficients[..=degree].to_vec();
    loop {
        let degree = rest.iter().rposition(|&c| c != 0.0).unwrap_or(0);
        rest.truncate(degree + 1);
        if degree == 0 || (degree < babies && ceil_log2(degree) < levels) {
            break;
        }
        let k = 1 << degree.ilog2();
        // Tᵢ = 2·T_{i−k}·T_k − T_{2k−i} for i > k; 2k − i ≥ 1 because k is the largest power of two below i.
        let mut quotient = vec![rest[k]];
        for i in k + 1..=degree {
            quotient.push(2.0 * rest[i]);
            rest[2 * k - i] -= rest[i];
        }
        rest.truncate(k);
        if quotient[1..].iter().all(|&c| c == 0.0) {
            node.linear.push((k, quotient[0]));
        } else {
            node.products.push((split(&quotient, levels - 1, babies), k));
        }
    }
    node.constant = rest[0];
    node.linear.extend(rest.iter().enumerate().skip(1).filter(|(_, c)| **c != 0.0).map(|(n, &c)| (n, c)));
    node
}

fn powers_of(node: &Node, used: &mut BTreeSet<usize>) {
    used.extend(node.linear.iter().map(|t| t.0));
    for (quotient, n) in &node.products {
        used.insert(*n);
        powers_of(quotient, used);
    }
}

/// How each power above the first is made, and λₙ of each.
fn generate(used: &BTreeSet<usize>, lambda: f64) -> (BTreeMap<usize, Power>, BTreeMap<usize, f64>) {
    let mut made: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut wanted = used.clone();
    while let Some(n) = wanted.pop_last() {
        if n < 2 {
            continue;
        }
        let (a, b) = if n % 2 == 0 {
            (n / 2, n / 2)
        } else {
            // Any halves of minimal depth do: prefer those that need the fewest further powers.
            let half = 1 << (ceil_log2(n) - 1);
            let missing = |x: usize| usize::from(x > 1 && !wanted.contains(&x));
            (n.div_ceil(2)..=half)
                .map(|a| (a, n - a))
                .min_by_key(|&(a, b)| (missing(a) + missing(b) + missing(a - b), a - b))
                .unwrap_or((n - 1, 1))
        };
        wanted.extend([a, b, a - b]);
        made.insert(n, (a, b));
    }
    let mut factors = BTreeMap::from([(0, 1.0), (1, lambda)]);
    let mut powers = BTreeMap::new();
    for (n, (a, b)) in made {
        let product: f64 = factors[&a] * factors[&b] / 2.0;
        let integer = best_integer(product);
        let lambda_n = integer as f64 * product;
        factors.insert(n, lambda_n);
        powers.insert(n, Power { a, b, integer, subtract: lambda_n / factors[&(a - b)] });
    }
    (powers, factors)
}

/// The m ≥ 1 for which m·x is nearest to 1 in ratio.
fn best_integer(x: f64) -> i64 {
    let low = (1.0 / x).floor().max(1.0);
    let high = low + 1.0;
    // 1/(low·x) against high·x: the better of the two neighbours.
    if low * high * x * x < 1.0 { high as i64 } else { low as i64 }
}

fn absorb(node: &mut Node, factors: &BTreeMap<usize, f64>) {
    for (n, c) in &mut node.linear {
        *c /= factors[n];
    }
    for (quotient, n) in &mut node.products {
        scale(quotient, 1.0 / factors[n]);
        absorb(quotient, factors);
    }
}

fn scale(node: &mut Node, by: f64) {
    node.constant *= by;
    node.linear.iter_mut().for_each(|t| t.1 *= by);
    node.products.iter_mut().for_each(|(q, _)| scale(q, by));
}
