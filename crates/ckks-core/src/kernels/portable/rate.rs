//! The issue rate of 64-bit products.

/// Independent sums.
const CHAINS: usize = 8;

pub fn multiply_adds(rounds: u64) -> (u64, u64) {
    // Different beginnings: otherwise one chain would do for all.
    let mut sums: [u64; CHAINS] = std::array::from_fn(|k| std::hint::black_box(0x9e37_79b9_7f4a_7c15 + k as u64));
    let y = std::hint::black_box(0xd1b5_4a32_d192_ed03u64);
    for _ in 0..rounds {
        for sum in &mut sums {
            let product = u128::from(*sum) * u128::from(y);
            *sum = (product >> 64) as u64 ^ product as u64;
        }
    }
    (rounds * CHAINS as u64, sums.iter().fold(0, |a, &b| a ^ b))
}
