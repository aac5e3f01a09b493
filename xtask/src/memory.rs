//! Peak memory of this process.

/// A measurement of the largest resident set from some moment on.
pub struct ResidentPeak(());

impl ResidentPeak {
    /// Starts one: Linux forgets the peak so far when `5` is written to `/proc/self/clear_refs`. `None` where that cannot be done.
    pub fn restart() -> Option<Self> {
        std::fs::write("/proc/self/clear_refs", "5").ok().map(|()| Self(()))
    }

    /// The largest resident set since then, in bytes.
    pub fn bytes(&self) -> Option<u64> {
        peak_bytes()
    }
}

/// The largest resident set so far, in bytes: `VmHWM` of `/proc/self/status`. `None` where there is no such file.
pub fn peak_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernels_format_is_read() {
        assert_eq!(super::parse("VmPeak:\t 9 kB\nVmHWM:\t    2004 kB\nVmRSS:\t 1 kB\n"), Some(2004 * 1024));
        assert_eq!(super::parse("VmPeak:\t 9 kB\n"), None);
    }
}
