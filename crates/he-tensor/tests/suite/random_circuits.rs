//! Random circuits: levels equal everywhere, the error of ciphertexts within two bits of the predicted one.

use ckks_core::Result;
use ckks_core::circuits::PlainVector;
use he_tensor::{Evaluator, Simulator};
use num_complex::Complex64;
use proptest::prelude::*;

use crate::everywhere::{Circuit, bits_apart, count, encrypted, input, literals, mean_square, params, simulate};

/// One step on a list of vectors; operands are indices modulo its length.
#[derive(Clone, Debug)]
enum Step {
    Add(usize, usize),
    Sub(usize, usize),
    Negate(usize),
    Mul(usize, usize),
    Square(usize),
    SumOfProducts(usize, usize, usize),
    AddScalar(usize, f64),
    MulScalar(usize, f64),
    MulInteger(usize, i64),
    MulByI(usize),
    AddPlain(usize, u32),
    DotPlain(usize, usize, u32),
    Combination(usize, usize, f64),
    Rotate(usize, i64),
    RotateMany(usize, i64),
    SumOfRotations(usize, usize, i64),
    Conjugate(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let i = || 0usize..8;
    prop_oneof![
        (i(), i()).prop_map(|(a, b)| Step::Add(a, b)),
        (i(), i()).prop_map(|(a, b)| Step::Sub(a, b)),
        i().prop_map(Step::Negate),
        (i(), i()).prop_map(|(a, b)| Step::Mul(a, b)),
        i().prop_map(Step::Square),
        (i(), i(), i()).prop_map(|(a, b, c)| Step::SumOfProducts(a, b, c)),
        (i(), -1.0..1.0).prop_map(|(a, c)| Step::AddScalar(a, c)),
        (i(), -1.5..1.5).prop_map(|(a, c)| Step::MulScalar(a, c)),
        (i(), -3i64..4).prop_map(|(a, c)| Step::MulInteger(a, c)),
        i().prop_map(Step::MulByI),
        (i(), 0u32..9).prop_map(|(a, p)| Step::AddPlain(a, p)),
        (i(), i(), 0u32..9).prop_map(|(a, b, p)| Step::DotPlain(a, b, p)),
        (i(), i(), -1.0..1.0).prop_map(|(a, b, c)| Step::Combination(a, b, c)),
        (i(), -600i64..600).prop_map(|(a, k)| Step::Rotate(a, k)),
        (i(), 1i64..9).prop_map(|(a, k)| Step::RotateMany(a, k)),
        (i(), i(), 0i64..9).prop_map(|(a, b, k)| Step::SumOfRotations(a, b, k)),
        i().prop_map(Step::Conjugate),
        i().prop_map(Step::Drop),
    ]
}

fn plain(log_period: u32) -> Result<PlainVector> {
    let value = |j: usize| Complex64::new((j % 7) as f64 / 7.0 - 0.4, (j % 3) as f64 / 4.0 - 0.2);
    PlainVector::complex((0..1 << log_period).map(value).collect::<Vec<_>>())
}

impl Step {
    fn run<E: Evaluator>(&self, e: &E, v: &[E::Vector]) -> Result<E::Vector> {
        let at = |i: &usize| &v[i % v.len()];
        match self {
            Self::Add(a, b) => e.add(at(a), at(b)),
            Self::Sub(a, b) => e.sub(at(a), at(b)),
            Self::Negate(a) => e.negate(at(a)),
            Self::Mul(a, b) => e.mul(at(a), at(b)),
            Self::Square(a) => e.square(at(a)),
            Self::SumOfProducts(a, b, c) => e.sum_of_products(&[(at(a), at(b)), (at(b), at(c))]),
            Self::AddScalar(a, c) => e.add_scalar(at(a), *c),
            Self::MulScalar(a, c) => e.mul_scalar(at(a), *c),
            Self::MulInteger(a, c) => e.mul_integer(at(a), *c),
            Self::MulByI(a) => e.mul_by_i(at(a)),
            Self::AddPlain(a, p) => e.add_plain(at(a), &plain(*p)?),
            Self::DotPlain(a, b, p) => e.dot_plain(&[(at(a), &plain(*p)?), (at(b), &plain(p / 2)?)]),
            Self::Combination(a, b, c) => e.linear_combination(&[(at(a), *c), (at(b), 0.7)], *c),
            Self::Rotate(a, k) => e.rotate(at(a), *k),
            Self::RotateMany(a, k) => Ok(e.rotate_many(at(a), &[0, *k, -*k])?.swap_remove(2)),
            Self::SumOfRotations(a, b, k) => e.sum_of_rotations(&[(at(a), *k), (at(b), -2 * k), (at(a), 1)]),
            Self::Conjugate(a) => e.conjugate(at(a)),
            Self::Drop(a) => e.drop_to_level(at(a), e.level(at(a)).saturating_sub(1)),
        }
    }
}

/// The steps that were found possible; every result is pushed, all are outputs.
struct Random(Vec<Step>);

impl Circuit for Random {
    fn run<E: Evaluator>(&self, e: &E, inputs: &[E::Vector]) -> Result<Vec<E::Vector>> {
        let mut vectors = inputs.to_vec();
        for step in &self.0 {
            let next = step.run(e, &vectors)?;
            vectors.push(next);
        }
        Ok(vectors)
    }

