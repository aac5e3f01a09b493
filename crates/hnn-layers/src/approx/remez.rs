//! Best uniform approximation by exchange of alternation points (Remez 1934; Trefethen, Approximation Theory and
//! Approximation Practice, §10).

use ckks_core::circuits::polynomial::ChebyshevPolynomial;

use super::Fit;
use crate::{Error, Result};

/// Rounds after which the exchange has converged for any smooth function, or never will.
const ROUNDS: usize = 40;

/// Levelled error and largest error agree to this part when the exchange ends.
const TOLERANCE: f64 = 1e-6;

/// The polynomial of `degree` with the smallest largest error to `f` on `interval`. Its error oscillates between equal
/// extremes `degree + 2` times; f has to be smooth enough for that to be found on a grid.
///
/// # Errors
/// [`Error::Value`] for a degree above 200 or values of f that are not finite; [`Error::Approximation`] when the exchange
/// does not settle.
pub fn minimax(name: &str, f: &dyn Fn(f64) -> f64, degree: usize, interval: (f64, f64)) -> Result<Fit> {
    if degree > 200 {
        return Err(Error::Value { what: "degree of a minimax fit", found: degree.to_string(), needed: "at most 200".into() });
    }
    // Refuses bad intervals and functions that are not finite, and is the fallback when rounding hides the oscillation.
    let start = Fit::measure(ChebyshevPolynomial::interpolate(f, degree, interval)?, f);
    let (low, high) = interval;
    let at = |y: f64| f(0.5 * (low + high) + 0.5 * (high - low) * y);
    let scale = (0..=64).map(|i| at(i as f64 / 32.0 - 1.0).abs()).fold(0.0, f64::max);
    if start.error <= 1e-12 * scale {
        return Ok(start);
    }
    // The best polynomial of an odd function is odd, so that of odd degree d is also that of degree d + 1, and its error
    // oscillates once more (likewise for even functions and even degrees). With d + 2 points placed evenly around the centre
    // the levelled error would be 0 and the exchange would not begin.
    let parity = symmetry(&at, scale).filter(|p| p % 2 == degree % 2);
    let n = degree + 2 + usize::from(parity.is_some());
    let grid: Vec<f64> = (0..=64 * n).map(|j| -(std::f64::consts::PI * j as f64 / (64 * n) as f64).cos()).collect();
    let values: Vec<f64> = grid.iter().map(|&y| at(y)).collect();
    let mut points: Vec<usize> = (0..n).map(|j| j * 64 * n / (n - 1)).collect();
    let mut best = start;
    for _ in 0..ROUNDS {
        let Some((mut coefficients, level)) = solve(&points, &grid, &values) else { break };
        if let Some(parity) = parity {
            coefficients.iter_mut().enumerate().filter(|(k, _)| k % 2 != parity).for_each(|(_, c)| *c = 0.0);
        }
        let polynomial = ChebyshevPolynomial::new(coefficients, interval)?;
        let errors: Vec<f64> = grid.iter().zip(&values).map(|(&y, v)| v - polynomial.eval_normalised(y)).collect();
        let largest = errors.iter().fold(0.0f64, |m, e| m.max(e.abs()));
        let fit = Fit::measure(polynomial, f);
        if fit.error < best.error {
            best = fit;
        }
        if largest - level.abs() <= TOLERANCE * largest {
            return Ok(best);
        }
        match exchange(&errors, n) {
            Some(next) => points = next,
            None => break,
        }
    }
    Err(Error::Approximation {
        function: format!("{name} (exchange did not settle)"),
        low,
        high,
        degree,
        error: best.error,
        wanted: best.error,
    })
}

/// 1 for an odd, 0 for an even function of y on [−1, 1], as far as rounding shows.
fn symmetry(at: &dyn Fn(f64) -> f64, scale: f64) -> Option<usize> {
    let off = |sign: f64| (1..=64).map(|i| f64::from(i) / 64.0).map(|y| (at(y) - sign * at(-y)).abs()).fold(0.0, f64::max);
    let is_zero = |v: f64| v <= 1e-13 * scale;
    if is_zero(off(-1.0)) {
        Some(1)
    } else if is_zero(off(1.0)) {
        Some(0)
    } else {
        None
    }
}

