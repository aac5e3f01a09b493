//! Progress on stderr while something takes long, and only if stderr is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that is drawn on a terminal and does nothing elsewhere.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins `steps` steps of `what`.
    pub fn begin(what: &str, steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{elapsed_precise}] {bar:24} {pos}/{len} {msg}, {eta} left") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// `done` steps are done, `doing` comes next.
    pub fn at(&self, done: usize, steps: usize, doing: &str) {
        self.0.set_length(steps as u64);
        self.0.set_position(done as u64);
        self.0.set_message(doing.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
