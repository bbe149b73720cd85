//! What the command line means: files read, folders made, defaults settled. What was typed is in `args`; after this,
//! nobody looks at flags again.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use lockcheck_checker::suppress::file::fingerprint;
use lockcheck_checker::suppress::{self, Suppression};
use lockcheck_checker::{Code, Finding, Report, Tier, words};
use lockcheck_report::{Backtrace, escape};
use rustix::io::Errno;

use crate::args::{Color, FailOn, Format, JudgeArgs, OnDeadlock};
use crate::error::{CliError, Result};
use crate::suppressions;

/// A baseline above this size counts as a mistake.
const BASELINE_BYTES_MAX: u64 = 64 << 20;
/// Columns to lay a report out for where no terminal says otherwise.
const WIDTH: usize = 140;

/// How results are shown, whatever the command.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The form of the report.
    pub format: Format,
    /// Whether stderr gets colour.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// How much of a stack is shown.
    pub backtrace: Backtrace,
}

impl Style {
    /// From the flags and the environment.
    pub fn new(format: Format, color: Color) -> Style {
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
        };
        let setting = std::env::var("LOCKCHECK_BACKTRACE").unwrap_or_default();
        Style { format, color, width: terminal_width(), backtrace: Backtrace::from_setting(&setting) }
    }
}

fn terminal_width() -> usize {
    let stderr = std::io::stderr();
    let columns = if stderr.is_terminal() {
        rustix::termios::tcgetwinsize(&stderr).map_or(0, |size| usize::from(size.ws_col))
    } else {
        0
    };
    if columns == 0 { WIDTH } else { columns.max(40) }
}

/// What counts, and where the report goes.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The least sure tier that counts; `None`: none does.
    pub fail_on: Option<Tier>,
    /// Codes that count at whatever tier.
    pub deny: BTreeSet<Code>,
    /// Fingerprints that are known and do not count.
    pub known: BTreeSet<String>,
    /// Where the known ones come from.
    pub baseline: Option<PathBuf>,
    /// Whether what is found now is to be the baseline.
    pub update_baseline: bool,
    /// What to live with.
    pub suppressions: Vec<Suppression>,
    /// The file that they were asked from, absolute, for tests that read it themselves.
    pub suppressions_file: Option<PathBuf>,
    /// An existing folder, absolute.
    pub out: Option<PathBuf>,
    /// Where the SARIF form goes.
    pub sarif: Option<PathBuf>,
    /// Whether every instance is shown.
    pub all: bool,
}

impl Judgement {
    /// Reads the baseline and the suppressions, those of the package in `folder` or above where none are asked for, and
    /// makes the output folder.
    pub fn new(args: &JudgeArgs, folder: &Path) -> Result<Judgement> {
        let FailOn(fail_on) = args.fail_on;
        let to_read = args.baseline.as_deref().filter(|_| !args.update_baseline);
        let known = to_read.map(read_baseline).transpose()?.unwrap_or_default();
        let suppressions = suppressions::load(args.suppressions.as_deref(), folder)?;
        let out = args.out.as_deref().map(make_folder).transpose()?;
        Ok(Judgement {
            fail_on,
            deny: args.deny.iter().copied().collect(),
            known,
            baseline: args.baseline.clone(),
            update_baseline: args.update_baseline,
            suppressions,
            suppressions_file: args.suppressions.as_deref().and_then(|path| std::path::absolute(path).ok()),
            out,
            sarif: args.sarif.as_deref().map(can_be_made).transpose()?,
            all: args.all,
        })
    }

    /// Whether the baseline has it.
    pub fn is_known(&self, finding: &Finding) -> bool {
        self.known.contains(&finding.fingerprint)
    }

    /// Takes what is to be lived with out of the findings. `whole`: nothing more will be found, so that remarks about
    /// what is suppressed can be made.
    pub fn suppress(&self, report: &mut Report, whole: bool) {
        let remarks = suppress::apply(&self.suppressions, report);
        if whole {
            report.notes.extend(remarks);
        }
    }

    /// Makes what counts the baseline, if that is asked for: then it counts no more.
    pub fn settle(&mut self, report: &Report) -> Result<()> {
        let Some(path) = self.baseline.as_deref().filter(|_| self.update_baseline) else { return Ok(()) };
        let counting: Vec<&Finding> = report.findings.iter().filter(|finding| self.counts(finding)).collect();
        std::fs::write(path, baseline_text(&counting))
            .map_err(|error| CliError::io("write", path, &error))?;
        self.known = counting.iter().map(|finding| finding.fingerprint.clone()).collect();
        Ok(())
    }

