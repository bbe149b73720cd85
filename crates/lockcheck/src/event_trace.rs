//! Traces of events, in whatever form: which one a file has, reading it, and the findings of one.
//!
//! What is found is the checker's business, and what it is called `lockcheck_checker::trace_report`'s. The trace of
//! a watched process that holds knowledge instead of events (`.lctrace`) is `traces`' business.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use lockcheck_checker::trace::{Analysis, Config, Rejected, TraceFindings};
use lockcheck_checker::trace_report::{self, Recorded, SecondPass, TraceSource};
use lockcheck_checker::{Context, Finding, LockDetail, Stats};
use lockcheck_events::event_file;
use lockcheck_events::rapid_binary::{BinaryReader, HEADER_BYTES, Header};
use lockcheck_events::recorded::RecordedReader;
use lockcheck_events::source::SourceMap;
use lockcheck_events::std_text::TextReader;
use lockcheck_events::trace_event::{Located, Names, ReadError, TargetKind, TraceReader, Violation};
use lockcheck_events::trace_file;
use lockcheck_events::{Frame, LockId, Site, ThreadId};

use crate::args::{Format, RaceRule};
use crate::error::{CliError, Result};
use crate::progress::{Bar, Progress};
use crate::records::RecordContext;

/// The extension of STD text.
pub const TEXT_EXTENSION: &str = "std";
/// Extensions of the published binary form.
pub const BINARY_EXTENSIONS: [&str; 3] = ["rapid", "data", "bin"];
/// Bytes that are looked at to tell which form a file of another extension has.
const HEAD_BYTES: usize = 4096;

/// A file of so many bytes is looked through before anything of its history is kept.
const SCREENED_BYTES: u64 = 64 << 20;
/// How many events are looked through before it is asked whether that can be enough.
const SCREEN_STEP: u64 = 1 << 22;

/// Recorded events between two movements of the bar.
const BAR_STEP: u64 = 1 << 14;

/// The forms a trace may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// What a watched process leaves: `.lctrace`.
    Process,
    /// STD text.
    Text,
    /// The published binary form.
    Binary,
    /// The recorded events of a watched process: `.lcevents`, beside its `.lctrace`.
    Recorded,
}

impl Form {
    /// By the extension; of any other file, by its content.
    pub fn of(path: &Path) -> Result<Form> {
        if let Some(form) = Form::of_extension(path) {
            return Ok(form);
        }
        let error = |error| CliError::io("read", path, &error);
        let file = File::open(path).map_err(error)?;
        let length = file.metadata().map_err(error)?.len();
        let mut head = Vec::new();
        file.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(error)?;
        Form::of_content(&head, length).ok_or_else(|| {
            let message = format!("`{}` is not a trace in any form known here", path.display());
            CliError::usage("trace-malformed", message).at(path, 0, 0).help(format!(
                "a trace is .{}, STD text (.{TEXT_EXTENSION}) or the published binary form (.{})",
                trace_file::EXTENSION,
                BINARY_EXTENSIONS.join(", .")
            ))
        })
    }

    /// By the extension alone.
    pub fn of_extension(path: &Path) -> Option<Form> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            trace_file::EXTENSION => Some(Form::Process),
            event_file::EXTENSION => Some(Form::Recorded),
            TEXT_EXTENSION => Some(Form::Text),
            other if BINARY_EXTENSIONS.contains(&other) => Some(Form::Binary),
            _ => None,
        }
    }

    /// By the first bytes of a file of this length. The binary form has no mark of its own, but its header says how
    /// long it is.
    fn of_content(head: &[u8], length: u64) -> Option<Form> {
        if head.starts_with(trace_file::MAGIC.as_slice()) {
            return Some(Form::Process);
        }
        if head.starts_with(event_file::MAGIC.as_slice()) {
            return Some(Form::Recorded);
        }
        if let Some(header) = head.first_chunk::<HEADER_BYTES>() {
            let events = Header::from_bytes(header).events;
            let expected = events.checked_mul(8).and_then(|bytes| bytes.checked_add(HEADER_BYTES as u64));
            if expected == Some(length) {
                return Some(Form::Binary);
            }
        }
        let text = !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=31 | 127));
        text.then_some(Form::Text)
    }
}

