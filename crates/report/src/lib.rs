//! Findings as text: laid out like a compiler's errors for people, one line each for editors, and as JSON, SARIF
//! and DOT for machines.
//!
//! It judges nothing and looks nothing up but source text, through [`Sources`]. The `human` and `short` forms are
//! always there, and small, because an instrumented process prints them itself; the others are features.

#[cfg(feature = "dot")]
pub mod dot;
pub mod escape;
pub mod human;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "sarif")]
pub mod sarif;
pub mod short;
mod snippet;
mod sources;
mod summary;

use lockcheck_checker::{Code, Finding, Tier};

pub use sources::{NoSources, Sources};
pub use summary::summary;

/// How the text forms are to look.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Where source text comes from.
    pub sources: &'a dyn Sources,
    /// Whether to colour the text with ANSI sequences.
    pub color: bool,
    /// How much of each side's stack is shown.
    pub backtrace: Backtrace,
    /// Whether to show every side of a large cycle and every frame of a long stack.
    pub all: bool,
    /// Columns of the terminal; long source lines are cut to it.
    pub width: usize,
}

impl<'a> Options<'a> {
    /// No colour, the user's frames, 140 columns.
    pub fn new(sources: &'a dyn Sources) -> Options<'a> {
        Options { sources, color: false, backtrace: Backtrace::User, all: false, width: 140 }
    }
}

/// How much of a stack is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backtrace {
    /// Nothing.
    None,
    /// The user's frames.
    #[default]
    User,
    /// All frames.
    Full,
}

impl Backtrace {
    /// Reads a value of `LOCKCHECK_BACKTRACE`; what is not known counts as not set.
    pub fn from_setting(text: &str) -> Backtrace {
        match text {
            "0" => Backtrace::None,
            "full" => Backtrace::Full,
            _ => Backtrace::User,
        }
    }
}

/// The word before a finding's code, as compilers use it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// For the reader's information; does not count.
    Note,
    /// It could happen.
    Warning,
    /// It did happen, or was made to.
    Error,
}

impl Severity {
    /// Lints and mere order are notes; what happened or was driven to happen is an error.
    pub fn of(finding: &Finding) -> Severity {
        if finding.code.is_lint() || finding.tier == Tier::Order {
            Severity::Note
        } else if finding.code == Code::Deadlock || finding.tier >= Tier::Confirmed {
            Severity::Error
        } else {
            Severity::Warning
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}
