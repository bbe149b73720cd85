//! `lockcheck.toml`: what a fixture must be found to do, and whether it was (design contract 5.5).
//!
//! ```toml
//! clean = true                                # nothing at or above `likely`
//!
//! [[expect]]
//! kind = "lock-order-cycle"                   # or its code
//! tier = "likely"                             # at least; any, if left out
//! sites = ["src/main.rs:31"]                  # all of them among the finding's sites; a column may follow
//!
//! [[expect]]
//! any_of = [{ kind = "deadlock" }, { kind = "lock-order-cycle" }]   # the run may end either way
//!
//! record = true                               # at the top: it is run as with `lockcheck run --record`
//! ```
//!
//! A finding at or above `likely` that no entry names is unexpected, `clean` or not; notes are always allowed.

use std::path::Path;

use lockcheck_checker::{Code, Finding, Tier};
use lockcheck_events::Site;
use serde::Deserialize;
use toml::Spanned;

use crate::error::{CliError, Result};

/// The file's name.
pub const FILE: &str = "lockcheck.toml";
/// A file above this size counts as a mistake.
const BYTES_MAX: u64 = 1 << 20;

/// What a fixture states.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expectations {
    /// Each must be met; an empty list means clean.
    pub entries: Vec<Expectation>,
    /// Whether its events are recorded: some findings need them.
    pub record: bool,
    /// Nothing that counts may be found, whatever the entries name: they are for lints and notes then.
    pub clean: bool,
}

/// Something that must be found: one of these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// Never empty.
    pub any_of: Vec<Wanted>,
}

/// A finding as it is described beforehand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// What it is.
    pub code: Code,
    /// How sure it is at least.
    pub tier: Tier,
    /// Places that must be among its own.
    pub sites: Vec<WantedSite>,
}

/// `file:line` or `file:line:column`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedSite {
    file: String,
    line: u32,
    column: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clean: Option<Spanned<bool>>,
    #[serde(default)]
    record: bool,
    #[serde(default)]
    expect: Vec<Spanned<Entry>>,
    any_of: Option<Spanned<Vec<Spanned<Entry>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: Option<Spanned<String>>,
    tier: Option<Spanned<String>>,
    sites: Option<Vec<Spanned<String>>>,
    any_of: Option<Vec<Spanned<Entry>>>,
}

/// What is wrong, and the offset of the byte where.
type Fault = (usize, String);

/// Reads the file in `folder`, if it has one.
pub fn load_if_present(folder: &Path) -> Result<Option<Expectations>> {
    let path = folder.join(FILE);
    let Ok(metadata) = std::fs::metadata(&path) else { return Ok(None) };
    if metadata.len() > BYTES_MAX {
        let message =
            format!("malformed {FILE}: it has {} bytes; at most {BYTES_MAX} are read", metadata.len());
        return Err(CliError::usage("toml", message).at(path, 1, 1));
    }
    let bytes = std::fs::read(&path).map_err(|error| CliError::io("read", &path, &error))?;
    let parsed = match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text),
        Err(error) => Err((error.valid_up_to(), "it is not UTF-8".to_owned())),
    };
    parsed.map(Some).map_err(|(offset, what)| {
        let (line, column) = position(&bytes, offset);
        CliError::usage("toml", format!("malformed {FILE}: {what}")).at(path, line, column).help(
            "write `clean = true`, or one `[[expect]]` for each finding, with `kind`, and, if wanted, `tier` and `sites \
             = [\"src/main.rs:31\"]`; or with `any_of = [{ kind = \"...\" }, ...]`",
        )
    })
}

/// Line and column of a byte, both from 1, the column in characters.
pub fn position(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset.min(bytes.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
}

fn parse(text: &str) -> std::result::Result<Expectations, Fault> {
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, error.message().trim().replace('\n', ", "))
    })?;
    let mut entries = file.expect.iter().map(expectation).collect::<std::result::Result<Vec<_>, Fault>>()?;
    if let Some(any_of) = &file.any_of {
        entries.push(Expectation { any_of: alternatives(any_of.span().start, any_of.get_ref(), None)? });
    }
    match &file.clean {
        Some(clean) if !*clean.get_ref() => Err((
            clean.span().start,
            "`clean` can only be true; leave it out where findings are expected".to_owned(),
        )),
        Some(clean) => match entries.iter().find(|entry| !entry.allows_clean()) {
            Some(_) => {
                Err((clean.span().start, "it cannot be clean and expect a finding that counts".to_owned()))
            }
            None => Ok(Expectations { entries, record: file.record, clean: true }),
        },
        None if entries.is_empty() => {
            Err((0, "it says neither `clean = true` nor what to expect".to_owned()))
        }
        None => Ok(Expectations { entries, record: file.record, clean: false }),
    }
}