/// A file of events that is being read.
pub enum Reader {
    /// STD text.
    Text(Box<TextReader<Progress<File>>>),
    /// The published binary form.
    Binary(Box<BinaryReader<Progress<File>>>),
    /// Recorded events, with how far they are read and how many since that was said.
    Recorded(Box<RecordedReader>, Bar, u64),
}

impl Reader {
    /// Begins to read the file, which is of this form.
    pub fn open(path: &Path, form: Form, format: Format) -> Result<Reader> {
        let name = path.to_string_lossy();
        let file = File::open(path).map_err(|error| CliError::io("read", path, &error))?;
        let length = file.metadata().map_err(|error| CliError::io("read", path, &error))?.len();
        let input = Progress::new(file, path, length, format);
        match form {
            Form::Process => Err(CliError::usage(
                "no-events",
                format!("`{}` holds what a watched process has learnt, not its events", path.display()),
            )
            .at(path, 0, 0)
            .help("`lockcheck analyze` judges it as it is")),
            Form::Text => Ok(Reader::Text(Box::new(TextReader::new(name, input)))),
            Form::Binary => {
                let reader = BinaryReader::new(name, input).map_err(|error| of_read(path, &error))?;
                Ok(Reader::Binary(Box::new(reader)))
            }
            Form::Recorded => {
                let bar = Bar::new(path, length, format);
                Ok(Reader::Recorded(Box::new(RecordedReader::open(path)?), bar, 0))
            }
        }
    }
}

impl Reader {
    /// The return addresses of the stack that the event read last was made with; empty where nobody knows.
    fn stack(&self) -> &[u64] {
        match self {
            Reader::Recorded(reader, ..) => reader.stack(),
            Reader::Text(_) | Reader::Binary(_) => &[],
        }
    }
}

impl Iterator for Reader {
    type Item = std::result::Result<Located, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Reader::Text(reader) => reader.next(),
            Reader::Binary(reader) => reader.next(),
            Reader::Recorded(reader, bar, events) => {
                *events += 1;
                if events.is_multiple_of(BAR_STEP) {
                    bar.advance(BAR_STEP * event_file::EVENT_BYTES);
                }
                let next = reader.next();
                if next.is_none() {
                    bar.finish();
                }
                next
            }
        }
    }
}

impl TraceReader for Reader {
    fn names(&self) -> &Names {
        match self {
            Reader::Text(reader) => reader.names(),
            Reader::Binary(reader) => reader.names(),
            Reader::Recorded(reader, ..) => reader.names(),
        }
    }

    fn threads(&self) -> Option<u32> {
        match self {
            Reader::Binary(reader) => reader.threads(),
            Reader::Text(_) | Reader::Recorded(..) => None,
        }
    }
}

/// An error of a trace, for who called.
pub fn of_read(path: &Path, error: &ReadError) -> CliError {
    let (code, line, column) = match error {
        ReadError::Io { .. } => ("io", 0, 0),
        ReadError::Syntax { line, column, .. } => ("trace-malformed", *line as usize, *column as usize),
        ReadError::TooLong { .. } => ("trace-too-long", 0, 0),
        _ => ("trace-malformed", error.line().unwrap_or(0) as usize, 0),
    };
    CliError::usage(code, error.to_string()).at(path, line, column)
}

/// The error for an event that contradicts the rules of locks or threads.
fn of_rejected(path: &Path, rejected: &Rejected, names: &Names) -> CliError {
    let Rejected { at: Located { event, line }, rule, since } = *rejected;
    let target = names.target(event.op.target_kind(), event.target);
    let names = (names.thread(event.thread), target);
    let violation = Violation { event, rule, since, names };
    of_read(path, &ReadError::IllFormed { file: path.to_string_lossy().into_owned(), line, violation })
}

/// What one trace of events comes to.
pub struct Predicted {
    /// Sorted by fingerprint.
    pub findings: Vec<Finding>,
    /// Counts.
    pub stats: Stats,
    /// Limits reached, what is missing, and what a verdict here is worth.
    pub notes: Vec<String>,
}

/// How traces of events are judged.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Which races are looked for.
    pub race: RaceRule,
    /// Whether a bar may be shown.
    pub format: Format,
}

