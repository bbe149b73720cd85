//! Findings that a project has decided to live with: which entry matches which finding, and which entries match nothing
//! or too much. How entries are written down is the CLI's business.
//!
//! An entry names a finding by its fingerprint, or by its kind and its places. Places must say where every side of the
//! finding asks for what it waits for, and each must be one of the finding's: an entry for two sides does not cover a
//! cycle that has a third one. One function alone is never enough, because whatever is written into that function later
//! would be covered too.

use crate::finding::{Finding, Report};
use crate::{Code, Evidence, Tier};

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suppression {
    /// Which findings it is about.
    pub about: About,
    /// Why they are accepted; never empty.
    pub reason: String,
    /// Where the entry stands, for remarks about it.
    pub place: String,
}

/// How an entry names findings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum About {
    /// 16 hex digits.
    Fingerprint(String),
    /// Kind and places.
    Places {
        /// What is found.
        code: Code,
        /// The package that the files belong to; any, if left out.
        package: Option<String>,
        /// At least two.
        places: Vec<Place>,
    },
}

/// A place in a source file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Relative to its package, with `/`.
    pub file: String,
    /// Where in it.
    pub spot: Spot,
}

/// Where in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Spot {
    /// A line, from 1.
    Line(u32),
    /// A function, by the last part of its path or all of it.
    Function(String),
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let wrong =
            || format!("`{text}` is not a place; expected `src/main.rs:31` or `src/main.rs:transfer`");
        // A function's path has colons, a file's name may not.
        let (file, spot) = text.split_once(':').ok_or_else(wrong)?;
        let (file, spot) = (file.trim(), spot.trim());
        let is_name = spot.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '<');
        let spot = match spot.parse::<u32>() {
            Ok(line) if line > 0 => Spot::Line(line),
            Err(_) if is_name => Spot::Function(spot.to_owned()),
            _ => return Err(wrong()),
        };
        if file.is_empty() { Err(wrong()) } else { Ok(Place { file: file.to_owned(), spot }) }
    }
}

impl Suppression {
    /// Whether it is about this finding.
    pub fn matches(&self, finding: &Finding) -> bool {
        match &self.about {
            About::Fingerprint(fingerprint) => *fingerprint == finding.fingerprint,
            About::Places { code, package, places } => {
                let in_package = |name: &str| package.as_deref().is_none_or(|package| package == name);
                let sides = &finding.evidence;
                finding.code == *code
                    && !sides.is_empty()
                    && sides.iter().all(|side| {
                        in_package(&side.site.package) && places.iter().any(|place| asks_at(side, place))
                    })
                    && places.iter().all(|place| sides.iter().any(|side| is_of(side, place)))
            }
        }
    }
}

/// Whether the side asks for its lock there.
fn asks_at(side: &Evidence, place: &Place) -> bool {
    side.site.file == place.file
        && match &place.spot {
            Spot::Line(line) => side.site.line == *line,
            Spot::Function(name) => function(side).is_some_and(|function| is_named(function, name)),
        }
}

/// The same, or whether it took one of its holds there.
fn is_of(side: &Evidence, place: &Place) -> bool {
    let held_there =
        |line: u32| side.holds.iter().any(|hold| hold.site.file == place.file && hold.site.line == line);
    asks_at(side, place) || matches!(place.spot, Spot::Line(line) if held_there(line))
}

/// The function that the side's place stands in, as far as its stack tells.
fn function(side: &Evidence) -> Option<&str> {
    let frame = side.backtrace.iter().find(|frame| frame.user)?;
    let of_site = frame.file == side.site.file && !frame.function.is_empty();
    of_site.then_some(frame.function.as_str())
}

/// Closures count for the function that they stand in.
fn is_named(function: &str, name: &str) -> bool {
    let mut function = function;
    while let Some(outer) = function.strip_suffix("::{{closure}}") {
        function = outer;
    }
    function == name || function.strip_suffix(name).is_some_and(|path| path.ends_with("::"))
}

/// A finding that a project has decided to live with.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// Why.
    pub reason: String,
}

/// A deadlock that the run ended in cannot be lived with.
fn has_hung(finding: &Finding) -> bool {
    use Code::{
        CrossProcessDeadlock, Deadlock, ExecutorStarvation, JoinDeadlock, LostWakeup, SelfDeadlock, StuckWait,
    };
    finding.tier == Tier::Actual
        && matches!(
            finding.code,
            Deadlock
                | SelfDeadlock
                | JoinDeadlock
                | StuckWait
                | LostWakeup
                | ExecutorStarvation
                | CrossProcessDeadlock
        )
}

/// Moves what the entries are about out of the findings. Gives a remark for each entry that matches nothing, and for
/// each with places that matches more than one finding.
pub fn apply(entries: &[Suppression], report: &mut Report) -> Vec<String> {
    let mut matched: Vec<Vec<String>> = vec![Vec::new(); entries.len()];
    let mut kept = Vec::new();
    for finding in std::mem::take(&mut report.findings) {
        let mut reason = None;
        for (entry, matched) in entries.iter().zip(&mut matched).filter(|(entry, _)| entry.matches(&finding))
        {
            matched.push(finding.fingerprint.clone());
            reason.get_or_insert(&entry.reason);
        }
        match reason {
            Some(reason) if !has_hung(&finding) => {
                report.suppressed.push(Suppressed { finding, reason: reason.clone() });
            }
            _ => kept.push(finding),
        }
    }
    report.findings = kept;
    let remark = |(entry, matched): (&Suppression, &Vec<String>)| match matched.as_slice() {
        [] => Some(format!(
            "the suppression at {} ({}) matches nothing in this run: take it away if it is stale",
            entry.place,
            crate::words::quoted(&entry.reason)
        )),
        [_] => None,
        several => Some(format!(
            "the suppression at {} matches {} findings, which is too much: name them by fingerprint ({})",
            entry.place,
            several.len(),
            crate::words::list(several)
        )),
    };
    entries.iter().zip(&matched).filter_map(remark).collect()
}

