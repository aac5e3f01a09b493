//! Gradients of attention and normalisation, exact and polynomial, against central finite differences in f64.

mod common;

use hnn_layers::activation::{Activation, Nonlinearity};
use hnn_layers::attention::{Attention, Weighting};
use hnn_layers::class_soft_argmax::ClassSoftArgmax;
use hnn_layers::functions::{Exponential, Form, Interval, InverseSquareRoot, Reciprocal};
use hnn_layers::layer_norm::{AffineNorm, LayerNorm, References};
use hnn_layers::parameters::Parameters;
use hnn_layers::ragged::{LengthBucket, Ragged};
use ndarray::Array2;

use common::{fill, numbers};

/// Step of the differences: truncation about h²·f‴/6, rounding about 1e-16/h times a sum of some hundred terms.
const STEP: f64 = 1e-5;
const BOUND: f64 = 2e-7;

fn matrix(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, cols), numbers(seed))
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < BOUND * (1.0 + expected.abs()), "{what}: {found} against {expected}");
}

fn check<P: Parameters<f64> + Clone>(layer: &P, gradient: &P, loss: &dyn Fn(&P) -> f64) {
    let names: Vec<(String, usize)> = layer.parameters().iter().map(|(n, a)| (n.clone(), a.len())).collect();
    for (k, (name, len)) in names.iter().enumerate() {
        for i in 0..*len {
            let moved = |by: f64| {
                let mut l = layer.clone();
                *l.parameters_mut()[k].1.iter_mut().nth(i).unwrap() += by;
                loss(&l)
            };
            let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            close(*gradient.parameters()[k].1.iter().nth(i).unwrap(), expected, &format!("{name}[{i}]"));
        }
    }
}

fn check_input(x: &Array2<f64>, dx: &Array2<f64>, loss: &dyn Fn(&Array2<f64>) -> f64) {
    for (i, &found) in dx.indexed_iter() {
        let moved = |by: f64| {
            let mut m = x.clone();
            m[i] += by;
            loss(&m)
        };
        close(found, (moved(STEP) - moved(-STEP)) / (2.0 * STEP), &format!("input {i:?}"));
    }
}

fn batch() -> Ragged {
    Ragged::new([3, 1, 4], &[LengthBucket { positions: 4, divisor: 3.0 }]).unwrap()
}

fn interval(low: f64, high: f64) -> Interval {
    Interval::new(low, high).unwrap()
}

#[test]
fn attention_in_three_forms() {
    let batch = batch();
    let exponential = |scale| Exponential::new(interval(-4.0, 4.0), 7, 1, scale).unwrap();
    let forms = [
        Weighting::power(4, 16.0).unwrap(),
        Weighting::Cgf(exponential(0.25)),
        Weighting::Softmax { exponential: exponential(1.0), reciprocal: Reciprocal::new(interval(0.2, 12.0), 7, 1).unwrap() },
    ];
    for (i, weighting) in forms.into_iter().enumerate() {
        for form in [Form::Exact, Form::Polynomial] {
            let mut layer = Attention::<f64>::zeros(4, 2, weighting.clone()).unwrap();
            fill(&mut layer, 3 + i as u64, 0.6);
            let (x, r) = (matrix(batch.tokens(), 4, 8), matrix(batch.tokens(), 4, 9));
            let loss = |l: &Attention<f64>, x: &Array2<f64>| (l.forward(x.view(), &batch, form).0 * &r).sum();
            let (_, trace) = layer.forward(x.view(), &batch, form);
            let mut gradient = layer.zero_gradient();
            let dx = layer.backward(x.view(), &batch, &trace, r.view(), &|_| 0.0, &mut gradient);
            check(&layer, &gradient, &|l| loss(l, &x));
            check_input(&x, &dx, &|x| loss(&layer, x));
        }
    }
}

#[test]
fn attention_penalty_is_the_derivative_of_a_sum_over_arguments() {
    // With a penalty P′(y) = 1 the added term is the sum of normalised arguments: of the exponential, Σ α(s + c) + β, whose
    // derivative by a head's shift is α for each of its scores; of the inverse it is one more α′·Σ over rows of e′.
    let batch = Ragged::new([3], &[LengthBucket { positions: 4, divisor: 3.0 }]).unwrap();
    let weighting = Weighting::Cgf(Exponential::new(interval(-4.0, 4.0), 7, 1, 0.25).unwrap());
    let mut layer = Attention::<f64>::zeros(4, 2, weighting).unwrap();
    fill(&mut layer, 5, 0.6);
    let x = matrix(3, 4, 8);
    let (_, trace) = layer.forward(x.view(), &batch, Form::Polynomial);
    let mut gradient = layer.zero_gradient();
    let zero = Array2::zeros((3, 4));
    layer.backward(x.view(), &batch, &trace, zero.view(), &|_| 1.0, &mut gradient);
    for head in 0..2 {
        close(gradient.shift[head], 9.0 * 0.25, "shift");
    }
}