/// Which process a trace is of.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Its position among those judged together.
    pub process: u32,
    /// Where its source files are.
    pub sources: &'a SourceMap,
    /// What is known of it besides, where its events were recorded.
    pub context: Option<&'a RecordContext<'a>>,
}

/// Recorded events and what the same process left about itself.
struct OfProcess<'a> {
    reader: &'a RecordedReader,
    of: Origin<'a>,
}

impl OfProcess<'_> {
    fn unknown(&self) -> Site {
        Site { package: String::new(), file: "<unknown>".to_owned(), line: 0, column: 0 }
    }
}

impl Recorded for OfProcess<'_> {
    fn thread(&self, id: u64) -> String {
        match self.of.context {
            Some(context) => context.thread_name(ThreadId(id as u32)),
            None => format!("thread {id}"),
        }
    }

    fn site(&self, location: u32) -> Site {
        self.reader.site(location).map_or_else(|| self.unknown(), |raw| self.of.sources.site(raw))
    }

    fn object(&self, kind: TargetKind, id: u64) -> LockDetail {
        let lock = id & !event_file::SECOND;
        let number = match self.of.process {
            0 => lock.to_string(),
            process => format!("{process}.{lock}"),
        };
        if kind == TargetKind::Thread {
            let created = self.unknown();
            let name = Some(self.thread(id));
            return LockDetail { id: format!("thread {number}"), class: "thread".to_owned(), name, created };
        }
        let object = self.reader.object(lock);
        let created = object.map_or_else(|| self.unknown(), |object| self.site(object.created));
        let of_lock = object.and_then(|object| object.kind);
        let name = self.of.context.and_then(|context| context.lock(LockId(lock)).name);
        let datum = if object.is_some_and(|object| object.atomic) { "atomic" } else { "cell" };
        let class = of_lock.map_or(datum, |kind| kind.as_str());
        match kind {
            TargetKind::Variable if of_lock.is_some() => {
                let name = name.map(|name| format!("data of {name}"));
                LockDetail {
                    id: format!("data {number}"),
                    class: format!("data of the {class}"),
                    name,
                    created,
                }
            }
            _ => LockDetail { id: number, class: class.to_owned(), name, created },
        }
    }

    fn region(&self, location: u32) -> Option<String> {
        self.of.context?.lock(LockId(self.reader.region(location)?)).name
    }

    fn frames(&self, addresses: &[u64]) -> Vec<Frame> {
        self.of.context.map(|context| context.frames_of(addresses)).unwrap_or_default()
    }
}

/// Judges one file.
pub fn judge(path: &Path, form: Form, rules: Rules, of: Origin<'_>) -> Result<Predicted> {
    let config = config(rules.race);
    let length = std::fs::metadata(path).map_err(|error| CliError::io("read", path, &error))?.len();
    // A long file is looked through first without keeping its history: most need none, and then memory follows the
    // threads, locks and data of the trace and not its length.
    let screen = Config { history: length < SCREENED_BYTES, ..config };
    let mut pass = Pass::over(path, form, rules, screen, true)?;
    // A header that is wrong about the threads costs another pass, not a finding.
    let trusted = !pass.analysis.is_surprised();
    if !trusted || !screen.history && pass.analysis.needs_history() {
        pass = Pass::over(path, form, rules, config, trusted)?;
    }
    if trusted && pass.analysis.is_surprised() {
        pass = Pass::over(path, form, rules, config, false)?;
    }
    let Pass { reader, analysis, cut } = pass;
    let mut found = analysis.finish();
    found.races.retain(|race| match rules.race {
        RaceRule::Hb => race.relations.hb,
        RaceRule::Shb => race.relations.shb,
        RaceRule::Syncp => race.relations.syncp,
        RaceRule::Osr => race.relations.osr,
        RaceRule::All => true,
    });
    let second = match SecondPass::new(&found, form == Form::Recorded) {
        None => None,
        Some(pass) => Some(look_up(path, form, pass, rules)?),
    };
    let left_out = second.as_ref().map_or(0, |pass| pass.left_out);
    let mut notes = trace_report::notes(&found, left_out);
    notes.extend(cut);
    let file = path.to_string_lossy();
    let of_process = match &reader {
        Reader::Recorded(reader, ..) => Some(OfProcess { reader, of }),
        _ => None,
    };
    notes.extend(of_process.iter().flat_map(|recorded| limits(recorded.reader)));
    let recorded = of_process.as_ref().map(|recorded| recorded as &dyn Recorded);
    let source = TraceSource { file: &file, names: reader.names(), process: of.process, recorded };
    let findings = source.findings(&found, second);
    Ok(Predicted { findings, stats: stats(&found), notes })
}

