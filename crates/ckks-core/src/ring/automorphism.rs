//! X → X^g in NTT form is a permutation.

/// `table` with out\[i\] = in\[table\[i\]\] for the automorphism X → X^g, g odd, in the order out\[i\] = a(ψ^(2·bitrev(i)+1)).
pub fn ntt_permutation(log_n: u32, g: u64) -> Vec<u32> {
    let mask = (2u64 << log_n) - 1;
    let reverse = |x: u64| (x as u32).reverse_bits() >> (32 - log_n);
    (0..1u64 << log_n)
        .map(|i| {
            let exponent = 2 * u64::from(reverse(i)) + 1;
            let source = exponent.wrapping_mul(g) & mask;
            reverse((source - 1) / 2)
        })
        .collect()
}
