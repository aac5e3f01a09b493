//! Measuring and printing.

use std::time::{Duration, Instant};

use anyhow::Result;
use ckks_core::kernels::{memory, release_idle_buffers};
use serde_json::{Value, json};

use super::work::Work;
use crate::memory::ResidentPeak;

/// A row stops after this long, however many samples it has.
const ROW_LIMIT: Duration = Duration::from_secs(20);

/// What a row says besides its times.
type Fields = Vec<(&'static str, Value)>;

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

    /// True if the filter names `name` by a part of it: for rows that take long and are not there by default.
    pub fn asks_for(&self, name: &str) -> bool {
        !self.filter.is_empty() && self.wants(name)
    }

    /// Samples per row.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Prints an object that is not a row: as it is, or `text` where people read.
    pub fn header(&self, object: &Value, text: &str) {
        if self.json { println!("{object}") } else { println!("{text}") }
    }

    /// Measures `f` if the filter leaves `name`: one warm-up, then samples until the number or the row's limit is reached.
    /// Each sample runs `f` often enough to take a millisecond.
    ///
    /// The row says too how much memory that took: `peak_bytes`, the limbs that `f` itself holds at most at one moment, its result
    /// included, its keys and inputs not; and, where the system tells, `resident_bytes`, the most that the whole process held.
    pub fn row<T>(&mut self, name: &str, f: impl FnMut() -> Result<T>) -> Result<()> {
        self.row_of(name, Work::default(), f)
    }

    /// The same for a row whose least work is known; the row says it.
    pub fn row_of<T>(&mut self, name: &str, work: Work, f: impl FnMut() -> Result<T>) -> Result<()> {
        self.row_with(name, work, &[], f)
    }

    /// [`Bench::row_of`] with further fields.
    pub fn row_with<T>(
        &mut self,
        name: &str,
        work: Work,
        fields: &[(&'static str, Value)],
        f: impl FnMut() -> Result<T>,
    ) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let (seconds, measured) = self.sample(f)?;
        let mut fields = [fields, &measured].concat();
        if self.json {
            fields.extend(work.fields());
        }
        self.print(name, seconds, &fields);
        Ok(())
    }

    /// Measures `f`, which does `amount` of something, and prints how much of it that makes a second.
    pub fn rate<T>(&mut self, name: &str, unit: &str, amount: f64, f: impl FnMut() -> Result<T>) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let (seconds, _) = self.sample(f)?;
        self.print_in(name, unit, seconds.iter().map(|s| amount / s).collect(), &[]);
        Ok(())
    }

    fn sample<T>(&self, mut f: impl FnMut() -> Result<T>) -> Result<(Vec<f64>, Fields)> {
        release_idle_buffers();
        let resident = ResidentPeak::restart();
        memory::restart_peak();
        let before = memory::limb_bytes();
        let start = Instant::now();
        f()?;
        let once = start.elapsed().max(Duration::from_nanos(20));
        let peak = memory::peak_limb_bytes().saturating_sub(before);
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
        let mut fields = Vec::new();
        if peak > 0 {
            fields.push(("peak_bytes", json!(peak)));
            if let Some(bytes) = resident.and_then(|r| r.bytes()) {
                fields.push(("resident_bytes", json!(bytes)));
            }
        }
        Ok((seconds, fields))
    }

    /// Prints a row measured elsewhere, with further fields.
    pub fn print(&mut self, name: &str, seconds: Vec<f64>, fields: &[(&str, Value)]) {
        self.print_in(name, "s", seconds, fields);
    }

    /// The same for another unit. `min` is the least value in every unit.
    pub fn print_in(&mut self, name: &str, unit: &str, mut values: Vec<f64>, fields: &[(&str, Value)]) {
        values.sort_by(f64::total_cmp);
        let (median, min) = (values[values.len() / 2], values[0]);
        self.rows += 1;
        if self.json {
            let mut row = json!({
                "name": name, "unit": unit, "median": median, "min": min, "threads": self.threads, "samples": values.len(),
            });
            for (key, value) in fields {
                row[*key] = value.clone();
            }
            println!("{row}");
        } else {
            let rest: String = fields.iter().map(|(k, v)| format!("  {k} {v}")).collect();
            let shown = |x: f64| if unit == "s" { human(x) } else { format!("{x:.4e} {unit}") };
            println!("{name:<34} {:>2} thread(s)  median {}  min {}{rest}", self.threads, shown(median), shown(min));
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
