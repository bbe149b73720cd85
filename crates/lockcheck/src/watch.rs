//! Watches one run from its first process to its report: the folder of traces, what to do when word of a deadlock
//! comes, and the report at the end. What is run is the caller's business.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lockcheck_checker::world::StuckSet;
use lockcheck_checker::{Code, Finding, Report, Tier};
use lockcheck_events::source::SourceMap;
use tempfile::TempDir;

use crate::analyze;
use crate::args::{OnDeadlock, RaceRule};
use crate::config::{Judgement, Style};
use crate::error::{CliError, Result};
use crate::event_trace::Rules;
use crate::exit::Exit;
use crate::family::{self, Task};
use crate::outcome::{self, Facts};
use crate::output;
use crate::process::{self, Action, Ended, Event};
use crate::symbols::Symbols;
use crate::traces::{self, Traces};
use crate::world::{self, Closed, World};

/// The name of the socket in the folder of traces.
const NOTIFY: &str = "notify";
/// Longest path of a socket that every Unix takes.
const SOCKET_PATH_MAX: usize = 103;

/// What to run, and what the report needs to know about it.
pub struct Job {
    /// The program. Its environment gets `LOCKCHECK_OUT`.
    pub command: Command,
    /// What the report calls it.
    pub target: String,
    /// Folders that source paths may start from.
    pub hints: Vec<PathBuf>,
    /// The executable, where it is known beforehand.
    pub executable: Option<PathBuf>,
    /// Whether it is an error that nothing is recorded.
    pub must_record: bool,
    /// When to take it for hung.
    pub hang_after: Option<Duration>,
    /// What to do about a deadlock.
    pub on_deadlock: OnDeadlock,
    /// Whether it is to record its events.
    pub record: bool,
}

/// Where the family writes its traces, and where it sends word. The socket goes with it.
struct TraceFolder {
    path: PathBuf,
    /// Removes the folder at the end, where the user did not ask for it.
    _temporary: Option<TempDir>,
    /// Traces of earlier runs.
    before: BTreeSet<PathBuf>,
    notify: UnixDatagram,
}

impl TraceFolder {
    fn new(out: Option<&Path>) -> Result<TraceFolder> {
        let (path, temporary) = match out {
            Some(out) => (out.to_owned(), None),
            None => {
                let folder = temporary_folder()?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let socket = path.join(NOTIFY);
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            let message = format!("the path `{}` is too long for the socket in it", path.display());
            return Err(CliError::usage("path-too-long", message)
                .at(&path, 0, 0)
                .help(format!("name a folder with at most {} bytes", SOCKET_PATH_MAX - NOTIFY.len() - 1)));
        }
        // One that a killed run has left.
        let _ = std::fs::remove_file(&socket);
        traces::forget_waits(&path);
        let notify =
            UnixDatagram::bind(&socket).map_err(|error| CliError::io("make the socket", &socket, &error))?;
        let before = traces::in_folder(&path)?.into_iter().collect();
        Ok(TraceFolder { path, _temporary: temporary, before, notify })
    }

    /// What this run has left so far.
    fn read(&self) -> Result<Traces> {
        let mut paths = traces::in_folder(&self.path)?;
        paths.retain(|path| !self.before.contains(path));
        Traces::read(&paths)
    }
}

impl Drop for TraceFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path.join(NOTIFY));
    }
}

/// In the usual place, or in `/tmp` where that is too deep for a socket.
fn temporary_folder() -> Result<TempDir> {
    let usual = std::env::temp_dir();
    let name_bytes = 24;
    let deep = usual.as_os_str().len() + name_bytes + NOTIFY.len() > SOCKET_PATH_MAX;
    let place = if deep { PathBuf::from("/tmp") } else { usual };
    let folder = tempfile::Builder::new().prefix("lockcheck-").tempdir_in(&place);
    folder.map_err(|error| CliError::io("make a folder in", &place, &error))
}

