//! Transforms of one limb: ours, and `concrete-ntt`'s in the same run.

use anyhow::{Context, Result};
use ckks_core::kernels::{KernelPath, Modulus, NttTable, active_path, force_path};
use ckks_core::params::{Params, ParamsLiteral};

use super::report::Bench;

/// Rows `ntt/…`.
pub fn run(bench: &mut Bench) -> Result<()> {
    for log_n in 13..=16u32 {
        // A 50-bit prime of that ring.
        let params = Params::new_insecure(ParamsLiteral::leveled(log_n, 50, 0, 40, 1, 50))?;
        let modulus: Modulus = *params.p(0);
        let table = NttTable::new(modulus, log_n)?;
        let values: Vec<u64> = (0..1u64 << log_n).map(|i| modulus.reduce_u64(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let mut a = ckks_core::kernels::AlignedBuf::from_slice(&values);
        let path = active_path();
        bench.row(&format!("ntt/forward/n{log_n}"), || {
            table.forward(&mut a);
            Ok(())
        })?;
        bench.row(&format!("ntt/inverse/n{log_n}"), || {
            table.inverse(&mut a);
            Ok(())
        })?;
        force_path(Some(KernelPath::ConcreteNtt))?;
        bench.row(&format!("ntt/forward/n{log_n}/concrete-ntt"), || {
            table.forward(&mut a);
            Ok(())
        })?;
        force_path(Some(path)).context("back to the path before")?;
    }
    Ok(())
}
