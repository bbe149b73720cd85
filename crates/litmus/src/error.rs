//! What is wrong with a file, and where. Not the place that finds it: that is `lex`, `parse` and `compile`.

use std::fmt;

/// A place in a file. It takes no part in comparisons of syntax trees: two trees are equal when they say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1; a byte order mark is not counted.
    pub column: u32,
}

/// The kinds of error of section 9 of the notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// A character that cannot start a word, outside a comment.
    Character,
    /// Digits followed by a letter or `_`, or a number above the limit.
    Number,
    /// The grammar is not followed.
    Syntax,
    /// A reserved word where a name is needed.
    Reserved,
    /// A limit of section 10 is exceeded.
    Limit,
    /// Something is declared or listed twice.
    Duplicate,
    /// A missing, unfitting or out-of-range value in a declaration.
    Value,
    /// A name that is not declared.
    Unknown,
    /// A name of the wrong kind for the statement.
    Kind,
    /// `break` without an enclosing `repeat`.
    Break,
    /// No thread that starts by itself.
    Empty,
}

impl ErrorCode {
    /// The word the notation uses for this code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::Character => "character",
            ErrorCode::Number => "number",
            ErrorCode::Syntax => "syntax",
            ErrorCode::Reserved => "reserved",
            ErrorCode::Limit => "limit",
            ErrorCode::Duplicate => "duplicate",
            ErrorCode::Value => "value",
            ErrorCode::Unknown => "unknown",
            ErrorCode::Kind => "kind",
            ErrorCode::Break => "break",
            ErrorCode::Empty => "empty",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a file is not a litmus program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}:{}: error[{code}]: {message}", .at.line, .at.column)]
pub struct ParseError {
    /// The name the caller gave the file.
    pub file: String,
    /// Where.
    pub at: Position,
    /// What kind of error.
    pub code: ErrorCode,
    /// What was found, what was expected, and what to do about it.
    pub message: String,
}

impl ParseError {
    /// Line, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.at.line
    }

    /// Column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.at.column
    }
}

/// An error before it knows the file's name.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: Position,
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Fault {
    /// `Err` of a new fault, so that callers can `return Fault::err(...)`.
    pub(crate) fn err<T>(code: ErrorCode, at: Position, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { at, code, message: message.into() })
    }

    pub(crate) fn in_file(self, file: &str) -> ParseError {
        ParseError { file: file.to_owned(), at: self.at, code: self.code, message: self.message }
    }
}
