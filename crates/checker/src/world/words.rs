//! What is said of threads that can never move again: the finding, and one line for each of them. Layout is the report
//! crate's.

use std::collections::BTreeMap;

use lockcheck_events::{Attempt, Frame, Mode, Site};

use super::{Call, Family, Handle, HandleKind, ProcessIndex, State, StuckSet, Thread, ThreadIndex};
use crate::finding::{Evidence, Finding, LockDetail, fingerprint_of};
use crate::words::{list, quoted, thread_label};
use crate::{Code, Tier};

/// Threads of a core that a finding shows.
const EVIDENCE_MAX: usize = 64;
/// Lines that describe threads. Beyond that, how many there are is said.
const LINES_MAX: usize = 40;
/// Threads or processes that a line names as holders of something.
const HOLDERS_MAX: usize = 4;

/// What the caller knows of a family beyond its waits.
pub trait Places {
    /// The position of the process in the report.
    fn index(&self, process: ProcessIndex) -> u32;
    /// Where in its program the thread stands: the user's line, if it is known, and the stack, innermost first.
    fn stack(&self, thread: ThreadIndex) -> (Option<Site>, Vec<Frame>);
    /// What the program knows of the object that the thread waits for: its name, and the line that created it.
    fn object(&self, thread: ThreadIndex) -> Option<(Option<String>, Site)>;
}

/// The finding for a stuck set: a deadlock of one process, one across processes, or a lone wait.
pub fn finding(family: &Family, set: &StuckSet, places: &dyn Places) -> Finding {
    let shown = &set.core[..set.core.len().min(EVIDENCE_MAX)];
    let (locks, lock_of) = locks(family, shown, places);
    let mut sites = Vec::new();
    let mut evidence = Vec::new();
    for &thread in shown {
        let Some(side) = side(family, thread, &lock_of, places) else { continue };
        sites.push((side.site.clone(), call_word(family, thread)));
        evidence.push(side);
    }
    let code = code(family, set);
    Finding {
        fingerprint: fingerprint_of(code, sites),
        message: message(family, set, code),
        advice: advice(family, set, code).to_owned(),
        locks,
        evidence,
        ..Finding::bare(code, Tier::Actual)
    }
}

fn code(family: &Family, set: &StuckSet) -> Code {
    match (processes(family, set).len(), set.core.len()) {
        (_, 1) => Code::StuckWait,
        (1, _) => Code::Deadlock,
        _ => Code::CrossProcessDeadlock,
    }
}

/// The processes of a core, in order.
fn processes(family: &Family, set: &StuckSet) -> Vec<ProcessIndex> {
    let mut processes: Vec<ProcessIndex> =
        set.core.iter().map(|&thread| family.threads[thread].process).collect();
    processes.sort_unstable();
    processes.dedup();
    processes
}

fn call(family: &Family, thread: ThreadIndex) -> Option<Call> {
    match &family.threads[thread].state {
        State::Waits(wait) => Some(wait.call),
        State::Moves(_) => None,
    }
}

/// What a thread waits for, as far as two threads can wait for the same.
type Object = (&'static str, (u64, u64, u64));

fn object(family: &Family, thread: ThreadIndex) -> Option<Object> {
    let process = family.threads[thread].process;
    Some(match call(family, thread)? {
        Call::Futex(address) => ("futex", (process as u64, address, 0)),
        Call::SharedFutex(handle) => ("shared futex", handle.object),
        Call::Read(handle) | Call::Write(handle) => (class(handle), handle.object),
        Call::Child(child) => ("process", (child.map_or(u64::MAX, |child| child as u64), process as u64, 0)),
        Call::Poll => ("poll set", (thread as u64, 0, 0)),
        Call::FileLock(handle) => ("file lock", handle.object),
    })
}

fn class(handle: Handle) -> &'static str {
    match handle.kind {
        HandleKind::PipeRead | HandleKind::PipeWrite => "pipe",
        HandleKind::Socket => "socket",
        HandleKind::Counter => "eventfd",
        HandleKind::Memory => "shared memory",
        HandleKind::File => "file",
        HandleKind::Sort(name) => name,
    }
}

