//! From what a search saw to what a reader is told: the flags of section 7 of the notation, and for each finding who
//! holds what since which line, who waits for what, and a schedule that leads there. Laying it out as text is `render`.

use crate::Program;
use crate::code::{Code, Op, Pc, ThreadId};
use crate::machine::{Incident, IncidentKind, Machine};
use crate::search::{Explored, Limits, Move, RacePair, Sighting, explore};
use crate::state::Mode;
use crate::stuck::{Class, Diagnosis, Wait, waiting_task_names};
use crate::witness::{Replay, WitnessStep, attempt, replay, stands_before, trim};
use std::collections::BTreeSet;
use std::fmt;

/// What some run of a sketch can do.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Some run gets stuck.
    pub deadlock: bool,
    /// In some stuck state a thread waits for what only it could give up.
    pub self_deadlock: bool,
    /// In some stuck state, without a cycle or self-deadlock, a thread waits on a condvar, event, channel or queue.
    pub lost_wakeup: bool,
    /// Two threads can be about to access the same `var`, one of them to write.
    pub race: bool,
    /// An `assert` or `finally` can be false.
    pub assertion: bool,
    /// A statement can be executed in a way marked as misuse.
    pub misuse: bool,
    /// A thread or task can finish while it holds a lock.
    pub leak: bool,
    /// All runs were considered. If not, a false flag means little.
    pub complete: bool,
    /// Some run is complete. Without it a deadlock is inevitable.
    pub can_finish: bool,
    /// States that were visited; fewer than there are if redundant interleavings were left out.
    pub states: usize,
    /// The classes of all stuck states.
    pub classes: BTreeSet<Class>,
    /// Distinct findings with a witness each, deadlocks first; at most `Limits::findings` of each kind.
    pub findings: Vec<Finding>,
    /// There were more findings of some kind than were kept.
    pub more_findings: bool,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A stuck state.
    Deadlock,
    /// Two accesses side by side.
    Race,
    /// A false `assert` or `finally`.
    Assertion,
    /// A misused statement.
    Misuse,
    /// A lock still held at the end of a body.
    Leak,
}

impl FindingKind {
    /// The name of the flag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::Deadlock => "deadlock",
            FindingKind::Race => "race",
            FindingKind::Assertion => "assertion",
            FindingKind::Misuse => "misuse",
            FindingKind::Leak => "leak",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One distinct problem and a run that shows it.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// One sentence.
    pub message: String,
    /// The statements it is about; for a deadlock, what each stuck thread stands at.
    pub places: Vec<Place>,
    /// A deadlock in which a thread waits for what only it could give up.
    pub self_deadlock: bool,
    /// A deadlock in which a wake-up was lost.
    pub lost_wakeup: bool,
    /// The classes of a deadlock.
    pub classes: BTreeSet<Class>,
    /// The threads that hold or wait for something at the end of the witness.
    pub threads: Vec<ThreadStory>,
    /// `pool:task` for each task that nobody has started.
    pub waiting_tasks: Vec<String>,
    /// A run that leads there.
    pub witness: Vec<WitnessStep>,
}

/// A statement of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The thread; `None` for `finally`.
    pub thread: Option<String>,
    /// The statement.
    pub statement: String,
    /// The source line.
    pub line: u32,
}

/// Where a thread stands at the end of a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadStory {
    /// The thread or worker.
    pub thread: String,
    /// What it holds, oldest first.
    pub holds: Vec<Held>,
    /// What it waits for, if it is stuck.
    pub waits: Option<WaitsFor>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The lock, or a once whose body runs.
    pub object: String,
    /// How it is held.
    pub mode: Mode,
    /// The line of the statement that took it.
    pub since: u32,
}

/// A wait that does not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitsFor {
    /// The statement the thread is at.
    pub statement: String,
    /// Its source line.
    pub line: u32,
    /// A condvar wait that was notified and cannot get its lock back.
    pub lock_back: bool,
    /// The threads that stand in the way.
    pub blocked_by: Vec<String>,
    /// If anybody could end the wait: the threads that still have a statement that would. `None` otherwise.
    pub could_be_ended_by: Option<Vec<String>>,
}

/// Considers all runs of a program, within the limits.
#[must_use]
pub fn search(program: &Program, limits: &Limits) -> Verdict {
    let code = program.code();
    let found = explore(code, limits);
    let teller = Teller { m: &Machine::new(code), found: &found };
    let mut findings: Vec<Finding> = found.stuck.iter().map(|(d, at)| teller.deadlock(d, at)).collect();
    findings.extend(found.races.iter().map(|(pair, at)| teller.race(pair, at)));
    findings.extend(found.incidents.iter().map(|(incident, at)| teller.incident(incident, at)));
    findings.extend(found.false_finals.iter().map(|(index, at)| teller.false_final(*index, at)));
    findings.sort_by_key(|finding| finding.kind);
    let any = |kind: FindingKind| findings.iter().any(|finding| finding.kind == kind);
    Verdict {
        deadlock: found.deadlock,
        self_deadlock: found.own,
        lost_wakeup: found.lost_wakeup,
        race: any(FindingKind::Race),
        assertion: any(FindingKind::Assertion),
        misuse: any(FindingKind::Misuse),
        leak: any(FindingKind::Leak),
        complete: found.complete,
        can_finish: found.can_finish,
        states: found.states(),
        classes: found.classes.clone(),
        more_findings: found.more,
        findings,
    }
}

struct Teller<'a, 'c> {
    m: &'a Machine<'c>,
    found: &'a Explored,
}

impl Teller<'_, '_> {
    fn code(&self) -> &Code {
        self.m.code
    }

    fn name(&self, t: ThreadId) -> String {
        self.code().thread_name(t).to_owned()
    }

