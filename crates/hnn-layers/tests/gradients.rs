//! Every gradient against central finite differences in f64.

mod common;

use hnn_layers::bilinear_conv::{BilinearConv, Join};
use hnn_layers::linear::Linear;
use hnn_layers::parameters::Parameters;
use hnn_layers::quadratic_head::QuadraticHead;
use hnn_layers::ragged::{LengthBucket, Ragged};
use ndarray::{Array1, Array2};

use common::{fill, numbers};

/// Step of the differences. The functions are polynomials of degree ≤ 4 with values of order 1: the truncation is about
/// h²/6·f''' ≈ 1e-10·f''', rounding 1e-16/h ≈ 1e-11 of a sum of some hundred terms.
const STEP: f64 = 1e-5;
const BOUND: f64 = 1e-7;

fn matrix(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    let mut next = numbers(seed);
    Array2::from_shape_simple_fn((rows, cols), &mut next)
}

/// Compares `gradient` with differences of `loss` in every parameter of `layer`.
fn check<P: Parameters<f64> + Clone>(layer: &P, gradient: &P, loss: &dyn Fn(&P) -> f64) {
    let names: Vec<(String, usize)> = layer.parameters().iter().map(|(n, a)| (n.clone(), a.len())).collect();
    for (k, (name, len)) in names.iter().enumerate() {
        for i in 0..*len {
            let moved = |by: f64| {
                let mut l = layer.clone();
                if let Some(v) = l.parameters_mut()[k].1.iter_mut().nth(i) {
                    *v += by;
                }
                loss(&l)
            };
            let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let found = gradient.parameters()[k].1.iter().nth(i).copied();
            assert!(
                found.is_some_and(|f| (f - expected).abs() < BOUND * (1.0 + expected.abs())),
                "{name}[{i}]: {found:?} against {expected}"
            );
        }
    }
}

/// Compares the gradient of an input matrix with differences of `loss`.
fn check_input(x: &Array2<f64>, dx: &Array2<f64>, loss: &dyn Fn(&Array2<f64>) -> f64) {
    for (i, &found) in dx.indexed_iter() {
        let moved = |by: f64| {
            let mut m = x.clone();
            m[i] += by;
            loss(&m)
        };
        let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        assert!((found - expected).abs() < BOUND * (1.0 + expected.abs()), "input {i:?}: {found} against {expected}");
    }
}

fn batch() -> Ragged {
    let buckets = [LengthBucket { positions: 4, divisor: 3.0 }, LengthBucket { positions: 16, divisor: 12.0 }];
    // One sentence with padding in a class shorter than a box, one full class, one that wraps onto itself.
    Ragged::new([3, 4, 13], &buckets).unwrap()
}

#[test]
fn linear() {
    let mut layer = Linear::zeros(3, 2);
    fill(&mut layer, 1, 1.0);
    let (x, r) = (matrix(4, 3, 2), matrix(4, 2, 3));
    let loss = |l: &Linear<f64>, x: &Array2<f64>| (l.forward(x.view()) * &r).sum();
    let mut gradient = Linear::zeros(3, 2);
    let dx = layer.backward(x.view(), r.view(), &mut gradient);
    check(&layer, &gradient, &|l| loss(l, &x));
    check_input(&x, &dx, &|x| loss(&layer, x));
}

#[test]
fn quadratic_head() {
    let mut layer = QuadraticHead::zeros(3, 5);
    fill(&mut layer, 4, 1.0);
    let x = matrix(4, 3, 5);
    let r: Array1<f64> = matrix(1, 4, 6).row(0).to_owned();
    let loss = |l: &QuadraticHead<f64>, x: &Array2<f64>| (l.forward(x.view()).1 * &r).sum();
    let (h, _) = layer.forward(x.view());
    let mut gradient = QuadraticHead::zeros(3, 5);
    let dx = layer.backward(x.view(), &h, r.view(), &mut gradient);
    check(&layer, &gradient, &|l| loss(l, &x));
    check_input(&x, &dx, &|x| loss(&layer, x));
}

#[test]
fn bilinear_convolution_with_a_penalty_on_its_factors() {
    let batch = batch();
    let (d, rank) = (3, 2);
    for join in [Join::Added, Join::Appended] {
        let mut layer = BilinearConv::joined(join, d, rank);
        fill(&mut layer, 7, 1.0);
        // The column that no training changes: differences there would not vanish.
        let frozen = |l: &BilinearConv<f64>| {
            let mut l = l.clone();
            l.output.iter_mut().for_each(|w| w.column_mut(d - 1).fill(0.0));
            l
        };
        let layer = frozen(&layer);
        assert_eq!((layer.join(), layer.placing().ncols()), (join, layer.features_out()));
        let (x, r) = (matrix(batch.tokens(), d, 8), matrix(batch.tokens(), layer.features_out(), 9));
        // The penalty Σ f³/3 of both factors has the derivative f².
        let loss = |l: &BilinearConv<f64>, x: &Array2<f64>| {
            let (y, trace) = l.forward(x.view(), &batch);
            let cubes = |a: &Array2<f64>| a.mapv(|f| f * f * f / 3.0).sum();
            (y * &r).sum() + cubes(&trace.u) + cubes(&trace.v)
        };
        let (_, trace) = layer.forward(x.view(), &batch);
        let mut gradient = BilinearConv::joined(join, d, rank);
        let dx = layer.backward(x.view(), &batch, &trace, &r, &|f| f * f, &mut gradient);
        let written = gradient.output.iter().flat_map(|w| w.column(d - 1)).any(|&g| g != 0.0);
        assert!(!written, "the mask feature is not to be written");
        check(&layer, &gradient, &|l| loss(&frozen(l), &x));
        check_input(&x, &dx, &|x| loss(&layer, x));
    }
}

#[test]
fn padding_stays_zero_and_is_not_needed() {
    // The same sentence in two batches: its answer does not depend on who stands beside it.
    let buckets = [LengthBucket { positions: 8, divisor: 5.0 }];
    let mut layer = BilinearConv::zeros(4, 4);
    fill(&mut layer, 10, 1.0);
    let x = matrix(6, 4, 11);
    let both = Ragged::new([3, 3], &buckets).unwrap();
    let alone = Ragged::new([3], &buckets).unwrap();
    let (y, _) = layer.forward(x.view(), &both);
    let (z, _) = layer.forward(x.slice(ndarray::s![3.., ..]), &alone);
    let difference = (&y.slice(ndarray::s![3.., ..]) - &z).mapv(f64::abs).sum();
    assert!(difference < 1e-13, "{difference}");
}

#[test]
fn soft_argmax() {
    let layer = hnn_layers::soft_argmax::SoftArgmax::new(1.7, 8.0, 7).unwrap();
    for margin in [-3.0, 0.0, 0.4, 2.5] {
        let (dmargin, dbeta) = layer.derivatives(margin);
        let by_margin = (layer.exact(margin + STEP) - layer.exact(margin - STEP)) / (2.0 * STEP);
        let score = |beta: f64| hnn_layers::soft_argmax::sigmoid(beta * margin);
        let by_beta = (score(1.7 + STEP) - score(1.7 - STEP)) / (2.0 * STEP);
        assert!((dmargin - by_margin).abs() < BOUND && (dbeta - by_beta).abs() < BOUND);
    }
}