/// What the threads wait for, each object once, and the id of each.
fn locks(
    family: &Family,
    threads: &[ThreadIndex],
    places: &dyn Places,
) -> (Vec<LockDetail>, BTreeMap<Object, String>) {
    let mut ids = BTreeMap::new();
    let mut locks = Vec::new();
    for &thread in threads {
        let Some(object) = object(family, thread) else { continue };
        if ids.contains_key(&object) {
            continue;
        }
        let id = (locks.len() + 1).to_string();
        ids.insert(object, id.clone());
        let known = places.object(thread);
        let (known_name, created) = known.unwrap_or_else(|| (None, nowhere("<unknown>")));
        let name = match call(family, thread) {
            Some(Call::Child(Some(child))) => Some(format!("process {}", family.processes[child].pid)),
            _ => known_name,
        };
        locks.push(LockDetail { id, class: object.0.to_owned(), name, created });
    }
    (locks, ids)
}

fn nowhere(program: &str) -> Site {
    Site { package: String::new(), file: program.to_owned(), line: 0, column: 0 }
}

fn side(
    family: &Family,
    thread: ThreadIndex,
    lock_of: &BTreeMap<Object, String>,
    places: &dyn Places,
) -> Option<Evidence> {
    let Thread { process, tid, name, .. } = &family.threads[thread];
    let (site, backtrace) = places.stack(thread);
    Some(Evidence {
        process: places.index(*process),
        thread: format!("{name} ({tid})"),
        event: 0,
        action: action(call(family, thread)?).to_owned(),
        attempt: Attempt::Block,
        lock: lock_of.get(&object(family, thread)?)?.clone(),
        mode: Mode::Exclusive,
        holds: Vec::new(),
        site: site.unwrap_or_else(|| nowhere(&family.processes[*process].program)),
        backtrace,
    })
}

/// The contract's word for it.
fn action(call: Call) -> &'static str {
    match call {
        Call::Read(_) => "recv",
        Call::Write(_) => "send",
        Call::Child(_) => "join",
        Call::Futex(_) | Call::SharedFutex(_) | Call::Poll | Call::FileLock(_) => "wait",
    }
}

/// The kind of wait as part of a finding's identity.
fn call_word(family: &Family, thread: ThreadIndex) -> &'static str {
    match call(family, thread) {
        Some(Call::Futex(_)) => "futex",
        Some(Call::SharedFutex(_)) => "shared-futex",
        Some(Call::Read(_)) => "read",
        Some(Call::Write(_)) => "write",
        Some(Call::Child(_)) => "child",
        Some(Call::Poll) => "poll",
        Some(Call::FileLock(_)) => "file-lock",
        None => "moves",
    }
}

fn process_name(family: &Family, process: ProcessIndex) -> String {
    let process = &family.processes[process];
    format!("process {} ({})", process.pid, quoted(&process.program))
}

fn message(family: &Family, set: &StuckSet, code: Code) -> String {
    let processes = processes(family, set);
    let names: Vec<String> = processes.iter().map(|&process| process_name(family, process)).collect();
    let all = list(&names);
    match code {
        Code::StuckWait => format!("a thread of {all} waits for what nobody is left to do"),
        Code::Deadlock => {
            let number = set.core.len();
            format!("{number} threads of {all} wait for each other, and nobody else can end their waits")
        }
        _ => format!("{all} wait for each other, and nobody else can end their waits"),
    }
}

fn advice(family: &Family, set: &StuckSet, code: Code) -> &'static str {
    let any = |is: fn(Call) -> bool| set.core.iter().any(|&thread| call(family, thread).is_some_and(is));
    let child = any(|call| matches!(call, Call::Child(_)));
    let write = any(|call| matches!(call, Call::Write(_)));
    let read = any(|call| matches!(call, Call::Read(_)));
    match code {
        Code::CrossProcessDeadlock if child && write => {
            "take out what a child process sends before waiting for its end: a full pipe holds its writer back"
        }
        Code::CrossProcessDeadlock if read && !write => {
            "let one side send first, and close the ends that a process does not use, so that its reader sees the \
             end when the writer is gone"
        }
        Code::StuckWait => {
            "make every way out of what should end the wait do so, errors included; wait with a timeout where that \
             cannot be promised"
        }
        _ => {
            "take locks in one order everywhere, best through guards; wait with a timeout where an order cannot be \
             kept"
        }
    }
}

