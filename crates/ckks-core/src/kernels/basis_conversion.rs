//! Fast basis conversion: residues of one integer modulo some primes to residues modulo others.

#[cfg(target_arch = "x86_64")]
use super::{KernelPath, active_path};
use super::{Modulus, dispatch};
use crate::error::{Error, Result};

/// Columns of terms that are copied at a time where they are overwritten: what the first-level cache holds of a dozen.
const COPIED: usize = 256;

/// Converts residues x mod f_i to residues mod t_j of the centred representative of x mod F = Π f_i:
/// Σ_i y_i·(F/f_i) − v·F with y_i = \[x·(F/f_i)⁻¹\]_{f_i} and v = round(Σ y_i/f_i) in f64 (Halevi, Polyakov, Shoup 2018,
/// eprint 2018/117, section 2.2).
///
/// The result is exact unless |x| is within about k·2^−52·F of F/2 (k source primes), where it may be off by one F. The
/// floating-point sum has one fixed order and no fused operations: every path gives the same bits.
pub struct BasisConverter {
    pub(super) from: Vec<Source>,
    pub(super) to: Vec<Target>,
    /// The largest source prime.
    pub(super) largest: u64,
}

/// One source prime.
pub(super) struct Source {
    pub modulus: Modulus,
    /// (F/f)⁻¹ mod f.
    pub inverse: u64,
    /// 1/f, rounded once.
    pub reciprocal: f64,
}

/// One target prime.
pub(super) struct Target {
    pub modulus: Modulus,
    /// F/f_i mod t for every source prime, then −F mod t, the weight of v.
    pub weights: Vec<u64>,
}

impl BasisConverter {
    /// Prepares a conversion between two lists of primes.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] without source primes or with more than 64, [`Error::InvalidModulus`] if a source prime
    /// stands in its list twice.
    pub fn new(from: &[Modulus], to: &[Modulus]) -> Result<Self> {
        if from.is_empty() || from.len() > 64 {
            return Err(Error::LengthMismatch {
                what: "source primes of a basis conversion",
                found: from.len(),
                needed: "1 to 64".into(),
            });
        }
        if let Some(twice) = from.iter().enumerate().find(|(i, m)| from[..*i].contains(m)) {
            return Err(Error::InvalidModulus { value: twice.1.value(), reason: "it stands in one basis twice".into() });
        }
        // F/f_i modulo m; all of F for i = from.len().
        let without = |i: usize, m: &Modulus| {
            from.iter().enumerate().filter(|(k, _)| *k != i).fold(1, |product, (_, f)| m.mul(product, m.reduce_u64(f.value())))
        };
        let sources = from.iter().enumerate().map(|(i, &modulus)| Source {
            modulus,
            inverse: modulus.inv(without(i, &modulus)),
            reciprocal: 1.0 / modulus.value() as f64,
        });
        let targets = to.iter().map(|&modulus| {
            let mut weights: Vec<u64> = (0..=from.len()).map(|i| without(i, &modulus)).collect();
            weights[from.len()] = modulus.neg(weights[from.len()]);
            Target { modulus, weights }
        });
        let largest = from.iter().map(Modulus::value).max().unwrap_or(0);
        Ok(Self { from: sources.collect(), to: targets.collect(), largest })
    }

    /// (F/f_i)⁻¹ mod f_i of every source prime: residues of x times it are the y_i that [`BasisConverter::sums`] reads.
    pub fn factors(&self) -> impl Iterator<Item = u64> {
        self.from.iter().map(|f| f.inverse)
    }

    /// How many target primes there are.
    pub fn targets(&self) -> usize {
        self.to.len()
    }

    /// [`BasisConverter::convert`] from y_i instead of residues: one row of `outputs` for each place of `targets` in the list of target
    /// primes, from the rows of y_i.
    ///
    /// # Panics
    /// If numbers or lengths of rows do not fit, or there is no such target.
    pub fn sums(&self, targets: &[usize], terms: &[&[u64]], outputs: &mut [&mut [u64]]) {
        assert!(terms.len() == self.from.len() && targets.len() == outputs.len());
        let n = terms[0].len();
        assert!(terms.iter().all(|row| row.len() == n) && outputs.iter().all(|row| row.len() == n));
        dispatch!(basis_conversion::sums(self, targets, terms, outputs))
    }

    /// [`BasisConverter::sums`] whose terms stand in the first rows and are overwritten: row k becomes that of target k of `targets`, rows without one
    /// keep their terms.
    ///
    /// # Panics
    /// Unless there are as many rows as terms or targets, whichever are more, all equally long, and there are such targets.
    pub fn sums_in_place(&self, targets: &[usize], rows: &mut [&mut [u64]]) {
        assert!(rows.len() == self.from.len().max(targets.len()));
        let n = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == n));
        #[cfg(target_arch = "x86_64")]
        if active_path() == KernelPath::Ifma && super::ifma::basis_conversion::fits(n) {
            // SAFETY: the path is active only where the CPU has AVX-512 F, BW, DQ, IFMA and VBMI.
            return unsafe { super::ifma::basis_conversion::sums_in_place(self, targets, rows) };
        }
        let mut copies = vec![[0; COPIED]; self.from.len()];
        for start in (0..n).step_by(COPIED) {
            let mut block: Vec<&mut [u64]> = rows.iter_mut().map(|row| &mut row[start..n.min(start + COPIED)]).collect();
            let terms = copies.iter_mut().zip(&block).map(|(copy, row)| {
                let copy = &mut copy[..row.len()];
                copy.copy_from_slice(row);
                &*copy
            });
            let terms: Vec<&[u64]> = terms.collect();
            self.sums(targets, &terms, &mut block[..targets.len()]);
        }
    }

    /// Converts columns: `input` has one row of residues per source prime, `output` one per target prime, all equally long.
    pub fn convert(&self, input: &[&[u64]], output: &mut [&mut [u64]]) {
        assert_eq!(input.len(), self.from.len());
        assert_eq!(output.len(), self.to.len());
        let n = input[0].len();
        assert!(input.iter().all(|row| row.len() == n) && output.iter().all(|row| row.len() == n));
        dispatch!(basis_conversion::convert(self, input, output))
    }
}