    /// Whether the call fails because of it.
    pub fn counts(&self, finding: &Finding) -> bool {
        let by_tier = !finding.code.is_lint() && self.fail_on.is_some_and(|least| finding.tier >= least);
        !self.is_known(finding) && (by_tier || self.deny.contains(&finding.code))
    }
}

/// A file that is written at the end of a run that may be long: that there is no folder for it is said before.
fn can_be_made(path: &Path) -> Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let is_folder = folder.is_none_or(Path::is_dir);
    let fault = match (is_folder, path.is_dir()) {
        (false, _) => Errno::NOENT,
        (true, true) => Errno::ISDIR,
        (true, false) => return Ok(path.to_owned()),
    };
    Err(CliError::io("write", path, &fault.into()))
}

fn make_folder(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|error| CliError::io("use", path, &error))?;
    std::fs::create_dir_all(&absolute).map_err(|error| CliError::io("make the folder", path, &error))?;
    Ok(absolute)
}

/// A line for each finding, with words for those who read the changes to it.
fn baseline_text(findings: &[&Finding]) -> String {
    let mut text = String::from(
        "# Findings that are known to lockcheck and do not count, one fingerprint a line. Written by\n\
         # `--baseline FILE --update-baseline`; lines may be taken out by hand.\n",
    );
    let mut lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let sites: Vec<String> = finding
                .evidence
                .iter()
                .map(|side| escape::text(&format!("{}:{}", side.site.file, side.site.line)).into_owned())
                .collect();
            let places = words::list(&sites);
            format!("{}  # {} {} at {places}\n", finding.fingerprint, finding.code, finding.kind)
        })
        .collect();
    lines.sort();
    lines.dedup();
    text.extend(lines);
    text
}

fn read_baseline(path: &Path) -> Result<BTreeSet<String>> {
    let size = std::fs::metadata(path).map_err(|error| CliError::io("read", path, &error))?.len();
    if size > BASELINE_BYTES_MAX {
        let message = format!("the baseline has {size} bytes; at most {BASELINE_BYTES_MAX} are read");
        return Err(CliError::usage("baseline", message).at(path, 0, 0));
    }
    let text = std::fs::read_to_string(path).map_err(|error| CliError::io("read", path, &error))?;
    parse_baseline(&text).map_err(|(line, column, what)| {
        CliError::usage("baseline", format!("malformed baseline: {what}")).at(path, line, column).help(
            "a baseline is a report.json, a JSON list of fingerprints, or a text file with one per line",
        )
    })
}

/// An error with its line and column.
type TextError = (usize, usize, String);

fn parse_baseline(text: &str) -> std::result::Result<BTreeSet<String>, TextError> {
    match text.trim_start().chars().next() {
        Some('{' | '[') => parse_json_baseline(text),
        _ => text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.split('#').next().unwrap_or_default().trim()))
            .filter(|(_, word)| !word.is_empty())
            .map(|(line, word)| fingerprint(word).map_err(|what| (line, 1, what)))
            .collect(),
    }
}

fn parse_json_baseline(text: &str) -> std::result::Result<BTreeSet<String>, TextError> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| (error.line(), error.column(), error.to_string()))?;
    let fault = |what: String| (1, 1, what);
    let words: Vec<Option<&str>> = match (&value, value.get("findings")) {
        (serde_json::Value::Array(list), _) => list.iter().map(serde_json::Value::as_str).collect(),
        (_, Some(serde_json::Value::Array(findings))) => {
            findings.iter().map(|finding| finding.get("fingerprint")?.as_str()).collect()
        }
        _ => return Err(fault("it has no list `findings`".to_owned())),
    };
    let words =
        words.into_iter().map(|word| word.ok_or_else(|| fault("an entry has no fingerprint".to_owned())));
    words.map(|word| fingerprint(word?).map_err(fault)).collect()
}

/// What to do about a deadlock: as asked, else as the program does by itself, else end it.
///
/// # Errors
///
/// Where the environment asks the program for what it does not know: it would do nothing, and neither would this tool.
pub fn on_deadlock(asked: Option<OnDeadlock>) -> Result<OnDeadlock> {
    let setting = std::env::var_os("LOCKCHECK_ON_DEADLOCK").unwrap_or_default();
    on_deadlock_where(asked, &setting.to_string_lossy())
}

