//! Scores and contexts of attention heads against plain sums, on the simulator and on ciphertexts, at the predicted error.

use ckks_core::Result;
use ckks_core::circuits::Arithmetic;
use ckks_core::params::{Params, ParamsLiteral};
use he_tensor::ccmm::{HeadLayout, RowScores, RowValues, ScoreProduct, ValueProduct};
use he_tensor::evaluator::Operation;
use he_tensor::mask::broadcast_token;
use he_tensor::{CostCounter, Evaluator, Simulator, TokenLayout};
use num_complex::Complex64;

use crate::everywhere::{Circuit, bits_apart, count, encrypted, mean_square, params, simulate};

fn literal() -> ParamsLiteral {
    ParamsLiteral::toy(10, 7)
}

/// Different shapes: one group; two groups and padding features; three groups, the last of them with offsets beyond T; fewer
/// tokens than features.
fn shapes() -> Vec<(usize, usize, usize)> {
    vec![(8, 1, 8), (12, 3, 8), (6, 2, 8), (48, 3, 8)]
}

fn heads((features, heads, positions): (usize, usize, usize), params: &Params) -> HeadLayout {
    HeadLayout::new(TokenLayout::new(features, positions, params.slots()).unwrap(), heads).unwrap()
}

fn value(kind: usize, t: usize, f: usize) -> f64 {
    ((t * 37 + f * 11 + kind * 5 + t * f) % 23) as f64 / 11.5 - 1.0
}

struct Scores(HeadLayout);

impl Circuit for Scores {
    fn run<E: Evaluator>(&self, e: &E, x: &[E::Vector]) -> Result<Vec<E::Vector>> {
        ScoreProduct::new(&self.0)?.apply(e, &x[0], &x[1])
    }
    fn plain(&self, _: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        let (b, tokens) = (self.0.width(), self.0.tokens().positions());
        let score = |g: usize, t: usize, f: usize| {
            let (h, j) = (f / b, f % b);
            let key = (t + g * b + j) % tokens;
            (0..b).map(|d| value(0, t, b * h + d) * value(1, key, b * h + d)).sum()
        };
        (0..self.0.groups()).map(|g| self.0.tokens().pack(tokens, |t, f| score(g, t, f)).unwrap().remove(0)).collect()
    }
}

struct Contexts(HeadLayout);

/// Weights that stand where scores come out, and 100 where no offset belongs, which must not be used.
fn weight(heads: &HeadLayout, g: usize, t: usize, f: usize) -> f64 {
    if heads.offset(g, f % heads.width()).is_some() { value(2 + g, t, f) } else { 100.0 }
}

impl Circuit for Contexts {
    fn run<E: Evaluator>(&self, e: &E, x: &[E::Vector]) -> Result<Vec<E::Vector>> {
        // Weights come from polynomials: far below the values.
        let weights = x[1..].iter().map(|w| e.drop_to_level(w, 2)).collect::<Result<Vec<_>>>()?;
        Ok(vec![ValueProduct::new(&self.0, 0.75)?.apply(e, &weights, &x[0])?])
    }
    fn plain(&self, _: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        let (b, tokens) = (self.0.width(), self.0.tokens().positions());
        let context = |t: usize, f: usize| -> f64 {
            let (h, d) = (f / b, f % b);
            let one =
                |offset: usize| weight(&self.0, offset / b, t, b * h + offset % b) * value(1, (t + offset) % tokens, b * h + d);
            0.75 * (0..tokens).map(one).sum::<f64>()
        };
        self.0.tokens().pack(tokens, context).unwrap()
    }
}

struct Row(HeadLayout);

impl Circuit for Row {
    fn run<E: Evaluator>(&self, e: &E, x: &[E::Vector]) -> Result<Vec<E::Vector>> {
        let query = broadcast_token(e, self.0.tokens(), &x[0], 0)?;
        let scores = RowScores::new(&self.0, 0.5)?.apply(e, &query, &x[1])?;
        Ok(vec![RowValues::new(&self.0).apply(e, &scores, &x[1])?])
    }
    fn plain(&self, _: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        let (b, tokens) = (self.0.width(), self.0.tokens().positions());
        let context = |_: usize, f: usize| -> f64 {
            let h = f / b;
            let score = |t: usize| 0.5 * (0..b).map(|d| value(0, 0, b * h + d) * value(1, t, b * h + d)).sum::<f64>();
            (0..tokens).map(|t| score(t) * value(1, t, f)).sum()
        };
        self.0.tokens().pack(tokens, context).unwrap()
    }
}

