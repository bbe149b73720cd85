//! The traces of a run's processes: reads them, lets the checker judge each, and puts the verdicts together.
//!
//! Nothing is decided here about what counts; that is `outcome`'s business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lockcheck_checker::family::{self, Source};
use lockcheck_checker::{Context, Finding, Judge, Report, Stats, stale};
use lockcheck_events::event_file;
use lockcheck_events::source::SourceMap;
use lockcheck_events::trace_file::{EXTENSION, TraceError, TraceReader};
use lockcheck_events::{Frame, Site, wait_board};

use crate::error::{CliError, Result};
use crate::event_trace::{EventFile, Form, TEXT_EXTENSION};
use crate::harness::Harness;
use crate::records::{Process, Records};
use crate::symbols::Symbols;

/// How many processes of one run are judged. Beyond that, the report says that there were more.
const PROCESSES_MAX: usize = 4096;

/// All processes of one run that left a trace.
#[derive(Default)]
pub struct Traces {
    /// In the order in which they were started.
    processes: Vec<Judged>,
    /// What went wrong with single traces.
    notes: Vec<String>,
}

struct Judged {
    path: PathBuf,
    records: Records,
    judge: Judge,
}

impl Judged {
    fn pid(&self) -> Option<i32> {
        self.records.process.as_ref().map(|process| process.pid as i32)
    }
}

