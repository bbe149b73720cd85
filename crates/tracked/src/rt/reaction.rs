//! What happens when something is found: report it, and for a deadlock perhaps panic or abort.
//!
//! Called without any lock of the run-time.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use lockcheck_checker::waits::Stuck;
use lockcheck_checker::{Code, Finding, News, Tier};
use lockcheck_events::{Record, StuckKind, StuckThread, ThreadId};
use parking_lot::{Mutex, RwLock};

use super::context::{HeldLock, Thread};
use super::names::Names;
use super::waits::{Circle, Published};
use super::{knowledge, output, scope};

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

/// What `LOCKCHECK_ON_DEADLOCK` asks for; without it a test fails and any other program is left alone.
fn on_deadlock(thread: ThreadId) -> OnDeadlock {
    choice().unwrap_or_else(|| if scope::is_in_open(thread) { OnDeadlock::Panic } else { OnDeadlock::Report })
}

fn choice() -> Option<OnDeadlock> {
    static CHOICE: OnceLock<Option<OnDeadlock>> = OnceLock::new();
    *CHOICE.get_or_init(|| match std::env::var("LOCKCHECK_ON_DEADLOCK").as_deref() {
        Ok("report") => Some(OnDeadlock::Report),
        Ok("panic") => Some(OnDeadlock::Panic),
        Ok("abort") => Some(OnDeadlock::Abort),
        Ok("") | Err(_) => None,
        Ok(other) => {
            output::print(&format!(
                "lockcheck: LOCKCHECK_ON_DEADLOCK={other} is not known; expected report, panic or abort\n"
            ));
            None
        }
    })
}

/// Whether any thread may have to panic out of a wait that never ends: a look that costs next to nothing.
#[inline]
pub(crate) fn somebody_may_give_way() -> bool {
    match choice() {
        None => scope::ever_opened(),
        choice => choice == Some(OnDeadlock::Panic),
    }
}

/// Whether the thread may have to.
pub(crate) fn may_give_way(thread: ThreadId) -> bool {
    somebody_may_give_way() && on_deadlock(thread) == OnDeadlock::Panic
}

/// All threads of the process wait for ever, one of them should panic, and all do so in places that cannot be left.
pub(crate) fn nobody_can_give_way() -> ! {
    output::print(
        "lockcheck: every thread waits for ever, and in places that a panic cannot leave: aborting\n",
    );
    std::process::abort()
}

/// A new problem in the lock order. Notes are kept for reports that ask for them.
pub(crate) fn found(thread: &Thread, news: &News) {
    let _busy = thread.enter();
    call_back(|| news.finding(&Names));
    if news.tier < Tier::Likely || output::under_cli() || scope::is_in_open(thread.id()) {
        return;
    }
    output::print_report(&output::render(&[news.finding(&Names)]));
}

/// The thread is about to wait for what only it could give up.
pub(crate) fn self_deadlock(thread: &Thread, wanted: &HeldLock, own: &HeldLock) {
    // The circle of one that will be seen when it blocks is this one.
    is_first_report(vec![(thread.id().0, wanted.event)], true);
    let busy = thread.enter();
    let (request, mut records) = knowledge::prepare(thread, wanted);
    let side = StuckThread { waits_for: vec![(thread.id(), knowledge::describe(own))], request };
    let threads = vec![side];
    records.push(Record::Stuck { kind: StuckKind::SelfDeadlock, threads, detected_after_ns: 0 });
    let reaction = on_deadlock(thread.id());
    let text = report(reaction, &knowledge::file_stuck(&records));
    drop(busy);
    react(reaction, text);
}

/// A circle has closed. The calling thread is a member, or waits behind it; `wait` is its published wait.
pub(crate) fn deadlock(thread: &Thread, circle: Circle, wait: Published) {
    let busy = thread.enter();
    let reaction = on_deadlock(thread.id());
    let members = members(&circle.sides);
    // A panic ends the deadlock only where it unwinds a member.
    let outside = !members.iter().any(|(member, _)| *member == thread.id().0);
    if outside && reaction == OnDeadlock::Panic || !is_first_report(members, true) {
        return;
    }
    let detected_after_ns = circle.aside.seen.elapsed().as_nanos() as u64;
    let record = Record::Stuck { kind: circle.kind, threads: circle.sides, detected_after_ns };
    let text = report(reaction, &knowledge::stuck(record, &circle.aside.locks));
    if reaction == OnDeadlock::Panic {
        drop(wait);
    }
    drop(busy);
    react(reaction, text);
}