fn expectation(spanned: &Spanned<Entry>) -> std::result::Result<Expectation, Fault> {
    let (start, entry) = (spanned.span().start, spanned.get_ref());
    let any_of = match (&entry.kind, &entry.any_of) {
        (Some(_), None) => vec![wanted(start, entry, None)?],
        (None, Some(any_of)) => alternatives(start, any_of, Some(entry))?,
        (Some(_), Some(_)) => return Err((start, "`kind` and `any_of` exclude each other".to_owned())),
        (None, None) => return Err((start, "an entry needs `kind` or `any_of`".to_owned())),
    };
    Ok(Expectation { any_of })
}

fn alternatives(
    start: usize,
    any_of: &[Spanned<Entry>],
    common: Option<&Entry>,
) -> std::result::Result<Vec<Wanted>, Fault> {
    if any_of.is_empty() {
        return Err((start, "`any_of` is empty".to_owned()));
    }
    any_of.iter().map(|entry| wanted(entry.span().start, entry.get_ref(), common)).collect()
}

/// One entry with a kind; what it leaves out is taken from `common`.
fn wanted(start: usize, entry: &Entry, common: Option<&Entry>) -> std::result::Result<Wanted, Fault> {
    let Some(kind) = &entry.kind else { return Err((start, "an entry needs `kind`".to_owned())) };
    if entry.any_of.is_some() {
        return Err((start, "`any_of` cannot stand in another".to_owned()));
    }
    let tier = entry.tier.as_ref().or(common.and_then(|common| common.tier.as_ref()));
    let sites = entry.sites.as_ref().or(common.and_then(|common| common.sites.as_ref()));
    Ok(Wanted {
        code: parse_word(kind)?,
        tier: tier.map(parse_word).transpose()?.unwrap_or(Tier::Order),
        sites: sites.into_iter().flatten().map(parse_word).collect::<std::result::Result<_, Fault>>()?,
    })
}

fn parse_word<T: std::str::FromStr<Err = String>>(word: &Spanned<String>) -> std::result::Result<T, Fault> {
    word.get_ref().parse().map_err(|error| (word.span().start, error))
}

impl std::str::FromStr for WantedSite {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<WantedSite, String> {
        let wrong = || format!("`{text}` is not a place; expected `src/main.rs:31` or `src/main.rs:31:9`");
        let number = |part: &str| part.parse::<u32>().ok().filter(|&number| number > 0);
        let (head, last) = text.rsplit_once(':').ok_or_else(wrong)?;
        let last = number(last).ok_or_else(wrong)?;
        let (file, line, column) = match head.rsplit_once(':') {
            Some((file, line)) => (file, number(line).ok_or_else(wrong)?, Some(last)),
            None => (head, last, None),
        };
        match file.is_empty() {
            true => Err(wrong()),
            false => Ok(WantedSite { file: file.to_owned(), line, column }),
        }
    }
}

impl WantedSite {
    fn is(&self, site: &Site) -> bool {
        site.file == self.file
            && site.line == self.line
            && self.column.is_none_or(|column| site.column == column)
    }
}

impl Wanted {
    fn matches(&self, finding: &Finding) -> bool {
        let sites: Vec<&Site> = finding
            .evidence
            .iter()
            .flat_map(|evidence| {
                std::iter::once(&evidence.site).chain(evidence.holds.iter().map(|hold| &hold.site))
            })
            .collect();
        finding.code == self.code
            && finding.tier >= self.tier
            && self.sites.iter().all(|wanted| sites.iter().any(|site| wanted.is(site)))
    }

    /// `deadlock (actual) at src/main.rs:3`.
    pub fn describe(&self) -> String {
        let mut text = self.code.kind().to_owned();
        if self.tier > Tier::Order {
            text += &format!(" ({})", self.tier);
        }
        for (index, site) in self.sites.iter().enumerate() {
            let column = site.column.map(|column| format!(":{column}")).unwrap_or_default();
            text += &format!("{} {}:{}{column}", if index == 0 { " at" } else { "," }, site.file, site.line);
        }
        text
    }
}

impl Expectation {
    fn matches(&self, finding: &Finding) -> bool {
        self.any_of.iter().any(|wanted| wanted.matches(finding))
    }

