//! Interpolation at Chebyshev points, with the degree raised until the error is small enough.

use ckks_core::circuits::polynomial::ChebyshevPolynomial;

use super::Fit;
use crate::{Error, Result};

/// The polynomial of lowest degree up to `max_degree` whose interpolation of `f` stays within `wanted` on `interval`;
/// `name` is for messages.
///
/// # Errors
/// [`Error::Approximation`] with the best error when `max_degree` does not suffice; a function that is not finite.
pub fn fit(name: &str, f: &dyn Fn(f64) -> f64, interval: (f64, f64), wanted: f64, max_degree: usize) -> Result<Fit> {
    let mut best = f64::INFINITY;
    for degree in 0..=max_degree {
        let fit = Fit::measure(ChebyshevPolynomial::interpolate(f, degree, interval)?, f);
        if fit.error <= wanted {
            return Ok(fit);
        }
        best = best.min(fit.error);
    }
    Err(Error::Approximation {
        function: name.into(),
        low: interval.0,
        high: interval.1,
        degree: max_degree,
        error: best,
        wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_degree_is_the_lowest_that_suffices() -> Result<()> {
        let gelu = |x: f64| 0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x * x * x)).tanh());
        let found = fit("GELU", &gelu, (-4.0, 4.0), 2f64.powi(-9), 31)?;
        assert!(found.error <= 2f64.powi(-9));
        let one_less = Fit::measure(ChebyshevPolynomial::interpolate(gelu, found.polynomial.degree() - 1, (-4.0, 4.0))?, &gelu);
        assert!(one_less.error > 2f64.powi(-9));
        assert!((9..=14).contains(&found.polynomial.degree()), "{}", found.polynomial.degree());
        Ok(())
    }

    #[test]
    fn what_cannot_be_reached_is_said_with_the_best_error() {
        let refused = fit("step", &|x| if x < 0.0 { 0.0 } else { 1.0 }, (-1.0, 1.0), 1e-3, 15);
        assert!(matches!(refused, Err(Error::Approximation { degree: 15, error, .. }) if error > 0.1), "{refused:?}");
    }
}
