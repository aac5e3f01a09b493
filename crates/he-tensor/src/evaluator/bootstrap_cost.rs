//! What a bootstrap costs, from its steps.

use ckks_core::Result;
use ckks_core::bootstrap::{BootstrapParams, BootstrapStep, Slots};
use ckks_core::keys::GadgetShape;
use ckks_core::params::Params;

use super::Work;

/// A decomposition at `level`: transforms, and conversions between bases.
pub(super) fn decomposition(params: &Params, level: usize) -> Work {
    let shape = GadgetShape::for_level(params, level);
    let (limbs, all) = (level + 1, level + 1 + shape.special);
    let made = (shape.digits(level) * all) as f64;
    Work { transforms: made, limb_operations: (limbs * all) as f64, streamed_limbs: made + limbs as f64 }
}

/// An inner product with a key, and the automorphism.
pub(super) fn switch(params: &Params, level: usize) -> Work {
    let shape = GadgetShape::for_level(params, level);
    let all = level + 1 + shape.special;
    let key = shape.bytes_in_memory(params) as f64 / (8 * params.n()) as f64;
    // Sums are read and written where they are added to.
    Work {
        transforms: 0.0,
        limb_operations: (2 * all * (shape.digits(level) + 1)) as f64,
        streamed_limbs: key + 2.0 * all as f64,
    }
}

/// Both halves over `from` limbs divided down to `to` limbs.
pub(super) fn division(from: usize, to: usize) -> Work {
    let (transforms, limb_operations) = (2.0 * from as f64, 2.0 * (to * (from - to + 1)) as f64);
    Work { transforms, limb_operations, streamed_limbs: 2.0 * (from + to) as f64 }
}

/// A product of two ciphertexts before relinearisation: two times two parts become three.
pub(super) fn tensor(level: usize) -> Work {
    let limbs = (level + 1) as f64;
    Work { transforms: 0.0, limb_operations: 4.0 * limbs, streamed_limbs: 7.0 * limbs }
}

/// All steps together.
///
/// # Errors
/// Those of [`BootstrapParams::outline`].
pub(super) fn bootstrap(params: &BootstrapParams, slots: Slots) -> Result<Work> {
    let mut sum = Work::default();
    params.outline(slots)?.into_iter().for_each(|step| sum += work(params.scheme(), step));
    Ok(sum)
}

fn work(params: &Params, step: BootstrapStep) -> Work {
    let all = |level: usize| level + 1 + GadgetShape::for_level(params, level).special;
    let limbs = |count: usize| Work { limb_operations: count as f64, ..Work::default() };
    let mut sum = Work::default();
    match step {
        BootstrapStep::Matrix { level, babies, giants, diagonals } => {
            sum += decomposition(params, level) * (1 + giants) as f64;
            sum += switch(params, level) * (babies + giants) as f64;
            sum += division(all(level), level + 1) * (0.5 * giants as f64);
            // Every baby and every inner sum is written and read.
            let passes = (2 * all(level) * (babies + 2 * giants + 2)) as f64;
            sum += Work { streamed_limbs: 2.0 * passes, ..limbs(2 * all(level) * diagonals) };
            sum += division(all(level), level);
        }
        BootstrapStep::Raise { level, diagonals } => {
            // One digit over all primes and a special one: a product and a permutation for each half, and the plaintext's product.
            let extended = level + 2;
            let (transforms, passes) = (2.0 * extended as f64, (extended * diagonals) as f64);
            sum += Work { transforms, limb_operations: 6.0 * passes, streamed_limbs: 2.0 * passes };
            sum += division(extended, level);
        }
        BootstrapStep::Rotations { level, count } => {
            sum += decomposition(params, level);
            sum += switch(params, level) * count as f64;
            sum += division(all(level), level + 1);
        }
        BootstrapStep::Sum { level, after, products, multiples } => {
            sum += tensor(level) * products as f64;
            // Both parts of the summand are read, those of the sum read and written.
            let multiple = (level + 1) as f64;
            let passes = Work { transforms: 0.0, limb_operations: 2.0 * multiple, streamed_limbs: 6.0 * multiple };
            sum += passes * multiples as f64;
            if products == 0 {
                sum += division(level + 1, after + 1);
            } else {
                sum += decomposition(params, level);
                sum += switch(params, level);
                sum += division(all(level), after + 1);
            }
        }
    }
    sum
}
