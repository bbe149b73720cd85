//! Who has a task of a queue in hand, and whether that thread has died with it.
//!
//! A thread that ends in good order may have passed its task on, to be told done by another. One that panics with a task
//! in hand has most likely left it undone, and whoever waits until all are done waits for ever. Hence only panics count,
//! and only in queues of which nobody has told a task done that he had not taken.
//!
//! Not here: a process that stands still as a whole, which is [`super::standstill`]'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lockcheck_checker::Context;
use lockcheck_checker::waits::Stuck;
use lockcheck_events::{StuckKind, StuckThread, ThreadId};

use super::context::{Place, current, current_if_known};
use super::names::Names;
use super::waits::everybody_waits;
use super::{knowledge, reaction, registry, standstill};

thread_local! {
    /// Whether the thread's closure has panicked. Shared with the tasks that it has taken.
    static DIED: Arc<AtomicBool> = Arc::default();
}

/// A thread, as one that takes tasks.
pub(crate) struct Hand {
    thread: ThreadId,
    died: Arc<AtomicBool>,
}

impl Hand {
    /// The calling thread's, if it is watched. Under control the controller knows better.
    pub(crate) fn own() -> Option<Hand> {
        let thread = current().filter(|thread| !thread.is_steered())?;
        let _busy = thread.enter();
        let died = DIED.try_with(Arc::clone).ok()?;
        Some(Hand { thread: thread.id(), died })
    }

    pub(crate) fn is_same(&self, other: &Hand) -> bool {
        self.thread == other.thread
    }

    pub(crate) fn is_dead(&self) -> bool {
        // Acquire pairs with the Release in `closure_ended`.
        self.died.load(Ordering::Acquire)
    }
}

/// The closure of the calling thread returns or unwinds.
pub(crate) fn closure_ended() {
    if std::thread::panicking() {
        // Release pairs with the Acquire in `is_dead`.
        let _ = DIED.try_with(|died| died.store(true, Ordering::Release));
    }
}

/// How long one waits before it looks for the dead. A process that stands still as a whole is recognised much sooner.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a wait since then is a long one.
pub(crate) fn is_long(since: Instant) -> bool {
    since.elapsed() >= PATIENCE
}

/// Whether the calling thread, which waits since then, is to look for the dead: not where all others wait too.
pub(crate) fn is_time_to_look(since: Instant) -> bool {
    is_long(since) && current_if_known().is_some_and(|thread| !everybody_waits(thread.slot()))
}

/// The calling thread waits until all tasks are done, of which a dead thread took one at `taken_at`.
///
/// # Panics
///
/// With the report, where a thread that is stuck is to give way.
pub(crate) fn left_undone(hand: &Hand, taken_at: Place) {
    let Some(thread) = current_if_known() else { return };
    let Some((wanted, stack)) = thread.wait_slot().own_wait() else { return };
    let busy = thread.enter();
    let request = knowledge::request(thread.id(), thread.holds(), &wanted, stack);
    let threads = vec![StuckThread { request, waits_for: Vec::new() }];
    let stuck = Stuck { kind: StuckKind::StuckWait, threads };
    let locks: Vec<_> = thread.holds().iter().chain(std::iter::once(wanted)).collect();
    let name = Names.thread_name(hand.thread);
    let doubt = format!(
        "another thread says that the task is done which `{name}` took at {} before it panicked",
        Names.site(registry::site(taken_at)),
    );
    let text = reaction::standstill(stuck, &locks, Some(doubt), Instant::now());
    drop(busy);
    if let Some(text) = text {
        standstill::give_way(thread, text);
    }
}