    fn plain(&self, inputs: &[Vec<Complex64>]) -> Vec<Vec<Complex64>> {
        inputs.to_vec()
    }
}

/// Keeps the steps that do not run out of levels, leave values that the bottom level can hold and depend on the inputs.
///
/// In a − a, 0·a or c + a − a nothing of an encryption is left, nor of the errors that bringing `a` to another level twice makes twice in the
/// same way. The simulator does not know that such a ciphertext's second half is zero: it predicts errors where a − a is rotated or
/// brought to a level. So what is the same for other inputs is left out.
fn possible(simulator: &Simulator, inputs: &[Vec<Complex64>], others: &[Vec<Complex64>], steps: Vec<Step>) -> Random {
    let nothing = Random(Vec::new());
    let mut vectors = simulate(&nothing, simulator, inputs);
    let mut other_vectors = simulate(&nothing, simulator, others);
    let mut kept = Vec::new();
    for step in steps {
        let (Ok(v), Ok(w)) = (step.run(simulator, &vectors), step.run(simulator, &other_vectors)) else { continue };
        if mean_square(v.values(), w.values()) > 1e-18 && v.values().iter().all(|z| z.norm() < 16.0) {
            vectors.push(v);
            other_vectors.push(w);
            kept.push(step);
        }
    }
    Random(kept)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn simulator_and_ciphertexts_agree(steps in prop::collection::vec(step(), 4..16), shape in 0usize..2, seed in 0u64..1000) {
        let params = params(literals().swap_remove(shape));
        let inputs = |first: usize| -> Vec<_> { (0..3).map(|s| input(&params, s + first)).collect() };
        let (inputs, others) = (inputs(seed as usize), inputs(seed as usize + 3));
        let simulator = Simulator::new(&params);
        let circuit = possible(&simulator, &inputs, &others, steps);
        let exact = simulate(&circuit, &simulator, &inputs);
        // Random circuits reuse vectors, so that errors meet themselves: draw them instead of adding variances.
        let noisy = simulate(&circuit, &Simulator::with_noise(&params, seed), &inputs);
        let (levels, report) = count(&circuit, &params, inputs.len());
        let outputs = encrypted(&circuit, &params, &report.keys, &inputs, seed);
        for (i, (level, values)) in outputs.iter().enumerate() {
            prop_assert_eq!((*level, exact[i].level()), (levels[i], levels[i]), "vector {} of {:?}", i, circuit.0);
            let predicted = mean_square(noisy[i].values(), exact[i].values());
            let measured = mean_square(values, exact[i].values());
            let apart = bits_apart(predicted, measured);
            prop_assert!(apart.abs() < 2.0, "vector {i} of {:?}: predicted {apart:+.2} bits above the measured error", circuit.0);
        }
    }
}
