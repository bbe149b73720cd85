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

/// JSON text that is one line for every reader and shows as it is on a terminal. JSON needs the escape for C0
/// controls only; the others can stand nowhere but inside strings, where an escape means the same.
#[cfg(feature = "json")]
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The inside of a quoted DOT string: Graphviz also reads escapes (`\N`) and entities (`&amp;`) there.
#[cfg(feature = "dot")]
pub fn dot(plain: &str) -> String {
    text(plain).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}

/// A SARIF message (section 3.11.5): braces are placeholders unless doubled.
#[cfg(feature = "sarif")]
pub fn sarif(plain: &str) -> String {
    text(plain).replace('{', "{{").replace('}', "}}")
}

/// A path as a URI reference (RFC 3986): everything but unreserved characters and `/` is
/// percent-encoded.
#[cfg(feature = "sarif")]
pub fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    #[cfg(feature = "json")]
    fn json_is_one_line_and_still_means_the_same() {
        let name = "a\u{85}b\u{2028}c\u{e0041}\u{7f}\n";
        let line = json(&serde_json::to_string(name).unwrap()).into_owned();
        assert!(line.is_ascii(), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), name);
    }

    #[test]
    #[cfg(feature = "dot")]
    fn dot_strings_cannot_be_left() {
        assert_eq!(dot("a\"];\\N\n&lt;"), r#"a\"];\\N\\n&amp;lt;"#);
    }

    #[test]
    #[cfg(feature = "sarif")]
    fn sarif_messages_and_uris_hold_no_syntax_of_the_name() {
        assert_eq!(sarif("f::{{closure}}\n{0}"), "f::{{{{closure}}}}\\n{{0}}");
        assert_eq!(uri("src/a b%#?:ö.rs"), "src/a%20b%25%23%3F%3A%C3%B6.rs");
    }
}
