//! Circuits of attention, normalisation, activations and Soft-Argmax: in the simulator they are the plain polynomial form, in
//! the counter they take the levels they say, on ciphertexts they come out with the predicted error.

mod common;

use ckks_core::ciphertext::Ciphertext;
use ckks_core::circuits::Arithmetic;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use he_tensor::evaluator::Encryption;
use he_tensor::{CkksEvaluator, CostCounter, Evaluator, Simulator, TokenLayout};
use hnn_layers::Result;
use hnn_layers::activation::{Activation, Nonlinearity};
use hnn_layers::attention::{Attention, AttentionCircuit, ClsAttentionCircuit, Weighting};
use hnn_layers::class_soft_argmax::{ClassSoftArgmax, ClassSoftArgmaxCircuit};
use hnn_layers::functions::{Exponential, Form, Interval, InverseSquareRoot, Reciprocal};
use hnn_layers::layer_norm::{AffineNorm, AffineNormCircuit, LayerNorm, LayerNormCircuit, References};
use hnn_layers::ragged::{LengthBucket, Ragged};
use hnn_layers::token_mask::TokenMask;
use ndarray::Array2;
use num_complex::Complex64;

use common::{fill, numbers};

const FEATURES: usize = 6;
const POSITIONS: usize = 8;
const TOKENS: usize = 5;

fn params(levels: usize) -> Params {
    Params::new_insecure(ParamsLiteral::toy(10, levels)).unwrap()
}

fn layout(params: &Params) -> TokenLayout {
    TokenLayout::new(FEATURES, POSITIONS, params.slots()).unwrap()
}

fn interval(low: f64, high: f64) -> Interval {
    Interval::new(low, high).unwrap()
}

fn input() -> Array2<f64> {
    Array2::from_shape_simple_fn((TOKENS, FEATURES), numbers(77))
}

fn sentence() -> Ragged {
    Ragged::new([TOKENS], &[LengthBucket { positions: POSITIONS, divisor: 5.0 }]).unwrap()
}

/// A circuit with inputs x and the secret mask, and what it should give: slot and value.
trait Circuit {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &E::Vector) -> Result<E::Vector>;
    fn wanted(&self) -> Vec<(usize, f64)>;
    fn depth(&self) -> usize;
}

fn rows(y: &Array2<f64>) -> Vec<(usize, f64)> {
    y.indexed_iter().map(|((t, f), &v)| (8 * t + f, v)).collect()
}

fn slots(params: &Params) -> [Vec<Complex64>; 2] {
    let x = input();
    let layout = layout(params);
    let mut mask = vec![Complex64::default(); layout.pattern()];
    mask[..TOKENS * layout.period()].fill(1.0.into());
    [layout.pack(TOKENS, |t, f| x[[t, f]]).unwrap().remove(0), mask]
}

/// Mean squared error of the real parts.
fn error(values: &[Complex64], wanted: &[(usize, f64)]) -> f64 {
    wanted.iter().map(|&(j, w)| (values[j].re - w).powi(2)).sum::<f64>() / wanted.len() as f64
}

