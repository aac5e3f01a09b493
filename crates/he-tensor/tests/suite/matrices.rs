//! Matrix products, reductions and masks over (tokens × features), in the simulator, in the counter and on ciphertexts.

use crate::everywhere::{Circuit, bits_apart, count, encrypted, literals, mean_square, params, simulate};
use ckks_core::Result;
use ckks_core::circuits::block_transform::{Babies, BlockTransform, PlanCosts};
use ckks_core::params::Params;
use he_tensor::evaluator::Encryption;
use he_tensor::{Evaluator, MatrixProduct, Simulator, TokenLayout, mask, reduce};
use num_complex::Complex64;

const FEATURES: usize = 12;
const TOKENS: usize = 8;

fn layout(params: &Params) -> TokenLayout {
    TokenLayout::new(FEATURES, TOKENS, params.slots()).unwrap()
}

fn weight(seed: usize) -> impl Fn(usize, usize) -> f64 {
    move |r, c| ((r * 7 + c * 11 + r * c + seed) % 19) as f64 / 19.0 - 0.5
}

fn value(t: usize, f: usize) -> f64 {
    ((t * 37 + f * 5 + t * f) % 23) as f64 / 23.0 - 0.4
}

/// Two factors of a bilinear convolution: three taps, a window to the right and the mean.
fn factors(layout: &TokenLayout) -> BlockTransform {
    let mut product = MatrixProduct::new(layout, 3, 2);
    let size = (FEATURES, FEATURES);
    for shift in -1..=1 {
        product.add_matrix((0, 0), shift, size, weight(3 + shift as usize % 5)).unwrap();
    }
    product.add_matrix((1, 0), 0, size, weight(9)).unwrap();
    product.add_matrix((1, 1), 0, size, weight(10)).unwrap();
    product.add_matrix_on_common((1, 2), (5, FEATURES), weight(11)).unwrap();
    product.plan().unwrap()
}

struct Bilinear;

impl Circuit for Bilinear {
    fn run<E: Evaluator>(&self, e: &E, x: &[E::Vector]) -> Result<Vec<E::Vector>> {
        let layout = layout(e.params());
        let window = reduce::window_sum(e, &layout, &x[0], 2, 2)?;
        let sum = reduce::sum_over_tokens(e, &layout, &x[0])?;
        let factors = factors(&layout).apply(e, &[&x[0], &window, &sum])?;
        let product = e.mul(&factors[0], &factors[1])?;
        Ok(factors.into_iter().chain([product]).collect())
    }

    fn plain(&self, x: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        let slots = x[0].len();
        let at = |t: i64, c: usize| x[0][t.rem_euclid(TOKENS as i64) as usize * 16 + c];
        let sum = |c: usize| (0..TOKENS as i64).map(|t| at(t, c)).sum::<Complex64>();
        let apply = |seed: usize, r: usize, x: &dyn Fn(usize) -> Complex64| -> Complex64 {
            (0..FEATURES).map(|c| x(c) * weight(seed)(r, c)).sum()
        };
        let mut u = vec![Complex64::default(); slots];
        let mut v = u.clone();
        for j in 0..slots {
            let (t, r) = ((j / 16 % TOKENS) as i64, j % 16);
            if r < FEATURES {
                u[j] = (-1..=1).map(|s: i64| apply(3 + s as usize % 5, r, &|c| at(t + s, c))).sum();
                v[j] = apply(9, r, &|c| at(t, c)) + apply(10, r, &|c| at(t + 2, c) + at(t + 3, c));
                v[j] += if r < 5 { apply(11, r, &sum) } else { Complex64::default() };
            }
        }
        let product = u.iter().zip(&v).map(|(a, b)| a * b).collect();
        vec![u, v, product]
    }
}

/// Two products, of which the second reads the input of the first again, with the babies that were made for it, beside its output.
struct InTurn;

