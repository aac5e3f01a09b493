//! Sums of rotations that share a division by P.

use super::Evaluator;
use super::digits::at_once;
use super::key_switch::Source;
use super::switch::add_moved;
use crate::error::Result;
use crate::kernels::Plus;
use crate::keys::SwitchingKey;
use crate::parallel::map;
use crate::ring::{Basis, Ntt, Poly};

/// A ciphertext, the Galois element that moves it, and that element's key.
pub(super) struct RotatedTerm<'a> {
    /// `None` where it has been added up already.
    pub c0: Option<&'a Poly<Ntt>>,
    pub c1: &'a Poly<Ntt>,
    pub element: u64,
    pub key: &'a SwitchingKey,
}

impl Evaluator<'_> {
    /// Σ of the images of ciphertexts of one level, still multiplied by P: one division then serves them all (eprint 2020/1203,
    /// section 4.3). The keys use one number of special primes.
    pub(super) fn switch_rotated(&self, level: usize, terms: &[&RotatedTerm<'_>]) -> Result<(Poly<Ntt>, Poly<Ntt>)> {
        let params = &self.params;
        let n = params.n();
        let shape = terms.first().map(|t| t.key.shape());
        let basis = Basis { q: level + 1, p: shape.map_or(0, |shape| shape.special) };
        let mut sum0 = Poly::<Ntt>::zero(n, basis);
        let mut sum1 = Poly::<Ntt>::zero(n, basis);
        for some in terms.chunks(shape.map_or(1, |shape| at_once(shape, level, n))) {
            let moves: Vec<_> = some.iter().map(|t| params.automorphism(t.element)).collect();
            let switches: Vec<_> = map(some, |t| self.switch(Source::Poly(t.c1), t.key, Plus::Halves([t.c0, None])))
                .into_iter()
                .collect::<Result<_>>()?;
            let switched: Vec<_> = switches.into_iter().zip(moves.iter().map(|moves| &**moves)).collect();
            add_moved(params, [&mut sum0, &mut sum1], &switched);
        }
        Ok((sum0, sum1))
    }
}
