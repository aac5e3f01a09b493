//! Plain, unchecked bootstrapping parameters and the presets.

use serde::{Deserialize, Serialize};

use crate::params::ParamsLiteral;

/// Bootstrapping parameters as written by a person or read from a file: unchecked. [`super::BootstrapParams::new`] validates.
///
/// The ciphertext primes from the bottom: one that stays at level 0, one per stage of SlotsToCoeffs, the residual levels that
/// the user computes on, the levels of EvalMod (their number follows from the polynomial), one per stage of CoeffsToSlots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapParamsLiteral {
    /// log2 of the ring degree N; 10 to 17.
    pub log_n: u32,
    /// log2 of the number s of slots that are bootstrapped together; below log_n − 1 vectors have period s and cost less.
    pub log_slots: u32,
    /// Bits of the lowest prime. Its distance to `log_scale` is the room of the message in EvalMod: two bits more of it divide
    /// the sine's error by 16 and multiply that of the noise by 4.
    pub q0_bits: u32,
    /// Bits of the primes of SlotsToCoeffs, lowest level first; one stage each.
    pub slots_to_coeffs_bits: Vec<u32>,
    /// log2 of the scale Δ on the residual levels, and the bits of their primes.
    pub log_scale: u32,
    /// Levels left to the user: those between the result of a bootstrap and the level at which the next one starts.
    pub residual_levels: usize,
    /// Bits of the primes that the products of EvalMod drop, first product first: one list per level of depth. The first
    /// one's are fewer and the second one's more than the others', see `docs/bootstrapping.md`.
    pub eval_mod_bits: Vec<Vec<u32>>,
    /// Bits of the primes of CoeffsToSlots, lowest level first; one stage each.
    pub coeffs_to_slots_bits: Vec<u32>,
    /// Bits of the special primes.
    pub p_bits: Vec<u32>,
    /// Number h of non-zero coefficients of the secret under which the modulus is raised.
    pub sparse_weight: u32,
    /// K: EvalMod works for coefficients up to K·q_0 after ModRaise.
    pub bound: u32,
    /// Degree of the polynomial that approximates the cosine; even, because the cosine is.
    pub cosine_degree: usize,
    /// Number r of double-angle steps: the polynomial stands for cos(2π·x/2^r).
    pub double_angles: u32,
}

impl BootstrapParamsLiteral {
    /// `n16-boot`: N = 2^16, all 2^15 slots, 14 residual levels of 39 bits, log QP = 1699 of 1747.
    pub fn n16_boot() -> Self {
        Self {
            log_n: 16,
            log_slots: 15,
            q0_bits: 50,
            slots_to_coeffs_bits: vec![35; 3],
            log_scale: 39,
            residual_levels: 14,
            eval_mod_bits: precise_start(8),
            coeffs_to_slots_bits: vec![48; 4],
            p_bits: vec![50; 8],
            sparse_weight: 32,
            bound: 14,
            cosine_degree: 28,
            double_angles: 3,
        }
    }

    /// `n16-boot-short`: N = 2^16, 2^10 slots, the same 14 residual levels of 39 bits, log QP = 1716 of 1747. Transforms of short vectors
    /// take fewer levels; what that leaves of the modulus goes into the special primes, so that keys have three digits and,
    /// in most of EvalMod, two.
    pub fn n16_boot_short() -> Self {
        Self {
            log_slots: 10,
            slots_to_coeffs_bits: vec![35; 2],
            coeffs_to_slots_bits: vec![48; 3],
            p_bits: vec![50; 10],
            ..Self::n16_boot()
        }
    }

    /// `n15-boot`: N = 2^15, 2^10 slots, 2 residual levels of 39 bits, log QP = 850 of 868. The cheapest refresh of a short
    /// statistics vector. The modulus is that of 128 bits, but this project has no cited bound for a sparse secret at this
    /// ring degree, so only [`super::BootstrapParams::new_insecure`] accepts it.
    pub fn n15_boot() -> Self {
        Self {
            log_n: 15,
            log_slots: 10,
            slots_to_coeffs_bits: vec![35; 2],
            residual_levels: 2,
            coeffs_to_slots_bits: vec![48; 2],
            p_bits: vec![50; 3],
            ..Self::n16_boot()
        }
    }

    /// A set for tests, **insecure**: N = 2^`log_n`, two stages of each transform, `residual_levels` levels of 39 bits.
    pub fn toy(log_n: u32, log_slots: u32, residual_levels: usize) -> Self {
        Self {
            log_n,
            log_slots,
            slots_to_coeffs_bits: vec![35; 2],
            residual_levels,
            coeffs_to_slots_bits: vec![48; 2],
            p_bits: vec![50; 5],
            ..Self::n16_boot()
        }
    }

    /// Preset by name: `n16-boot`, `n16-boot-short`, `n15-boot`.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "n16-boot" => Some(Self::n16_boot()),
            "n16-boot-short" => Some(Self::n16_boot_short()),
            "n15-boot" => Some(Self::n15_boot()),
            _ => None,
        }
    }

    /// Products that follow each other in EvalMod: ⌈log2(degree + 1)⌉ of the polynomial and one per double angle.
    pub fn eval_mod_depth(&self) -> usize {
        (self.cosine_degree + 1).next_power_of_two().trailing_zeros() as usize + self.double_angles as usize
    }

    /// The parameters of the scheme itself.
    pub fn scheme(&self) -> ParamsLiteral {
        let mut q_bits = vec![self.q0_bits];
        q_bits.extend(&self.slots_to_coeffs_bits);
        q_bits.extend(std::iter::repeat_n(self.log_scale, self.residual_levels));
        q_bits.extend(self.eval_mod_bits.iter().rev().flatten());
        q_bits.extend(&self.coeffs_to_slots_bits);
        ParamsLiteral { log_n: self.log_n, q_bits, p_bits: self.p_bits.clone(), log_scale: self.log_scale }
    }
}

/// 44 bits for the first product, 62 in two primes for the second, 50 for each of the others.
fn precise_start(depth: usize) -> Vec<Vec<u32>> {
    let mut steps = vec![vec![44], vec![31, 31]];
    steps.resize(depth, vec![50]);
    steps
}