fn check(circuit: &impl Circuit) {
    let params = params(circuit.depth() + 1);
    let [x, mask] = slots(&params);
    let wanted = circuit.wanted();

    let simulate = |simulator: &Simulator| {
        let encrypt = |v: &[Complex64]| simulator.encrypt(v, Encryption::Symmetric).unwrap();
        circuit.run(simulator, &encrypt(&x), &encrypt(&mask)).unwrap()
    };
    let simulator = Simulator::new(&params);
    let exact = simulate(&simulator);
    let difference = error(exact.values(), &wanted).sqrt();
    assert!(difference < 1e-9, "the circuit is the polynomial form: {difference:e}");
    assert_eq!(params.max_level() - exact.level(), circuit.depth());
    for (name, ratio) in simulator.ranges() {
        assert!(ratio <= 1.0, "{name} reached {ratio} of its interval");
    }

    let counter = CostCounter::new(&params);
    let counted = circuit.run(&counter, &counter.fresh(), &counter.fresh()).unwrap();
    assert_eq!(counter.level(&counted), exact.level());

    // Errors of polynomials of one noisy argument depend on each other: they are drawn, several times.
    let drawn = (0..4).map(|seed| error(simulate(&Simulator::with_noise(&params, seed)).values(), &wanted)).sum::<f64>() / 4.0;

    let mut randomness = Randomness::insecure_from_seed(5);
    let secret = SecretKey::generate(&params, &mut randomness);
    let keys = counter.key_requirements();
    let keys = KeyGenerator::new(&params, &secret).unwrap().evaluation_keys(&keys, &mut randomness, |_, _| ());
    let evaluator = CkksEvaluator::new(&params, &keys).unwrap();
    let encoder = Encoder::new(&params).unwrap();
    let level = params.max_level();
    let mut encrypt = |v: &[Complex64]| -> Ciphertext {
        let plaintext = encoder.encode_complex(v, level, params.scale_at(level)).unwrap();
        encrypt_symmetric(&params, &secret, &plaintext, &mut randomness).unwrap().expand(&params)
    };
    let (x, mask) = (encrypt(&x), encrypt(&mask));
    let out = circuit.run(&evaluator, &x, &mask).unwrap();
    assert_eq!(out.level(), exact.level());
    let values = encoder.decode(&decrypt(&params, &secret, &out).unwrap()).unwrap();
    let measured = error(&values, &wanted);
    let apart = 0.5 * (drawn / measured).log2();
    println!("{} levels, predicted 2^{:.2}, {apart:+.2} bits", circuit.depth(), 0.5 * drawn.log2());
    assert!(apart.abs() < 2.0, "predicted {apart:+.2} bits above the measured error");
}

/// Attention for all tokens or for the first, under a public or the secret mask.
struct Layer {
    attention: Attention<f64>,
    only_cls: bool,
    secret: bool,
}

impl Layer {
    fn new(weighting: Weighting, only_cls: bool, secret: bool) -> Self {
        let mut attention = Attention::zeros(FEATURES, 2, weighting).unwrap();
        fill(&mut attention, 3, 0.5);
        Self { attention, only_cls, secret }
    }
}

fn token_mask<V>(secret: bool, mask: &V) -> TokenMask<'_, V> {
    if secret { TokenMask::Secret(mask) } else { TokenMask::Public(TOKENS) }
}

impl Circuit for Layer {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &E::Vector) -> Result<E::Vector> {
        let layout = TokenLayout::new(FEATURES, POSITIONS, e.slots())?;
        let mask = token_mask(self.secret, mask);
        if self.only_cls {
            ClsAttentionCircuit::new(&self.attention, &layout)?.apply(e, x, &mask)
        } else {
            AttentionCircuit::new(&self.attention, &layout)?.apply(e, x, &mask)
        }
    }
    fn wanted(&self) -> Vec<(usize, f64)> {
        let (y, _) = self.attention.forward(input().view(), &sentence(), Form::Polynomial);
        if self.only_cls {
            // Beside every position, padding too.
            (0..POSITIONS).flat_map(|t| rows(&y).into_iter().take(FEATURES).map(move |(j, v)| (8 * t + j, v))).collect()
        } else {
            rows(&y)
        }
    }
    fn depth(&self) -> usize {
        self.attention.weighting.depth() + if self.only_cls { 5 } else { 4 }
    }
}

fn softmax() -> Weighting {
    let exponential = Exponential::new(interval(-2.0, 2.0), 5, 1, 1.0).unwrap();
    Weighting::Softmax { exponential, reciprocal: Reciprocal::new(interval(1.0, 16.0), 7, 1).unwrap() }
}

#[test]
fn power_attention() {
    check(&Layer::new(Weighting::power(4, 16.0).unwrap(), false, false));
    check(&Layer::new(Weighting::power(2, 4.0).unwrap(), true, true));
}

#[test]
fn cgf_attention() {
    let weighting = || Weighting::Cgf(Exponential::new(interval(-2.0, 2.0), 7, 0, 0.2).unwrap());
    check(&Layer::new(weighting(), false, true));
    check(&Layer::new(weighting(), true, false));
}

