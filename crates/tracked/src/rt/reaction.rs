//! What happens when something is found: report it, and for a deadlock perhaps panic or abort.
//!
//! Called without any lock of the run-time.

use std::sync::OnceLock;

use lockcheck_checker::{Finding, News, Tier};
use lockcheck_events::{Record, StuckKind, StuckThread};
use parking_lot::Mutex;

use super::context::{HeldLock, Thread, current_if_known};
use super::names::Names;
use super::waits::{Circle, Published};
use super::{knowledge, output};

/// What to do about a deadlock, besides saying so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnDeadlock {
    /// Leave the threads as they are: they hang, as they would without us.
    Report,
    /// Panic in the thread that closed the circle.
    Panic,
    /// Abort the process.
    Abort,
}

/// What `LOCKCHECK_ON_DEADLOCK` asks for.
fn on_deadlock() -> OnDeadlock {
    static CHOICE: OnceLock<OnDeadlock> = OnceLock::new();
    *CHOICE.get_or_init(|| match std::env::var("LOCKCHECK_ON_DEADLOCK").as_deref() {
        Ok("panic") => OnDeadlock::Panic,
        Ok("abort") => OnDeadlock::Abort,
        Ok("report" | "") | Err(_) => OnDeadlock::Report,
        Ok(other) => {
            output::print(&format!(
                "lockcheck: LOCKCHECK_ON_DEADLOCK={other} is not known; expected report, panic or abort\n"
            ));
            OnDeadlock::Report
        }
    })
}

/// A new problem in the lock order. Notes are kept for reports that ask for them.
pub(crate) fn found(thread: &Thread, news: &News) {
    if news.tier < Tier::Likely || output::under_cli() {
        return;
    }
    let _busy = thread.enter();
    output::print_report(&output::render(&[news.finding(&Names)]));
}

/// The thread is about to wait for what only it could give up.
pub(crate) fn self_deadlock(thread: &Thread, wanted: &HeldLock, own: &HeldLock) {
    // The circle of one that will be seen when it blocks is this one.
    is_first_report(vec![(thread.id().0, wanted.event)]);
    let busy = thread.enter();
    let (request, mut records) = knowledge::prepare(thread, wanted);
    let side = StuckThread { waits_for: vec![(thread.id(), knowledge::describe(own))], request };
    records.push(Record::Stuck { kind: StuckKind::SelfDeadlock, threads: vec![side], detected_after_ns: 0 });
    let text = report(&knowledge::stuck(&records));
    drop(busy);
    react(text);
}

/// A circle has closed. The calling thread is a member, or waits behind it; `wait` is its published wait.
pub(crate) fn deadlock(circle: Circle, wait: Published<'_>) {
    let mut members: Vec<(u32, u32)> =
        circle.sides.iter().map(|side| (side.request.thread.0, side.request.event)).collect();
    members.sort_unstable();
    // A panic ends the deadlock only where it unwinds a member.
    let own = current_if_known().map_or(0, |thread| thread.id().0);
    let outside = !members.iter().any(|(thread, _)| *thread == own);
    if outside && on_deadlock() == OnDeadlock::Panic || !is_first_report(members) {
        return;
    }
    let detected_after_ns = circle.seen.0.elapsed().as_nanos() as u64;
    let records = vec![Record::Stuck { kind: StuckKind::Deadlock, threads: circle.sides, detected_after_ns }];
    let text = report(&knowledge::stuck(&records));
    if on_deadlock() == OnDeadlock::Panic {
        drop(wait);
    }
    react(text);
}

/// Two threads may see the same circle; one of them reports it. `members`: thread and event of each, sorted.
fn is_first_report(members: Vec<(u32, u32)>) -> bool {
    static REPORTED: Mutex<Vec<Vec<(u32, u32)>>> = Mutex::new(Vec::new());
    let mut reported = REPORTED.lock();
    let first = !reported.contains(&members);
    if first {
        reported.push(members);
    }
    first
}

/// Tells the CLI, or else the terminal; gives the text.
fn report(news: &[News]) -> String {
    let findings: Vec<Finding> = news.iter().map(|news| news.finding(&Names)).collect();
    let text = output::render(&findings);
    if output::under_cli() {
        output::notify();
    } else {
        output::print_report(&text);
    }
    text
}

fn react(text: String) {
    match on_deadlock() {
        OnDeadlock::Report => {}
        OnDeadlock::Panic => panic!("deadlock\n{text}"),
        OnDeadlock::Abort => std::process::abort(),
    }
}
