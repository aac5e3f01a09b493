//! From residues back to real coefficients.

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::ToPrimitive;

use crate::kernels::Modulus;
use crate::params::{Params, Scale};
use crate::ring::{Coeff, Ntt, Poly};

/// Bits above the scale that the fast path has room for. What does not fit takes all limbs.
const HEADROOM_BITS: f64 = 10.0;

/// The coefficients of a polynomial over ciphertext primes, centred modulo their product and divided by `scale`.
///
/// A message needs few limbs whatever the level is: one or two are transformed and reconstructed in machine words, one more is
/// compared. Only if that one disagrees are all limbs used.
pub(super) fn real_coefficients(params: &Params, poly: &Poly<Ntt>, scale: Scale) -> Vec<f64> {
    let limbs = poly.basis().q;
    let log_q = |count: usize| (0..count).map(|i| (params.q(i).value() as f64).log2()).sum::<f64>();
    let few = if log_q(1) >= scale.log2() + HEADROOM_BITS { 1 } else { 2 }.min(limbs);
    let fast = few == limbs || log_q(few) >= scale.log2() + HEADROOM_BITS;
    if fast && few <= 2 {
        let poly = poly.truncated(limbs.min(few + 1)).into_coeff(params);
        let centred = if few == 1 { one_limb(params, &poly) } else { two_limbs(params, &poly) };
        if limbs == few || agrees(params.q(few), &centred, poly.limb(few)) {
            let divisor = scale.to_f64();
            return centred.into_iter().map(|v| v as f64 / divisor).collect();
        }
    }
    all_limbs(params, &poly.clone().into_coeff(params), scale)
}

fn one_limb(params: &Params, poly: &Poly<Coeff>) -> Vec<i128> {
    let q = params.q(0);
    poly.limb(0).iter().map(|&x| i128::from(q.center(x))).collect()
}

/// x = x0 + q0·[(x1 − x0)/q0 mod q1], centred modulo q0·q1 < 2^122.
fn two_limbs(params: &Params, poly: &Poly<Coeff>) -> Vec<i128> {
    let (q0, q1) = (params.q(0), params.q(1));
    let inverse = q1.inv(q1.reduce_u64(q0.value()));
    let product = i128::from(q0.value()) * i128::from(q1.value());
    let combine = |(&x0, &x1): (&u64, &u64)| {
        let digit = q1.mul(q1.sub(x1, q1.reduce_u64(x0)), inverse);
        let x = i128::from(x0) + i128::from(q0.value()) * i128::from(digit);
        if x > product / 2 { x - product } else { x }
    };
    poly.limb(0).iter().zip(poly.limb(1)).map(combine).collect()
}

/// True if every integer has the given residue.
fn agrees(modulus: &Modulus, integers: &[i128], residues: &[u64]) -> bool {
    integers.iter().zip(residues).all(|(&v, &r)| crate::ring::residue(modulus, v) == r)
}

/// Σ [x_i·(Q/q_i)^-1]_{q_i}·(Q/q_i) modulo Q in long integers.
fn all_limbs(params: &Params, poly: &Poly<Coeff>, scale: Scale) -> Vec<f64> {
    let limbs = poly.basis().q;
    let modulus: BigUint = (0..limbs).map(|i| BigUint::from(params.q(i).value())).product();
    let half = &modulus >> 1u32;
    let basis: Vec<(BigUint, u64)> = (0..limbs)
        .map(|i| {
            let q = params.q(i);
            let others = &modulus / q.value();
            let inverse = q.inv((&others % q.value()).to_u64().unwrap_or(0));
            (others, inverse)
        })
        .collect();
    (0..poly.n())
        .map(|k| {
            let sum: BigUint =
                basis.iter().enumerate().map(|(i, (others, inverse))| others * params.q(i).mul(poly.limb(i)[k], *inverse)).sum();
            let x = sum % &modulus;
            let centred = if x > half { BigInt::from(x) - BigInt::from(modulus.clone()) } else { BigInt::from(x) };
            quotient(&centred, scale)
        })
        .collect()
}

/// v/scale for integers beyond the range of a double: the top 64 bits are divided by the scale over the cut power of two.
fn quotient(v: &BigInt, scale: Scale) -> f64 {
    let cut = v.magnitude().bits().saturating_sub(64);
    let top = (v.magnitude() >> cut).to_u64().unwrap_or(u64::MAX) as f64;
    let magnitude = top / scale.over(Scale::power_of_two(cut as i32)).to_f64();
    if v.sign() == Sign::Minus { -magnitude } else { magnitude }
}
