//! `lockcheck.suppressions.toml`: findings that a project has decided to live with, each with a reason
//! (docs/suppressions.md).
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
//! What an entry matches is the checker's business (`suppress`).

use std::path::{Path, PathBuf};

use lockcheck_checker::Code;
use lockcheck_checker::suppress::{About, Place, Spot, Suppression};
use serde::Deserialize;
use toml::Spanned;

use crate::config::fingerprint;
use crate::error::{CliError, Result};
use crate::expectations::position;

/// The file's name, beside a Cargo.toml.
pub const FILE: &str = "lockcheck.suppressions.toml";
/// A file above this size counts as a mistake.
const BYTES_MAX: u64 = 4 << 20;

/// What to do about a malformed one.
const REMEDY: &str = "each `[[suppress]]` needs a `reason`, and either `fingerprint = \"...\"` (16 hex digits, at the \
    end of a finding) or `kind = \"...\"` with `sites = [\"src/a.rs:31\", \"src/b.rs:function\"]`, one for each side";

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

/// The file that is in force: the one that was asked for, else the nearest beside a Cargo.toml, from `start` upwards.
pub fn load(asked: Option<&Path>, start: &Path) -> Result<Vec<Suppression>> {
    match asked {
        Some(path) => read(path),
        None => find(start).map_or_else(|| Ok(Vec::new()), |path| read(&path)),
    }
}

fn find(start: &Path) -> Option<PathBuf> {
    let packages = start.ancestors().filter(|folder| folder.join("Cargo.toml").is_file());
    packages.map(|folder| folder.join(FILE)).find(|file| file.is_file())
}

fn read(path: &Path) -> Result<Vec<Suppression>> {
    let size = std::fs::metadata(path).map_err(|error| CliError::io("read", path, &error))?.len();
    if size > BYTES_MAX {
        let message = format!("malformed suppressions: {size} bytes; at most {BYTES_MAX} are read");
        return Err(CliError::usage("suppressions", message).at(path, 1, 1));
    }
    let bytes = std::fs::read(path).map_err(|error| CliError::io("read", path, &error))?;
    let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let parsed = match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, &shown),
        Err(error) => Err((error.valid_up_to(), "it is not UTF-8".to_owned())),
    };
    parsed.map_err(|(offset, what)| {
        let (line, column) = position(&bytes, offset);
        CliError::usage("suppressions", format!("malformed suppressions: {what}"))
            .at(path, line, column)
            .help(REMEDY)
    })
}

fn parse(text: &str, name: &str) -> std::result::Result<Vec<Suppression>, Fault> {
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

fn suppression(start: usize, entry: &Entry, place: String) -> std::result::Result<Suppression, Fault> {
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

fn by_fingerprint(word: &Spanned<String>) -> std::result::Result<About, Fault> {
    fingerprint(word.get_ref()).map(About::Fingerprint).map_err(|what| (word.span().start, what))
}

fn by_places(start: usize, entry: &Entry) -> std::result::Result<About, Fault> {
    let Some(kind) = &entry.kind else {
        return Err((start, "an entry with `sites` needs `kind`".to_owned()));
    };
    let Some(sites) = &entry.sites else {
        return Err((start, "an entry with `kind` needs `sites`".to_owned()));
    };
    let code: Code = kind.get_ref().parse().map_err(|error| (kind.span().start, error))?;
    let place = |site: &Spanned<String>| site.get_ref().parse().map_err(|error| (site.span().start, error));
    let places: Vec<Place> = sites.get_ref().iter().map(place).collect::<std::result::Result<_, Fault>>()?;
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
