//! What was measured on and with what: the object before the rows.

use anyhow::Result;
use ckks_core::kernels::active_path;
use ckks_core::keys::{GadgetShape, KeyRequirements};
use serde_json::{Value, json};

use super::sets::Set;

/// The CPU and what it can, the kernel path, and every parameter set with its security and the gadget of its keys.
pub fn describe(sets: &[Set]) -> Result<Value> {
    let parameters = sets.iter().map(parameters).collect::<Result<Vec<_>>>()?;
    Ok(json!({ "cpu": cpu_name(), "features": features(), "kernels": active_path().name(), "parameters": parameters }))
}

/// The same for people.
pub fn text(header: &Value) -> String {
    let features: Vec<_> = header["features"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let word = |key: &str| header[key].as_str().unwrap_or("?").to_owned();
    format!("CPU: {} ({}); kernels: {}", word("cpu"), features.join(" "), word("kernels"))
}

fn parameters(set: &Set) -> Result<Value> {
    let params = set.params()?;
    let security = params.security();
    let level = params.max_level();
    let shape = GadgetShape::for_level(&params, level);
    let mut one_key = KeyRequirements::default();
    one_key.need_relinearisation(level);
    Ok(json!({
        "name": set.name, "log_n": params.log_n(), "log_qp": (security.log_qp * 10.0).round() / 10.0,
        "security_bits": security.bits, "q_limbs": level + 1, "p_limbs": params.special_primes(),
        "q_bits": set.literal.q_bits, "p_bits": set.literal.p_bits,
        "p_limbs_used": shape.special, "digit_limbs": shape.digit_limbs, "dnum": shape.digits(level),
        "key_bytes": one_key.bytes_in_memory(&params),
    }))
}

/// The model name that the operating system gives, where it does, with the family, as names of servers leave the generation open.
fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let (_, value) = info.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name)?;
        Some(value.trim())
    };
    let name = field("model name").unwrap_or(std::env::consts::ARCH);
    field("cpu family").map_or_else(|| name.to_owned(), |family| format!("{name}, family {family}"))
}

/// Vector extensions that the kernels of some path use.
fn features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512ifma", is_x86_feature_detected!("avx512ifma")),
        ("avx512vbmi", is_x86_feature_detected!("avx512vbmi")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let known: [(&str, bool); 0] = [];
    known.into_iter().filter_map(|(name, present)| present.then_some(name)).collect()
}