impl Traces {
    /// Reads these traces. A process that was killed before it wrote anything is no error.
    pub fn read(paths: &[PathBuf]) -> Result<Traces> {
        let mut traces = Traces::default();
        for path in paths.iter().take(PROCESSES_MAX) {
            match read_one(path, &mut traces.notes) {
                Ok(judged) => traces.processes.push(judged),
                Err(TraceError::Empty { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if paths.len() > PROCESSES_MAX {
            let left_out = paths.len() - PROCESSES_MAX;
            traces
                .notes
                .push(format!("{left_out} processes beyond the first {PROCESSES_MAX} were not judged"));
        }
        let started =
            |judged: &Judged| judged.records.process.as_ref().map_or(0, |process| process.started_ns);
        traces.processes.sort_by(|a, b| (started(a), &a.path).cmp(&(started(b), &b.path)));
        Ok(traces)
    }

    /// Whether no process was watched.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// The executable that left the first trace, and where it was started.
    pub fn program(&self) -> Option<(&Path, &Path)> {
        let process = self.processes.iter().find_map(|judged| judged.records.process.as_ref())?;
        Some((Path::new(&process.exe), Path::new(&process.cwd)))
    }

    /// What is known of the process whose trace this is, and its position.
    pub fn process(&self, path: &Path) -> Option<(u32, &Records)> {
        let index = self.processes.iter().position(|judged| judged.path == path)?;
        Some((index as u32, &self.processes[index].records))
    }

    /// The recorded events of these processes, of those that recorded any.
    pub fn recorded(&self) -> Vec<EventFile> {
        let paths = self.processes.iter().map(|judged| judged.path.with_extension(event_file::EXTENSION));
        paths.filter(|path| path.exists()).map(|path| (path, Form::Recorded)).collect()
    }

    /// How many stuck sets the processes have reported.
    pub fn stuck(&self) -> usize {
        self.processes.iter().map(|judged| judged.records.stuck).sum()
    }

    /// Whether one of these processes has reported a stuck set by itself.
    pub fn knows_stuck(&self, pids: &[i32]) -> bool {
        let knows =
            |judged: &Judged| judged.records.stuck > 0 && judged.pid().is_some_and(|pid| pids.contains(&pid));
        self.processes.iter().any(knows)
    }

    /// The position of a process, by the system's number for it; the latest, where the number was given again.
    pub fn position(&self, pid: i32) -> Option<usize> {
        self.processes.iter().rposition(|judged| judged.pid() == Some(pid))
    }

    /// Where a thread of a process says that it waits, on the board beside its trace: its line and its stack.
    pub fn awaits(
        &self,
        (pid, tid): (i32, i32),
        sources: &SourceMap,
        symbols: &Symbols,
    ) -> Option<(Site, Vec<Frame>)> {
        let (index, wait) = self.on_board((pid, tid))?;
        let context = self.processes[index].records.context(index as u32, sources, symbols);
        Some((context.site(wait.site), context.backtrace(wait.stack)))
    }

    /// The object that it waits for there: its name, and the line that created it.
    pub fn awaited(
        &self,
        ids: (i32, i32),
        sources: &SourceMap,
        symbols: &Symbols,
    ) -> Option<(Option<String>, Site)> {
        let (index, wait) = self.on_board(ids)?;
        let records = &self.processes[index].records;
        let (created, name) = records.lock(wait.lock)?;
        Some((name.map(str::to_owned), records.context(index as u32, sources, symbols).site(created)))
    }

    /// The line of a thread on its process's board, and the position of that process.
    fn on_board(&self, (pid, tid): (i32, i32)) -> Option<(usize, wait_board::PublishedWait)> {
        let index = self.position(pid)?;
        let board = wait_board::read(self.processes[index].path.parent()?, pid.unsigned_abs()).ok()?;
        Some((index, board.into_iter().find(|wait| wait.task == tid.unsigned_abs())?))
    }

    /// Has the map know each place that a trace names.
    pub fn look_up_all(&self, sources: &SourceMap) {
        for place in self.processes.iter().flat_map(|judged| judged.records.places()) {
            sources.site(place);
        }
    }

    /// How many processes have left a trace.
    pub fn count(&self) -> usize {
        self.processes.len()
    }

    /// Where the source files are: from the caller's hints, and from where the processes were started. Text that
    /// has changed since the first of them started is not shown.
    pub fn sources(&self, hints: impl IntoIterator<Item = PathBuf>) -> SourceMap {
        let processes = self.processes.iter().filter_map(|judged| judged.records.process.as_ref());
        let folders = processes.clone().flat_map(|process| {
            let exe = Path::new(&process.exe).parent().map(Path::to_owned);
            [Some(PathBuf::from(&process.cwd)), exe].into_iter().flatten()
        });
        let map = SourceMap::new(hints.into_iter().chain(folders));
        match processes.filter_map(Process::started).min() {
            Some(moment) => map.not_after(moment),
            None => map,
        }
    }

    /// What only the traces of several processes together show. They are read a second time for it.
    fn across_processes(&self, sources: &SourceMap, symbols: &Symbols) -> Vec<Finding> {
        if self.processes.iter().filter(|judged| judged.records.shares).count() < 2 {
            return Vec::new();
        }
        let contexts: Vec<_> = (0_u32..)
            .zip(&self.processes)
            .map(|(index, judged)| judged.records.context(index, sources, symbols))
            .collect();
        let contexts: Vec<&dyn Context> = contexts.iter().map(|context| context as &dyn Context).collect();
        let source = |judged: &Judged| {
            // What is wrong with a trace was said when it was read first.
            let records =
                TraceReader::open(&judged.path).into_iter().flatten().map_while(|record| record.ok());
            Source { pid: judged.pid().unwrap_or_default() as u32, records: Box::new(records) }
        };
        family::judge(self.processes.iter().map(source).collect()).findings(&contexts)
    }

    /// One report over all processes: counts summed, findings by fingerprint. The verdict is left to the caller.
    pub fn report(&self, target: &str, sources: &SourceMap, symbols: &Symbols) -> Report {
        let mut merged = Report::empty(target);
        let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
        let mut ignores = Vec::new();
        for (index, judged) in self.processes.iter().enumerate() {
            let context = judged.records.context(index as u32, sources, symbols);
            let report = judged.judge.report(target, &context);
            add(&mut merged.stats, &report.stats);
            ignores.extend(judged.judge.ignores().into_iter().map(|ignore| ignore.at(&context)));
            let replaced = judged.records.replaced(symbols).into_iter().map(|file| {
                format!("{file} was replaced after the process was started: functions in it have no names")
            });
            for note in report.notes.into_iter().chain(replaced) {
                if !merged.notes.contains(&note) {
                    merged.notes.push(note);
                }
            }
            for finding in report.findings {
                match findings.get_mut(&finding.fingerprint) {
                    Some(known) => combine(known, finding),
                    None => drop(findings.insert(finding.fingerprint.clone(), finding)),
                }
            }
        }
        for finding in self.across_processes(sources, symbols) {
            findings.entry(finding.fingerprint.clone()).or_insert(finding);
        }
        merged.findings = findings.into_values().collect();
        merged.stats.processes = self.processes.len() as u64;
        merged.notes.extend(self.notes.iter().cloned());
        merged.notes.extend(stale(ignores));
        merged
    }
}

fn read_one(path: &Path, notes: &mut Vec<String>) -> std::result::Result<Judged, TraceError> {
    let mut reader = TraceReader::open(path)?;
    let mut judged = Judged { path: path.to_owned(), records: Records::default(), judge: Judge::new() };
    let mut harness = Harness::default();
    for record in reader.by_ref() {
        let mut record = record?;
        harness.name(&mut record);
        judged.records.feed(&record);
        judged.judge.feed(&record);
    }
    if reader.truncated() {
        notes.push(format!(
            "{}: the trace ends in the middle of a record, at byte {}; what follows is missing",
            path.display(),
            reader.position()
        ));
    }
    Ok(judged)
}

/// The same problem in another process: its instances are others, and so may be the tests that show it.
fn combine(known: &mut Finding, other: Finding) {
    known.add_instances(&other);
    known.tier = known.tier.max(other.tier);
    known.scopes.extend(other.scopes);
    known.scopes.sort();
    known.scopes.dedup();
    if known.scope != other.scope {
        known.scope = None;
    }
}

/// Sums up, but for the processes.
pub fn add(sum: &mut Stats, stats: &Stats) {
    sum.threads += stats.threads;
    sum.locks += stats.locks;
    sum.events += stats.events;
    sum.edges += stats.edges;
    sum.dropped += stats.dropped;
}

/// The traces that these paths mean: files as they are, of folders every trace that lies directly in them, those of
/// processes (`.lctrace`, `.lcevents`) and STD text.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(with_extension(path, &[EXTENSION, TEXT_EXTENSION, event_file::EXTENSION])?);
        } else if path.exists() {
            found.push(path.clone());
        } else {
            let message = format!("there is no file or folder `{}`", path.display());
            return Err(CliError::usage("no-such-path", message)
                .at(path, 0, 0)
                .help("name a trace, or a folder with traces (what LOCKCHECK_OUT or --out named)"));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The traces of processes directly in a folder, by name.
pub fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    with_extension(folder, &[EXTENSION])
}

/// Removes the wait boards of earlier runs: numbers of processes and threads come round.
pub fn forget_waits(folder: &Path) {
    for board in with_extension(folder, &[wait_board::EXTENSION]).unwrap_or_default() {
        let _ = std::fs::remove_file(board);
    }
}

fn with_extension(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| CliError::io("read", folder, &error))?;
    let paths = entries.filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let is_trace =
        |path: &PathBuf| path.extension().is_some_and(|e| extensions.iter().any(|other| e == *other));
    let mut traces: Vec<PathBuf> = paths.filter(is_trace).collect();
    traces.sort();
    Ok(traces)
}

#[cfg(test)]
mod tests {
    use lockcheck_events::trace_file::TraceWriter;
    use lockcheck_events::{Record, ThreadId};

    use super::*;

    fn write(dir: &Path, pid: u32, records: &[Record]) -> PathBuf {
        let mut writer = TraceWriter::create(dir, pid).unwrap();
        for record in records {
            writer.append(record).unwrap();
        }
        writer.path().to_owned()
    }

    fn process(pid: u32, started_ns: u64) -> Record {
        Record::Process { pid, exe: "/x/y".to_owned(), cwd: "/x".to_owned(), started_ns }
    }

    #[test]
    fn processes_stand_in_the_order_of_their_start() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 10, &[process(10, 200)]);
        write(dir.path(), 20, &[process(20, 100), Record::ThreadEnd { thread: ThreadId(1) }]);
        std::fs::write(dir.path().join("5-0.lctrace"), "").unwrap();
        std::fs::write(dir.path().join("report.json"), "{}").unwrap();
        let traces = Traces::read(&expand(&[dir.path().to_owned()]).unwrap()).unwrap();
        let starts: Vec<u64> = traces
            .processes
            .iter()
            .map(|judged| judged.records.process.as_ref().unwrap().started_ns)
            .collect();
        assert_eq!(starts, [100, 200]);
        let report = traces.report("t", &traces.sources([]), &Symbols::default());
        assert_eq!((report.stats.processes, report.target.as_str()), (2, "t"));
    }