fn on_deadlock_where(asked: Option<OnDeadlock>, setting: &str) -> Result<OnDeadlock> {
    let by_itself = match setting {
        "" => false,
        "report" | "panic" | "abort" => true,
        other => {
            let message = format!("LOCKCHECK_ON_DEADLOCK={other} is not known");
            return Err(CliError::usage("environment", message).help("expected report, panic or abort"));
        }
    };
    Ok(asked.unwrap_or(if by_itself { OnDeadlock::Report } else { OnDeadlock::Kill }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_asked_for_what_it_does_not_know_is_not_left_to_hang() {
        let chosen = |asked, setting| on_deadlock_where(asked, setting);
        assert_eq!(chosen(None, ""), Ok(OnDeadlock::Kill));
        assert_eq!(chosen(None, "panic"), Ok(OnDeadlock::Report), "it acts by itself");
        assert_eq!(chosen(Some(OnDeadlock::Kill), "panic"), Ok(OnDeadlock::Kill));
        let error = chosen(Some(OnDeadlock::Kill), "kill").unwrap_err();
        assert!(error.message.contains("LOCKCHECK_ON_DEADLOCK=kill"), "{error:?}");
    }

    #[test]
    fn where_no_file_can_be_written_is_said_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("x.sarif");
        assert_eq!(can_be_made(&there), Ok(there.clone()));
        assert_eq!(can_be_made(Path::new("x.sarif")), Ok(PathBuf::from("x.sarif")));
        assert!(can_be_made(folder.path()).is_err(), "a folder");
        assert!(can_be_made(&folder.path().join("no/x.sarif")).is_err(), "in no folder");
        assert!(!there.exists(), "nothing is left where the run fails");
    }

    fn judgement(fail_on: &str, deny: &[Code]) -> Judgement {
        let args =
            JudgeArgs { fail_on: fail_on.parse().unwrap(), deny: deny.to_vec(), ..JudgeArgs::default() };
        Judgement::new(&args, Path::new("/")).unwrap()
    }

    fn finding(code: Code, tier: Tier) -> Finding {
        Finding { fingerprint: "0123456789abcdef".to_owned(), ..Finding::bare(code, tier) }
    }

    #[test]
    fn tiers_lints_and_the_baseline_decide_what_counts() {
        let likely = finding(Code::LockOrderCycle, Tier::Likely);
        let order = finding(Code::LockOrderCycle, Tier::Order);
        let lint = finding(Code::MaskedByTimeout, Tier::Likely);
        let usual = judgement("likely", &[]);
        assert!(usual.counts(&likely) && !usual.counts(&order) && !usual.counts(&lint));
        let strict = judgement("order", &[Code::MaskedByTimeout]);
        assert!(strict.counts(&likely) && strict.counts(&order) && strict.counts(&lint));
        let never = judgement("never", &[Code::MaskedByTimeout]);
        assert!(!never.counts(&likely) && never.counts(&lint));
        let mut known = judgement("order", &[Code::LockOrderCycle]);
        known.known.insert(likely.fingerprint.clone());
        assert!(!known.counts(&likely));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let known = finding(Code::LockOrderCycle, Tier::Likely);
        let other = Finding { fingerprint: "fedcba9876543210".to_owned(), ..known.clone() };
        let text = baseline_text(&[&other, &known]);
        assert!(
            text.lines().nth(2).unwrap().starts_with("0123456789abcdef  # LC0001 lock-order-cycle"),
            "{text}"
        );
        assert_eq!(parse_baseline(&text).unwrap().len(), 2);
        assert_eq!(parse_baseline(&baseline_text(&[])), Ok(BTreeSet::new()));
    }

    #[test]
    fn a_baseline_has_three_forms() {
        let expected = BTreeSet::from(["0123456789abcdef".to_owned()]);
        for text in [
            r#"{"schema":"lockcheck.report.v1","findings":[{"fingerprint":"0123456789abcdef"}]}"#,
            r#"["0123456789ABCDEF"]"#,
            "# known\n\n  0123456789abcdef  # since May\n",
        ] {
            assert_eq!(parse_baseline(text), Ok(expected.clone()), "{text}");
        }
        assert_eq!(parse_baseline(""), Ok(BTreeSet::new()));
        assert_eq!(parse_baseline("# a\nxyz").unwrap_err().0, 2);
        for wrong in ["{", "{}", "[1]", r#"{"findings":[{}]}"#, r#"["short"]"#] {
            assert!(parse_baseline(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_baseline("[\n\"0123456789abcdef\",\n]").unwrap_err().0, 3);
    }
}
