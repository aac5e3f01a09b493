//! Markdown tables and figures in them.

/// A table of Markdown.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&header.iter().map(|&h| h.to_owned()).collect::<Vec<_>>());
    out += &format!("|{}\n", "---|".repeat(header.len()));
    rows.into_iter().for_each(|row| out += &line(&row));
    out
}

/// A figure with so many digits behind the point.
pub fn number(value: impl Into<Option<f64>>, digits: usize) -> String {
    value.into().map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"))
}

/// A share in percent.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// Both ends of an interval of shares.
pub fn interval([low, high]: [f64; 2]) -> String {
    format!("{:.1} – {:.1} %", 100.0 * low, 100.0 * high)
}

/// An error as a power of two.
pub fn power_of_two(error: Option<f64>) -> String {
    error.map_or_else(|| "–".to_owned(), |e| if e > 0.0 { format!("2^{:.1}", e.log2()) } else { "0".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let found = table(&["what", "share"], [vec!["x".to_owned(), percent(0.87539)]]);
        assert_eq!(found, "| what | share |\n|---|---|\n| x | 87.54 % |\n");
        assert_eq!([number(None, 2), number(1.0, 1), power_of_two(Some(0.25))], ["–", "1.0", "2^-2.0"]);
    }
}