/// What one run shares between its beginning, its deadlock and its end.
struct Run<'a> {
    job: &'a Job,
    style: Style,
    judgement: Judgement,
    symbols: Symbols,
    /// Fingerprints of the findings that people have been shown already.
    shown: BTreeSet<String>,
    /// How many stuck sets have been acted upon.
    stuck: usize,
    /// What was seen from outside.
    from_outside: Vec<Finding>,
    /// How many processes there were when that was seen.
    processes_seen: u64,
    /// Remarks for the report.
    notes: Vec<String>,
}

/// Runs the job and reports. `nothing_recorded` says what to do where a package leaves no trace.
pub fn watch(
    mut job: Job,
    style: Style,
    judgement: Judgement,
    nothing_recorded: &dyn Fn() -> String,
) -> Result<Exit> {
    let folder = TraceFolder::new(judgement.out.as_deref())?;
    job.command.env("LOCKCHECK_OUT", &folder.path);
    if let Some(file) = &judgement.suppressions_file {
        job.command.env("LOCKCHECK_SUPPRESSIONS", file);
    }
    if job.record {
        job.command.env("LOCKCHECK", "record");
    }
    let symbols = Symbols::default();
    if let Some(executable) = job.executable.as_deref().and_then(Path::to_str) {
        symbols.preload(executable);
    }
    let mut command = std::mem::replace(&mut job.command, Command::new(""));
    let mut run = Run {
        job: &job,
        style,
        judgement,
        symbols,
        shown: BTreeSet::new(),
        stuck: 0,
        from_outside: Vec::new(),
        processes_seen: 0,
        notes: Vec::new(),
    };
    let mut on_event = |event| match event {
        Event::Notified => run.look(&folder),
        Event::Standstill(tasks, open) => run.stands_still(&folder, &tasks, open),
        Event::Closed(closed) => run.is_closed(&folder, &closed),
    };
    let world = World::new(&folder.path);
    let ended = process::watch(&mut command, &folder.notify, job.hang_after, world, &mut on_event)?;
    run.finish(&folder, ended, nothing_recorded)
}

/// Whether what was seen from outside is what the finding foretold: it waits at all places where the finding asks.
fn comes_true(foretold: &Finding, actual: &Finding) -> bool {
    let waits = |site| actual.evidence.iter().any(|side| side.site == site && side.site.line != 0);
    foretold.code == Code::CrossProcessDeadlock
        && foretold.tier < Tier::Actual
        && foretold.evidence.iter().all(|side| waits(side.site.clone()))
}

