//! Choosing the primes so that the scale stays put.
//!
//! A product at level l has scale S_l² and the rescaling divides by q_l, so S_{l−1} = S_l²/q_l. With primes chosen blindly the
//! relative distance of S from Δ doubles on every level. Here each prime is the one nearest to S_l²/Δ, from the top level
//! down, so that S_{l−1} is as near to Δ as the spacing of the primes allows and errors do not add up (the idea of
//! eprint 2020/1118, section 3, there for two alternating primes).

use super::{ParamsLiteral, Scale};
use crate::error::{Error, Result};
use crate::ring::primes::is_prime;

/// Ciphertext primes, special primes, and the canonical scale of every level.
pub(super) struct Chain {
    pub q: Vec<u64>,
    pub p: Vec<u64>,
    pub scales: Vec<Scale>,
}

/// A level on which ciphertexts are multiplied: its prime has the scale's size.
fn is_product_level(lit: &ParamsLiteral, level: usize) -> bool {
    level > 0 && lit.q_bits[level] == lit.log_scale
}

pub(super) fn choose(lit: &ParamsLiteral) -> Result<Chain> {
    let step = 2u64 << lit.log_n;
    let mut taken: Vec<u64> = Vec::new();
    let mut take = |target: f64, bits: u32| -> Result<u64> {
        let prime = nearest_prime(target, bits, step, &taken).ok_or_else(|| {
            Error::InvalidParams(format!(
                "there are not enough primes of {bits} bits that are 1 modulo {step}; use more bits or fewer primes"
            ))
        })?;
        taken.push(prime);
        Ok(prime)
    };
    // Special primes first: they should be the largest of their size.
    let p = lit.p_bits.iter().map(|&b| take(2f64.powi(b as i32), b)).collect::<Result<Vec<_>>>()?;
    let top = lit.q_bits.len() - 1;
    let delta = Scale::power_of_two(lit.log_scale as i32);
    let mut q = vec![0u64; top + 1];
    let mut scales = vec![delta; top + 1];
    for level in (0..=top).rev() {
        let s = scales[level];
        let bits = lit.q_bits[level];
        let wanted = if is_product_level(lit, level) { s.times(s).over(delta).to_f64() } else { 2f64.powi(bits as i32) };
        q[level] = take(wanted, bits)?;
        if level > 0 {
            let prime = Scale::from_u64(q[level]).unwrap_or(delta);
            scales[level - 1] = if is_product_level(lit, level) { s.times(s).over(prime) } else { s };
        }
    }
    Ok(Chain { q, p, scales })
}

/// The prime ≡ 1 (mod `step`) nearest to `target`, below 2^50, within a factor of 1.5 of 2^`bits`, not yet taken.
fn nearest_prime(target: f64, bits: u32, step: u64, taken: &[u64]) -> Option<u64> {
    const CAP: u64 = 1 << 50;
    let low = (1u64 << bits) / 3 * 2;
    let high = CAP.min((1u64 << bits) + (1u64 << bits) / 2);
    let start = (target / step as f64).round() as u64 * step + 1;
    let fits = |c: u64| c > low && c < high && !taken.contains(&c) && is_prime(c);
    let (mut up, mut down) = (Some(start), start.checked_sub(step));
    while up.is_some() || down.is_some() {
        let above = up.map(|c| c as f64 - target);
        let below = down.map(|c| target - c as f64);
        let go_up = match (above, below) {
            (Some(a), Some(b)) => a <= b,
            (Some(_), None) => true,
            _ => false,
        };
        if go_up {
            let c = up?;
            if fits(c) {
                return Some(c);
            }
            up = c.checked_add(step).filter(|&c| c < high);
        } else {
            let c = down?;
            if fits(c) {
                return Some(c);
            }
            down = c.checked_sub(step).filter(|&c| c > low);
        }
    }
    None
}
