//! `lockcheck verify`: every fixture under a folder against its own expectations (design contract 5.5).
//!
//! Each fixture runs under a `lockcheck run` of its own, as a user would run it: one process reaps one family. All
//! are built first, one after the other, because cargo builds in parallel by itself and locks its target directory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lockcheck_checker::{Finding, ProgramStatus, Report, Verdict};
use rustix::process::{Pid, Signal};
use serde::Serialize;

use crate::args::{Format, SelectArgs, VerifyArgs};
use crate::build;
use crate::config::Style;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::expectations::{self, Expectations};
use crate::output;
use crate::package;

/// How deep fixtures are looked for.
const DEPTH_MAX: usize = 8;
/// How long a run may take to end once it is asked to.
const END_GRACE: Duration = Duration::from_secs(5);
/// How many of a failed run's last lines are shown.
const LINES_SHOWN: usize = 20;

/// How a fixture fared. Each has its own word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    /// As expected.
    Ok,
    /// Something expected was not found.
    Missing,
    /// Something was found that counts and was not expected.
    Unexpected,
    /// Its lockcheck.toml cannot be read.
    Malformed,
    /// It does not build.
    NotBuilt,
    /// It leaves no trace.
    NotInstrumented,
    /// The program itself failed, although it did not hang.
    Failed,
    /// It did not end in time.
    Timeout,
    /// It could not be run.
    Error,
}

impl Word {
    fn as_str(self) -> &'static str {
        match self {
            Word::Ok => "ok",
            Word::Missing => "missing",
            Word::Unexpected => "unexpected",
            Word::Malformed => "malformed",
            Word::NotBuilt => "not-built",
            Word::NotInstrumented => "not-instrumented",
            Word::Failed => "failed",
            Word::Timeout => "timeout",
            Word::Error => "error",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Word::Ok => Exit::Clean,
            Word::Malformed | Word::Error => Exit::Usage,
            Word::NotBuilt => Exit::BuildFailed,
            _ => Exit::Findings,
        }
    }
}

/// One line of the table, and one object of the JSON form.
#[derive(Clone, Debug, Serialize)]
struct Row {
    /// Relative to the folder that is verified.
    name: String,
    path: String,
    result: Word,
    /// What its lockcheck.toml says.
    expected: String,
    /// What was found, in words.
    found: Vec<String>,
    missing: Vec<String>,
    unexpected: Vec<String>,
    program: Option<ProgramStatus>,
    ms: u64,
    /// What else is to be said about it; empty for `ok`.
    details: String,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct VerifyObject<'a> {
    schema: &'static str,
    target: String,
    passed: usize,
    failed: usize,
    fixtures: &'a [Row],
}

/// Carries it out.
pub fn verify(args: &VerifyArgs, style: Style) -> Result<Exit> {
    let folders = find_fixtures(&args.dir)?;
    let rows: Vec<(Row, Option<Expectations>)> =
        folders.iter().map(|folder| prepare(folder, &args.dir)).collect();
    let width = rows.iter().map(|(row, _)| row.name.chars().count()).max().unwrap_or(0).max("fixture".len());
    let human = style.format != Format::Json;
    if human {
        output::to_stdout(&line(width, "fixture", "result", "time", "expected", ""))?;
    }
    let jobs = args.jobs.or(std::thread::available_parallelism().ok()).map_or(1, std::num::NonZero::get);
    let rows = run_all(rows, jobs, args.timeout, &|row| {
        if human {
            // What cannot be written is said at the end.
            let _ = output::to_stdout(&table_row(width, row));
        }
    })?;
    let failed: Vec<&Row> = rows.iter().filter(|row| row.result != Word::Ok).collect();
    if human {
        for row in &failed {
            output::to_stdout(&format!("\n{}: {}\n{}", row.name, row.result.as_str(), row.details))?;
        }
        let passed = rows.len() - failed.len();
        output::to_stdout(&format!("\n{passed} of {} as expected\n", rows.len()))?;
    } else {
        let object = VerifyObject {
            schema: "lockcheck.verify.v1",
            target: args.dir.to_string_lossy().into_owned(),
            passed: rows.len() - failed.len(),
            failed: failed.len(),
            fixtures: &rows,
        };
        let text = serde_json::to_string(&object).map_err(|error| CliError::internal(error.to_string()))?;
        output::to_stdout(&format!("\n{text}\n"))?;
    }
    Ok(Exit::first_of(rows.iter().map(|row| row.result.exit())))
}