    /// Whether it can be met by a run that counts as clean: by a lint or a note.
    fn allows_clean(&self) -> bool {
        self.any_of.iter().any(|wanted| wanted.code.is_lint() || wanted.tier < Tier::Likely)
    }

    /// The alternatives, joined by `or`.
    pub fn describe(&self) -> String {
        self.any_of.iter().map(Wanted::describe).collect::<Vec<_>>().join(" or ")
    }
}

impl Expectations {
    /// Entries that no finding meets.
    pub fn missing<'a>(&'a self, findings: &[Finding]) -> Vec<&'a Expectation> {
        self.entries.iter().filter(|entry| !findings.iter().any(|finding| entry.matches(finding))).collect()
    }

    /// Findings that count, and that no entry names or that are not clean.
    pub fn unexpected<'a>(&self, findings: &'a [Finding]) -> Vec<&'a Finding> {
        let counts = |finding: &&Finding| !finding.code.is_lint() && finding.tier >= Tier::Likely;
        let named = |finding: &&Finding| self.entries.iter().any(|entry| entry.matches(finding));
        findings.iter().filter(|finding| counts(finding) && (self.clean || !named(finding))).collect()
    }

    /// `clean`, or the entries.
    pub fn describe(&self) -> String {
        match &self.entries[..] {
            [] => "clean".to_owned(),
            entries => entries.iter().map(Expectation::describe).collect::<Vec<_>>().join("; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use lockcheck_checker::{Evidence, HeldLock};
    use lockcheck_events::{Attempt, Mode};

    use super::*;

    fn site(line: u32) -> Site {
        Site { package: "p".to_owned(), file: "src/main.rs".to_owned(), line, column: 9 }
    }

    /// One side: held at the first line, asked at the second.
    fn finding(code: Code, tier: Tier, lines: &[(u32, u32)]) -> Finding {
        let side = |&(held, asked): &(u32, u32)| Evidence {
            process: 0,
            thread: "t".to_owned(),
            event: 1,
            action: "request".to_owned(),
            attempt: Attempt::Block,
            lock: "1".to_owned(),
            mode: Mode::Exclusive,
            holds: vec![HeldLock { lock: "2".to_owned(), mode: Mode::Exclusive, event: 0, site: site(held) }],
            site: site(asked),
            backtrace: Vec::new(),
        };
        Finding {
            fingerprint: "0".repeat(16),
            evidence: lines.iter().map(side).collect(),
            ..Finding::bare(code, tier)
        }
    }

    #[test]
    fn entries_are_met_by_kind_tier_and_sites() {
        let text = r#"
            [[expect]]
            kind = "lock-order-cycle"
            tier = "likely"
            sites = ["src/main.rs:3", "src/main.rs:8:9"]
        "#;
        let expectations = parse(text).unwrap();
        let is_met = |finding: Finding| expectations.missing(&[finding]).is_empty();
        assert!(is_met(finding(Code::LockOrderCycle, Tier::Likely, &[(3, 4), (7, 8)])));
        assert!(is_met(finding(Code::LockOrderCycle, Tier::Confirmed, &[(3, 4), (7, 8)])));
        assert!(!is_met(finding(Code::LockOrderCycle, Tier::Order, &[(3, 4), (7, 8)])), "not sure enough");
        assert!(!is_met(finding(Code::LockOrderCycle, Tier::Likely, &[(3, 4), (7, 9)])), "elsewhere");
        assert!(!is_met(finding(Code::Deadlock, Tier::Actual, &[(3, 4), (7, 8)])), "something else");
        assert_eq!(expectations.missing(&[]).len(), 1);
        assert_eq!(expectations.describe(), "lock-order-cycle (likely) at src/main.rs:3, src/main.rs:8:9");
    }

    #[test]
    fn what_counts_and_is_not_named_is_unexpected() {
        let clean = parse("clean = true").unwrap();
        assert_eq!(clean.describe(), "clean");
        let likely = finding(Code::LockOrderCycle, Tier::Likely, &[]);
        let note = finding(Code::LockOrderCycle, Tier::Order, &[]);
        let lint = finding(Code::MaskedByTimeout, Tier::Likely, &[]);
        assert_eq!(clean.unexpected(&[likely.clone(), note, lint.clone()]), [&likely]);
        let named = parse("[[expect]]\nkind = 'LC0001'").unwrap();
        assert!(named.unexpected(std::slice::from_ref(&likely)).is_empty());
        let noted = parse("clean = true\n[[expect]]\nkind = 'masked-by-timeout'").unwrap();
        assert!(noted.missing(std::slice::from_ref(&lint)).is_empty());
        assert_eq!(noted.missing(&[]).len(), 1);
        assert_eq!(noted.unexpected(&[likely.clone(), lint]), [&likely]);
        let sure = parse("clean = true\n[[expect]]\nkind = 'LC0001'").unwrap();
        assert_eq!(sure.unexpected(std::slice::from_ref(&likely)), [&likely], "that is not clean");
    }

    #[test]
    fn either_way_is_one_entry() {
        for text in [
            "[[expect]]\nany_of = [{ kind = 'deadlock' }, { kind = 'lock-order-cycle', sites = ['src/main.rs:1'] }]",
            "any_of = [{ kind = 'deadlock' }, { kind = 'lock-order-cycle', sites = ['src/main.rs:1'] }]",
        ] {
            let either = parse(text).unwrap();
            let deadlock = finding(Code::Deadlock, Tier::Actual, &[]);
            let cycle = finding(Code::LockOrderCycle, Tier::Likely, &[(1, 2)]);
            let elsewhere = finding(Code::LockOrderCycle, Tier::Likely, &[(5, 6)]);
            assert!(either.missing(std::slice::from_ref(&deadlock)).is_empty());
            assert!(either.missing(std::slice::from_ref(&cycle)).is_empty());
            assert_eq!(either.missing(std::slice::from_ref(&elsewhere)).len(), 1);
            assert_eq!(either.unexpected(&[deadlock, cycle, elsewhere.clone()]), [&elsewhere]);
        }
        let common = "[[expect]]\nsites = ['a.rs:1']\nany_of = [{ kind = 'deadlock' }, { kind = 'LC0001', sites = [] }]";
        let common = parse(common).unwrap();
        assert_eq!(common.describe(), "deadlock at a.rs:1 or lock-order-cycle");
    }

    #[test]
    fn what_is_malformed_is_said_with_its_place() {
        let fault = |text: &str| {
            let (offset, what) = parse(text).unwrap_err();
            let (line, column) = position(text.as_bytes(), offset);
            format!("{line}:{column}: {what}")
        };
        assert!(fault("").starts_with("1:1: it says neither"));
        assert!(fault("clean = maybe").starts_with("1:9: "));
        assert!(fault("clean = false").starts_with("1:9: `clean` can only be true"));
        assert!(
            fault("clean = true\n[[expect]]\nkind = 'deadlock'\ntier = 'actual'").contains("cannot be clean")
        );
        assert!(fault("\n  claen = true").starts_with("2:3: unknown field `claen`"));
        assert!(fault("[[expect]]\ntier = 'likely'").starts_with("1:1: an entry needs"));
        assert!(fault("[[expect]]\nkind = 'dedlock'").starts_with("2:8: `dedlock` is not a finding code"));
        assert!(
            fault("[[expect]]\nkind = 'deadlock'\ntier = 'sure'").starts_with("3:8: `sure` is not a tier")
        );
        for wrong in ["a.rs", "a.rs:", "a.rs:0", "a.rs:x:1", ":3", "a.rs:1:0"] {
            let text = format!("[[expect]]\nkind = 'deadlock'\nsites = ['{wrong}']");
            assert!(fault(&text).starts_with("3:10: "), "{wrong}: {}", fault(&text));
        }
        assert!(fault("[[expect]]\nany_of = []").contains("empty"));
        assert!(fault("[[expect]]\nkind = 'deadlock'\nany_of = [{ kind = 'LC0001' }]").contains("exclude"));
        assert!(fault("any_of = [{ any_of = [] }]").contains("needs `kind`"));
    }

    #[test]
    fn the_file_s_path_and_place_are_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load_if_present(dir.path()), Ok(None));
        std::fs::write(dir.path().join(FILE), "clean = true\nx = 1\n").unwrap();
        let error = load_if_present(dir.path()).unwrap_err();
        let place = error.place.clone().unwrap();
        assert_eq!((place.file, place.line, place.column), (dir.path().join(FILE), 2, 1));
        assert!(error.human().contains("lockcheck.toml:2:1") && error.human().contains("help: write"));
        std::fs::write(dir.path().join(FILE), b"clean\xff = true").unwrap();
        assert!(load_if_present(dir.path()).unwrap_err().message.contains("UTF-8"));
    }
}
