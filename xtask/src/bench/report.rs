//! Measuring and printing.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Result;
use ckks_core::kernels::{memory, release_idle_buffers};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Value, json};

use super::work::Work;
use crate::memory::ResidentPeak;

/// A row stops after this long for each number of threads, however many samples it has.
const ROW_LIMIT: Duration = Duration::from_secs(20);

/// Samples that are taken with one number of threads before the next one's turn.
const AT_A_TIME: usize = 3;

/// How long a pool runs before samples of its turn are taken: its threads have slept, and a system takes some milliseconds until it moves
/// the one that wakes another to a core of its own.
const WAKING: Duration = Duration::from_millis(10);

/// What a row says besides its times.
type Fields = Vec<(&'static str, Value)>;

/// The samples of a row with one number of threads.
struct Run {
    threads: usize,
    /// Times that a sample runs what is measured.
    repeats: u32,
    seconds: Vec<f64>,
    fields: Fields,
}

/// Runs closures and prints their times.
pub struct Bench {
    filter: Vec<String>,
    json: bool,
    samples: usize,
    pools: Vec<ThreadPool>,
    /// Pools that rows run in now, in turn.
    active: Range<usize>,
    /// Threads of rows that are measured elsewhere.
    pub threads: usize,
    /// Rows printed.
    pub rows: usize,
}

impl Bench {
    /// Nothing measured yet; rows run with each of these numbers of threads.
    pub fn new(filter: Vec<String>, json: bool, samples: usize, threads: &[usize]) -> Result<Self> {
        let pools = threads.iter().map(|&n| Ok(ThreadPoolBuilder::new().num_threads(n).build()?)).collect::<Result<Vec<_>>>()?;
        Ok(Self { filter, json, samples, active: 0..pools.len(), pools, threads: 1, rows: 0 })
    }

    /// Runs `rows` with the first number of threads only: what runs in one thread has no second row.
    pub fn with_first(&mut self, rows: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.with(0, rows)
    }

    /// Runs `rows` with one number of threads after the other, and tells them which.
    pub fn with_each(&mut self, rows: impl Fn(&mut Self, usize) -> Result<()>) -> Result<()> {
        (0..self.pools.len()).try_for_each(|k| {
            let threads = self.pools[k].current_num_threads();
            self.with(k, |bench| rows(bench, threads))
        })
    }

    fn with(&mut self, pool: usize, rows: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.active = pool..pool + 1;
        let result = rows(self);
        self.active = 0..self.pools.len();
        result
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

    /// Measures `f` if the filter leaves `name`: one warm-up, then samples until the number or the row's limit is reached. Each sample
    /// runs `f` often enough to take a millisecond. Numbers of threads take turns, so that they are measured in the same minute: other
    /// programs on the machine then slow all of them down, or none.
    ///
    /// The row says too how much memory that took: `peak_bytes`, the limbs that `f` itself holds at most at one moment, its result
    /// included, its keys and inputs not; and, where the system tells, `resident_bytes`, the most that the whole process held.
    pub fn row<T: Send>(&mut self, name: &str, f: impl FnMut() -> Result<T> + Send) -> Result<()> {
        self.row_of(name, Work::default(), f)
    }

    /// The same for a row whose least work is known; the row says it.
    pub fn row_of<T: Send>(&mut self, name: &str, work: Work, f: impl FnMut() -> Result<T> + Send) -> Result<()> {
        self.row_with(name, work, &[], f)
    }

    /// [`Bench::row_of`] with further fields.
    pub fn row_with<T: Send>(
        &mut self,
        name: &str,
        work: Work,
        fields: &[(&'static str, Value)],
        f: impl FnMut() -> Result<T> + Send,
    ) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        for run in self.sample(f)? {
            let mut fields = [fields, &run.fields].concat();
            if self.json {
                fields.extend(work.fields());
            }
            self.threads = run.threads;
            self.print(name, run.seconds, &fields);
        }
        Ok(())
    }

    /// Measures `f`, which does `amount` of something, and prints how much of it that makes a second.
    pub fn rate<T: Send>(&mut self, name: &str, unit: &str, amount: f64, f: impl FnMut() -> Result<T> + Send) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        for run in self.sample(f)? {
            self.threads = run.threads;
            self.print_in(name, unit, run.seconds.iter().map(|s| amount / s).collect(), &[]);
        }
        Ok(())
    }

    fn sample<T: Send>(&self, mut f: impl FnMut() -> Result<T> + Send) -> Result<Vec<Run>> {
        let pools = &self.pools[self.active.clone()];
        let mut runs = pools.iter().map(|pool| warm_up(pool, &mut f)).collect::<Result<Vec<_>>>()?;
        let (begin, limit) = (Instant::now(), ROW_LIMIT * runs.len() as u32);
        let mut taken = 0;
        while taken < self.samples && (taken < 3 || begin.elapsed() < limit) {
            let now = AT_A_TIME.min(self.samples - taken);
            for (pool, run) in pools.iter().zip(&mut runs) {
                pool.install(|| {
                    let begin = Instant::now();
                    while begin.elapsed() < WAKING {
                        f()?;
                    }
                    (0..now).try_for_each(|_| run.sample(&mut f))
                })?;
            }
            taken += now;
        }
        Ok(runs)
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

impl Run {
    fn sample<T>(&mut self, f: &mut impl FnMut() -> Result<T>) -> Result<()> {
        let start = Instant::now();
        for _ in 0..self.repeats {
            std::hint::black_box(f()?);
        }
        self.seconds.push(start.elapsed().as_secs_f64() / f64::from(self.repeats));
        Ok(())
    }
}

/// The first time, which says how often a sample runs `f` and how much memory that takes.
fn warm_up<T: Send>(pool: &ThreadPool, f: &mut (impl FnMut() -> Result<T> + Send)) -> Result<Run> {
    release_idle_buffers();
    let resident = ResidentPeak::restart();
    memory::restart_peak();
    let before = memory::limb_bytes();
    let start = Instant::now();
    pool.install(&mut *f)?;
    let once = start.elapsed().max(Duration::from_nanos(20));
    let peak = memory::peak_limb_bytes().saturating_sub(before);
    let mut fields = Vec::new();
    if peak > 0 {
        fields.push(("peak_bytes", json!(peak)));
        if let Some(bytes) = resident.and_then(|r| r.bytes()) {
            fields.push(("resident_bytes", json!(bytes)));
        }
    }
    let repeats = (Duration::from_millis(1).as_nanos() / once.as_nanos()).max(1) as u32;
    Ok(Run { threads: pool.current_num_threads(), repeats, seconds: Vec::new(), fields })
}

fn human(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:8.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:8.2} ms", s * 1e3),
        s => format!("{s:8.3} s "),
    }
}