/// The coefficients cₖ and E with Σ cₖ·Tₖ(yᵢ) + (−1)ⁱ·E = f(yᵢ).
fn solve(points: &[usize], grid: &[f64], values: &[f64]) -> Option<(Vec<f64>, f64)> {
    let n = points.len();
    let mut a: Vec<Vec<f64>> = points
        .iter()
        .enumerate()
        .map(|(i, &p)| {
            let angle = grid[p].clamp(-1.0, 1.0).acos();
            let mut row: Vec<f64> = (0..n - 1).map(|k| (k as f64 * angle).cos()).collect();
            row.push(if i % 2 == 0 { 1.0 } else { -1.0 });
            row.push(values[p]);
            row
        })
        .collect();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        if a[pivot][column].abs() < 1e-14 {
            return None;
        }
        a.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[row][column] / a[column][column];
            for k in column..=n {
                a[row][k] -= factor * a[column][k];
            }
        }
    }
    let mut x = vec![0.0; n];
    for row in (0..n).rev() {
        let sum: f64 = (row + 1..n).map(|k| a[row][k] * x[k]).sum();
        x[row] = (a[row][n] - sum) / a[row][row];
    }
    let level = x.pop()?;
    Some((x, level))
}

/// `n` points of alternating sign: the largest error of every run of equal sign; surplus ones are dropped at the end with
/// the smaller error.
fn exchange(errors: &[f64], n: usize) -> Option<Vec<usize>> {
    let mut extremes: Vec<usize> = Vec::new();
    for (i, e) in errors.iter().enumerate() {
        match extremes.last_mut() {
            Some(last) if errors[*last].is_sign_positive() == e.is_sign_positive() => {
                if e.abs() > errors[*last].abs() {
                    *last = i;
                }
            }
            _ => extremes.push(i),
        }
    }
    while extremes.len() > n {
        let (first, last) = (extremes[0], extremes[extremes.len() - 1]);
        if errors[first].abs() < errors[last].abs() {
            extremes.remove(0);
        } else {
            extremes.pop();
        }
    }
    (extremes.len() == n).then_some(extremes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_best_line_for_the_exponential() -> Result<()> {
        // On [0, 1]: slope e − 1, error (2 − e + (e − 1)·ln(e − 1))/2 (classical).
        let e = std::f64::consts::E;
        let fit = minimax("exp", &f64::exp, 1, (0.0, 1.0))?;
        let expected = 0.5 * (2.0 - e + (e - 1.0) * (e - 1.0).ln());
        assert!((fit.error - expected).abs() < 1e-5, "{} against {expected}", fit.error);
        assert!((fit.polynomial.eval(1.0) - fit.polynomial.eval(0.0) - (e - 1.0)).abs() < 1e-5);
        Ok(())
    }

    #[test]
    fn never_worse_than_interpolation_and_oscillating() -> Result<()> {
        let sigmoid = |x: f64| 0.5 * (0.5 * x).tanh();
        for (degree, bound) in [(7, 10.0), (8, 10.0), (15, 10.0), (31, 12.0), (23, 5.0)] {
            let best = minimax("sigmoid", &sigmoid, degree, (-bound, bound))?;
            let interpolated = Fit::measure(ChebyshevPolynomial::interpolate(sigmoid, degree, (-bound, bound))?, &sigmoid);
            assert!(best.error <= interpolated.error, "degree {degree}: {} against {}", best.error, interpolated.error);
            let mut signs = Vec::new();
            for i in 0..=4000 {
                let x = -bound * (std::f64::consts::PI * f64::from(i) / 4000.0).cos();
                let e = sigmoid(x) - best.polynomial.eval(x);
                if e.abs() > 0.999 * best.error && signs.last() != Some(&(e > 0.0)) {
                    signs.push(e > 0.0);
                }
            }
            assert!(signs.len() >= degree + 2, "degree {degree}: {} alternations", signs.len());
        }
        Ok(())
    }

    #[test]
    fn polynomials_are_reproduced() -> Result<()> {
        let fit = minimax("cubic", &|x| 1.0 + x * x * x, 3, (-2.0, 1.0))?;
        assert!(fit.error < 1e-12);
        Ok(())
    }
}