impl Circuit for InTurn {
    fn run<E: Evaluator>(&self, e: &E, x: &[E::Vector]) -> Result<Vec<E::Vector>> {
        let layout = layout(e.params());
        let product = |inputs: usize, seed: usize| {
            let mut product = MatrixProduct::new(&layout, inputs, 1);
            for i in 0..inputs {
                product.add_matrix((0, i), 0, (FEATURES, FEATURES), weight(seed + i)).unwrap();
            }
            product.plan().unwrap()
        };
        let mut inputs = vec![Babies::of(x[0].clone())];
        let first = product(1, 3).apply_to(e, &mut inputs)?;
        inputs.extend(first.into_iter().map(Babies::of));
        product(2, 5).apply_to(e, &mut inputs)
    }

    fn plain(&self, x: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        let apply = |seed: usize, x: &[Complex64]| -> Vec<Complex64> {
            let row = |t: usize, r: usize| (0..FEATURES).map(|c| x[16 * t + c] * weight(seed)(r, c)).sum();
            let value = |j: usize| if j % 16 < FEATURES { row(j / 16, j % 16) } else { Complex64::default() };
            (0..x.len()).map(value).collect()
        };
        let first = apply(3, &x[0]);
        vec![apply(5, &x[0]).into_iter().zip(apply(6, &first)).map(|(a, b)| a + b).collect()]
    }
}

struct Reductions;

impl Circuit for Reductions {
    fn run<E: Evaluator>(&self, e: &E, x: &[E::Vector]) -> Result<Vec<E::Vector>> {
        let layout = layout(e.params());
        let mean = reduce::mean_over_tokens(e, &layout, &x[0], 5.0)?;
        Ok(vec![
            reduce::masked_mean_over_tokens(e, &layout, &x[0], 5)?,
            reduce::sum_over_common_features(e, &layout, &mean)?,
            reduce::sum_over_features(e, &layout, &x[0])?,
            mask::broadcast_token(e, &layout, &x[0], 3)?,
            mask::apply_secret_mask(e, &x[0], &x[1])?,
            mean,
        ])
    }

    fn plain(&self, x: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        let slots = x[0].len();
        let token = |t: usize, f: usize| x[0][16 * t + f];
        let sum = |n: usize, f: usize| (0..n).map(|t| token(t, f)).sum::<Complex64>() / 5.0;
        let all = |f: &dyn Fn(usize, usize) -> Complex64| (0..slots).map(|j| f(j / 16 % TOKENS, j % 16)).collect::<Vec<_>>();
        let total = (0..16).map(|f| sum(TOKENS, f)).sum::<Complex64>();
        vec![
            all(&|_, f| if f < FEATURES { sum(5, f) } else { Complex64::default() }),
            vec![total; slots],
            all(&|t, _| (0..16).map(|f| token(t, f)).sum()),
            all(&|_, f| if f < FEATURES { token(3, f) } else { Complex64::default() }),
            x[0].iter().zip(&x[1]).map(|(a, b)| a * b).collect(),
            all(&|_, f| sum(TOKENS, f)),
        ]
    }
}

fn check<C: Circuit>(circuit: &C) {
    for literal in literals() {
        let params = params(literal);
        let layout = layout(&params);
        let packed = layout.pack(TOKENS, value).unwrap().remove(0);
        let secret_mask = layout.pack(5, |_, _| 1.0).unwrap().remove(0);
        let inputs = vec![packed, secret_mask];
        let wanted = circuit.plain(&inputs);
        let simulated = simulate(circuit, &Simulator::new(&params), &inputs);
        let (levels, report) = count(circuit, &params, 2);
        let measured = encrypted(circuit, &params, &report.keys, &inputs, 21);
        for (i, (level, values)) in measured.iter().enumerate() {
            assert!(mean_square(simulated[i].values(), &wanted[i]).sqrt() < 1e-12, "output {i}: the simulator is exact");
            assert_eq!((*level, simulated[i].level()), (levels[i], levels[i]), "output {i}");
            let apart = bits_apart(simulated[i].mean_variance(), mean_square(values, &wanted[i]));
            println!("output {i}: predicted 2^{:.2}, {apart:+.2} bits", simulated[i].mean_variance().log2() / 2.0);
            assert!(apart.abs() < 2.0, "output {i}: predicted {apart:+.2} bits above the measured error");
        }
    }
}

