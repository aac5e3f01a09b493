//! Circuits against the plain forward: exact values in the simulator, levels as documented, cost counter in agreement.

mod common;

use ckks_core::params::{Params, ParamsLiteral};
use he_tensor::evaluator::{CostCounter, Encryption};
use he_tensor::{Evaluator, Simulator, TokenLayout};
use hnn_layers::Result;
use hnn_layers::bilinear_conv::{BilinearConv, Join};
use hnn_layers::budget::{self, Circuit, NoiseBudget};
use hnn_layers::linear::Linear;
use hnn_layers::quadratic_head::QuadraticHead;
use hnn_layers::ragged::{LengthBucket, Ragged};
use hnn_layers::soft_argmax::{SoftArgmax, cubic_clean, cubic_clean_circuit};
use ndarray::Array2;
use num_complex::Complex64;

use common::{fill, numbers};

const FEATURES: usize = 5;
const RANK: usize = 7;

/// f64 sums of some hundred products of order 1, in another order on either side.
const ROUNDING: f64 = 1e-10;

fn params(levels: usize) -> Params {
    Params::new_insecure(ParamsLiteral::toy(10, levels)).unwrap()
}

/// Token matrix with the mask feature in the last column.
fn tokens(n: usize, seed: u64) -> Array2<f64> {
    let mut next = numbers(seed);
    let mut x = Array2::from_shape_simple_fn((n, FEATURES), &mut next);
    x.column_mut(FEATURES - 1).fill(1.0);
    x
}

fn packed(layout: &TokenLayout, x: &Array2<f64>) -> Vec<Complex64> {
    layout.pack(x.nrows(), |t, f| x.get((t, f)).copied().unwrap_or(0.0)).unwrap().remove(0)
}

/// Runs in the simulator with exact values and in the cost counter; both must end at the same level.
fn run(circuit: &impl Circuit, params: &Params, values: &[Complex64]) -> Result<(Vec<Complex64>, usize)> {
    let simulator = Simulator::new(params);
    let out = circuit.run(&simulator, &simulator.encrypt(values, Encryption::Symmetric)?)?;
    let cost = budget::cost(params, circuit, params.max_level())?;
    assert_eq!(cost.lowest_level, out.level(), "simulator and cost counter");
    Ok((out.values().to_vec(), params.max_level() - out.level()))
}

