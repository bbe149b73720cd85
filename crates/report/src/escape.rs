//! Makes what the user named fit to be printed. Names of threads and locks, paths and functions may hold anything:
//! line breaks that fake a line of the report, sequences that drive the terminal, characters that turn the
//! direction of text.

use std::borrow::Cow;
use std::fmt::Write;

/// Text on one line of a terminal: what could break the line or drive the terminal is shown as an escape.
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => push_code(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Controls (C0, DEL, C1), line and paragraph separators, direction marks and overrides, invisible characters.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn push_code(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["worker-1", "größe", "注文", "a \"b\" \\ `c`", "e\u{301}"] {
            assert_eq!(text(name), name);
        }
    }

    #[test]
    fn nothing_that_moves_the_cursor_or_the_reader_survives() {
        assert_eq!(text("a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(text("\u{1b}[31mred\u{7f}\u{9b}"), "\\u{1b}[31mred\\u{7f}\\u{9b}");
        assert_eq!(text("x\u{202e}y\u{2028}\u{feff}"), "x\\u{202e}y\\u{2028}\\u{feff}");
    }
}