/// Every folder with a lockcheck.toml, by name.
fn find_fixtures(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        let message = format!("there is no folder `{}`", dir.display());
        return Err(CliError::usage("no-such-path", message).at(dir, 0, 0));
    }
    let mut found = Vec::new();
    let mut open = vec![(dir.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        if folder.join(expectations::FILE).is_file() {
            found.push(folder);
            continue;
        }
        if depth == DEPTH_MAX {
            continue;
        }
        let entries = std::fs::read_dir(&folder).map_err(|error| CliError::io("read", &folder, &error))?;
        for entry in entries.filter_map(|entry| entry.ok()) {
            let name = entry.file_name();
            let hidden = name.to_string_lossy().starts_with('.');
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !hidden && name != "target" {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found.sort();
    if found.is_empty() {
        let message = format!("there is no fixture under `{}`", dir.display());
        return Err(CliError::usage("no-fixtures", message)
            .at(dir, 0, 0)
            .help("a fixture is a package with a lockcheck.toml beside its Cargo.toml"));
    }
    Ok(found)
}

/// Reads the expectations and builds. What fails here is not run.
fn prepare(folder: &Path, dir: &Path) -> (Row, Option<Expectations>) {
    let name = folder.strip_prefix(dir).ok().filter(|name| !name.as_os_str().is_empty());
    let name = name.or(folder.file_name().map(Path::new)).unwrap_or(folder);
    let mut row = Row {
        name: name.to_string_lossy().into_owned(),
        path: folder.to_string_lossy().into_owned(),
        result: Word::Ok,
        expected: String::new(),
        found: Vec::new(),
        missing: Vec::new(),
        unexpected: Vec::new(),
        program: None,
        ms: 0,
        details: String::new(),
        findings: Vec::new(),
    };
    let expectations = match expectations::load_if_present(folder) {
        Ok(expectations) => expectations.unwrap_or_default(),
        Err(error) => {
            (row.result, row.details) = (Word::Malformed, error.human());
            return (row, None);
        }
    };
    row.expected = expectations.describe();
    let built = package::find_manifest(&std::path::absolute(folder).unwrap_or_default(), Path::new("/"))
        .and_then(|manifest| package::select(&manifest, &SelectArgs::default()))
        .and_then(|program| build::build(&program, &SelectArgs::default()));
    match built {
        Ok(_) => (row, Some(expectations)),
        Err(error) => {
            row.result = if error.exit == Exit::BuildFailed { Word::NotBuilt } else { Word::Error };
            row.details = error.human();
            (row, None)
        }
    }
}

/// Runs those that have expectations, `jobs` at a time; `done` gets the rows in their order.
fn run_all(
    rows: Vec<(Row, Option<Expectations>)>,
    jobs: usize,
    timeout: Duration,
    done: &dyn Fn(&Row),
) -> Result<Vec<Row>> {
    let own = std::env::current_exe()
        .map_err(|error| CliError::internal(format!("cannot find this program: {error}")))?;
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    let mut finished: Vec<Option<Row>> = rows.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(rows.len()) {
            let (send, rows, next, own) = (send.clone(), &rows, &next, &own);
            scope.spawn(move || {
                loop {
                    // Relaxed: the counter gives out numbers and orders nothing else.
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((row, expectations)) = rows.get(index) else { break };
                    let row = match expectations {
                        Some(expectations) => run_one(row.clone(), expectations, own, timeout),
                        None => row.clone(),
                    };
                    if send.send((index, row)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut shown = 0;
        for (index, row) in receive {
            finished[index] = Some(row);
            while let Some(Some(row)) = finished.get(shown) {
                done(row);
                shown += 1;
            }
        }
    });
    Ok(finished.into_iter().flatten().collect())
}

fn run_one(mut row: Row, expectations: &Expectations, own: &Path, timeout: Duration) -> Row {
    let start = Instant::now();
    let ran = run_fixture(&row, own, timeout);
    row.ms = start.elapsed().as_millis() as u64;
    match ran {
        Ok(Ran::Report(report)) => judge(row, expectations, *report),
        Ok(Ran::Other(result, details)) => Row { result, details, ..row },
        Err(error) => Row { result: Word::Error, details: error.human(), ..row },
    }
}

/// What a run left.
enum Ran {
    Report(Box<Report>),
    Other(Word, String),
}

fn run_fixture(row: &Row, own: &Path, timeout: Duration) -> Result<Ran> {
    let place = std::env::temp_dir();
    let folder = tempfile::Builder::new().prefix("lockcheck-verify-").tempdir_in(&place);
    let folder = folder.map_err(|error| CliError::io("make a folder in", &place, &error))?;
    let words = folder.path().join("stderr");
    let stderr = File::create(&words).map_err(|error| CliError::io("write", &words, &error))?;
    let mut command = Command::new(own);
    // The path is absolute or relative to here, never a fixture's name.
    command.arg("run").arg(Path::new(".").join(&row.path)).arg("--out").arg(folder.path());
    command.args(["--color", "never"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let Some(status) = wait_at_most(&mut command, timeout)? else {
        let details = format!("it did not end within {} s\n{}", timeout.as_secs_f64(), last_lines(&words));
        return Ok(Ran::Other(Word::Timeout, details));
    };
    let other = |word| Ok(Ran::Other(word, last_lines(&words)));
    match status.code() {
        Some(code) if code == i32::from(Exit::NothingRecorded.code()) => other(Word::NotInstrumented),
        Some(code) if code == i32::from(Exit::BuildFailed.code()) => other(Word::NotBuilt),
        Some(code) if code == i32::from(Exit::Usage.code()) || code == i32::from(Exit::Internal.code()) => {
            other(Word::Error)
        }
        None => other(Word::Error),
        Some(_) => {
            let path = folder.path().join("report.json");
            let text = std::fs::read_to_string(&path).map_err(|error| CliError::io("read", &path, &error))?;
            let report = serde_json::from_str(&text);
            let report = report.map_err(|error| CliError::internal(format!("report.json: {error}")))?;
            Ok(Ran::Report(Box::new(report)))
        }
    }
}

fn judge(mut row: Row, expectations: &Expectations, report: Report) -> Row {
    row.program = report.program;
    row.findings = report.findings;
    row.found = row.findings.iter().map(describe).collect();
    row.missing = expectations.missing(&row.findings).iter().map(|entry| entry.describe()).collect();
    row.unexpected = expectations.unexpected(&row.findings).into_iter().map(describe).collect();
    let ended = row.program.unwrap_or_default();
    let failed = ended.code != Some(0) && report.verdict != Verdict::Hang;
    row.result = match (failed, row.missing.is_empty(), row.unexpected.is_empty()) {
        _ if report.verdict == Verdict::Inconclusive && !failed => Word::NotInstrumented,
        (true, ..) => Word::Failed,
        (_, false, _) => Word::Missing,
        (_, _, false) => Word::Unexpected,
        _ => Word::Ok,
    };
    if failed {
        row.details += &match (ended.code, ended.signal) {
            (Some(code), _) => format!("  the program exited with code {code}\n"),
            (None, signal) => format!("  the program was ended by signal {}\n", signal.unwrap_or_default()),
        };
    }
    let lines = |word: &str, list: &[String]| {
        list.iter().map(|what| format!("  {word}: {what}\n")).collect::<String>()
    };
    row.details += &lines("missing", &row.missing);
    row.details += &lines("unexpected", &row.unexpected);
    row
}

/// `lock-order-cycle (likely) at src/main.rs:31:9, src/main.rs:40:9`.
fn describe(finding: &Finding) -> String {
    let mut sites: Vec<String> = finding.evidence.iter().map(|evidence| evidence.site.to_string()).collect();
    sites.dedup();
    format!("{} ({}) at {}", finding.kind, finding.tier, sites.join(", "))
}

/// Runs it; nothing, if it had to be ended.
fn wait_at_most(command: &mut Command, timeout: Duration) -> Result<Option<ExitStatus>> {
    let failed = |error: std::io::Error| CliError::internal(format!("cannot run a fixture: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    let pid = Pid::from_raw(child.id() as i32);
    let (send, receive) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let _ = send.send(child.wait());
    });
    let mut status = receive.recv_timeout(timeout).ok();
    let in_time = status.is_some();
    // It passes the signal on to the fixture, and takes it along when it is killed.
    for signal in [Signal::TERM, Signal::KILL] {
        if status.is_none()
            && let Some(pid) = pid
        {
            let _ = rustix::process::kill_process(pid, signal);
            status = receive.recv_timeout(END_GRACE).ok();
        }
    }
    if status.is_some() {
        let _ = waiter.join();
    }
    match (status, in_time) {
        (Some(status), true) => status.map(Some).map_err(failed),
        _ => Ok(None),
    }
}

fn last_lines(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
    shown.iter().map(|line| format!("  {line}\n")).collect()
}

fn table_row(width: usize, row: &Row) -> String {
    let time = format!("{:.2} s", row.ms as f64 / 1000.0);
    let found = match (row.result, row.found.len()) {
        (Word::Ok, _) => String::new(),
        (_, 0) => String::new(),
        (_, count) => format!("  (found {count})"),
    };
    line(width, &row.name, row.result.as_str(), &time, &row.expected, &found)
}

fn line(width: usize, name: &str, result: &str, time: &str, expected: &str, more: &str) -> String {
    let text = format!("{name:width$}  {result:16}  {time:>8}  {expected}{more}");
    text.trim_end().to_owned() + "\n"
}
