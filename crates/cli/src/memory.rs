//! What Linux says about this machine and this process. Other systems have no such files: the figures are `None` there.

use std::fs;

/// The largest resident set of this process so far, in bytes.
pub fn peak_bytes() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM")
}

/// A figure in kB from a file of `name: value` lines, in bytes.
pub fn kibibytes(path: &str, name: &str) -> Option<u64> {
    parse_kibibytes(&first_line(path, name)?)
}

/// The value of the first line of that name.
pub fn first_line(path: &str, name: &str) -> Option<String> {
    value(&fs::read_to_string(path).ok()?, name)
}

fn value(text: &str, name: &str) -> Option<String> {
    let (_, value) = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

fn parse_kibibytes(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_format_is_read() {
        let status = "VmPeak:\t 9 kB\nVmHWM:\t    2004 kB\nmodel name\t: A: B\n";
        assert_eq!(value(status, "VmHWM").as_deref().and_then(parse_kibibytes), Some(2004 * 1024));
        assert_eq!(value(status, "model name").as_deref(), Some("A: B"));
        assert_eq!(value(status, "VmRSS"), None);
    }
}
