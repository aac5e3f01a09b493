//! Values, depths and products for all degrees up to 63, on plain numbers.

use super::*;
use crate::circuits::plain_arithmetic::PlainArithmetic;

fn coefficients(degree: usize, keep: impl Fn(usize) -> bool) -> Vec<f64> {
    // Quadratic residues are irregular enough, and never zero at the leading place.
    (0..=degree).map(|n| if keep(n) { ((n * n + 7 * n + 3) % 11) as f64 / 8.0 - 0.6 } else { 0.0 }).collect()
}

fn check(p: &ChebyshevPolynomial, plan: &PolynomialPlan, depth: usize, argument: impl Fn(f64) -> f64) {
    let slots = 64;
    let arithmetic = PlainArithmetic::new(slots, 12);
    let y = |j: usize| -1.0 + 2.0 * j as f64 / (slots - 1) as f64;
    let result = plan.evaluate(&arithmetic, &arithmetic.vector(|j| argument(y(j)))).unwrap();
    assert_eq!(12 - result.level, depth, "levels of {p:?}");
    assert_eq!(plan.depth(), depth);
    let counts = arithmetic.counts();
    assert_eq!(counts.products, plan.products());
    assert_eq!(counts.relinearisations, plan.relinearisations());
    let size: f64 = p.coefficients().iter().map(|c| c.abs()).sum();
    for (j, v) in result.values.iter().enumerate() {
        assert!(
            (v.re - p.eval_normalised(y(j))).abs() <= 1e-11 * size,
            "slot {j}: {} instead of {}",
            v.re,
            p.eval_normalised(y(j))
        );
    }
}

#[test]
fn every_degree_has_minimal_depth_and_few_products() {
    for d in 1..=63usize {
        let p = ChebyshevPolynomial::new(coefficients(d, |_| true), (-1.0, 1.0)).unwrap();
        assert_eq!(p.degree(), d);
        let plan = PolynomialPlan::normalised(&p);
        check(&p, &plan, ((d + 1) as f64).log2().ceil() as usize, |y| y);
        // √(2d) + log₂ d + O(1) products that are not multiplications by constants (Paterson and Stockmeyer).
        let bound = (2.0 * d as f64).sqrt() + (d as f64).log2() + 1.0;
        assert!(plan.relinearisations() as f64 <= bound, "degree {d}: {} relinearisations", plan.relinearisations());
        assert!(plan.products() as f64 <= bound + 1.0, "degree {d}: {} products", plan.products());
    }
}

#[test]
fn even_and_odd_polynomials_skip_powers() {
    for d in 2..=63usize {
        let p = ChebyshevPolynomial::new(coefficients(d, |n| n % 2 == d % 2), (-1.0, 1.0)).unwrap();
        let full = ChebyshevPolynomial::new(coefficients(d, |_| true), (-1.0, 1.0)).unwrap();
        let (plan, full) = (PolynomialPlan::normalised(&p), PolynomialPlan::normalised(&full));
        check(&p, &plan, p.depth_normalised(), |y| y);
        assert!(plan.relinearisations() <= full.relinearisations());
    }
}

#[test]
fn intervals_up_to_half_width_two_are_folded() {
    for d in [1usize, 2, 3, 5, 7, 12, 15, 23, 31, 47, 63] {
        for half in [0.001, 0.3, 0.5, 0.7, 0.75, 1.0, 1.2, 1.5, 1.9, 2.0] {
            for centre in [0.0, 0.4, -3.0] {
                let p = ChebyshevPolynomial::new(coefficients(d, |_| true), (centre - half, centre + half)).unwrap();
                let plan = PolynomialPlan::on_interval(&p);
                assert_eq!(p.depth(), p.depth_normalised());
                check(&p, &plan, p.depth_normalised(), |y| centre + half * y);
            }
        }
    }
}

#[test]
fn wider_intervals_cost_one_level() {
    for (d, half, extra) in [(1, 8.0, 0), (2, 4.0, 0), (3, 5.0, 0), (23, 8.0, 1), (15, 100.0, 1)] {
        let p = ChebyshevPolynomial::new(coefficients(d, |_| true), (1.0 - half, 1.0 + half)).unwrap();
        check(&p, &PolynomialPlan::on_interval(&p), p.depth_normalised() + extra, |y| 1.0 + half * y);
    }
}

#[test]
fn constants_cost_nothing() {
    let p = ChebyshevPolynomial::new(vec![0.75], (-1.0, 1.0)).unwrap();
    check(&p, &PolynomialPlan::on_interval(&p), 0, |y| y);
    let zero = ChebyshevPolynomial::new(vec![0.0, 0.0], (-9.0, 1.0)).unwrap();
    check(&zero, &PolynomialPlan::on_interval(&zero), 0, |y| y);
}

#[test]
fn too_few_levels_are_refused() {
    let p = ChebyshevPolynomial::new(coefficients(15, |_| true), (-1.0, 1.0)).unwrap();
    let arithmetic = PlainArithmetic::new(4, 3);
    let error = evaluate(&arithmetic, &p, &arithmetic.vector(|_| 0.5)).unwrap_err();
    assert!(matches!(error, Error::LevelsExhausted { available: 0, .. }), "{error}");
}

#[test]
fn plans_of_common_polynomials() {
    // A change of the planner that costs more has to show here. Products and relinearisations of the full polynomial, and of
    // the one of the same parity as its degree.
    let cost = |d: usize, step: usize| {
        let p = ChebyshevPolynomial::new(coefficients(d, |n| (d - n).is_multiple_of(step)), (-1.0, 1.0)).unwrap();
        let plan = PolynomialPlan::normalised(&p);
        (plan.products(), plan.relinearisations())
    };
    for (d, full, same_parity) in [
        (3, (2, 2), (2, 2)),
        (7, (5, 4), (5, 4)),
        (8, (5, 5), (4, 4)),
        (15, (8, 7), (8, 7)),
        (16, (8, 7), (7, 6)),
        (23, (10, 8), (9, 8)),
        (31, (12, 10), (12, 10)),
        (63, (18, 15), (17, 14)),
    ] {
        assert_eq!((cost(d, 1), cost(d, 2)), (full, same_parity), "degree {d}");
    }
}
