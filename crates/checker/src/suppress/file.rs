//! `lockcheck.suppressions.toml`: how entries are written down (docs/suppressions.md).
//!
//! ```toml
//! [[suppress]]
//! reason = "start-up runs before any other thread"
//! fingerprint = "0123456789abcdef"
//!
//! [[suppress]]
//! reason = "both run under the ledger's file lock"
//! kind = "lock-order-cycle"                        # or its code
//! sites = ["src/bank.rs:31", "src/audit.rs:total"] # where each side asks: line, or function
//! package = "bank"                                 # if files of several packages have the same name
//! ```
//!
//! Text in, entries out: which file it is, and reading it, is the business of whoever asks.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use super::{About, Place, Spot, Suppression};
use crate::Code;

/// The file's name, beside a Cargo.toml.
pub const FILE: &str = "lockcheck.suppressions.toml";
/// A file above this size counts as a mistake.
pub const BYTES_MAX: u64 = 4 << 20;

/// What to do about a malformed one.
pub const REMEDY: &str = "each `[[suppress]]` needs a `reason`, and either `fingerprint = \"...\"` (16 hex digits, at the \
    end of a finding) or `kind = \"...\"` with `sites = [\"src/a.rs:31\", \"src/b.rs:function\"]`, one for each side";

/// What is wrong with a file, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What.
    pub what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {REMEDY}", self.line, self.column, self.what)
    }
}

impl std::error::Error for Malformed {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    reason: Option<Spanned<String>>,
    fingerprint: Option<Spanned<String>>,
    kind: Option<Spanned<String>>,
    package: Option<Spanned<String>>,
    sites: Option<Spanned<Vec<Spanned<String>>>>,
}

/// What is wrong, and the offset of the byte where.
type Fault = (usize, String);

/// The entries of the file with these bytes; `name` is what remarks about them call it.
///
/// # Errors
///
/// If it is no such file.
pub fn read(bytes: &[u8], name: &str) -> Result<Vec<Suppression>, Malformed> {
    let parsed = match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, name),
        Err(error) => Err((error.valid_up_to(), "it is not UTF-8".to_owned())),
    };
    parsed.map_err(|(offset, what)| {
        let (line, column) = position(bytes, offset);
        Malformed { line, column, what }
    })
}

/// Line and column of a byte, both from 1, the column in characters.
fn position(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset.min(bytes.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
}

/// A fingerprint as it is compared.
///
/// # Errors
///
/// If it is none.
pub fn fingerprint(word: &str) -> Result<String, String> {
    match word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(word.to_ascii_lowercase()),
        false => Err(format!("`{word}` is not a fingerprint (16 hex digits)")),
    }
}

fn parse(text: &str, name: &str) -> Result<Vec<Suppression>, Fault> {
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, error.message().trim().replace('\n', ", "))
    })?;
    let entry = |spanned: &Spanned<Entry>| {
        let start = spanned.span().start;
        let (line, _) = position(text.as_bytes(), start);
        suppression(start, spanned.get_ref(), format!("{name}:{line}"))
    };
    file.suppress.iter().map(entry).collect()
}

fn suppression(start: usize, entry: &Entry, place: String) -> Result<Suppression, Fault> {
    let reason = match &entry.reason {
        Some(reason) if !reason.get_ref().trim().is_empty() => reason.get_ref().trim().to_owned(),
        Some(empty) => return Err((empty.span().start, "the `reason` is empty".to_owned())),
        None => return Err((start, "an entry has no `reason`".to_owned())),
    };
    let others = [entry.kind.as_ref().map(Spanned::span), entry.sites.as_ref().map(Spanned::span)];
    let about = match (&entry.fingerprint, others.into_iter().flatten().next()) {
        (Some(fingerprint), None) => by_fingerprint(fingerprint)?,
        (None, Some(_)) => by_places(start, entry)?,
        (Some(_), Some(other)) => {
            return Err((other.start, "`fingerprint` and `kind` with `sites` exclude each other".to_owned()));
        }
        (None, None) => {
            return Err((start, "an entry has neither `fingerprint` nor `kind` with `sites`".to_owned()));
        }
    };
    Ok(Suppression { about, reason, place })
}