#[test]
fn bilinear_convolution() {
    check(&Bilinear);
}

#[test]
fn babies_of_a_higher_level_serve_a_product_below() {
    check(&InTurn);
}

#[test]
fn reductions_and_masks() {
    check(&Reductions);
}

/// A product planned for time, its weights as slots or prepared.
struct Planned {
    prepared: bool,
}

impl Planned {
    fn plan(&self, params: &Params) -> BlockTransform {
        let layout = layout(params);
        let mut product = MatrixProduct::new(&layout, 1, 2);
        product.add_matrix((0, 0), 0, (FEATURES, FEATURES), weight(2)).unwrap();
        product.add_matrix((1, 0), 1, (FEATURES, FEATURES), weight(4)).unwrap();
        let plan = product.plan_with_costs(None, PlanCosts::at_level(params, params.max_level())).unwrap();
        if self.prepared { plan.prepared(24.0).unwrap() } else { plan }
    }
}

impl Circuit for Planned {
    fn run<E: Evaluator>(&self, e: &E, x: &[E::Vector]) -> Result<Vec<E::Vector>> {
        self.plan(e.params()).apply(e, &[&x[0]])
    }

    fn plain(&self, x: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        let row = |seed: usize, shift: usize, j: usize| -> Complex64 {
            let (t, r) = (j / 16 % TOKENS, j % 16);
            let at = |c: usize| x[0][(t + shift) % TOKENS * 16 + c];
            if r < FEATURES { (0..FEATURES).map(|c| at(c) * weight(seed)(r, c)).sum() } else { Complex64::default() }
        };
        vec![(0..x[0].len()).map(|j| row(2, 0, j)).collect(), (0..x[0].len()).map(|j| row(4, 1, j)).collect()]
    }
}

/// Prepared weights are those of slots up to their 32 bits, take half the memory, and need no other keys or levels.
#[test]
fn prepared_weights_multiply_like_slots() {
    let (slots, prepared) = (Planned { prepared: false }, Planned { prepared: true });
    for literal in literals() {
        let params = params(literal);
        let inputs = vec![layout(&params).pack(TOKENS, value).unwrap().remove(0)];
        let wanted = slots.plain(&inputs);
        assert_eq!(2 * prepared.plan(&params).weight_bytes(), slots.plan(&params).weight_bytes());
        let simulated = simulate(&prepared, &Simulator::new(&params), &inputs);
        let (levels, report) = count(&prepared, &params, 1);
        let a = encrypted(&slots, &params, &report.keys, &inputs, 5);
        let b = encrypted(&prepared, &params, &report.keys, &inputs, 5);
        for i in 0..wanted.len() {
            assert!(mean_square(simulated[i].values(), &wanted[i]).sqrt() < 1e-7, "output {i}");
            assert_eq!((b[i].0, a[i].0), (levels[i], levels[i]));
            let (error, before) = (mean_square(&b[i].1, &wanted[i]), mean_square(&a[i].1, &wanted[i]));
            println!("output {i}: error 2^{:.2} prepared, 2^{:.2} from slots", error.log2() / 2.0, before.log2() / 2.0);
            assert!(bits_apart(error, before).abs() < 0.2, "output {i}: {error:e} prepared, {before:e} from slots");
            assert!(bits_apart(simulated[i].mean_variance(), error).abs() < 2.0, "output {i}");
        }
    }
}

