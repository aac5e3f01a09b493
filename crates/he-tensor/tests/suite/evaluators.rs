//! Every operation of the trait, on every implementation: the same levels, the same values, errors as predicted.

use crate::everywhere::{Circuit, bits_apart, count, encrypted, input, literals, mean_square, params, rotated, simulate};
use ckks_core::Result;
use ckks_core::circuits::PlainVector;
use ckks_core::circuits::linear_transform::LinearTransform;
use ckks_core::circuits::polynomial::{self, ChebyshevPolynomial};
use he_tensor::{Evaluator, Simulator};
use num_complex::Complex64;

type Slots = Vec<Complex64>;

fn map(a: &Slots, f: impl Fn(Complex64) -> Complex64) -> Slots {
    a.iter().map(|&x| f(x)).collect()
}

fn zip(a: &Slots, b: &Slots, f: impl Fn(Complex64, Complex64) -> Complex64) -> Slots {
    a.iter().zip(b).map(|(&x, &y)| f(x, y)).collect()
}

fn weights(period: usize) -> PlainVector {
    PlainVector::from_fn(period, |j| ((j * 13 + 5) % 17) as f64 / 8.0 - 1.0).unwrap()
}

fn complex_weights(period: usize) -> PlainVector {
    let value = |j: usize| Complex64::new((j % 5) as f64 / 4.0 - 0.5, (j % 3) as f64 / 2.0 - 0.5);
    PlainVector::complex((0..period).map(value).collect::<Vec<_>>()).unwrap()
}

fn times(a: &Slots, p: &PlainVector) -> Slots {
    a.iter().enumerate().map(|(j, x)| x * p.get(j)).collect()
}

/// A circuit as a struct, its generic form, and its plain form.
macro_rules! circuit {
    ($name:ident, |$e:ident, $x:ident| $run:expr, |$p:ident| $plain:expr) => {
        struct $name;
        impl Circuit for $name {
            fn run<E: Evaluator>(&self, $e: &E, $x: &[E::Vector]) -> Result<Vec<E::Vector>> {
                Ok($run)
            }
            fn plain(&self, $p: &[Slots]) -> Vec<Slots> {
                $plain
            }
        }
    };
}

circuit!(Sums, |e, x| vec![e.add(&x[0], &x[1])?, e.sub(&x[0], &x[1])?, e.negate(&x[0])?, e.add(&x[0], &x[0])?], |x| vec![
    zip(&x[0], &x[1], |a, b| a + b),
    zip(&x[0], &x[1], |a, b| a - b),
    map(&x[0], |a| -a),
    map(&x[0], |a| a + a),
]);

circuit!(
    Scalars,
    |e, x| vec![e.add_scalar(&x[0], 0.75)?, e.mul_scalar(&x[0], -0.3)?, e.mul_integer(&x[0], -3)?, e.mul_by_i(&x[1])?],
    |x| vec![map(&x[0], |a| a + 0.75), map(&x[0], |a| a * -0.3), map(&x[0], |a| a * -3.0), map(&x[1], |a| a * Complex64::i()),]
);

circuit!(
    PlainProducts,
    |e, x| {
        let (w, c) = (weights(64), complex_weights(e.slots()));
        vec![
            e.add_plain(&x[0], &w)?,
            e.mul_plain(&x[0], &w)?,
            e.mul_plain(&x[0], &c)?,
            e.dot_plain(&[(&x[0], &w), (&x[1], &c), (&x[0], &weights(1))])?,
            e.linear_combination(&[(&x[0], 0.5), (&x[1], -1.25)], 0.125)?,
        ]
    },
    |x| {
        let (w, c) = (weights(64), complex_weights(x[0].len()));
        let (xw, yc, x1) = (times(&x[0], &w), times(&x[1], &c), times(&x[0], &weights(1)));
        vec![
            x[0].iter().enumerate().map(|(j, a)| a + w.get(j)).collect(),
            xw.clone(),
            times(&x[0], &c),
            zip(&zip(&xw, &yc, |a, b| a + b), &x1, |a, b| a + b),
            zip(&x[0], &x[1], |a, b| a * 0.5 - b * 1.25 + 0.125),
        ]
    }
);

