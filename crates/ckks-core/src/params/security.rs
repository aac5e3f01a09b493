//! Which modulus a ring degree can carry at 128-bit security.

/// Largest log2(QP) at 128-bit classical security for a uniform ternary secret and σ = 3.19, by log2(N): Bossuat et al.,
/// "Security Guidelines for Implementing Homomorphic Encryption" (eprint 2024/463), table 5.2. `None` where this project
/// has no cited bound; such a ring counts as insecure.
pub fn max_log_qp_128(log_n: u32) -> Option<u32> {
    match log_n {
        13 => Some(214),
        14 => Some(430),
        15 => Some(868),
        16 => Some(1747),
        17 => Some(3523),
        _ => None,
    }
}

/// What a parameter set can claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Security {
    /// 128 where the table allows the modulus, else 0: nothing is claimed.
    pub bits: u32,
    /// log2 of the product of all primes, ciphertext and special.
    pub log_qp: f64,
    /// The table's limit for this ring degree, where there is one.
    pub limit: Option<u32>,
}

impl Security {
    pub(super) fn assess(log_n: u32, log_qp: f64) -> Self {
        let limit = max_log_qp_128(log_n);
        let bits = if limit.is_some_and(|l| log_qp <= f64::from(l)) { 128 } else { 0 };
        Self { bits, log_qp, limit }
    }

    /// True if the set reaches 128 bits by the table.
    pub fn is_secure(&self) -> bool {
        self.bits >= 128
    }
}
