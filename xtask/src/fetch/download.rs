//! One file over HTTP(S): resumed where it stopped, retried, and kept only if its digest is right.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::digest::{State, of_file, state};
use super::pins::{LARGEST_UNSIZED, Pin};

/// An HTTP client with a number of tries per file.
pub struct Client {
    agent: ureq::Agent,
    tries: u32,
    /// Pause before the second try; doubled before each later one.
    pause: Duration,
}

/// What one request did to the partial file.
enum Outcome {
    /// The body ended as announced.
    Complete,
    /// The connection broke, or the server asked to come back; what arrived is kept.
    Retry(String),
    /// The partial file is of no use to this server: start again from nothing.
    StartOver(String),
    /// Trying again will not help.
    Refused(String),
}

impl Client {
    /// Five tries a file, half a second before the second one; a proxy from the environment is used.
    pub fn new() -> Self {
        Self::with(5, Duration::from_millis(500), ureq::Agent::config_builder())
    }

    /// A client for tests: no proxy, short pauses.
    #[cfg(test)]
    pub fn for_tests(tries: u32) -> Self {
        Self::with(tries, Duration::from_millis(1), ureq::Agent::config_builder().proxy(None))
    }

    fn with(tries: u32, pause: Duration, config: ureq::config::ConfigBuilder<ureq::typestate::AgentScope>) -> Self {
        let config = config
            .http_status_as_error(false)
            .timeout_resolve(Some(Duration::from_secs(20)))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.new_agent(), tries, pause }
    }

    /// Makes the pinned file stand at `target`; a file that is there with the right digest stays as it is.
    ///
    /// What arrives goes to `target` with `.partial` added, so that a stopped download goes on where it was.
    pub fn fetch(&self, pin: &Pin, target: &Path) -> Result<()> {
        match state(target, pin.sha256)? {
            State::Right => {
                println!("{}: already there", pin.path);
                return Ok(());
            }
            State::Wrong(found) => println!("{}: found SHA-256 {found}, needed {}: fetching it again", pin.path, pin.sha256),
            State::Missing => {}
        }
        let folder = target.parent().context("a pinned path has a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let partial = partial_path(target);
        let mut why = String::new();
        for attempt in 0..self.tries {
            if attempt > 0 {
                eprintln!("{}: {why}; try {} of {}", pin.path, attempt + 1, self.tries);
                std::thread::sleep(self.pause * 2u32.pow((attempt - 1).min(6)));
            }
            match self.request(pin, &partial)? {
                Outcome::Complete => {
                    let found = of_file(&partial)?;
                    if found == pin.sha256 {
                        File::open(&partial)?.sync_all()?;
                        std::fs::rename(&partial, target)
                            .with_context(|| format!("{} cannot be put in place", target.display()))?;
                        println!("{}: fetched, SHA-256 right", pin.path);
                        return Ok(());
                    }
                    // Which byte is wrong is not known, so nothing of it can be kept.
                    remove(&partial)?;
                    why = format!("found SHA-256 {found}, needed {}", pin.sha256);
                }
                Outcome::Retry(reason) => why = reason,
                Outcome::StartOver(reason) => {
                    remove(&partial)?;
                    why = reason;
                }
                Outcome::Refused(reason) => bail!("{} from {}: {reason}", pin.path, pin.url),
            }
        }
        bail!(
            "{} from {}: given up after {} tries, the last one: {why}; run the command again to go on, or copy the file with --from DIR",
            pin.path,
            pin.url,
            self.tries
        )
    }

    fn request(&self, pin: &Pin, partial: &Path) -> Result<Outcome> {
        let have = std::fs::metadata(partial).map_or(0, |metadata| metadata.len());
        let limit = pin.bytes.unwrap_or(LARGEST_UNSIZED);
        if pin.bytes == Some(have) {
            return Ok(Outcome::Complete);
        }
        if have > limit {
            return Ok(Outcome::StartOver(format!("the partial file has {have} bytes, needed at most {limit}")));
        }
        // A compressed transfer would make byte ranges mean something else.
        let mut request = self.agent.get(pin.url).header("Accept-Encoding", "identity");
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Outcome::Retry(error.to_string())),
        };
        let start = match response.status().as_u16() {
            200 => 0,
            206 if content_range_start(response.headers()) == Some(have) => have,
            206 => return Ok(Outcome::StartOver(format!("asked for the bytes from {have} on, got others"))),
            416 => return Ok(Outcome::StartOver(format!("the server has no bytes from {have} on"))),
            status @ (408 | 429 | 500..=599) => return Ok(Outcome::Retry(format!("the server answered {status}"))),
            status => return Ok(Outcome::Refused(format!("the server answered {status}"))),
        };
        let announced: Option<u64> = response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let expected = pin.bytes.or(announced.map(|length| start + length));
        let mut file = OpenOptions::new()
            .create(true)
            .append(start > 0)
            .write(true)
            .truncate(start == 0)
            .open(partial)
            .with_context(|| format!("{} cannot be written", partial.display()))?;
        let bar = progress(pin.path, start, expected);
        let mut source = response.into_body().into_with_config().limit(u64::MAX).reader();
        let total = match append(&mut source, &mut file, start, limit, &bar)? {
            Ok(total) => total,
            Err(reason) => return Ok(Outcome::Retry(reason)),
        };
        bar.finish_and_clear();
        if total > limit {
            return Ok(Outcome::StartOver(format!("got more than {limit} bytes, needed at most that")));
        }
        match expected {
            Some(expected) if total < expected => Ok(Outcome::Retry(format!("got {total} of {expected} bytes"))),
            _ => Ok(Outcome::Complete),
        }
    }
}

/// Copies until the end or until one byte more than `limit` stands in the file. The outer error is this machine's (a full disk), the
/// inner one the network's.
fn append(source: &mut dyn Read, file: &mut File, start: u64, limit: u64, bar: &ProgressBar) -> Result<Result<u64, String>> {
    let mut total = start;
    let mut buffer = vec![0; 1 << 16];
    while total <= limit {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(format!("the connection broke after {total} bytes: {error}"))),
        };
        file.write_all(&buffer[..read]).context("the partial file cannot be written")?;
        total += read as u64;
        bar.set_position(total);
    }
    Ok(Ok(total))
}

fn content_range_start(headers: &ureq::http::HeaderMap) -> Option<u64> {
    let value = headers.get("content-range")?.to_str().ok()?;
    value.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn partial_path(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

fn progress(name: &'static str, start: u64, expected: Option<u64>) -> ProgressBar {
    let bar = match expected {
        Some(expected) if io::stderr().is_terminal() => ProgressBar::new(expected),
        _ => return ProgressBar::hidden(),
    };
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(name);
    bar.set_position(start);
    bar
}