circuit!(
    Products,
    |e, x| {
        let xy = e.mul(&x[0], &x[1])?;
        let xx = e.square(&x[0])?;
        let deep = e.mul(&xy, &e.mul(&xx, &xy)?)?;
        vec![e.sum_of_products(&[(&x[0], &x[1]), (&xx, &x[0])])?, xy, xx, deep]
    },
    |x| {
        let xy = zip(&x[0], &x[1], |a, b| a * b);
        let xx = map(&x[0], |a| a * a);
        let deep = zip(&xy, &zip(&xx, &xy, |a, b| a * b), |a, b| a * b);
        vec![zip(&xy, &x[0], |p, a| p + a * a * a), xy, xx, deep]
    }
);

circuit!(
    Rotations,
    |e, x| {
        let mut out = e.rotate_many(&x[0], &[1, 0, -3, 64])?;
        out.push(e.rotate(&x[0], 5)?);
        out.push(e.conjugate(&x[0])?);
        out.push(e.sum_of_rotations(&[(&x[0], 1), (&x[1], -3), (&x[0], 0)])?);
        out.push(e.rotate(&e.mul_scalar(&x[0], 0.5)?, e.slots() as i64)?);
        out
    },
    |x| {
        let r = |k| rotated(&x[0], k);
        let sum = zip(&zip(&r(1), &rotated(&x[1], -3), |a, b| a + b), &x[0], |a, b| a + b);
        vec![r(1), r(0), r(-3), r(64), r(5), map(&x[0], |a| a.conj()), sum, map(&x[0], |a| a * 0.5)]
    }
);

circuit!(
    Alignment,
    |e, x| {
        let low = e.mul_scalar(&e.mul_scalar(&x[1], 0.5)?, 0.5)?;
        let dropped = e.drop_to_level(&x[0], e.level(&low))?;
        vec![
            e.add(&x[0], &low)?,
            e.sub(&low, &x[0])?,
            e.mul(&x[0], &low)?,
            e.dot_plain(&[(&x[0], &weights(4)), (&low, &weights(8))])?,
            dropped,
        ]
    },
    |x| {
        let low = map(&x[1], |a| a * 0.25);
        vec![
            zip(&x[0], &low, |a, b| a + b),
            zip(&low, &x[0], |a, b| a - b),
            zip(&x[0], &low, |a, b| a * b),
            zip(&times(&x[0], &weights(4)), &times(&low, &weights(8)), |a, b| a + b),
            x[0].clone(),
        ]
    }
);

fn matrix() -> LinearTransform {
    let diagonal =
        |k: i64| (k, PlainVector::from_fn(16, |j| (((j as i64 + 5 * k) * 7).rem_euclid(11)) as f64 / 16.0 - 0.3).unwrap());
    LinearTransform::from_diagonals(512, (-9..=14).map(diagonal)).unwrap()
}

circuit!(Matrices, |e, x| vec![matrix().apply(e, &x[0])?], |x| {
    // 512 slots, or two repetitions of them: then steps modulo 512 are right only for inputs of that period.
    let entry = |k: i64, j: usize| (((j as i64 % 16 + 5 * k) * 7).rem_euclid(11)) as f64 / 16.0 - 0.3;
    let row = |j: usize| (-9..=14).map(|k| x[0][(j as i64 + k).rem_euclid(x[0].len() as i64) as usize] * entry(k, j)).sum();
    vec![(0..x[0].len()).map(row).collect()]
});

fn sigmoid() -> ChebyshevPolynomial {
    ChebyshevPolynomial::interpolate(|t| 1.0 / (1.0 + (-4.0 * t).exp()), 23, (-1.0, 1.0)).unwrap()
}

