//! Baby and giant steps over the diagonals e of a head, −b < e < b.

use ckks_core::circuits::PlainVector;
use ckks_core::circuits::block_transform::HOISTED_ROTATION_COST;
use ckks_core::{Error, Result};

use super::HeadLayout;

/// e = g + f with 0 ≤ f < m and g a multiple of m; only the e that have a mask with a one in it.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub giants: Vec<GiantStep>,
    /// All f that occur, ascending.
    pub babies: Vec<i64>,
}

/// The diagonals of one giant step.
#[derive(Clone, Debug)]
pub(super) struct GiantStep {
    pub step: i64,
    /// (index into the babies, the mask of this diagonal rotated by −g).
    pub terms: Vec<(usize, PlainVector)>,
}

impl Steps {
    /// The diagonals with their masks: `mask(e, j)` for position j of a head, times `factor`; j + e inside the head is
    /// demanded here.
    pub fn plan(heads: &HeadLayout, mask: impl Fn(i64, usize) -> f64) -> Result<Self> {
        let b = heads.width() as i64;
        // Per giant step: the first of its rotations on its own, the others hoisted, a relinearisation and a rotation of the
        // sum, which are at least as dear as a rotation each.
        let cost = |m: i64| {
            let giants = (2 * b).div_euclid(m).max(1) as f64;
            HOISTED_ROTATION_COST * (m - 1) as f64 + giants * (3.0 + HOISTED_ROTATION_COST * (m - 1) as f64)
        };
        let candidates = (0..=(2 * b).ilog2()).map(|i| 1i64 << i);
        let m = candidates.min_by(|x, y| cost(*x).total_cmp(&cost(*y))).unwrap_or(1);
        let mut giants = Vec::new();
        let babies: Vec<i64> = (0..m).collect();
        let mut g = (1 - b).div_euclid(m) * m;
        while g < b {
            let mut terms = Vec::new();
            for f in 0..m {
                let e = g + f;
                let inside = |j: usize| (0..b).contains(&(j as i64 + e));
                let plain = heads.head_vector(|_, j| if inside(j) { mask(e, j) } else { 0.0 })?;
                if !plain.is_zero() {
                    terms.push((f as usize, plain.rotate(-g)));
                }
            }
            if !terms.is_empty() {
                giants.push(GiantStep { step: g, terms });
            }
            g += m;
        }
        if giants.is_empty() {
            return Err(Error::ValueOutOfRange {
                what: "all masks of a head's diagonals are zero; nothing would be summed".into(),
            });
        }
        Ok(Self { giants, babies })
    }
}