fn by_fingerprint(word: &Spanned<String>) -> Result<About, Fault> {
    fingerprint(word.get_ref()).map(About::Fingerprint).map_err(|what| (word.span().start, what))
}

fn by_places(start: usize, entry: &Entry) -> Result<About, Fault> {
    let Some(kind) = &entry.kind else {
        return Err((start, "an entry with `sites` needs `kind`".to_owned()));
    };
    let Some(sites) = &entry.sites else {
        return Err((start, "an entry with `kind` needs `sites`".to_owned()));
    };
    let code: Code = kind.get_ref().parse().map_err(|error| (kind.span().start, error))?;
    let place = |site: &Spanned<String>| site.get_ref().parse().map_err(|error| (site.span().start, error));
    let places: Vec<Place> = sites.get_ref().iter().map(place).collect::<Result<_, Fault>>()?;
    if places.len() < 2 {
        let what = "`sites` names fewer than two places: name where each side asks (of a finding with one side, also \
                    where it took what it holds)";
        return Err((sites.span().start, what.to_owned()));
    }
    if let [first, rest @ ..] = &*places
        && matches!(first.spot, Spot::Function(_))
        && rest.iter().all(|place| place == first)
    {
        let what = "`sites` names one function only, and would cover whatever is written into it: name lines";
        return Err((sites.span().start, what.to_owned()));
    }
    let package = entry.package.as_ref().map(|package| package.get_ref().clone());
    Ok(About::Places { code, package, places })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, String) {
        let (offset, what) = parse(text, "s.toml").unwrap_err();
        (position(text.as_bytes(), offset).0, what)
    }

    #[test]
    fn both_forms_are_read() {
        let text = "[[suppress]]\nreason = ' known '\nfingerprint = '0123456789ABCDEF'\n\n[[suppress]]\n\
                    reason = 'b'\nkind = 'LC0001'\nsites = ['a.rs:1', 'a.rs:f']\npackage = 'p'\n";
        let entries = parse(text, "s.toml").unwrap();
        assert_eq!(entries[0].about, About::Fingerprint("0123456789abcdef".to_owned()));
        assert_eq!((entries[0].reason.as_str(), entries[0].place.as_str()), ("known", "s.toml:1"));
        let About::Places { code, package, places } = &entries[1].about else { panic!() };
        assert_eq!((*code, package.as_deref(), places.len()), (Code::LockOrderCycle, Some("p"), 2));
        assert_eq!(parse("# nothing\n", "s.toml"), Ok(Vec::new()));
        let twice = "[[suppress]]\nreason='r'\nkind='deadlock'\nsites=['a.rs:3','a.rs:3']\n";
        assert_eq!(parse(twice, "s.toml").unwrap().len(), 1, "both sides may run the same line");
    }

    #[test]
    fn a_malformed_entry_is_told_with_its_line() {
        let said = |text: &str, line: usize, words: &str| {
            let (at, what) = fault(text);
            assert!(at == line && what.contains(words), "{text}: {at}: {what}");
        };
        let with = |rest: &str| format!("[[suppress]]\nreason = 'r'\n{rest}\n");
        said("[[suppress]]\nfingerprint = '0123456789abcdef'\n", 1, "no `reason`");
        said("\n[[suppress]]\nreason = ' '\n", 3, "is empty");
        said(&with(""), 1, "neither");
        said(&with("fingerprint = 'x'"), 3, "16 hex digits");
        said(&with("fingerprint = '0123456789abcdef'\nkind = 'deadlock'"), 4, "exclude");
        said(&with("kind = 'deadlok'\nsites = ['a.rs:1', 'a.rs:2']"), 3, "not a finding code");
        said(&with("kind = 'deadlock'"), 1, "needs `sites`");
        said(&with("sites = ['a.rs:1', 'a.rs:2']"), 1, "needs `kind`");
        said(&with("kind = 'deadlock'\nsites = ['a.rs:1']"), 4, "fewer than two");
        said(&with("kind = 'deadlock'\nsites = ['a.rs:f', 'a.rs:f']"), 4, "one function only");
        said(&with("kind = 'deadlock'\nsites = ['a.rs:1',\n 'a.rs']"), 5, "is not a place");
        said(&with("until = '2027'"), 3, "unknown field");
        said("[[suppress]\n", 1, "");
        assert_eq!(fault("suppress = 3").0, 1);
    }
}