circuit!(
    Polynomials,
    |e, x| {
        // The real part: (x + conj x)/2, and the half is folded into the polynomial's interval.
        let twice = e.add(&x[0], &e.conjugate(&x[0])?)?;
        let p = ChebyshevPolynomial::new(sigmoid().coefficients().to_vec(), (-2.0, 2.0))?;
        e.watch("twice the real part", &twice, 2.0);
        vec![polynomial::evaluate(e, &p, &twice)?]
    },
    |x| vec![map(&x[0], |a| sigmoid().eval(a.re).into())]
);

/// Levels and values of the simulator and the counter, per circuit and parameters; then ciphertexts against both.
fn check_plain<C: Circuit>(circuit: &C) {
    for literal in literals() {
        let params = params(literal);
        let inputs: Vec<_> = (0..2).map(|s| input(&params, s)).collect();
        let wanted = circuit.plain(&inputs);
        let (levels, _) = count(circuit, &params, 2);
        let outputs = simulate(circuit, &Simulator::new(&params), &inputs);
        assert_eq!(levels, outputs.iter().map(|v| v.level()).collect::<Vec<_>>());
        for (o, w) in outputs.iter().zip(&wanted) {
            assert!(mean_square(o.values(), w).sqrt() < 1e-12, "the simulator computes exactly");
        }
    }
}

fn check_noise<C: Circuit>(circuit: &C) {
    for literal in literals() {
        let params = params(literal);
        let inputs: Vec<_> = (0..2).map(|s| input(&params, s)).collect();
        let exact = simulate(circuit, &Simulator::new(&params), &inputs);
        let noisy = simulate(circuit, &Simulator::with_noise(&params, 3), &inputs);
        for (i, (a, b)) in exact.iter().zip(&noisy).enumerate() {
            let (predicted, drawn) = (a.mean_variance(), mean_square(a.values(), b.values()));
            assert!(
                bits_apart(predicted, drawn).abs() < 1.0,
                "output {i}: 2^{:.2} against 2^{:.2}",
                predicted.log2() / 2.0,
                drawn.log2() / 2.0
            );
        }
    }
}

fn check_encrypted<C: Circuit>(circuit: &C) {
    for literal in literals() {
        let params = params(literal);
        let inputs: Vec<_> = (0..2).map(|s| input(&params, s)).collect();
        let (levels, report) = count(circuit, &params, 2);
        let predicted = simulate(circuit, &Simulator::new(&params), &inputs);
        for (i, (level, values)) in encrypted(circuit, &params, &report.keys, &inputs, 7).iter().enumerate() {
            assert_eq!(*level, levels[i], "output {i}");
            let measured = mean_square(values, predicted[i].values());
            let apart = bits_apart(predicted[i].mean_variance(), measured);
            println!("output {i}: predicted 2^{:.2}, {apart:+.2} bits", predicted[i].mean_variance().log2() / 2.0);
            assert!(apart.abs() < 1.0, "output {i}: predicted {apart:+.2} bits above the measured error");
        }
    }
}

macro_rules! suite {
    ($($name:ident: $circuit:expr;)+) => {$(
        mod $name {
            use super::*;
            #[test]
            fn plain_numbers_and_counter() { check_plain(&$circuit); }
            #[test]
            fn drawn_errors() { check_noise(&$circuit); }
            #[test]
            fn ciphertexts() { check_encrypted(&$circuit); }
        }
    )+};
}

suite! {
    sums: Sums;
    scalars: Scalars;
    plain_products: PlainProducts;
    products: Products;
    rotations: Rotations;
    alignment: Alignment;
    polynomials: Polynomials;
}

mod matrices {
    use super::*;

    #[test]
    fn ciphertexts() {
        check_plain(&Matrices);
        check_noise(&Matrices);
        check_encrypted(&Matrices);
    }
}
