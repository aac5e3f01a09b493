//! Parameters that exist only after validation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{ParamsLiteral, Scale, Security, chain};
use crate::error::{Error, Result};
use crate::kernels::{BasisConverter, Modulus, Moves, NttTable};
use crate::ring::{Basis, automorphism};

/// A validated parameter set: primes, transforms, canonical scales, security, digest. Cheap to clone.
#[derive(Clone)]
pub struct Params(Arc<Inner>);

/// Converters by the numbers of the primes that they convert from and to.
type Converters = HashMap<(Vec<usize>, Vec<usize>), Arc<BasisConverter>>;

struct Inner {
    literal: ParamsLiteral,
    q: Vec<NttTable>,
    p: Vec<NttTable>,
    scales: Vec<Scale>,
    security: Security,
    digest: [u8; 32],
    converters: Mutex<Converters>,
    automorphisms: Mutex<HashMap<u64, Arc<Moves>>>,
}

impl Params {
    /// Validates `literal` and refuses what the security table does not allow at 128 bits.
    ///
    /// # Errors
    /// [`Error::InvalidParams`] for sizes out of range, [`Error::Insecure`] above the table's limit or without one.
    pub fn new(literal: ParamsLiteral) -> Result<Self> {
        let params = Self::new_insecure(literal)?;
        let security = params.security();
        match (security.is_secure(), security.limit) {
            (true, _) => Ok(params),
            (false, Some(limit)) => Err(Error::Insecure { log_n: params.log_n(), log_qp: security.log_qp, limit }),
            (false, None) => Err(Error::InvalidParams(format!(
                "N = 2^{} has no cited 128-bit bound here (2^13 to 2^17 have); use a larger N, or a constructor that says insecure",
                params.log_n()
            ))),
        }
    }

