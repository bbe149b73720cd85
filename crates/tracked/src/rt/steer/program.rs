//! A whole program under control: with `LOCKCHECK=explore`, the main thread becomes worker 0 with its first tracked
//! operation and stays so until the process ends.
//!
//! | the environment has | who decides |
//! |---|---|
//! | `LOCKCHECK_STEER`, a socket | whoever listens there: the CLI, which keeps a search going from process to process |
//! | `LOCKCHECK_REPLAY`, a schedule | the schedule |
//! | neither | the default order |
//!
//! There is one run, and nobody is sent home from it: when it cannot go on, what stands still is filed like any deadlock,
//! the other end is told, and the threads stay where they are, for a debugger to look at or for the CLI to end.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

use lockcheck_checker::Finding;
use lockcheck_checker::waits::Stuck;
use lockcheck_events::{Notice, Record, Request};
use lockcheck_explorer::{DefaultOrder, Remote, Replay, RunEnd, Schedule, Strategy};

use super::controller::{BoxedStrategy, Controller, Member, State};
use super::panics::{self, Panicked};
use super::pool::Pool;
use super::seat::Seat;
use super::{Under, core, verdict};
use crate::rt::context::{HeldLock, Thread};
use crate::rt::{knowledge, lifecycle, output, registry};

/// Operations of one run; a run that takes more is cut off.
const STEPS_MAX: u64 = 1_000_000;

/// The one exploration that the process is.
static PROGRAM: OnceLock<Arc<Controller>> = OnceLock::new();

/// A thread has made its first tracked operation; if it is the main thread of a program to explore, it is under control
/// from here on.
pub(crate) fn arrive(thread: &'static Thread) {
    let is_main = lifecycle::os_id() == u64::from(std::process::id());
    if !is_main
        || PROGRAM.get().is_some()
        || std::env::var_os("LOCKCHECK").is_none_or(|mode| mode != "explore")
    {
        return;
    }
    let busy = thread.enter();
    let strategy = match strategy() {
        Ok(strategy) => strategy,
        Err(words) => {
            output::print(&format!("lockcheck: {words}; the program runs without control\n"));
            return;
        }
    };
    panics::hear();
    let seat = Arc::new(Seat::new(None));
    seat.take();
    let core = core::own();
    core::pin(core);
    let pool = Pool::new(true, None, core);
    let controller = Controller::new(strategy, STEPS_MAX, pool);
    controller.state().program = true;
    let first = Member::new(Arc::clone(&seat), thread.id(), None, None);
    if !controller.begin(first, 0) {
        return;
    }
    drop(busy);
    // Until the end of the process.
    std::mem::forget(Under::control(&controller, &seat, 0));
    let _ = PROGRAM.set(controller);
}

/// Whether the process is one run under control.
pub(crate) fn is_under_control() -> bool {
    PROGRAM.get().is_some()
}

fn strategy() -> Result<BoxedStrategy, String> {
    let wanted = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(socket) = wanted("LOCKCHECK_STEER") {
        let connected = |error: io::Error| format!("nobody listens at LOCKCHECK_STEER ({error})");
        let stream = UnixStream::connect(socket).map_err(connected)?;
        return Ok(Box::new(Remote::new(stream)));
    }
    if let Some(schedule) = wanted("LOCKCHECK_REPLAY") {
        let schedule: Result<Schedule, _> = schedule.to_string_lossy().parse();
        let schedule = schedule.map_err(|error| format!("LOCKCHECK_REPLAY: {error}"))?;
        return Ok(Box::new(Replay::new(&schedule)));
    }
    Ok(Box::new(DefaultOrder::new()))
}

/// The process is about to end.
pub(crate) fn exiting() {
    if let Some(controller) = PROGRAM.get() {
        controller.program_ends();
    }
}

/// These can never go on: files it, and says it where nobody else does.
pub(super) fn report(state: &State, stuck: &Stuck, locks: &[HeldLock]) {
    let record = Record::Stuck { kind: stuck.kind, threads: stuck.threads.clone(), detected_after_ns: 0 };
    knowledge::stuck(record, locks);
    if output::under_cli() {
        output::notify();
        return;
    }
    let mut finding = verdict::finding(state, stuck);
    finding.schedule = Some(state.strategy.schedule().to_string());
    output::print_report(&output::render(&[finding]));
}

/// Two accesses race: files it, and says it where nobody else does.
pub(super) fn report_race(state: &State, finding: Option<&Finding>, workers: &[u32]) {
    let sides = verdict::sides_of(state, workers);
    let mut records = knowledge::announced(&verdict::locks_of(state, workers), &sides);
    records.push(Record::Notice { notice: Notice::DataRace, sides, detail: String::new() });
    tell(state, records, finding);
}

/// A panic that nobody caught: files it, and says it where nobody else does.
pub(super) fn report_panic(state: &State, finding: &Finding, heard: &Panicked) {
    let Some(side) = heard.side.clone() else { return };
    let entry = registry::LOCKS.get(&side.lock).map(|entry| entry.clone());
    let Some(registry::LockEntry { kind, created, name, .. }) = entry else { return };
    let birth = Request { site: created, holds: Vec::new(), ..side.clone() };
    let mut records = knowledge::announced(&[], &[birth]);
    records.push(Record::Lock { lock: side.lock, kind, created, name });
    records.push(Record::Notice { notice: Notice::Panic, sides: vec![side], detail: heard.line() });
    tell(state, records, Some(finding));
}

fn tell(state: &State, records: Vec<Record>, finding: Option<&Finding>) {
    knowledge::file_stuck(&records);
    if output::under_cli() {
        output::notify();
    } else if let Some(finding) = finding {
        let mut finding = finding.clone();
        finding.schedule = Some(state.strategy.schedule().to_string());
        output::print_report(&output::render(&[finding]));
    }
}

/// The calling worker panics, where nothing can be caught: the process is about to end.
pub(super) fn panics_for_good() {
    if let (Some(me), Some(panicked)) = (super::own(), panics::take_last()) {
        me.controller().worker_aborts(me.worker, panicked);
    }
}

/// Says where nobody else does what the schedule has to complain about.
pub(super) fn complain(state: &State) {
    if let Some(words) = state.strategy.complaint().filter(|_| !output::under_cli()) {
        output::print(&format!("lockcheck: {words}\n"));
    }
}

/// The run is over, not by the program's own doing. The calling thread has the state, and keeps it.
pub(super) fn over(state: &mut State, end: RunEnd) -> ! {
    state.tell_end(end);
    complain(state);
    if end == RunEnd::TooLong && !output::under_cli() {
        output::print(&format!("lockcheck: the program made more than {STEPS_MAX} operations\n"));
    }
    loop {
        std::thread::park();
    }
}