    fn place(&self, t: ThreadId, pc: Pc) -> Place {
        Place { thread: Some(self.name(t)), statement: self.code().statement(pc), line: self.code().line(pc) }
    }

    /// A finding without waits, at the end of this path.
    fn finding(&self, kind: FindingKind, message: String, places: Vec<Place>, path: &[Move]) -> Finding {
        let replay = replay(self.m, path);
        Finding {
            kind,
            message,
            places,
            self_deadlock: false,
            lost_wakeup: false,
            classes: BTreeSet::new(),
            threads: self.threads(&replay, &[]),
            waiting_tasks: Vec::new(),
            witness: replay.steps,
        }
    }

    fn deadlock(&self, d: &Diagnosis, at: &Sighting) -> Finding {
        let replay = replay(self.m, &self.found.path(at));
        let names: Vec<_> = d.waits.iter().map(|w| self.name(w.thread)).collect();
        let message = format!("{} can never go on", and_list(&names));
        Finding {
            kind: FindingKind::Deadlock,
            message,
            places: d.waits.iter().map(|w| self.place(w.thread, w.pc)).collect(),
            self_deadlock: d.own,
            lost_wakeup: d.lost_wakeup,
            classes: d.classes.clone(),
            threads: self.threads(&replay, &d.waits),
            waiting_tasks: waiting_task_names(self.code(), &replay.state),
            witness: replay.steps,
        }
    }

    fn race(&self, pair: &RacePair, at: &Sighting) -> Finding {
        let side_by_side = |m: &Machine<'_>, path: &[Move]| {
            attempt(m, path).is_some_and(|(s, _)| {
                stands_before(&s, pair.first.0, pair.first.1)
                    && stands_before(&s, pair.second.0, pair.second.1)
            })
        };
        let path = trim(self.m, self.found.path(at), side_by_side);
        let places = vec![self.place(pair.first.0, pair.first.1), self.place(pair.second.0, pair.second.1)];
        let message = format!(
            "{} (`{}`, line {}) and {} (`{}`, line {}) can access `{}` at the same time",
            self.name(pair.first.0),
            places[0].statement,
            places[0].line,
            self.name(pair.second.0),
            places[1].statement,
            places[1].line,
            self.code().object_name(pair.object)
        );
        self.finding(FindingKind::Race, message, places, &path)
    }

    fn incident(&self, incident: &Incident, at: &Sighting) -> Finding {
        let happens = |m: &Machine<'_>, path: &[Move]| {
            attempt(m, path).is_some_and(|(_, incidents)| incidents.contains(incident))
        };
        let path = trim(self.m, self.found.path(at), happens);
        let place = self.place(incident.thread, incident.pc);
        let thread = self.name(incident.thread);
        let (kind, message) = match incident.kind {
            IncidentKind::Assertion => {
                (FindingKind::Assertion, format!("`{}` of {thread} is false", place.statement))
            }
            IncidentKind::Misuse => (FindingKind::Misuse, self.misuse(&thread, incident.pc)),
            IncidentKind::Leak(lock) => {
                let what = if self.code().op(incident.pc) == Op::End { "ends" } else { "ends a task" };
                let lock = self.code().object_name(lock);
                (FindingKind::Leak, format!("{thread} {what} while it holds `{lock}`"))
            }
        };
        self.finding(kind, message, vec![place], &path)
    }

    /// Why the statement is misuse.
    fn misuse(&self, thread: &str, pc: Pc) -> String {
        let why = match self.code().op(pc) {
            Op::Unlock(_) => "does not hold it",
            Op::Upgrade(_) => "has no upgradable hold",
            Op::Downgrade(_) => "has neither a write nor an upgradable hold",
            Op::Release(_) => "releases more permits than there are",
            Op::CondWait { .. } => "does not hold the lock, or others wait with another lock",
            Op::TaskDone(_) => "has no unfinished item to take off",
            Op::Spawn(_) => "spawns a thread that was started before",
            Op::Await { .. } => "awaits a task that was not submitted",
            _ => "may not do this",
        };
        format!("{thread} misuses `{}`: it {why}", self.code().statement(pc))
    }

    fn false_final(&self, index: usize, at: &Sighting) -> Finding {
        let last = &self.code().finals[index];
        let statement = format!("finally {}", last.text);
        let message = format!("`{statement}` is false at the end of a complete run");
        let place = Place { thread: None, statement, line: last.line };
        self.finding(FindingKind::Assertion, message, vec![place], &self.found.path(at))
    }

    /// The threads that hold something, and those that wait.
    fn threads(&self, replay: &Replay, waits: &[Wait]) -> Vec<ThreadStory> {
        let story = |t: ThreadId| ThreadStory {
            thread: self.name(t),
            holds: replay.holds[t.index()]
                .iter()
                .map(|h| Held {
                    object: self.code().object_name(h.object).to_owned(),
                    mode: h.mode,
                    since: h.line,
                })
                .collect(),
            waits: waits.iter().find(|w| w.thread == t).map(|w| self.waits_for(w)),
        };
        let speaks = |story: &ThreadStory| !story.holds.is_empty() || story.waits.is_some();
        self.code().thread_ids().map(story).filter(speaks).collect()
    }

    fn waits_for(&self, w: &Wait) -> WaitsFor {
        let names = |threads: &BTreeSet<ThreadId>| threads.iter().map(|&t| self.name(t)).collect::<Vec<_>>();
        WaitsFor {
            statement: self.code().statement(w.pc),
            line: self.code().line(w.pc),
            lock_back: w.notified,
            blocked_by: names(&w.by),
            could_be_ended_by: w.open.then(|| names(&w.enders)),
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn and_list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