#[test]
fn layer_norm_with_its_own_statistics() {
    let batch = batch();
    let references = References { cls: 0.9, others: 0.3 };
    for form in [Form::Exact, Form::Polynomial] {
        let root = InverseSquareRoot::new(interval(0.1, 4.0), 7, 1).unwrap();
        let mut layer = LayerNorm::<f64>::new(5, references, root).unwrap();
        fill(&mut layer, 21, 1.0);
        layer.epsilon = 1e-3;
        let (x, r) = (matrix(batch.tokens(), 5, 22), matrix(batch.tokens(), 5, 23));
        // The penalty Σ y³/3 over normalised arguments has the derivative y².
        let loss = |l: &LayerNorm<f64>, x: &Array2<f64>| {
            let (y, s) = l.forward(x.view(), &batch, form);
            let interval = interval(0.1, 4.0);
            (y * &r).sum() + s.argument.mapv(|w| interval.normalise(w).powi(3) / 3.0).sum()
        };
        let (_, statistics) = layer.forward(x.view(), &batch, form);
        let mut gradient = layer.zero_gradient();
        let dx = layer.backward(r.view(), &statistics, form, &|y| y * y, &mut gradient);
        check(&layer, &gradient, &|l| loss(l, &x));
        check_input(&x, &dx, &|x| loss(&layer, x));
    }
}

#[test]
fn affine_norm() {
    let batch = batch();
    let mut layer = AffineNorm::<f64>::new(5);
    fill(&mut layer, 31, 1.0);
    let (x, r) = (matrix(batch.tokens(), 5, 32), matrix(batch.tokens(), 5, 33));
    let loss = |l: &AffineNorm<f64>, x: &Array2<f64>| (l.forward(x.view(), &batch) * &r).sum();
    let mut gradient = AffineNorm::zeros(5);
    let dx = layer.backward(x.view(), r.view(), &batch, &mut gradient);
    check(&layer, &gradient, &|l| loss(l, &x));
    check_input(&x, &dx, &|x| loss(&layer, x));
}

#[test]
fn exact_softmax_is_softmax_whatever_the_shift() {
    let batch = Ragged::new([3], &[LengthBucket { positions: 4, divisor: 3.0 }]).unwrap();
    let exponential = Exponential::new(interval(-4.0, 4.0), 7, 1, 1.0).unwrap();
    let reciprocal = Reciprocal::new(interval(0.2, 12.0), 7, 1).unwrap();
    let mut layer = Attention::<f64>::zeros(4, 1, Weighting::Softmax { exponential, reciprocal }).unwrap();
    fill(&mut layer, 41, 0.7);
    layer.output.weight = Array2::eye(4);
    layer.output.bias.fill(0.0);
    let x = matrix(3, 4, 42);
    let (y, _) = layer.forward(x.view(), &batch, Form::Exact);
    let (q, k, v) = (layer.query.forward(x.view()), layer.key.forward(x.view()), layer.value.forward(x.view()));
    for t in 0..3 {
        let e: Vec<f64> = (0..3).map(|u| (q.row(t).dot(&k.row(u)) / 2.0).exp()).collect();
        for f in 0..4 {
            let expected = (0..3).map(|u| e[u] * v[[u, f]]).sum::<f64>() / e.iter().sum::<f64>();
            assert!((y[[t, f]] - expected).abs() < 1e-13);
        }
    }
}

#[test]
fn activations() {
    for form in [Form::Exact, Form::Polynomial] {
        let mut layer = Activation::<f64>::fit(Nonlinearity::Gelu, 9, interval(-2.0, 3.0)).unwrap();
        layer.coefficients[2] += 0.1;
        let (x, r) = (matrix(3, 4, 51), matrix(3, 4, 52));
        // The penalty Σ y³/3 over normalised arguments has the derivative y².
        let loss = |l: &Activation<f64>, x: &Array2<f64>| {
            let penalty = x.mapv(|x| interval(-2.0, 3.0).normalise(x).powi(3) / 3.0).sum();
            (l.forward(x.view(), form).unwrap() * &r).sum() + penalty
        };
        let mut gradient = layer.clone();
        gradient.coefficients.fill(0.0);
        let dx = layer.backward(x.view(), r.view(), form, &|y| y * y, &mut gradient).unwrap();
        check(&layer, &gradient, &|l| loss(l, &x));
        check_input(&x, &dx, &|x| loss(&layer, x));
    }
}

#[test]
fn soft_argmax_over_classes() {
    for form in [Form::Exact, Form::Polynomial] {
        let exponential = Exponential::new(interval(-3.0, 3.0), 7, 1, 1.0).unwrap();
        let layer = ClassSoftArgmax::<f64>::new(1.5, exponential, Reciprocal::new(interval(0.4, 30.0), 15, 1).unwrap());
        let x = matrix(3, 4, 61);
        let r = matrix(1, 3, 62).row(0).to_owned();
        let loss = |l: &ClassSoftArgmax<f64>, x: &Array2<f64>| (l.forward(x.view(), form).1 * &r).sum();
        let mut gradient = layer.clone();
        gradient.beta.fill(0.0);
        let dx = layer.backward(x.view(), r.view(), form, &mut gradient);
        check(&layer, &gradient, &|l| loss(l, &x));
        check_input(&x, &dx, &|x| loss(&layer, x));
        if form == Form::Exact {
            // The paper's form of the gradient: β·p_k·(k − SA).
            let (p, index) = layer.forward(x.view(), form);
            for (i, &d) in dx.indexed_iter() {
                close(d, r[i.0] * 1.5 * p[i] * (i.1 as f64 - index[i.0]), "the paper's gradient");
            }
        }
    }
}
