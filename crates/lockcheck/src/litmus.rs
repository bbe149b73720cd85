//! `lockcheck litmus`: judges protocol sketches, either in all their runs (`exhaustive`) or by what one run with the
//! real locks foretells (`observe`). What a sketch means is the litmus crate's business; here it is found, read, and
//! what is known of it put into the contract's words.

mod exhaustive;
mod findings;
mod observe;

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use lockcheck_checker::{Finding, Report, Verdict};
use lockcheck_events::RawSite;
use lockcheck_events::source::SourceMap;
use lockcheck_litmus::{ParseError, Program, limits, parse};
use lockcheck_report::{Options, escape, sarif, short};
use serde::Serialize;

pub use observe::observe_one;

use crate::args::{Format, LitmusArgs};
use crate::config::{Judgement, Style};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output;
use crate::traces;

/// The ending by which sketches are found in folders.
const ENDING: &str = "litmus";
/// Columns of a source line that an error shows before the place it is about.
const COLUMNS_BEFORE: usize = 60;
/// Columns of a source line that an error shows in all.
const COLUMNS: usize = 100;

/// A sketch without errors.
pub struct Sketch {
    /// As the user named it.
    path: PathBuf,
    bytes: Vec<u8>,
    program: Program,
}

impl Sketch {
    fn file(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

/// What is known of one sketch.
pub struct Judged {
    report: Report,
    /// What the contract's `litmus` holds.
    litmus: serde_json::Value,
    /// For people: one line, and the story.
    story: String,
    /// The findings of the report, and those that are suppressed.
    found: Vec<Finding>,
    /// Whether an assertion can fail, for which no code of the table stands.
    assertion: bool,
}

/// The report of the contract with one field more.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    report: &'a Report,
    litmus: &'a serde_json::Value,
}

/// Judges the sketches; they are told of in the order given.
pub fn litmus(args: &LitmusArgs, style: Style) -> Result<Exit> {
    let mut judgement = Judgement::new(&args.judge, &std::env::current_dir().unwrap_or_default())?;
    let files = files(&args.files)?;
    let own = std::env::current_exe()
        .map_err(|error| CliError::internal(format!("cannot find this program: {error}")))?;
    let sources = SourceMap::of_this_process();
    let judge = |path: &PathBuf| -> std::result::Result<Judged, Box<Trouble>> {
        let sketch = read(path)?;
        if args.observe {
            return Ok(observe::judge(&sketch, &own, &sources, style, &judgement)?);
        }
        Ok(exhaustive::judge(&sketch, args.limit, &sources, &judgement))
    };
    let mut exits = Vec::new();
    let mut all = Together::new(&files);
    let mut shown = Ok(());
    in_order(jobs(args.jobs), &files, judge, |outcome| match outcome {
        Ok(judged) => {
            let told = show(&judged, &sources, style, &judgement);
            shown = std::mem::replace(&mut shown, Ok(())).and(told);
            all.add(judged);
        }
        Err(trouble) => {
            let told = trouble.show(style);
            shown = std::mem::replace(&mut shown, Ok(())).and(told);
            exits.push(trouble.error.exit);
        }
    });
    shown?;
    exits.push(all.deliver(&sources, style, &mut judgement)?);
    Ok(Exit::first_of(exits))
}

/// What was found in all sketches of a call: for the files that it writes, and for how it ends.
struct Together {
    report: Report,
    litmus: Vec<serde_json::Value>,
    assertion: bool,
}

impl Together {
    fn new(files: &[PathBuf]) -> Together {
        let target = files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>().join(" ");
        Together { report: Report::empty(target), litmus: Vec::new(), assertion: false }
    }

    fn add(&mut self, judged: Judged) {
        let Judged { report, found, litmus, assertion, .. } = judged;
        self.report.findings.extend(found);
        self.report.notes.extend(report.notes.into_iter().map(|note| format!("{}: {note}", report.target)));
        traces::add(&mut self.report.stats, &report.stats);
        self.litmus.push(litmus);
        self.assertion |= assertion;
    }

