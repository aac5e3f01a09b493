//! Measuring and printing.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::sets::Set;

/// A row stops after this long, however many samples it has.
const ROW_LIMIT: Duration = Duration::from_secs(20);

/// Runs closures and prints their times.
pub struct Bench {
    filter: Vec<String>,
    json: bool,
    samples: usize,
    /// Threads of the pool that rows run in now.
    pub threads: usize,
    /// Rows printed.
    pub rows: usize,
}

impl Bench {
    /// Nothing measured yet.
    pub fn new(filter: Vec<String>, json: bool, samples: usize) -> Self {
        Self { filter, json, samples, threads: 1, rows: 0 }
    }

    /// True if the filter leaves `name`.
    pub fn wants(&self, name: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|f| name.contains(f.as_str()))
    }

    /// Prints the CPU, the kernel path and the parameter sets.
    pub fn header(&self, sets: &[Set]) -> Result<()> {
        let path = ckks_core::kernels::active_path().name();
        let mut described = Vec::new();
        for set in sets {
            let params = set.params()?;
            let security = params.security();
            described.push(json!({
                "name": set.name, "log_n": params.log_n(), "log_qp": (security.log_qp * 10.0).round() / 10.0,
                "security_bits": security.bits, "q_limbs": params.max_level() + 1, "p_limbs": params.special_primes(),
                "q_bits": set.literal.q_bits, "p_bits": set.literal.p_bits,
            }));
        }
        let header = json!({ "cpu": cpu_name(), "kernels": path, "parameters": described });
        if self.json {
            println!("{header}");
        } else {
            println!("CPU: {}; kernels: {path}", cpu_name());
        }
        Ok(())
    }

    /// Measures `f` if the filter leaves `name`: one warm-up, then samples until the number or the row's limit is reached.
    /// Each sample runs `f` often enough to take a millisecond.
    pub fn row<T>(&mut self, name: &str, mut f: impl FnMut() -> Result<T>) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let start = Instant::now();
        f()?;
        let once = start.elapsed().max(Duration::from_nanos(20));
        let repeats = (Duration::from_millis(1).as_nanos() / once.as_nanos()).max(1) as u32;
        let begin = Instant::now();
        let mut seconds = Vec::new();
        while seconds.len() < self.samples && (seconds.len() < 3 || begin.elapsed() < ROW_LIMIT) {
            let start = Instant::now();
            for _ in 0..repeats {
                std::hint::black_box(f()?);
            }
            seconds.push(start.elapsed().as_secs_f64() / f64::from(repeats));
        }
        self.print(name, seconds, &[]);
        Ok(())
    }

    /// Prints a row measured elsewhere, with further fields.
    pub fn print(&mut self, name: &str, mut seconds: Vec<f64>, fields: &[(&str, serde_json::Value)]) {
        seconds.sort_by(f64::total_cmp);
        let (median, min) = (seconds[seconds.len() / 2], seconds[0]);
        self.rows += 1;
        if self.json {
            let mut row = json!({
                "name": name, "unit": "s", "median": median, "min": min, "threads": self.threads, "samples": seconds.len(),
            });
            for (key, value) in fields {
                row[*key] = value.clone();
            }
            println!("{row}");
        } else {
            let rest: String = fields.iter().map(|(k, v)| format!("  {k} {v}")).collect();
            println!("{name:<34} {:>2} thread(s)  median {}  min {}{rest}", self.threads, human(median), human(min));
        }
    }
}

fn human(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:8.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:8.2} ms", s * 1e3),
        s => format!("{s:8.3} s "),
    }
}

/// The model name that the operating system gives, where it does.
fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|l| l.strip_prefix("model name")).and_then(|l| l.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_string(), |(_, n)| n.trim().to_string())
}
