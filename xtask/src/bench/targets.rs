//! What rows are meant to reach on one thread of a Zen 4 with IFMA, and the best that other libraries reach there.

/// The time of `ntt/forward/n16/concrete-ntt` on the machine that the figures hold for. On another they scale with that row.
pub const REFERENCE_SECONDS: f64 = 388e-6;

/// Row, seconds, peer.
pub const TARGETS: &[(&str, f64, &str)] = &[
    ("ntt/forward/n13", 11.5e-6, "HEXL 14.1 µs"),
    ("ntt/forward/n14", 24e-6, "HEXL 27 µs"),
    ("ntt/forward/n15", 52e-6, "HEXL 59 µs"),
    ("ntt/forward/n16", 112e-6, "HEXL 129 µs"),
    ("ntt/inverse/n13", 11.5e-6, ""),
    ("ntt/inverse/n14", 24e-6, ""),
    ("ntt/inverse/n15", 52e-6, ""),
    ("ntt/inverse/n16", 112e-6, ""),
    ("rotate/n16/l24", 45e-3, "OpenFHE+HEXL 162 ms"),
    ("rotate/n16/l12", 18e-3, ""),
    ("rotate/n16/l3", 6e-3, ""),
    ("mul_relin_rescale/n16/l24", 55e-3, "OpenFHE+HEXL 190 ms"),
    ("mul_relin_rescale/n16/l12", 21e-3, "SEAL+HEXL 74 ms"),
    ("hoisted8/n16/l24", 170e-3, "OpenFHE+HEXL 716 ms"),
    ("ptmul_rescale/n16/l24", 8e-3, ""),
    ("encode/n16/l24", 6e-3, ""),
    ("decrypt_decode/n16/l24", 8e-3, ""),
    ("mul_relin_rescale/n15/l14", 14e-3, "SEAL+HEXL 44 ms"),
    ("rotate/n15/l14", 12e-3, "SEAL+HEXL 39 ms"),
    ("mul_relin_rescale/n14/l8", 3.2e-3, "SEAL+HEXL 9.3 ms"),
    ("rotate/n14/l8", 2.8e-3, "SEAL+HEXL 8.2 ms"),
    ("pcmm1024/n16/l5", 0.6, "OpenFHE+HEXL 2.61 s"),
    ("pcmm1024/n16/l3", 0.4, ""),
    ("bootstrap/n16/complex", 4.0, "poulpy 10.3 s"),
    ("bootstrap/n16/real", 3.0, ""),
];

/// The target and the peer of a row.
pub fn of(name: &str) -> Option<(f64, &'static str)> {
    TARGETS.iter().find(|(row, ..)| *row == name).map(|&(_, seconds, peer)| (seconds, peer))
}