/// The process stands still, as far as is known, and these are stuck: says so. Gives what the first of them that
/// can is to panic with, where one must give way. Called while busy.
pub(crate) fn standstill(
    Stuck { kind, threads }: Stuck,
    locks: &[HeldLock],
    doubt: Option<String>,
    since: Instant,
) -> Option<String> {
    let first = threads.first()?.request.thread;
    if !is_first_report(members(&threads), doubt.is_none()) {
        return None;
    }
    // Nobody is made to give way for what may not have happened, unless it is a test that fails instead of hanging.
    let reaction = match on_deadlock(first) {
        OnDeadlock::Abort if doubt.is_some() => OnDeadlock::Report,
        reaction => reaction,
    };
    let record = match doubt {
        None => Record::Stuck { kind, threads, detected_after_ns: since.elapsed().as_nanos() as u64 },
        Some(doubt) => Record::MaybeStuck { kind, threads, doubt },
    };
    let text = report(reaction, &knowledge::stuck(record, locks));
    match reaction {
        OnDeadlock::Report => None,
        OnDeadlock::Panic => Some(format!("deadlock\n{text}")),
        OnDeadlock::Abort => std::process::abort(),
    }
}

/// The members of a stuck set, for comparison: thread and event of each, sorted.
fn members(sides: &[StuckThread]) -> Vec<(u32, u32)> {
    let mut members: Vec<(u32, u32)> =
        sides.iter().map(|side| (side.request.thread.0, side.request.event)).collect();
    members.sort_unstable();
    members
}

/// Two threads may see the same circle; one of them reports it. `members`: thread and event of each, sorted. What was
/// only likely is reported again when it is certain.
fn is_first_report(members: Vec<(u32, u32)>, certain: bool) -> bool {
    type Reported = (Vec<(u32, u32)>, bool);
    static REPORTED: Mutex<Vec<Reported>> = Mutex::new(Vec::new());
    let mut reported = REPORTED.lock();
    let first = !reported.iter().any(|(known, sure)| *known == members && (*sure || !certain));
    if first {
        reported.push((members, certain));
    }
    first
}

/// What the program wants to be called with.
struct Listener<F: ?Sized = dyn Fn(&Finding) + Send + Sync> {
    /// What it has been told of: the fingerprint, and how sure it was.
    told: Mutex<HashSet<(String, Tier)>>,
    callback: F,
}

static LISTENER: RwLock<Option<Arc<Listener>>> = RwLock::new(None);

/// Findings that a listener is told of once each; of further ones it may hear again.
const TOLD_MAX: usize = 1 << 12;

/// Has `callback` called with each finding from here on, as soon as it is made, notes and lints included, and again
/// when it has become surer or, where something was measured, more is known; the one before is called no more. It runs
/// in the thread that made the finding, which holds no lock of the detector's, but perhaps some of the program's, and
/// which is not watched meanwhile. Its panics end there.
pub fn on_finding(callback: impl Fn(&Finding) + Send + Sync + 'static) {
    let listener = Listener { told: Mutex::default(), callback };
    let before = LISTENER.write().replace(Arc::new(listener));
    drop(before);
}

fn call_back(finding: impl FnOnce() -> Finding) {
    let listener = LISTENER.read().clone();
    if let Some(listener) = listener {
        let finding = finding();
        // Each side of a problem may come upon it by itself.
        if listener.is_new(&finding) {
            // Printed by the panic hook.
            let _ = catch_unwind(AssertUnwindSafe(|| (listener.callback)(&finding)));
        }
    }
}

impl Listener {
    fn is_new(&self, finding: &Finding) -> bool {
        let mut told = self.told.lock();
        finding.code == Code::Contention
            || told.len() >= TOLD_MAX
            || told.insert((finding.fingerprint.clone(), finding.tier))
    }
}

/// Tells the CLI, or else the terminal; gives the text.
fn report(reaction: OnDeadlock, news: &[News]) -> String {
    news.iter().for_each(|news| call_back(|| news.finding(&Names)));
    if output::under_cli() {
        output::notify();
        if reaction == OnDeadlock::Report {
            return String::new();
        }
    }
    let findings: Vec<Finding> = news.iter().map(|news| news.finding(&Names)).collect();
    let text = output::render(&findings);
    if !output::under_cli() {
        output::print_report(&text);
    }
    text
}

fn react(reaction: OnDeadlock, text: String) {
    match reaction {
        OnDeadlock::Report => {}
        OnDeadlock::Panic => panic!("deadlock\n{text}"),
        OnDeadlock::Abort => std::process::abort(),
    }
}