#[cfg(test)]
mod tests {
    use lockcheck_events::{Attempt, Frame, Mode, Site};

    use super::*;
    use crate::HeldLock;

    fn site(line: u32) -> Site {
        Site { package: "p".to_owned(), file: "src/a.rs".to_owned(), line, column: 9 }
    }

    fn side(held: u32, wanted: u32, function: &str) -> Evidence {
        let frame =
            Frame { function: function.to_owned(), file: "src/a.rs".to_owned(), line: wanted, user: true };
        Evidence {
            process: 0,
            thread: "t".to_owned(),
            event: 1,
            action: "request".to_owned(),
            attempt: Attempt::Block,
            lock: "1".to_owned(),
            mode: Mode::Exclusive,
            holds: vec![HeldLock { lock: "2".to_owned(), mode: Mode::Exclusive, event: 0, site: site(held) }],
            site: site(wanted),
            backtrace: vec![frame],
        }
    }

    fn finding(fingerprint: &str, evidence: Vec<Evidence>) -> Finding {
        Finding {
            fingerprint: fingerprint.to_owned(),
            evidence,
            ..Finding::bare(Code::LockOrderCycle, Tier::Likely)
        }
    }

    fn places(places: &[&str]) -> Suppression {
        let places = places.iter().map(|place| place.parse().unwrap()).collect();
        let about = About::Places { code: Code::LockOrderCycle, package: None, places };
        Suppression { about, reason: "known".to_owned(), place: "s.toml:1".to_owned() }
    }

    fn cycle() -> Finding {
        finding("a", vec![side(1, 2, "p::one"), side(3, 4, "p::two::{{closure}}")])
    }

    #[test]
    fn places_must_cover_every_side_and_nothing_else() {
        let matches = |list: &[&str]| places(list).matches(&cycle());
        assert!(matches(&["src/a.rs:2", "src/a.rs:4"]) && matches(&["src/a.rs:one", "src/a.rs:p::two"]));
        assert!(matches(&["src/a.rs:2", "src/a.rs:4", "src/a.rs:1"]), "a hold is a place too");
        assert!(!matches(&["src/a.rs:2", "src/a.rs:1"]), "one side is not covered");
        assert!(!matches(&["src/a.rs:2", "src/a.rs:4", "src/a.rs:9"]), "one place is not in it");
        assert!(!matches(&["src/b.rs:2", "src/a.rs:4"]) && !matches(&["src/a.rs:ne", "src/a.rs:two"]));
        let three = finding("a", vec![side(1, 2, ""), side(3, 4, ""), side(5, 6, "")]);
        assert!(!places(&["src/a.rs:2", "src/a.rs:4"]).matches(&three));
        let mut other = places(&["src/a.rs:2", "src/a.rs:4"]);
        if let About::Places { package, .. } = &mut other.about {
            *package = Some("q".to_owned());
        }
        assert!(!other.matches(&cycle()));
    }

    #[test]
    fn places_are_lines_or_functions() {
        let function = |name: &str| Spot::Function(name.to_owned());
        let spot = |text: &str| text.parse::<Place>().map(|place| place.spot);
        assert_eq!(spot("a.rs:31"), Ok(Spot::Line(31)));
        assert_eq!(spot("a.rs: bank::transfer"), Ok(function("bank::transfer")));
        assert_eq!(spot("a.rs:<T as X>::f"), Ok(function("<T as X>::f")));
        for wrong in ["", "a.rs", "a.rs:", "a.rs:0", ":3", "a.rs:-1", "a.rs:99999999999"] {
            assert!(spot(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }

    #[test]
    fn what_is_suppressed_leaves_the_findings_and_entries_are_judged_too() {
        let entry = |fingerprint: &str| Suppression {
            about: About::Fingerprint(fingerprint.to_owned()),
            ..places(&["x:1", "x:2"])
        };
        let mut report = Report::empty("t");
        let twin = Finding { fingerprint: "b".to_owned(), ..cycle() };
        report.findings = vec![cycle(), twin, finding("c", vec![side(7, 8, "")])];
        let entries = [places(&["src/a.rs:2", "src/a.rs:4"]), entry("c"), entry("d")];
        let remarks = apply(&entries, &mut report);
        assert!(report.findings.is_empty());
        let who: Vec<&str> =
            report.suppressed.iter().map(|known| known.finding.fingerprint.as_str()).collect();
        assert_eq!(who, ["a", "b", "c"]);
        assert_eq!(remarks.len(), 2, "{remarks:?}");
        assert!(remarks[0].contains("matches 2 findings") && remarks[0].contains("(a and b)"));
        assert!(remarks[1].contains("matches nothing"));
    }

    #[test]
    fn a_deadlock_that_happened_is_told_all_the_same() {
        let mut report = Report::empty("t");
        let happened = Finding { code: Code::Deadlock, tier: Tier::Actual, ..cycle() };
        report.findings = vec![happened];
        let entry = Suppression {
            about: About::Fingerprint("a".to_owned()),
            reason: "known".to_owned(),
            place: String::new(),
        };
        assert!(apply(&[entry], &mut report).is_empty());
        assert_eq!((report.findings.len(), report.suppressed.len()), (1, 0));
    }
}