    /// Validates everything but the security level: for tests and experiments. [`Params::security`] tells what it is worth.
    ///
    /// # Errors
    /// [`Error::InvalidParams`] for sizes out of range.
    pub fn new_insecure(literal: ParamsLiteral) -> Result<Self> {
        check(&literal)?;
        let chain = chain::choose(&literal)?;
        let table = |&p: &u64| NttTable::new(Modulus::new(p)?, literal.log_n);
        let q = chain.q.iter().map(table).collect::<Result<Vec<_>>>()?;
        let p = chain.p.iter().map(table).collect::<Result<Vec<_>>>()?;
        let log_qp = chain.q.iter().chain(&chain.p).map(|&x| (x as f64).log2()).sum();
        let security = Security::assess(literal.log_n, log_qp);
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"ckks-core parameters v1");
        hasher.update(&literal.log_n.to_le_bytes());
        hasher.update(&literal.log_scale.to_le_bytes());
        for list in [&chain.q, &chain.p] {
            hasher.update(&(list.len() as u64).to_le_bytes());
            list.iter().for_each(|prime| {
                hasher.update(&prime.to_le_bytes());
            });
        }
        let digest = *hasher.finalize().as_bytes();
        Ok(Self(Arc::new(Inner {
            literal,
            q,
            p,
            scales: chain.scales,
            security,
            digest,
            converters: Mutex::default(),
            automorphisms: Mutex::default(),
        })))
    }

    /// The literal that this set was built from.
    pub fn literal(&self) -> &ParamsLiteral {
        &self.0.literal
    }

    /// log2 of the ring degree.
    pub fn log_n(&self) -> u32 {
        self.0.literal.log_n
    }

    /// Ring degree N.
    pub fn n(&self) -> usize {
        1 << self.log_n()
    }

    /// Number of complex slots, N/2.
    pub fn slots(&self) -> usize {
        self.n() / 2
    }

    /// Level of a fresh ciphertext: number of ciphertext primes − 1.
    pub fn max_level(&self) -> usize {
        self.0.q.len() - 1
    }

    /// Number of special primes.
    pub fn special_primes(&self) -> usize {
        self.0.p.len()
    }

    /// Ciphertext prime `i`, from the bottom.
    pub fn q(&self, i: usize) -> &Modulus {
        self.0.q[i].modulus()
    }

    /// Special prime `i`.
    pub fn p(&self, i: usize) -> &Modulus {
        self.0.p[i].modulus()
    }

    /// Transform modulo ciphertext prime `i`.
    pub fn ntt_q(&self, i: usize) -> &NttTable {
        &self.0.q[i]
    }

    /// Transform modulo special prime `i`.
    pub fn ntt_p(&self, i: usize) -> &NttTable {
        &self.0.p[i]
    }

    /// Transform of limb `i` of a polynomial over `basis`.
    pub fn ntt(&self, basis: Basis, i: usize) -> &NttTable {
        if i < basis.q { &self.0.q[i] } else { &self.0.p[i - basis.q] }
    }

    /// Prime of limb `i` of a polynomial over `basis`.
    pub fn modulus(&self, basis: Basis, i: usize) -> &Modulus {
        self.ntt(basis, i).modulus()
    }

    /// All ciphertext primes and all special primes.
    pub fn full_basis(&self) -> Basis {
        Basis { q: self.0.q.len(), p: self.0.p.len() }
    }

    /// The canonical scale S of a level: what a product of two ciphertexts of canonical scale has after its rescaling.
    ///
    /// # Panics
    /// If `level` is above [`Params::max_level`].
    pub fn scale_at(&self, level: usize) -> Scale {
        self.0.scales[level]
    }

    /// What this set can claim.
    pub fn security(&self) -> Security {
        self.0.security
    }

    /// BLAKE3 digest of ring degree, scale and primes: what two files must share to be used together.
    pub fn digest(&self) -> [u8; 32] {
        self.0.digest
    }

    /// Refuses an object made under other parameters.
    ///
    /// # Errors
    /// [`Error::ParamsMismatch`] with both digests.
    pub fn check_digest(&self, what: &'static str, found: [u8; 32]) -> Result<()> {
        if found == self.digest() {
            return Ok(());
        }
        let hex = |d: [u8; 32]| d[..8].iter().map(|b| format!("{b:02x}")).collect::<String>();
        Err(Error::ParamsMismatch { what, found: hex(found), needed: hex(self.digest()) })
    }

    /// Index of a prime in the whole list: ciphertext primes first, then special primes. Limbs of public polynomials are
    /// drawn from the stream of that number.
    pub(crate) fn prime_index(&self, basis: Basis, limb: usize) -> usize {
        if limb < basis.q { limb } else { self.0.q.len() + limb - basis.q }
    }

    /// The converter between two lists of primes, given by [`Params::prime_index`]; built once.
    pub(crate) fn converter(&self, from: &[usize], to: &[usize]) -> Result<Arc<BasisConverter>> {
        let key = (from.to_vec(), to.to_vec());
        let mut cache = self.0.converters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.get(&key) {
            return Ok(found.clone());
        }
        let from: Vec<Modulus> = from.iter().map(|&i| *self.prime(i)).collect();
        let to: Vec<Modulus> = to.iter().map(|&i| *self.prime(i)).collect();
        let made = Arc::new(BasisConverter::new(&from, &to)?);
        cache.insert(key, made.clone());
        Ok(made)
    }

    /// The permutation that the automorphism X → X^g, g odd, is in NTT form; built once.
    pub(crate) fn automorphism(&self, g: u64) -> Arc<Moves> {
        let mut cache = self.0.automorphisms.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || Arc::new(Moves::new(&automorphism::ntt_permutation(self.log_n(), g)));
        cache.entry(g).or_insert_with(build).clone()
    }

    /// The modulus that [`Params::prime_index`] counts.
    pub(crate) fn prime(&self, index: usize) -> &Modulus {
        let split = self.0.q.len();
        if index < split { self.q(index) } else { self.p(index - split) }
    }

    /// The Galois element of a rotation by `step` slots to the left: 5^step modulo 2N.
    pub fn galois_element(&self, step: i64) -> u64 {
        let order = self.slots() as i64;
        let mask = 2 * self.n() as u64 - 1;
        let (mut result, mut base, mut e) = (1u64, 5u64, step.rem_euclid(order) as u64);
        while e > 0 {
            if e & 1 == 1 {
                result = result.wrapping_mul(base) & mask;
            }
            base = base.wrapping_mul(base) & mask;
            e >>= 1;
        }
        result
    }

    /// The Galois element of complex conjugation: 2N − 1.
    pub fn conjugation_element(&self) -> u64 {
        2 * self.n() as u64 - 1
    }
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Params").field("literal", self.literal()).field("security", &self.security()).finish_non_exhaustive()
    }
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