    /// Writes the files that are asked for; says how the call ends.
    fn deliver(mut self, sources: &SourceMap, style: Style, judgement: &mut Judgement) -> Result<Exit> {
        let report = &mut self.report;
        report.findings.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
        let notes = report.notes.len();
        judgement.suppress(report, true);
        report.notes[notes..].iter().for_each(|note| output::note(style, note));
        judgement.settle(report)?;
        let found = report.findings.iter().any(|finding| judgement.counts(finding))
            || (self.assertion && judgement.fail_on.is_some());
        report.verdict = if found { Verdict::Findings } else { Verdict::Clean };
        if let Some(folder) = &judgement.out {
            let line = json(report, &self.litmus.into(), judgement);
            output::write(&folder.join("report.json"), &format!("{line}\n"))?;
        }
        if let Some(path) = &judgement.sarif {
            output::write(path, &sarif::render(&output::without_known(report, judgement), sources))?;
        }
        Ok(if found { Exit::Findings } else { Exit::Clean })
    }
}

fn show(judged: &Judged, sources: &SourceMap, style: Style, judgement: &Judgement) -> Result<()> {
    let options =
        Options { color: style.color, width: style.width, all: judgement.all, ..Options::new(sources) };
    match style.format {
        Format::Human => output::to_stderr(&judged.story),
        Format::Short => {
            let report = output::without_known(&judged.report, judgement);
            output::to_stderr(&short::render(&report, &options));
        }
        Format::Json => {
            output::to_stdout(&format!("{}\n", json(&judged.report, &judged.litmus, judgement)))?;
        }
    }
    Ok(())
}

/// The report with one field more, as one line.
fn json(report: &Report, litmus: &serde_json::Value, judgement: &Judgement) -> String {
    if !report.findings.iter().any(|finding| judgement.is_known(finding)) {
        let text = serde_json::to_string(&Line { report, litmus }).unwrap_or_default();
        return escape::json(&text).into_owned();
    }
    let mut value: serde_json::Value =
        serde_json::from_str(&output::json_line(report, judgement)).unwrap_or_default();
    value["litmus"] = litmus.clone();
    escape::json(&value.to_string()).into_owned()
}

/// How much is suppressed, for people.
fn suppressed(report: &Report) -> String {
    match report.suppressed.len() {
        0 => String::new(),
        1 => "note: 1 finding is suppressed\n".to_owned(),
        number => format!("note: {number} findings are suppressed\n"),
    }
}

/// Why a sketch could not be judged; the others are.
pub struct Trouble {
    error: CliError,
    /// For people: the line it is about, with a mark under the place.
    excerpt: String,
}

impl From<CliError> for Box<Trouble> {
    fn from(error: CliError) -> Box<Trouble> {
        Box::new(Trouble { error, excerpt: String::new() })
    }
}

impl Trouble {
    fn show(&self, style: Style) -> Result<()> {
        let CliError { place, code, message, .. } = &self.error;
        match (style.format, place) {
            (Format::Json, _) => output::to_stdout(&format!("{}\n", self.error.json()))?,
            (_, Some(place)) if place.line != 0 => {
                let file = place.file.to_string_lossy();
                let text = format!("{file}:{}:{}: error[{code}]: {message}\n", place.line, place.column);
                output::to_stderr(&format!("{}{}", escape_lines(&text), self.excerpt));
            }
            _ => output::to_stderr(&self.error.human()),
        }
        Ok(())
    }
}

/// The text with what could upset a terminal made visible, except for its last line break.
fn escape_lines(text: &str) -> String {
    format!("{}\n", escape::text(text.trim_end_matches('\n')))
}

fn malformed(path: &Path, error: &ParseError, bytes: &[u8]) -> Box<Trouble> {
    let (line, column) = (error.line() as usize, error.column() as usize);
    let told = CliError::usage(error.code.as_str(), &error.message).at(path, line, column);
    Box::new(Trouble { error: told, excerpt: excerpt(bytes, line, column) })
}

/// The line, cut to where the place is, and a mark under the place.
fn excerpt(bytes: &[u8], line: usize, column: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Some(text) = line.checked_sub(1).and_then(|index| text.lines().nth(index)) else {
        return String::new();
    };
    let start = column.saturating_sub(COLUMNS_BEFORE);
    let shown: String =
        text.chars().skip(start).take(COLUMNS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mark = column.saturating_sub(1).saturating_sub(start);
    let shown = escape::text(&shown);
    format!("{line:>5} | {shown}\n      | {:mark$}^\n", "")
}

/// The sketches that the paths name, each once, those of a folder in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path).map_err(|error| CliError::io("read", path, &error))?;
        if !kind.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        walk(path, &mut files)?;
        if files.len() == before {
            let message = format!("there is no sketch under `{}`", path.display());
            return Err(CliError::usage("no-sketch", message).at(path, 0, 0).help("sketches end in .litmus"));
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let fault = |error: std::io::Error| CliError::io("read", folder, &error);
    let entries =
        std::fs::read_dir(folder).map_err(fault)?.collect::<std::io::Result<Vec<_>>>().map_err(fault)?;
    let mut entries: Vec<_> = entries.into_iter().map(|entry| (entry.path(), entry.file_type())).collect();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    for (path, kind) in entries {
        let kind = kind.map_err(fault)?;
        if kind.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> std::result::Result<Sketch, Box<Trouble>> {
    let mut bytes = Vec::new();
    // One byte more than is allowed: then the error is the notation's own.
    let limit = limits::FILE_BYTES as u64 + 1;
    let file = std::fs::File::open(path);
    file.and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| CliError::io("read", path, &error))?;
    match parse(&path.to_string_lossy(), &bytes) {
        Ok(program) => Ok(Sketch { path: path.to_path_buf(), bytes, program }),
        Err(error) => Err(malformed(path, &error, &bytes)),
    }
}

/// What a place in the sketch is called in reports.
fn raw_site(file: &str, line: u32, column: u32) -> RawSite {
    RawSite { file: file.to_owned(), line, column }
}

fn jobs(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// Does the work for several items at a time, and hands out what comes of it in the order of the items.
fn in_order<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(R),
) {
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(items.len()) {
            let (send, next, work) = (send.clone(), &next, &work);
            scope.spawn(move || {
                // Relaxed: the counter gives out numbers and orders nothing else.
                while let Some((index, item)) = numbered(items, next.fetch_add(1, Ordering::Relaxed)) {
                    if send.send((index, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut finished: Vec<Option<R>> = items.iter().map(|_| None).collect();
        let mut shown = 0;
        for (index, result) in receive {
            finished[index] = Some(result);
            while let Some(result) = finished.get_mut(shown).and_then(Option::take) {
                done(result);
                shown += 1;
            }
        }
    });
}

fn numbered<T>(items: &[T], index: usize) -> Option<(usize, &T)> {
    items.get(index).map(|item| (index, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_marks_the_place_and_cuts_long_lines() {
        assert_eq!(excerpt(b"mutex a\nlock \tb\n", 2, 7), "    2 | lock  b\n      |       ^\n");
        assert_eq!(excerpt(b"a\n", 3, 1), "");
        let long = [b"x".repeat(200), b"!".to_vec(), b"y".repeat(200)].concat();
        let shown = excerpt(&long, 1, 201);
        let (text, mark) = shown.split_once('\n').unwrap();
        assert_eq!(text.find('!'), mark.find('^'));
        assert!(text.len() < 120);
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..200).collect();
        let mut seen = Vec::new();
        in_order(4, &items, |item| item * 2, |double| seen.push(double));
        assert_eq!(seen, items.iter().map(|item| item * 2).collect::<Vec<_>>());
    }
}