impl Run<'_> {
    /// A process has sent word. If it is of a new stuck set, says so at once.
    fn look(&mut self, folder: &TraceFolder) -> Action {
        let traces = match folder.read() {
            Ok(traces) => traces,
            Err(_) => {
                // The end of the run reads them again, and reports what is wrong with them.
                return Action::Continue;
            }
        };
        if traces.stuck() <= self.stuck {
            return Action::Continue;
        }
        self.stuck = traces.stuck();
        self.report_early(&traces)
    }

    fn stands_still(&mut self, folder: &TraceFolder, tasks: &[Task], open: Vec<String>) -> Action {
        let after = self.job.hang_after.unwrap_or_default().as_secs_f64();
        self.notes.push(format!(
            "suspected hang: no thread of the program has run for {after} s; something might still end its waits, so \
             that it is not known to be a deadlock"
        ));
        self.notes.extend(family::describe(tasks));
        let traces = folder.read().unwrap_or_default();
        if self.job.on_deadlock == OnDeadlock::Kill {
            let sources = traces.sources(self.job.hints.iter().cloned());
            self.notes.extend(world::standing(tasks, &sources, &self.symbols));
        }
        self.notes.extend(open);
        self.report_early(&traces)
    }

    /// Part of the family can never move again, seen from outside. A process that has said so by itself knows more.
    fn is_closed(&mut self, folder: &TraceFolder, closed: &Closed) -> Action {
        let traces = folder.read().unwrap_or_default();
        let told = |set: &&StuckSet| traces.knows_stuck(&closed.pids(set));
        let new: Vec<&StuckSet> = closed.sets.iter().filter(|set| !told(set)).collect();
        if new.is_empty() {
            return Action::Continue;
        }
        let sources = traces.sources(self.job.hints.iter().cloned());
        for set in new {
            self.from_outside.push(closed.finding(set, &traces, &sources, &self.symbols));
            self.notes.extend(closed.lines(set));
        }
        self.processes_seen = self.processes_seen.max(closed.family.processes.len() as u64);
        self.stuck = traces.stuck();
        self.report_early(&traces)
    }

    fn report_early(&mut self, traces: &Traces) -> Action {
        let ends = self.job.on_deadlock == OnDeadlock::Kill;
        let facts = Facts { hang: ends, recorded: !traces.is_empty(), ..Facts::default() };
        let (report, sources) = self.report(traces, facts, false);
        self.show(&report, &sources);
        if ends { Action::End } else { Action::Continue }
    }

    /// `whole`: nothing more will come.
    fn report(&self, traces: &Traces, facts: Facts, whole: bool) -> (Report, SourceMap) {
        let sources = traces.sources(self.job.hints.iter().cloned());
        let mut report = traces.report(&self.job.target, &sources, &self.symbols);
        let rules = Rules { race: RaceRule::All, format: self.style.format };
        // What is reported early is what has happened; predictions can wait for the end.
        if facts.status.is_some()
            && let Err(error) = analyze::predict(&traces.recorded(), traces, &sources, rules, &mut report)
        {
            report.notes.push(error.message);
        }
        report.findings.retain(|finding| !self.from_outside.iter().any(|actual| comes_true(finding, actual)));
        if !self.from_outside.is_empty() {
            // They were made with another map, and their lines are to be shown by this one.
            traces.look_up_all(&sources);
        }
        report.findings.extend(self.from_outside.iter().cloned());
        report.findings.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
        report.stats.processes = report.stats.processes.max(self.processes_seen);
        report.notes.extend(self.notes.iter().cloned());
        report.program = facts.status;
        self.judgement.suppress(&mut report, whole);
        report.verdict = outcome::verdict(&report, facts, &self.judgement);
        (report, sources)
    }

    /// Shows what has not been shown yet.
    fn show(&mut self, report: &Report, sources: &SourceMap) {
        let mut report = report.clone();
        report.findings.retain(|finding| !self.shown.contains(&finding.fingerprint));
        output::show(&report, sources, self.style, &self.judgement);
        self.shown.extend(report.findings.into_iter().map(|finding| finding.fingerprint));
    }

    fn finish(
        mut self,
        folder: &TraceFolder,
        ended: Ended,
        nothing_recorded: &dyn Fn() -> String,
    ) -> Result<Exit> {
        let traces = folder.read()?;
        let shown_early = !self.shown.is_empty() || !self.notes.is_empty();
        if ended.outlived > 0 {
            let who = if ended.outlived == 1 {
                "1 process".to_owned()
            } else {
                format!("{} processes", ended.outlived)
            };
            self.notes.push(format!("{who} outlived the program and had to be ended"));
        }
        let facts = Facts {
            status: Some(ended.status),
            hang: ended.by_tool,
            recorded: !traces.is_empty(),
            must_record: self.job.must_record,
        };
        if ended.blind {
            self.notes.push(
                "the system does not let lockcheck see what the threads of some processes wait in (see proc(5), \
                 `/proc/PID/syscall`): a deadlock among them is not noticed from outside"
                    .to_owned(),
            );
        }
        if traces.is_empty() && !ended.by_tool {
            self.notes.push(nothing_recorded());
        }
        let (mut report, sources) = self.report(&traces, facts, true);
        self.judgement.settle(&report)?;
        report.verdict = outcome::verdict(&report, facts, &self.judgement);
        let new = report.findings.iter().any(|finding| !self.shown.contains(&finding.fingerprint));
        if new || !shown_early {
            self.show(&report, &sources);
        } else if ended.by_tool {
            output::note(self.style, "the program was ended");
        }
        output::deliver(&report, &sources, self.style, &self.judgement)?;
        Ok(outcome::exit(&report, facts, &self.judgement))
    }
}