#[test]
fn bilinear_convolution_for_every_length() -> Result<()> {
    let classes = [(4, vec![1, 3, 4]), (16, vec![5, 12, 16]), (32, vec![20, 31])];
    for (join, (positions, lengths)) in [Join::Added, Join::Appended].into_iter().flat_map(|j| classes.clone().map(|c| (j, c))) {
        let params = params(3);
        let mut block = BilinearConv::joined(join, FEATURES, RANK);
        fill(&mut block, 1, 0.4);
        block.output.iter_mut().for_each(|w| w.column_mut(FEATURES - 1).fill(0.0));
        let layout = TokenLayout::new(block.features_out(), positions, params.slots())?;
        let circuit = block.plan(&layout, 9.0)?;
        for n in lengths {
            let x = tokens(n, n as u64);
            let batch = Ragged::new([n], &[LengthBucket { positions, divisor: 9.0 }])?;
            let (expected, _) = block.forward(x.view(), &batch);
            let (slots, levels) = run(&circuit, &params, &packed(&layout, &x))?;
            assert_eq!(levels, 3);
            let found = layout.unpack(&[slots], positions)?;
            for (t, row) in found.iter().enumerate() {
                for (f, value) in row.iter().enumerate() {
                    // Padding has to come out as zero, or the next layer would see it.
                    let expected = if t < n { expected[[t, f]] } else { 0.0 };
                    assert!(
                        (value - expected).abs() < ROUNDING,
                        "{join:?}, {positions} positions, {n} tokens, ({t}, {f}): {value} against {expected}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn mean_and_quadratic_head() -> Result<()> {
    let params = params(3);
    let layout = TokenLayout::new(FEATURES, 8, params.slots())?;
    let mut head = QuadraticHead::zeros(FEATURES, RANK);
    fill(&mut head, 2, 0.4);
    let x = tokens(6, 3);
    let batch = Ragged::new([6], &[LengthBucket { positions: 8, divisor: 5.5 }])?;
    let (_, expected) = head.forward(hnn_layers::pool::mean(x.view(), &batch).view());
    let (slots, levels) = run(&head.plan(&layout, 5.5)?, &params, &packed(&layout, &x))?;
    assert_eq!(levels, 3);
    assert!(slots.iter().all(|v| (v.re - expected[0]).abs() < ROUNDING && v.im.abs() < ROUNDING), "margin in every slot");
    Ok(())
}

#[test]
fn linear() -> Result<()> {
    let params = params(1);
    let layout = TokenLayout::new(FEATURES, 4, params.slots())?;
    let mut layer = Linear::zeros(FEATURES, FEATURES);
    fill(&mut layer, 4, 0.4);
    let x = tokens(4, 5);
    let expected = layer.forward(x.view());
    let (slots, levels) = run(&layer.plan(&layout)?, &params, &packed(&layout, &x))?;
    assert_eq!(levels, 1);
    for (t, row) in layout.unpack(&[slots], 4)?.iter().enumerate() {
        assert!(row.iter().zip(expected.row(t)).all(|(a, b)| (a - b).abs() < ROUNDING));
    }
    Ok(())
}

/// A layer without a plan, as a circuit.
struct Through<F>(F);

macro_rules! circuit {
    ($name:ident, $layer:ty, |$l:ident, $e:ident, $x:ident| $body:expr) => {
        impl Circuit for $name<$layer> {
            fn run<E: Evaluator>(&self, $e: &E, $x: &E::Vector) -> Result<E::Vector> {
                let $l = &self.0;
                $body
            }
        }
    };
}

circuit!(Through, SoftArgmax, |l, e, x| cubic_clean_circuit(e, &l.circuit(e, x)?));

#[test]
fn soft_argmax_with_cubic_clean() -> Result<()> {
    let layer = SoftArgmax::new(0.8, 8.0, 23)?;
    // DESIGN's measured table: degree 23 on ±8 leaves 2^-13.9 by interpolation; the best polynomial leaves less.
    assert!(layer.error() < 2f64.powf(-13.9), "2^{}", layer.error().log2());
    let values: Vec<Complex64> = (-8..8).map(|i| Complex64::new(1.2 * f64::from(i), 0.0)).collect();
    let params = params(8);
    let (slots, levels) = run(&Through(layer.clone()), &params, &values)?;
    assert_eq!(levels, layer.polynomial().depth() + 2);
    for (m, s) in values.iter().zip(&slots) {
        assert!((s.re - cubic_clean(layer.score(m.re))).abs() < 1e-9);
        // The clean's slope is at most 3/2.
        assert!((s.re - cubic_clean(layer.exact(m.re))).abs() < 1.5 * layer.error() + 1e-9);
    }
    Ok(())
}

#[test]
fn a_budget_that_is_too_small_is_refused_with_both_figures() -> Result<()> {
    let layer = Through(SoftArgmax::new(1.0, 8.0, 7)?);
    let values = [Complex64::new(1.0, 0.0)];
    let params = params(6);
    let found = NoiseBudget::predict(&params, &layer, &values, params.max_level(), 1)?;
    assert!(found.bits > 5.0 && found.bits < 40.0, "{found:?}");
    found.require(NoiseBudget { bits: found.bits - 1.0, levels: found.levels })?;
    let refused = found.require(NoiseBudget { bits: 60.0, levels: 0 }).map_err(|e| e.to_string());
    assert!(refused.is_err_and(|m| m.contains("60.0 bits")));
    // Not enough levels: the circuit itself refuses.
    let counter = CostCounter::new(&params);
    assert!(layer.run(&counter, &counter.fresh_at(2)?).is_err());
    Ok(())
}
