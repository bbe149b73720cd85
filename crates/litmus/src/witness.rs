//! Schedules that can be read: replays a path through the state space and says each step in the notation's words
//! (section 5), with the lines where locks were taken. Which path is worth telling is decided in `verdict`.

use crate::ast::Kind;
use crate::code::{Code, ObjectId, Op, Pc, ThreadId};
use crate::machine::{Incident, Machine, Remark};
use crate::search::Move;
use crate::state::{Mode, State, Status};

/// One step of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessStep {
    /// The thread or pool worker.
    pub thread: String,
    /// The statement and, in parentheses, which way it went: `lock a`, `notify c (wakes T2)`.
    pub statement: String,
    /// Its source line.
    pub line: u32,
}

impl std::fmt::Display for WitnessStep {
    /// `T1:lock a`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.thread, self.statement)
    }
}

/// A hold and where it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldSince {
    pub(crate) object: ObjectId,
    pub(crate) mode: Mode,
    pub(crate) line: u32,
}

/// A replayed path.
pub(crate) struct Replay {
    pub(crate) state: State,
    pub(crate) steps: Vec<WitnessStep>,
    /// What each thread holds in the end, oldest first.
    pub(crate) holds: Vec<Vec<HoldSince>>,
}

/// Replays a path that is known to exist.
pub(crate) fn replay(m: &Machine<'_>, path: &[Move]) -> Replay {
    let (mut state, _) = m.initial();
    let mut steps = Vec::with_capacity(path.len());
    let mut holds = vec![Vec::new(); m.code.threads.len()];
    for step in path {
        let t = step.thread;
        let before = state.clone();
        let remark = m.step(&mut state, t, usize::from(step.outcome), &mut Vec::new());
        let told = tell(m, &before, t, remark);
        update_holds(m, &state, t, told.line, &mut holds[t.index()]);
        steps.push(told);
    }
    Replay { state, steps, holds }
}

/// The statement that a thread is about to execute, or the task it is about to start, and its line.
fn about_to(code: &Code, s: &State, t: ThreadId) -> (String, u32) {
    if s.thread(t).status != Status::Idle {
        let pc = s.thread(t).pc;
        return (code.statement(pc), code.line(pc));
    }
    let submit = code.pool_of(t).and_then(|pool| s.first_task(pool)).map(|(_, submit, _)| submit);
    match submit.map(|pc| (pc, code.op(pc))) {
        Some((pc, Op::Submit { name, .. })) => (format!("start {}", code.texts[name.index()]), code.line(pc)),
        _ => unreachable!("an idle worker that moves starts a task"),
    }
}

/// One step in the notation's words.
fn tell(m: &Machine<'_>, before: &State, t: ThreadId, remark: Remark) -> WitnessStep {
    let code = m.code;
    let (mut statement, line) = about_to(code, before, t);
    let in_parentheses = match remark {
        Remark::None => None,
        Remark::Stores(value) => {
            statement += &format!(" = {value}");
            None
        }
        Remark::Adds(value) => {
            statement += &format!(" {value}");
            None
        }
        Remark::Wakes(waiter) => Some(format!("wakes {}", code.thread_name(waiter))),
        Remark::To(receiver) => Some(format!("to {}", code.thread_name(receiver))),
        Remark::WakesAll => {
            let condvar = match m.at(before, t) {
                Some(Op::NotifyAll(condvar)) => condvar,
                op => unreachable!("{op:?} wakes nobody"),
            };
            let names: Vec<_> = m.parked(before, condvar).map(|w| code.thread_name(w)).collect();
            Some(format!("wakes {}", names.join(" ")))
        }
        other => Some(plain_remark(other).to_owned()),
    };
    if let Some(remark) = in_parentheses {
        statement += &format!(" ({remark})");
    }
    WitnessStep { thread: code.thread_name(t).to_owned(), statement, line }
}

fn plain_remark(remark: Remark) -> &'static str {
    match remark {
        Remark::Queued => "queued",
        Remark::Parked => "parked",
        Remark::Resumed => "resumed",
        Remark::Got => "got",
        Remark::Busy => "busy",
        Remark::TimedOut => "timed out",
        Remark::Nobody => "nobody",
        Remark::Runs => "runs",
        Remark::Skips => "skips",
        Remark::Done => "done",
        Remark::Opens => "opens",
        Remark::Closed => "closed",
        Remark::Misuse => "misuse",
        other => unreachable!("{other:?} has operands"),
    }
}

/// Brings a thread's list of holds up to date after its step at `line`: what is new was taken there. A lock never
/// changes hands in somebody else's step.
fn update_holds(m: &Machine<'_>, s: &State, t: ThreadId, line: u32, known: &mut Vec<HoldSince>) {
    let mut now = m.holds(s, t);
    let onces = m.code.object_ids().filter(|&o| m.code.kind(o) == Kind::Once && s.once_runner(o) == Some(t));
    now.extend(onces.map(|o| (o, Mode::Exclusive)));
    known.retain(|hold| {
        let place = now.iter().position(|&(o, mode)| o == hold.object && mode == hold.mode);
        if let Some(place) = place {
            now.remove(place);
        }
        place.is_some()
    });
    known.extend(now.into_iter().map(|(object, mode)| HoldSince { object, mode, line }));
}

/// Paths longer than this are told as they are.
const TRIM_LIMIT: usize = 400;

/// Leaves out what a path does not need to end with `goal`. Tries, thread by thread, to let it take fewer steps.
pub(crate) fn trim(
    m: &Machine<'_>,
    path: Vec<Move>,
    goal: impl Fn(&Machine<'_>, &[Move]) -> bool,
) -> Vec<Move> {
    if path.len() > TRIM_LIMIT {
        return path;
    }
    let mut path = path;
    let mut threads: Vec<ThreadId> = path.iter().map(|step| step.thread).collect();
    threads.sort_unstable();
    threads.dedup();
    for t in threads {
        let count = path.iter().filter(|step| step.thread == t).count();
        let shorter = (0..count).map(|keep| first_steps(&path, t, keep)).find(|shorter| goal(m, shorter));
        path = shorter.unwrap_or(path);
    }
    path
}

/// The path with only the first `keep` steps of one thread.
fn first_steps(path: &[Move], t: ThreadId, keep: usize) -> Vec<Move> {
    let mut left = keep;
    let mut taken = |step: &&Move| {
        if step.thread != t {
            return true;
        }
        let keeps = left > 0;
        left = left.saturating_sub(1);
        keeps
    };
    path.iter().filter(|step| taken(step)).copied().collect()
}

/// Replays moves that may not be possible. The state they lead to and the incidents of the last one.
pub(crate) fn attempt(m: &Machine<'_>, path: &[Move]) -> Option<(State, Vec<Incident>)> {
    let (mut state, mut incidents) = m.initial();
    for step in path {
        if usize::from(step.outcome) >= m.outcomes(&state, step.thread) {
            return None;
        }
        incidents.clear();
        m.step(&mut state, step.thread, usize::from(step.outcome), &mut incidents);
    }
    Some((state, incidents))
}

/// The thread is about to execute this instruction.
pub(crate) fn stands_before(s: &State, t: ThreadId, pc: Pc) -> bool {
    s.thread(t).status == Status::Runs && s.thread(t).pc == pc
}