#[test]
fn softmax_attention() {
    check(&Layer::new(softmax(), false, false));
    check(&Layer::new(softmax(), false, true));
}

#[test]
fn softmax_attention_of_cls() {
    check(&Layer::new(softmax(), true, false));
    check(&Layer::new(softmax(), true, true));
}

struct Norm {
    layer: LayerNorm<f64>,
    secret: bool,
}

impl Circuit for Norm {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &E::Vector) -> Result<E::Vector> {
        let layout = TokenLayout::new(FEATURES, POSITIONS, e.slots())?;
        LayerNormCircuit::new(&self.layer, &layout)?.apply(e, x, &token_mask(self.secret, mask))
    }
    fn wanted(&self) -> Vec<(usize, f64)> {
        let y = self.layer.forward(input().view(), &sentence(), Form::Polynomial).0;
        // Padding stays zero.
        rows(&y).into_iter().chain((8 * TOKENS..8 * POSITIONS).map(|j| (j, 0.0))).collect()
    }
    fn depth(&self) -> usize {
        LayerNormCircuit::new(&self.layer, &layout(&params(3))).unwrap().depth()
    }
}

#[test]
fn normalisation_with_cls_apart() {
    for secret in [false, true] {
        let root = InverseSquareRoot::new(interval(0.1, 4.0), 7, 1).unwrap();
        let mut layer = LayerNorm::new(FEATURES, References { cls: 0.2, others: 0.5 }, root).unwrap();
        fill(&mut layer, 9, 1.0);
        layer.epsilon = 1e-2;
        check(&Norm { layer, secret });
    }
}

struct Affine(AffineNorm<f64>);

impl Circuit for Affine {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector, mask: &E::Vector) -> Result<E::Vector> {
        let layout = TokenLayout::new(FEATURES, POSITIONS, e.slots())?;
        AffineNormCircuit::new(&self.0, &layout)?.apply(e, x, &TokenMask::Secret(mask))
    }
    fn wanted(&self) -> Vec<(usize, f64)> {
        let y = self.0.forward(input().view(), &sentence());
        rows(&y).into_iter().chain((8 * TOKENS..8 * POSITIONS).map(|j| (j, 0.0))).collect()
    }
    fn depth(&self) -> usize {
        1
    }
}

#[test]
fn affine_normalisation() {
    let mut layer = AffineNorm::new(FEATURES);
    fill(&mut layer, 11, 1.0);
    check(&Affine(layer));
}

struct Gelu(Activation<f64>);

impl Circuit for Gelu {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector, _: &E::Vector) -> Result<E::Vector> {
        self.0.circuit(e, x)
    }
    fn wanted(&self) -> Vec<(usize, f64)> {
        let y = self.0.forward(input().view(), Form::Polynomial).unwrap();
        rows(&y).into_iter().chain((8 * TOKENS..8 * POSITIONS).map(|j| (j, 0.0))).collect()
    }
    fn depth(&self) -> usize {
        self.0.polynomial().unwrap().depth()
    }
}

#[test]
fn gelu() {
    check(&Gelu(Activation::fit(Nonlinearity::Gelu, 12, interval(-4.0, 4.0)).unwrap()));
}

/// Three logits beside every token: here one per slot of a token that is the same everywhere.
struct Classes(ClassSoftArgmax<f64>);

impl Circuit for Classes {
    fn run<E: Evaluator>(&self, e: &E, x: &E::Vector, _: &E::Vector) -> Result<E::Vector> {
        let layout = TokenLayout::new(FEATURES, POSITIONS, e.slots())?;
        // The first token beside every token, as a pooled classifier's logits stand.
        let common = he_tensor::mask::broadcast_token(e, &layout, x, 0)?;
        ClassSoftArgmaxCircuit::new(&self.0, 3, &layout)?.apply(e, &common)
    }
    fn wanted(&self) -> Vec<(usize, f64)> {
        let logits = input().slice(ndarray::s![..1, ..3]).to_owned();
        let index = self.0.forward(logits.view(), Form::Polynomial).1[0];
        (0..8 * POSITIONS).map(|j| (j, index)).collect()
    }
    fn depth(&self) -> usize {
        1 + ClassSoftArgmaxCircuit::new(&self.0, 3, &layout(&params(3))).unwrap().depth()
    }
}