    /// A runner that gives each test a process of its own leaves the same finding in several.
    #[test]
    fn a_problem_names_the_tests_of_all_processes() {
        let finding = |test: &str| Finding {
            scope: Some(test.to_owned()),
            scopes: vec![test.to_owned()],
            ..Finding::bare(lockcheck_checker::Code::LockOrderCycle, lockcheck_checker::Tier::Likely)
        };
        let mut known = finding("bank::two");
        combine(&mut known, finding("bank::one"));
        combine(&mut known, finding("bank::two"));
        assert_eq!((known.scope, known.scopes), (None, vec!["bank::one".to_owned(), "bank::two".to_owned()]));
    }

    #[test]
    fn a_cut_trace_is_judged_and_said_to_be_cut() {
        let dir = tempfile::tempdir().unwrap();
        // Only its own process gives a trace the length of what is in it.
        let path = write(dir.path(), std::process::id(), &[process(10, 1), process(10, 2)]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        let traces = Traces::read(&[path]).unwrap();
        let report = traces.report("t", &traces.sources([]), &Symbols::default());
        assert!(report.notes.iter().any(|note| note.contains("middle of a record")), "{:?}", report.notes);
    }

    #[test]
    fn what_is_no_trace_is_an_error_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lctrace");
        std::fs::write(&path, "something else entirely").unwrap();
        let error = Traces::read(std::slice::from_ref(&path)).err().unwrap();
        assert_eq!(error.place.unwrap().file, path);
        assert!(error.message.contains("not a trace file"));
        assert!(expand(&[dir.path().join("none")]).unwrap_err().message.contains("no file or folder"));
    }
}
