//! What part of a source line to underline for a place. Knows a little of Rust's text, and nothing of findings.

use std::ops::Range;

/// An underlined call longer than this is cut to its name.
const CALL_CHARS_MAX: usize = 40;

/// A slice of a file around the places to show.
pub struct Window {
    /// Whole lines of the file.
    pub text: String,
    /// The number of the first of them.
    pub line_start: usize,
    /// The byte range within `text` of each place, in the order given.
    pub spans: Vec<Range<usize>>,
}

/// Cuts out the lines from the first place to the last; `None` where a place does not fit the text, which has
/// then changed since it was compiled. `places` are lines and columns, from 1; column 0 is the whole line.
pub fn window(text: &str, places: &[(u32, u32)]) -> Option<Window> {
    let line_start = places.iter().map(|place| place.0).min()?.max(1) as usize;
    let line_end = places.iter().map(|place| place.0).max()? as usize;
    let mut spans = vec![0..0; places.len()];
    let mut found = 0;
    let mut cut = String::new();
    let lines = text.split_inclusive('\n').enumerate().skip(line_start - 1).take(line_end + 1 - line_start);
    for (index, line) in lines {
        let number = index + 1;
        for (span, place) in spans.iter_mut().zip(places) {
            if place.0 as usize == number {
                let within = span_in_line(line.trim_end_matches(['\n', '\r']), place.1)?;
                *span = cut.len() + within.start..cut.len() + within.end;
                found += 1;
            }
        }
        cut.push_str(line);
    }
    (found == places.len()).then_some(Window { text: cut, line_start, spans })
}

/// The expression at the column: for a method call, which the compiler places at the method's name, the name and
/// its arguments.
fn span_in_line(line: &str, column: u32) -> Option<Range<usize>> {
    if column == 0 {
        let start = line.len() - line.trim_start().len();
        return (start < line.trim_end().len()).then(|| start..line.trim_end().len());
    }
    let start = line.char_indices().nth(column as usize - 1)?.0;
    let rest = &line[start..];
    let first = rest.chars().next()?;
    if !is_word(first) {
        let opens = "(<[{*&!-|\"'".contains(first);
        return opens.then_some(start..start + first.len_utf8());
    }
    if line[..start].chars().next_back().is_some_and(is_word) {
        return None;
    }
    let name = name_length(rest);
    let call = name + arguments_length(&rest[name..]).unwrap_or(0);
    let length = if rest[..call].chars().count() <= CALL_CHARS_MAX { call } else { name };
    Some(start..start + length)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The bytes of a path such as `Mutex::new`, `Mutex::<u32>::new` or `println!`.
fn name_length(text: &str) -> usize {
    let mut length = 0;
    loop {
        length += text[length..].find(|c| !is_word(c)).unwrap_or(text.len() - length);
        let rest = &text[length..];
        if let Some(after) = rest.strip_prefix("::") {
            if after.starts_with(is_word) {
                length += 2;
                continue;
            }
            if let Some(generics) = balanced(after, '<', '>') {
                length += 2 + generics;
                if text[length..].starts_with("::") {
                    length += 2;
                    continue;
                }
            }
        }
        return length + usize::from(rest.starts_with('!') && !rest.starts_with("!="));
    }
}

fn arguments_length(text: &str) -> Option<usize> {
    balanced(text, '(', ')').or_else(|| balanced(text, '[', ']'))
}

/// The bytes up to the bracket that closes the one the text begins with; `None` if it does not begin with one or
/// is not closed on this line.
fn balanced(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close && depth > 0 {
            depth -= 1;
        }
        if depth == 0 {
            return (at > 0).then_some(at + c.len_utf8());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn underlined(line: &str, column: u32) -> Option<&str> {
        span_in_line(line, column).map(|span| &line[span])
    }

    #[test]
    fn the_call_at_the_column_is_underlined() {
        assert_eq!(underlined("let a = x[i].lock().unwrap();", 14), Some("lock()"));
        assert_eq!(underlined("let a = Mutex::new(f(1));", 9), Some("Mutex::new(f(1))"));
        assert_eq!(underlined("Mutex::<Vec<u8>>::new(v)", 1), Some("Mutex::<Vec<u8>>::new(v)"));
        assert_eq!(underlined("x.collect::<Vec<_>>();", 3), Some("collect::<Vec<_>>()"));
        assert_eq!(underlined(".map(Mutex::new)", 6), Some("Mutex::new"));
        assert_eq!(underlined("größe.lock();", 7), Some("lock()"));
        assert_eq!(underlined("lock!(a, b);", 1), Some("lock!(a, b)"));
        assert_eq!(underlined("cfg.write(|cfg| {", 5), Some("write"));
        assert_eq!(underlined("*guard += 1;", 1), Some("*"));
        assert_eq!(underlined("    self.a.lock()\t", 0), Some("self.a.lock()"));
        let long = format!("a.lock({})", "x".repeat(80));
        assert_eq!(underlined(&long, 3), Some("lock"));
    }

    #[test]
    fn a_place_that_does_not_fit_the_text_is_refused() {
        assert_eq!(underlined("a.lock()", 20), None);
        assert_eq!(underlined("a.lock()", 4), None);
        assert_eq!(underlined("    ", 0), None);
        assert_eq!(underlined("a ; b", 3), None);
        assert!(window("a\nb\n", &[(3, 1)]).is_none());
        assert!(window("a\n", &[(0, 1)]).is_none());
        assert!(window("", &[]).is_none());
    }

    #[test]
    fn a_window_holds_whole_lines_and_spans_within_them() {
        let window = window("one\r\ntwo()\nthree\nfour", &[(3, 1), (2, 1)]).unwrap();
        assert_eq!((window.text.as_str(), window.line_start), ("two()\nthree\n", 2));
        assert_eq!(window.spans, [6..11, 0..5]);
    }
}