/// One line for each thread of the set, and what the verdict rests on.
pub fn lines(family: &Family, set: &StuckSet) -> Vec<String> {
    let threads = set.core.iter().chain(&set.behind);
    let mut lines: Vec<String> =
        threads.clone().take(LINES_MAX).map(|&thread| line(family, thread)).collect();
    let all = threads.count();
    if all > LINES_MAX {
        lines.push(format!("{} more threads are stuck", all - LINES_MAX));
    }
    let whom =
        if set.everybody { "nothing in the program and its children" } else { "none of these threads" };
    lines.push(format!(
        "{whom} can move again, seen from outside: no timer is pending and nobody else holds the other ends; signals \
         sent by others are left out of the argument"
    ));
    lines
}

/// `process 17 (`python3 x.py`): thread 18 (`python3`) writes to pipe [33], which process 16 reads from`.
fn line(family: &Family, thread: ThreadIndex) -> String {
    let Thread { process, tid, name, .. } = &family.threads[thread];
    let who = format!("{}: {} ({tid})", process_name(family, *process), thread_label(name));
    let Some(call) = call(family, thread) else { return who };
    let what = match call {
        Call::Futex(address) => {
            format!(
                "waits at {address:#x} (futex) for another thread of its process: a lock, a condition, a join"
            )
        }
        Call::SharedFutex(handle) => {
            let who = holders(family, handle);
            format!("waits for a lock or condition in memory shared by {who} (futex)")
        }
        Call::Read(handle) => format!("reads from {}{}", shown(handle), other_end(family, thread)),
        Call::Write(handle) => format!("writes to {}{}", shown(handle), other_end(family, thread)),
        Call::Child(Some(child)) => format!("waits for the end of {}", process_name(family, child)),
        Call::Child(None) => "waits for the end of a child process".to_owned(),
        Call::Poll => format!("waits for one of several files to become ready{}", other_end(family, thread)),
        Call::FileLock(handle) => {
            format!("waits for a lock on a file that is open in {}", holders(family, handle))
        }
    };
    format!("{who} {what}")
}

/// As `ls -l /proc/PID/fd` shows it.
fn shown(handle: Handle) -> String {
    format!("{}:[{}]", class(handle), handle.object.1)
}

/// Who could do the other half.
fn other_end(family: &Family, thread: ThreadIndex) -> String {
    let State::Waits(wait) = &family.threads[thread].state else { return String::new() };
    let handles = wait.enders.iter().filter_map(|ender| match ender {
        super::Ender::Holder(handle) => Some(*handle),
        _ => None,
    });
    let mut who: Vec<i32> = handles.flat_map(|handle| pids(family, handle)).collect();
    who.sort_unstable();
    who.dedup();
    match who.len() {
        0 => String::new(),
        _ => format!(", whose other end is held by {}", processes_named(&who)),
    }
}

fn pids(family: &Family, handle: Handle) -> impl Iterator<Item = i32> + '_ {
    family
        .processes
        .iter()
        .filter(move |process| process.handles.contains(&handle))
        .map(|process| process.pid)
}

fn holders(family: &Family, handle: Handle) -> String {
    processes_named(&pids(family, handle).collect::<Vec<_>>())
}

fn processes_named(pids: &[i32]) -> String {
    let mut names: Vec<String> = pids.iter().take(HOLDERS_MAX).map(i32::to_string).collect();
    if pids.len() > HOLDERS_MAX {
        names.push(format!("{} more", pids.len() - HOLDERS_MAX));
    }
    let word = if pids.len() == 1 { "process" } else { "processes" };
    format!("{word} {}", list(&names))
}
