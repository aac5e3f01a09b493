//! How many multiplications the machine issues: the measure that kernels are held against.

use super::dispatch;

/// Runs `rounds` rounds of independent multiply-adds in registers on the active path, and returns how many products that made,
/// and a value that depends on all of them.
///
/// One product is a half of 52 × 52 bits on the IFMA path (a lane of one instruction) and one of 64 × 64 bits elsewhere.
pub fn multiply_adds(rounds: u64) -> (u64, u64) {
    dispatch!(rate::multiply_adds(rounds))
}

#[cfg(test)]
mod tests {
    #[test]
    fn products_are_counted() {
        let (one, _) = super::multiply_adds(1);
        assert!(one > 0);
        assert_eq!(super::multiply_adds(1000).0, 1000 * one);
    }
}
