//! What keeps a call from being carried out: one message that says what is wrong, where, and what to do.

use std::path::{Path, PathBuf};

use lockcheck_events::trace_file::TraceError;
use serde::Serialize;

use crate::exit::Exit;

/// The result of a step of a call.
pub type Result<T> = std::result::Result<T, CliError>;

/// Why a call cannot be carried out, or not any further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CliError {
    /// How the call ends.
    pub exit: Exit,
    /// A stable word for programs: `lockcheck.error.v1`'s `code`.
    pub code: &'static str,
    /// What is wrong, in one sentence that begins with a lowercase letter.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The input it is about.
    pub place: Option<Place>,
}

/// A place in an input file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// As the user named it.
    pub file: PathBuf,
    /// From 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// From 1; 0 where the line as a whole is meant.
    pub column: usize,
}

/// The error object of the contract.
#[derive(Serialize)]
struct ErrorObject<'a> {
    schema: &'static str,
    file: String,
    line: usize,
    column: usize,
    code: &'a str,
    message: String,
}

impl CliError {
    fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> CliError {
        CliError { exit, code, message: message.into(), help: None, place: None }
    }

    /// The call is wrong.
    pub fn usage(code: &'static str, message: impl Into<String>) -> CliError {
        CliError::new(Exit::Usage, code, message)
    }

    /// The package does not build; cargo has said why.
    pub fn build(message: impl Into<String>) -> CliError {
        CliError::new(Exit::BuildFailed, "build-failed", message)
    }

    /// The machine or this tool failed.
    pub fn internal(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Internal, "internal", message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> CliError {
        self.help = Some(help.into());
        self
    }

    /// Adds where.
    #[must_use]
    pub fn at(mut self, file: impl Into<PathBuf>, line: usize, column: usize) -> CliError {
        self.place = Some(Place { file: file.into(), line, column });
        self
    }

    /// A system call failed on `path`.
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> CliError {
        let message = format!("cannot {doing} `{}`: {error}", path.display());
        CliError::usage("io", message).at(path, 0, 0)
    }

    /// For people.
    pub fn human(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        if let Some(place) = &self.place
            && place.line != 0
        {
            let column = if place.column == 0 { String::new() } else { format!(":{}", place.column) };
            text += &format!("  --> {}:{}{column}\n", place.file.display(), place.line);
        }
        for line in self.help.iter().flat_map(|help| help.lines()) {
            text += &format!("  help: {line}\n");
        }
        text
    }

    /// For programs: the object `lockcheck.error.v1`.
    pub fn json(&self) -> String {
        let message = match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        };
        let (file, line, column) = match &self.place {
            Some(place) => (place.file.to_string_lossy().into_owned(), place.line, place.column),
            None => (String::new(), 0, 0),
        };
        let object =
            ErrorObject { schema: "lockcheck.error.v1", file, line, column, code: self.code, message };
        serde_json::to_string(&object).unwrap_or_default()
    }
}

impl From<TraceError> for CliError {
    fn from(error: TraceError) -> CliError {
        let code = match &error {
            TraceError::Newer { .. } => "trace-version",
            TraceError::ByteOrder { .. } => "trace-byte-order",
            TraceError::Io { .. } => "io",
            _ => "trace-malformed",
        };
        let base = CliError::usage(code, error.to_string());
        match error.file() {
            Some(file) => base.at(file, 0, 0),
            None => base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_the_place_and_the_remedy() {
        let error =
            CliError::usage("toml-syntax", "it is wrong").at("a/lockcheck.toml", 3, 7).help("do this");
        assert_eq!(error.human(), "error: it is wrong\n  --> a/lockcheck.toml:3:7\n  help: do this\n");
    }

    #[test]
    fn programs_get_the_contract_s_object() {
        let error = CliError::usage("toml-syntax", "it is \"wrong\"").at("a.toml", 3, 7).help("do this");
        assert_eq!(
            error.json(),
            r#"{"schema":"lockcheck.error.v1","file":"a.toml","line":3,"column":7,"code":"toml-syntax","message":"it is \"wrong\"; do this"}"#
        );
    }
}