/// Simulator exact, counter at the same levels, ciphertexts with the counted keys at the predicted error.
fn check<C: Circuit>(circuit: &C, params: &Params, inputs: &[Vec<Complex64>], levels_used: usize) {
    let wanted = circuit.plain(inputs);
    let simulated = simulate(circuit, &Simulator::new(params), inputs);
    assert_eq!(simulated.len(), wanted.len());
    for (s, w) in simulated.iter().zip(&wanted) {
        assert!(mean_square(s.values(), w).sqrt() < 1e-11, "the simulator computes exactly");
        assert_eq!(params.max_level() - s.level(), levels_used);
    }
    let (levels, report) = count(circuit, params, inputs.len());
    for (i, (level, values)) in encrypted(circuit, params, &report.keys, inputs, 11).iter().enumerate() {
        assert_eq!((*level, *level), (levels[i], simulated[i].level()));
        // Real parts are what layers use; the real part holds half of a predicted |ε|².
        let measured = values.iter().zip(&wanted[i]).map(|(x, y)| (x.re - y.re).powi(2)).sum::<f64>() / values.len() as f64;
        let apart = bits_apart(simulated[i].mean_variance() / 2.0, measured);
        println!("output {i}: predicted 2^{:.2}, {apart:+.2} bits", simulated[i].mean_variance().log2() / 2.0);
        assert!(apart.abs() < 2.0, "output {i}: predicted {apart:+.2} bits above the measured error");
    }
}

fn pack(heads: &HeadLayout, value: impl Fn(usize, usize) -> f64) -> Vec<Complex64> {
    heads.tokens().pack(heads.tokens().positions(), value).unwrap().remove(0)
}

#[test]
fn scores() {
    let params = params(literal());
    for shape in shapes() {
        let heads = heads(shape, &params);
        let inputs = [pack(&heads, |t, f| value(0, t, f)), pack(&heads, |t, f| value(1, t, f))];
        check(&Scores(heads), &params, &inputs, 2);
    }
}

#[test]
fn contexts() {
    let params = params(literal());
    for shape in shapes() {
        let heads = heads(shape, &params);
        let mut inputs = vec![pack(&heads, |t, f| value(1, t, f))];
        inputs.extend((0..heads.groups()).map(|g| pack(&heads, |t, f| weight(&heads, g, t, f))));
        check(&Contexts(heads), &params, &inputs, params.max_level() - 1);
    }
}

#[test]
fn one_query() {
    let params = params(literal());
    for shape in shapes() {
        let heads = heads(shape, &params);
        let inputs = [pack(&heads, |t, f| value(0, t, f)), pack(&heads, |t, f| value(1, t, f))];
        check(&Row(heads), &params, &inputs, 4);
    }
}

#[test]
fn cost_of_the_encoder_shape() {
    // 64 tokens of 12 heads of 32: what the table in the module's documentation says.
    let params = Params::new_insecure(ParamsLiteral::leveled(16, 50, 6, 40, 2, 50)).unwrap();
    let heads = heads((384, 12, 64), &params);
    let counter = CostCounter::new(&params);
    let scores = ScoreProduct::new(&heads).unwrap().apply(&counter, &counter.fresh(), &counter.fresh()).unwrap();
    let report = counter.report();
    let (rotations, relinearisations) = (report.count(Operation::Rotation), report.count(Operation::Relinearisation));
    println!("scores: {rotations} rotations, {relinearisations} relinearisations, {} keys", report.keys.count());
    assert_eq!(scores.len(), 2);
    assert!(rotations <= 110 && relinearisations <= 8, "{rotations} rotations, {relinearisations} relinearisations");
    let counter = CostCounter::new(&params);
    let fresh = counter.fresh();
    ValueProduct::new(&heads, 1.0).unwrap().apply(&counter, &[fresh, fresh], &fresh).unwrap();
    let report = counter.report();
    let (rotations, relinearisations) = (report.count(Operation::Rotation), report.count(Operation::Relinearisation));
    println!("values: {rotations} rotations, {relinearisations} relinearisations, {} keys", report.keys.count());
    assert!(rotations <= 110 && relinearisations <= 8, "{rotations} rotations, {relinearisations} relinearisations");
}

#[test]
fn refuses_what_does_not_fit() {
    let params = params(literal());
    let tokens = |features, positions| TokenLayout::new(features, positions, params.slots()).unwrap();
    assert!(HeadLayout::new(tokens(12, 8), 5).unwrap_err().to_string().contains("divisor of 12"));
    assert!(HeadLayout::new(tokens(12, 8), 0).is_err());
    assert!(HeadLayout::new(tokens(64, 16), 2).unwrap_err().to_string().contains("at most 8"));
    assert!(HeadLayout::new(tokens(12, 8).batched(), 3).unwrap_err().to_string().contains("not a batch"));
    let heads = heads((12, 3, 8), &params);
    assert!(ValueProduct::new(&heads, 0.0).is_err());
    let counter = CostCounter::new(&params);
    let fresh = counter.fresh();
    let refused = ValueProduct::new(&heads, 1.0).unwrap().apply(&counter, &[fresh], &fresh).unwrap_err();
    assert!(refused.to_string().contains("attention weights"), "{refused}");
    let low = counter.fresh_at(1).unwrap();
    assert!(ScoreProduct::new(&heads).unwrap().apply(&counter, &fresh, &low).is_err());
    assert_eq!(counter.level(&fresh), params.max_level());
}
