//! A public 1024 × 1024 matrix times 32 × 2 tokens, packed as real and imaginary parts.

use anyhow::{Context, Result};
use ckks_core::circuits::CkksEvaluator;
use ckks_core::circuits::block_transform::PlanCosts;
use he_tensor::layout::TokenLayout;
use he_tensor::pcmm::MatrixProduct;
use serde_json::json;

use super::operations::Setup;
use super::report::Bench;
use super::sets;
use super::work::Work;

/// Width of the matrix.
const WIDTH: usize = 1024;

/// Bits that every prepared diagonal keeps at least.
const BITS: f64 = 24.0;

/// Rows `pcmm1024/n16/l12`, `/l5` and `/l3`: the product planned for time, with weights prepared as 32-bit coefficients (`weight_bytes`).
pub fn run(bench: &mut Bench) -> Result<()> {
    for name in ["n16/l12", "n16/l5", "n16/l3"] {
        let row = format!("pcmm1024/{name}");
        if !bench.wants(&row) {
            continue;
        }
        let set = sets::all().into_iter().find(|s| s.name == name).context("a set of that name")?;
        let params = set.params()?;
        let level = params.max_level();
        let layout = TokenLayout::new(WIDTH, 2 * params.slots() / WIDTH, params.slots())?.with_imaginary();
        let mut product = MatrixProduct::new(&layout, 1, 1);
        let weight = |r: usize, c: usize| ((r * 31 + c * 17) % 101) as f64 / 101.0 - 0.5;
        product.add_matrix((0, 0), 0, (WIDTH, WIDTH), weight)?;
        let plan = product.plan_with_costs(None, PlanCosts::at_level(&params, level))?.prepared(BITS)?;
        let needed = plan.key_requirements(&params, level)?;
        let s = Setup::new(params, &needed)?;
        let e = CkksEvaluator::new(&s.params, &s.keys)?;
        // Every weight meets every slot of both polynomials once; they come in and go out.
        let limbs = level + 1;
        let terms = Work { products: 2.0 * 2.0 * (WIDTH * limbs * s.params.n()) as f64, ..Work::default() };
        let work = terms + Work::limbs(s.params.log_n(), 4 * limbs);
        let fields = [
            ("weight_bytes", json!(plan.weight_bytes())),
            ("rotations", json!(plan.rotations())),
            ("plain_products", json!(plan.plain_products())),
        ];
        bench.row_with(&row, work, &fields, || Ok(plan.apply(&e, &[&s.ciphertext])?))?;
    }
    Ok(())
}