/// A trace read from its beginning to its end, or until it is known that this pass cannot say all.
struct Pass {
    reader: Reader,
    analysis: Analysis,
    /// Why the trace ends where it does, if it was cut.
    cut: Option<String>,
}

impl Pass {
    /// `trusted`: what the trace says about its threads is believed.
    fn over(path: &Path, form: Form, rules: Rules, config: Config, trusted: bool) -> Result<Pass> {
        let reader = Reader::open(path, form, rules.format)?;
        let mut analysis = Analysis::new(config);
        analysis.expect_threads(reader.threads().filter(|_| trusted));
        let mut pass = Pass { reader, analysis, cut: None };
        let mut events = 0_u64;
        while let Some(located) = pass.reader.next() {
            match located {
                Ok(located) => {
                    let judged = pass.analysis.event(&located);
                    judged.map_err(|rejected| of_rejected(path, &rejected, pass.reader.names()))?;
                }
                Err(error) if error.is_truncation() => pass.cut = Some(error.to_string()),
                Err(error) => return Err(of_read(path, &error)),
            }
            events += 1;
            if !config.history && events.is_multiple_of(SCREEN_STEP) && pass.analysis.needs_history() {
                break;
            }
        }
        Ok(pass)
    }
}

/// What a recording does not have.
fn limits(reader: &RecordedReader) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some((reason, threads)) = reader.lost() {
        notes.push(format!(
            "the recording is full ({reason}): {threads} threads went on unrecorded, and what they did after that is missing"
        ));
    }
    if reader.left_out() > 0 {
        notes.push(format!(
            "{} events are of moments that the prediction does not know, and were left out of it",
            reader.left_out()
        ));
    }
    notes
}

fn config(race: RaceRule) -> Config {
    let all = race == RaceRule::All;
    Config {
        hb: all || race == RaceRule::Hb,
        shb: all || race == RaceRule::Shb,
        syncp: all || race == RaceRule::Syncp,
        osr: all || race == RaceRule::Osr,
        ..Config::default()
    }
}

/// Reads the trace again, as far as something is still looked for.
fn look_up(path: &Path, form: Form, mut pass: SecondPass, rules: Rules) -> Result<SecondPass> {
    if pass.is_complete() {
        return Ok(pass);
    }
    let mut reader = Reader::open(path, form, rules.format)?;
    while let Some(located) = reader.next() {
        match located {
            Ok(located) => pass.event(&located, || reader.stack()),
            Err(error) if error.is_truncation() => break,
            Err(error) => return Err(of_read(path, &error)),
        }
        if pass.is_complete() {
            break;
        }
    }
    Ok(pass)
}

fn stats(found: &TraceFindings) -> Stats {
    Stats {
        threads: found.stats.threads.into(),
        locks: found.stats.locks.into(),
        events: found.stats.events.into(),
        edges: found.stats.order_edges.into(),
        processes: 1,
        dropped: found.limits.len() as u64,
    }
}

/// A file of events, and its form.
pub type EventFile = (PathBuf, Form);

/// The traces of events among `paths`, with their forms; and the others. Recorded events bring the trace beside them,
/// which has their names.
pub fn split(paths: Vec<PathBuf>) -> Result<(Vec<PathBuf>, Vec<EventFile>)> {
    let (mut processes, mut events) = (Vec::new(), Vec::new());
    for path in paths {
        match Form::of(&path)? {
            Form::Process => processes.push(path),
            Form::Recorded => {
                processes.extend(
                    Some(path.with_extension(trace_file::EXTENSION)).filter(|beside| beside.exists()),
                );
                events.push((path, Form::Recorded));
            }
            form => events.push((path, form)),
        }
    }
    processes.sort();
    processes.dedup();
    Ok((processes, events))
}
