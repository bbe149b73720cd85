//! Bytes to tokens (section 1 of the notation). Knows words, numbers and signs; the grammar is `parse`'s business.
//!
//! Works on bytes: outside comments only ASCII is allowed, so before the first error of a line a column is a byte
//! offset. Comments may hold anything, also bytes that are not UTF-8; each such byte counts as one character.

use crate::error::{ErrorCode, Fault, Position};
use crate::limits;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or a reserved word.
    Word,
    /// A run of digits that fits the limit.
    Number,
    /// One of `{ } ( ) : = < > + - * == != <= >=`.
    Sign,
    /// `;`
    Semicolon,
    /// The end of a line.
    Newline,
    /// The end of the file.
    End,
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    /// Its text; empty for the end of a line or of the file.
    pub(crate) text: &'a str,
    pub(crate) at: Position,
    /// Nothing but blanks stands before it on its line.
    pub(crate) first: bool,
}

impl Token<'_> {
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::Sign) && self.text == text
    }

    pub(crate) fn is_separator(&self) -> bool {
        matches!(self.kind, TokenKind::Semicolon | TokenKind::Newline)
    }

    /// How a message names it.
    pub(crate) fn show(&self) -> String {
        match self.kind {
            TokenKind::Newline => "the end of the line".to_owned(),
            TokenKind::End => "the end of the file".to_owned(),
            _ => format!("`{}`", self.text),
        }
    }
}

/// All tokens of a file; the last one is `End`.
pub(crate) fn lex(bytes: &[u8]) -> Result<Vec<Token<'_>>, Fault> {
    if bytes.len() > limits::FILE_BYTES {
        let message = format!(
            "the file has {} bytes, at most {} are allowed; split the sketch",
            bytes.len(),
            limits::FILE_BYTES
        );
        return Fault::err(ErrorCode::Limit, Position { line: 1, column: 1 }, message);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut tokens = Vec::new();
    let mut end = Position { line: 1, column: 1 };
    for (index, raw) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = index as u32 + 1;
        end = Position { line, column: characters(raw) + 1 };
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let first = lex_line(raw, line, &mut tokens)?;
        let at = Position { line, column: characters(raw) + 1 };
        tokens.push(Token { kind: TokenKind::Newline, text: "", at, first });
    }
    tokens.push(Token { kind: TokenKind::End, text: "", at: end, first: true });
    Ok(tokens)
}

/// The tokens of one line. Returns whether there were none.
fn lex_line<'a>(raw: &'a [u8], line: u32, tokens: &mut Vec<Token<'a>>) -> Result<bool, Fault> {
    let mut i = 0;
    let mut first = true;
    while i < raw.len() {
        let at = Position { line, column: i as u32 + 1 };
        let (kind, length) = match raw[i] {
            b'#' => break,
            b' ' | b'\t' => {
                i += 1;
                continue;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => (TokenKind::Word, word_length(&raw[i..])),
            b'0'..=b'9' => (TokenKind::Number, word_length(&raw[i..])),
            b'=' | b'<' | b'>' | b'!' if raw.get(i + 1) == Some(&b'=') => (TokenKind::Sign, 2),
            b';' => (TokenKind::Semicolon, 1),
            b'{' | b'}' | b'(' | b')' | b':' | b'=' | b'<' | b'>' | b'+' | b'-' | b'*' => {
                (TokenKind::Sign, 1)
            }
            _ => return Fault::err(ErrorCode::Character, at, bad_character(&raw[i..])),
        };
        let text = str::from_utf8(&raw[i..i + length]).expect("only ASCII was accepted");
        match kind {
            TokenKind::Word => check_word(text, at)?,
            TokenKind::Number => check_number(text, at)?,
            _ => {}
        }
        if text == "else" {
            while tokens.last().is_some_and(|t| t.kind == TokenKind::Newline) {
                tokens.pop();
            }
        }
        tokens.push(Token { kind, text, at, first });
        first = false;
        i += length;
    }
    Ok(first)
}

fn word_length(raw: &[u8]) -> usize {
    raw.iter().take_while(|&&b| b.is_ascii_alphanumeric() || b == b'_').count()
}

fn check_word(text: &str, at: Position) -> Result<(), Fault> {
    if text.len() <= limits::NAME {
        return Ok(());
    }
    let message =
        format!("a name of {} characters, at most {} are allowed; shorten it", text.len(), limits::NAME);
    Fault::err(ErrorCode::Limit, at, message)
}

fn check_number(text: &str, at: Position) -> Result<(), Fault> {
    if let Some(other) = text.find(|c: char| !c.is_ascii_digit()) {
        let message = format!(
            "`{}` right after the digits `{}`; put a blank between a number and a word",
            excerpt(&text[other..]),
            excerpt(&text[..other])
        );
        return Fault::err(ErrorCode::Number, at, message);
    }
    let digits = text.trim_start_matches('0');
    if digits.len() > 7 || digits.parse::<i64>().unwrap_or(0) > limits::NUMBER {
        let message = format!("the number {} is above {}; use a smaller one", excerpt(text), limits::NUMBER);
        return Fault::err(ErrorCode::Number, at, message);
    }
    Ok(())
}

/// The start of a text that may be as long as the file.
fn excerpt(text: &str) -> String {
    if text.len() <= 40 { text.to_owned() } else { format!("{}...", &text[..40]) }
}

fn bad_character(rest: &[u8]) -> String {
    let remedy = "outside comments only ASCII names, numbers and the signs of the grammar are allowed";
    let chunk = rest.utf8_chunks().next().expect("there is at least one byte");
    match chunk.valid().chars().next() {
        Some('!') => "`!` is not a sign of the notation; write `!=` or `not`".to_owned(),
        Some(c) => format!("unexpected character `{}`; {remedy}", c.escape_debug()),
        None => format!("byte 0x{:02x} is not UTF-8; {remedy}", rest[0]),
    }
}

/// Number of characters; a byte that is not UTF-8 counts as one.
fn characters(raw: &[u8]) -> u32 {
    raw.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len()).sum::<usize>() as u32
}
