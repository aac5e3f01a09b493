//! Signals: an interrupt leaves nothing half done, a file-size limit is an ordinary error.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use signal_hook::consts::signal::{SIGINT, SIGTERM};

/// Held while files are written. The interrupt waits for it, so that it falls before the first or after the last of them.
static WRITING: Mutex<()> = Mutex::new(());

/// Exit code after a signal: 128 + its number, as shells count.
const SIGNALLED: i32 = 128;

/// Installs the handlers.
///
/// # Errors
/// A system that refuses them.
pub fn install() -> Result<()> {
    // Caught, a write beyond `ulimit -f` fails with an error; uncaught, it kills the process with the temporary file still there.
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::signal::SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .context("the handler for SIGXFSZ cannot be installed")?;
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).context("the handler for interrupts cannot be installed")?;
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let _no_file_is_half_written = writing();
                eprintln!("interrupted");
                std::process::exit(SIGNALLED + signal);
            }
        })
        .context("the thread that waits for interrupts cannot be started")?;
    Ok(())
}

/// Keeps interrupts away until the guard is dropped.
pub fn writing() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}