#[test]
fn soft_argmax_over_three_classes() {
    let exponential = Exponential::new(interval(-3.0, 3.0), 7, 1, 1.0).unwrap();
    let reciprocal = Reciprocal::new(interval(0.5, 20.0), 15, 1).unwrap();
    check(&Classes(ClassSoftArgmax::new(2.5, exponential, reciprocal)));
}

#[test]
fn refuses_what_does_not_fit() {
    let params = params(3);
    let other = TokenLayout::new(8, POSITIONS, params.slots()).unwrap();
    let attention = Layer::new(softmax(), false, false).attention;
    assert!(AttentionCircuit::new(&attention, &other).unwrap_err().to_string().contains("8 features"));
    let mut shifted = attention.clone();
    shifted.shift[1] = 3.0;
    assert!(AttentionCircuit::new(&shifted, &layout(&params)).unwrap_err().to_string().contains("padding"));
    let mut broken = attention;
    broken.key.bias = ndarray::Array1::zeros(3);
    assert!(AttentionCircuit::new(&broken, &layout(&params)).unwrap_err().to_string().contains("3 biases"));
    assert!(Attention::<f64>::zeros(6, 4, softmax()).is_err());
    assert!(Weighting::power(3, 1.0).unwrap_err().to_string().contains("power of two"));
    assert!(Weighting::power(4, 0.0).is_err());
    assert!(Interval::new(1.0, 1.0).is_err());
    assert!(Reciprocal::new(interval(-1.0, 1.0), 3, 1).unwrap_err().to_string().contains("above 0"));
    assert!(InverseSquareRoot::new(interval(0.001, 100.0), 2, 2).unwrap_err().to_string().contains("degree 2"));
    assert!(Exponential::new(interval(0.0, 1.0), 3, 0, -1.0).is_err());
    let error = Activation::<f64>::fit_to(Nonlinearity::Relu, 1e-6, interval(-8.0, 8.0)).unwrap_err();
    assert!(error.to_string().contains("relu"), "{error}");
    let counter = CostCounter::new(&params);
    let circuit = AttentionCircuit::new(&Layer::new(softmax(), false, false).attention, &layout(&params)).unwrap();
    assert!(circuit.apply(&counter, &counter.fresh(), &TokenMask::Public(TOKENS)).is_err(), "levels run out");
}

#[test]
fn polynomial_errors_are_those_of_the_literature() {
    // Known values: GELU ±4, degree 12: 2^-9.8 (here moved to be right at 0); 1/√x, ratio 4, degree 7: 2^-12.6; 1/x, ratio
    // 10, degree 11: 2^-10; exp on [−16, 0], degree 7 and two squarings: 2^-14.7 absolute. An iteration squares an error.
    let gelu = Activation::<f64>::fit(Nonlinearity::Gelu, 12, interval(-4.0, 4.0)).unwrap().max_error().unwrap();
    assert!(gelu < 2f64.powf(-8.8), "{gelu}");
    use hnn_layers::functions::ScalarFunction;
    let root = |n| InverseSquareRoot::new(interval(1.0, 4.0), 7, n).unwrap().max_relative_error();
    assert!(root(0) < 2f64.powf(-11.6), "{}", root(0));
    assert!(root(1) < 2.0 * root(0).powi(2), "{}", root(1));
    let inverse = |n| Reciprocal::new(interval(1.0, 10.0), 11, n).unwrap().max_relative_error();
    assert!(inverse(0) < 2f64.powf(-9.0), "{}", inverse(0));
    assert!(inverse(1) < 1.01 * inverse(0).powi(2), "{}", inverse(1));
    let exponential = Exponential::new(interval(-16.0, 0.0), 7, 2, 1.0).unwrap();
    let worst = (0..=1600).map(|i| -f64::from(i) / 100.0).map(|x| (exponential.value(Form::Polynomial, x).0 - x.exp()).abs());
    let worst = worst.fold(0.0, f64::max);
    assert!(worst < 2f64.powf(-13.0) && exponential.depth() == 5, "{worst:e}");
}