/// Several sentences in one vector, and one sentence in real and imaginary parts of several: the same rows as one by one.
#[test]
fn batches_and_long_sentences_multiply_like_single_ones() {
    let params = params(literals().swap_remove(0));
    let simulator = Simulator::new(&params);
    let apply = |layout: &TokenLayout, x: &[Complex64]| {
        let mut product = MatrixProduct::new(layout, 1, 1);
        product.add_matrix((0, 0), 0, (FEATURES, FEATURES), weight(5)).unwrap();
        let x = simulator.encrypt(x, Encryption::Symmetric).unwrap();
        product.plan().unwrap().apply(&simulator, &[&x]).unwrap().remove(0).values().to_vec()
    };
    let wanted = |x: &dyn Fn(usize) -> f64, r: usize| (0..FEATURES).map(|c| weight(5)(r, c) * x(c)).sum::<f64>();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} instead of {b}");

    let batch = layout(&params).batched();
    let lengths = [8, 3, 5, 1];
    assert_eq!(batch.sentences(), lengths.len());
    let value_of = |s: usize, t: usize, f: usize| value(t + 3 * s, f);
    let y = apply(&batch, &batch.pack_batch(&lengths, value_of).unwrap());
    for (s, &tokens) in lengths.iter().enumerate() {
        for t in 0..TOKENS {
            for r in 0..FEATURES {
                let expected = if t < tokens { wanted(&|c| value_of(s, t, c), r) } else { 0.0 };
                near(y[s * batch.pattern() + t * batch.period() + r].re, expected);
            }
        }
    }

    let long = TokenLayout::new(FEATURES, 128, params.slots()).unwrap().with_imaginary();
    assert_eq!((long.parts(), long.positions_per_vector()), (2, 32));
    let parts: Vec<_> = long.pack(100, value).unwrap().iter().map(|x| apply(&long, x)).collect();
    for (t, row) in long.unpack(&parts, 100).unwrap().iter().enumerate() {
        for (r, y) in row.iter().enumerate() {
            near(*y, wanted(&|c| value(t, c), r));
        }
    }
}

#[test]
fn neighbouring_shifts_share_diagonals() {
    let layout = TokenLayout::new(16, 64, 1024).unwrap();
    let count = |shifts: std::ops::RangeInclusive<i64>| {
        let mut product = MatrixProduct::new(&layout, 1, 1);
        shifts.for_each(|s| {
            product.add_matrix((0, 0), s, (16, 16), |r, c| (r + c + 1) as f64).unwrap();
        });
        product.plan().unwrap().plain_products()
    };
    assert_eq!(count(0..=0), 31);
    assert_eq!(count(-1..=1), 63, "(m + 1)·p − 1");
}

/// The bilinear step of example 4: the plan has to stay as cheap as the README says.
#[test]
fn keys_are_traded_for_rotations() {
    let layout = TokenLayout::new(128, 32, 4096).unwrap();
    let mut product = MatrixProduct::new(&layout, 3, 2);
    for (block, shift) in [((0, 0), 0), ((1, 0), -1), ((1, 0), 1), ((1, 1), 0)] {
        product.add_matrix(block, shift, (128, 128), |r, c| (r + 2 * c + 1) as f64).unwrap();
    }
    product.add_matrix_on_common((1, 2), (128, 128), |r, c| (2 * r + c + 1) as f64).unwrap();
    let few = product.plan().unwrap();
    let fast = product.plan_with_key_cost(0.0).unwrap();
    println!("few keys: {} keys, {} rotations", few.steps().len(), few.rotations());
    println!("fast: {} keys, {} rotations", fast.steps().len(), fast.rotations());
    assert!(few.steps().len() <= 9 && few.rotations() <= 98);
    assert!(fast.rotations() <= few.rotations());
}

#[test]
fn refuses_what_does_not_fit() {
    let layout = TokenLayout::new(8, 4, 64).unwrap();
    let mut product = MatrixProduct::new(&layout, 1, 1);
    assert!(product.add_matrix((0, 0), 0, (9, 8), |_, _| 1.0).unwrap_err().to_string().contains("at most 8"));
    assert!(product.add_matrix((1, 0), 0, (8, 8), |_, _| 1.0).unwrap_err().to_string().contains("output below 1"));
    assert!(product.add_matrix((0, 0), 0, (8, 8), |_, _| f64::NAN).unwrap_err().to_string().contains("NaN"));
    assert!(product.plan().unwrap_err().to_string().contains("only zeros"));
    let long = TokenLayout::new(8, 32, 64).unwrap();
    let mut product = MatrixProduct::new(&long, 1, 1);
    assert!(product.add_matrix((0, 0), 1, (8, 8), |_, _| 1.0).unwrap_err().to_string().contains("token shifts"));
}
