//! Enough of Rust's lexical grammar to tell code from comments and literals.

/// The text with comments and the contents of string and character literals replaced by blanks; line breaks stay.
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match chars[i] {
            '/' if chars.get(i + 1) == Some(&'/') => until(&chars, i, |c| c == '\n'),
            '/' if chars.get(i + 1) == Some(&'*') => block_comment(&chars, i),
            '"' => string(&chars, i + 1),
            'r' | 'b' | 'c' if !after_word(&chars, i) => prefixed(&chars, i).unwrap_or(i),
            '\'' => character(&chars, i).unwrap_or(i),
            _ => i,
        };
        if end == i {
            out.push(chars[i]);
            i += 1;
        } else {
            out.extend(chars[i..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

fn after_word(chars: &[char], i: usize) -> bool {
    i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_')
}

fn until(chars: &[char], start: usize, stop: impl Fn(char) -> bool) -> usize {
    (start..chars.len()).find(|&i| stop(chars[i])).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0usize;
    let mut i = start;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                i += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    chars.len()
}

/// From behind the opening quote to behind the closing one.
fn string(chars: &[char], start: usize) -> usize {
    let mut i = start;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// Literals that begin with letters: r"…", r#"…"#, b"…", br"…", c"…", b'…'.
fn prefixed(chars: &[char], start: usize) -> Option<usize> {
    let mut i = until(chars, start, |c| !matches!(c, 'r' | 'b' | 'c'));
    let raw = chars[start..i].contains(&'r');
    if i - start > 2 {
        return None;
    }
    if !raw {
        return match chars.get(i)? {
            '"' => Some(string(chars, i + 1)),
            '\'' if chars[start] == 'b' => character(chars, i),
            _ => None,
        };
    }
    let hashes = until(chars, i, |c| c != '#') - i;
    i += hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    let closes = |at: usize| chars[at] == '"' && (1..=hashes).all(|k| chars.get(at + k) == Some(&'#'));
    (i + 1..chars.len()).find(|&at| closes(at)).map(|at| at + 1 + hashes)
}

/// A character literal, and not a lifetime.
fn character(chars: &[char], start: usize) -> Option<usize> {
    match chars.get(start + 1)? {
        '\\' => (start + 3..chars.len().min(start + 14)).find(|&i| chars[i] == '\'').map(|i| i + 1),
        _ if chars.get(start + 2) == Some(&'\'') => Some(start + 3),
        _ => None,
    }
}

/// Whether `word` stands in the line of code as a whole word.
pub fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::{code_only, has_word};

    #[test]
    fn comments_and_literals_are_blank() {
        let cases = [
            ("a // unsafe\nb", "a          \nb"),
            ("a /* x /* unsafe */ y */ b", "a                        b"),
            (r#"f("unsafe \" {") g"#, "f(             ) g"),
            (r##"f(r#"uns"afe"#) g"##, "f(            ) g"),
            ("'u' 'a: 'b", "    'a: 'b"),
            (r"'\'' '\u{41}' x", "              x"),
            ("b'\"' x", "     x"),
            ("r#type bar\" \"", "r#type bar   "),
            ("for", "for"),
        ];
        for (text, expected) in cases {
            assert_eq!(code_only(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("unsafe {", "unsafe") && has_word("(unsafe", "unsafe"));
        assert!(!has_word("unsafe_code", "unsafe") && !has_word("not_unsafe", "unsafe"));
    }
}