fn check(lit: &ParamsLiteral) -> Result<()> {
    let refuse = |why: String| Err(Error::InvalidParams(why));
    if !(10..=17).contains(&lit.log_n) {
        return refuse(format!("log_n = {}, needed 10 to 17", lit.log_n));
    }
    if lit.q_bits.is_empty() || lit.q_bits.len() > 64 {
        return refuse(format!("{} ciphertext primes, needed 1 to 64", lit.q_bits.len()));
    }
    if lit.p_bits.is_empty() || lit.p_bits.len() > 32 {
        return refuse(format!("{} special primes, needed 1 to 32", lit.p_bits.len()));
    }
    // 2N < 2^(bits − 6) leaves at least a few dozen primes that are 1 modulo 2N.
    let smallest = (lit.log_n + 7).max(20);
    for &bits in lit.q_bits.iter().chain(&lit.p_bits) {
        if bits < smallest || bits > 50 {
            return refuse(format!("a prime of {bits} bits, needed {smallest} to 50 for N = 2^{}", lit.log_n));
        }
    }
    if lit.log_scale < 15 || lit.log_scale > 50 {
        return refuse(format!("log_scale = {}, needed 15 to 50", lit.log_scale));
    }
    let special: u32 = lit.p_bits.iter().sum();
    let largest = lit.q_bits.iter().copied().max().unwrap_or(0);
    if special < largest {
        return refuse(format!(
            "special primes have {special} bits together but one ciphertext prime has {largest}; key-switching noise needs P at least as large"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_secure_and_keep_their_scale() {
        for lit in [ParamsLiteral::n14_leveled(), ParamsLiteral::n15_leveled(), ParamsLiteral::n16_leveled()] {
            let params = Params::new(lit.clone()).unwrap();
            assert!(params.security().is_secure());
            for level in 0..=params.max_level() {
                let drift = params.scale_at(level).log2() - f64::from(lit.log_scale);
                // One prime's distance from its target, twice: the primes are 2N·(a few dozen) apart.
                let spacing = 2.0 * params.n() as f64 * 200.0 / 2f64.powi(lit.log_scale as i32);
                assert!(drift.abs() < 2.0 * spacing / std::f64::consts::LN_2, "level {level}: drift {drift}");
            }
        }
    }

    #[test]
    fn too_large_a_modulus_is_refused_unless_insecure_is_said() {
        let lit = ParamsLiteral::leveled(14, 50, 12, 40, 2, 50);
        let error = Params::new(lit.clone()).unwrap_err().to_string();
        assert!(error.contains("430") && error.contains("insecure"), "{error}");
        assert_eq!(Params::new_insecure(lit).unwrap().security().bits, 0);
        assert!(Params::new(ParamsLiteral::toy(10, 3)).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        let good = ParamsLiteral::toy(10, 3);
        let bad = [
            ParamsLiteral { log_n: 9, ..good.clone() },
            ParamsLiteral { log_n: 40, ..good.clone() },
            ParamsLiteral { q_bits: vec![], ..good.clone() },
            ParamsLiteral { p_bits: vec![], ..good.clone() },
            ParamsLiteral { q_bits: vec![51], ..good.clone() },
            ParamsLiteral { q_bits: vec![5], ..good.clone() },
            ParamsLiteral { p_bits: vec![30], ..good.clone() },
            ParamsLiteral { log_scale: 60, ..good },
        ];
        for lit in bad {
            assert!(matches!(Params::new_insecure(lit), Err(Error::InvalidParams(_))));
        }
    }
}
