//! Waits that anybody may end and that only some are likely to: threads that wait for each other beside threads that run.
//!
//! Anybody may give a permit, be handed the end of a channel, or take a place at a barrier, so that nobody ends such a wait is
//! certain only where the process stands still as a whole, which is [`super::standstill`]'s. Beside threads that run,
//! whoever has been parked for long looks whether anybody's wait is such that all who are likely to end it are caught in it:
//! not only his own, for one who waits for a lock or to send cannot look. That is likely, not certain. Who they are, each
//! object knows by what was done with it so far ([`Source`]); where it does not know, nothing is said.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use lockcheck_checker::waits::{Enders, Stuck};
use lockcheck_events::{Hold, LockId, StuckThread, ThreadId};

use super::context::{Thread, current_if_known};
use super::hands::{is_long, is_time_to_look};
use super::waits::{self, Circle};
use super::{reaction, standstill};
use crate::base::park::ignore_poison;

/// What knows who is likely to end the waits for an object.
pub(crate) trait Source: Send + Sync {
    /// Who could end a wait if nobody does what is unlikely; [`Enders::Anyone`]: nothing is known.
    fn enders(&self) -> Enders;
    /// What `of` has that the wait for `lock` is for, if it is a thing to have.
    fn held(&self, _lock: LockId, _of: ThreadId) -> Option<Hold> {
        None
    }
    /// What somebody outside would have to do to end the wait.
    fn doubt(&self) -> &'static str;
}

/// A wait for such an object.
struct Awaited {
    waiter: ThreadId,
    since: Instant,
    lock: LockId,
    source: Arc<dyn Source>,
}

/// Waits that are followed in one look; the next look begins with others.
const FOLLOWED_MAX: usize = 8;
/// How many times as long as a look took nobody takes another one.
const REST: u32 = 100;

/// These waits, by the number that stands in the wait slot.
static AWAITED: Mutex<Option<HashMap<u32, Awaited>>> = Mutex::new(None);

fn all_awaited() -> MutexGuard<'static, Option<HashMap<u32, Awaited>>> {
    ignore_poison(AWAITED.lock())
}

/// The source of the wait with this number; the table is free again.
fn source(number: u32) -> Option<Arc<dyn Source>> {
    all_awaited().as_ref()?.get(&number).map(|awaited| Arc::clone(&awaited.source))
}

/// The source of some wait for `lock`.
fn source_of(lock: LockId) -> Option<Arc<dyn Source>> {
    let table = all_awaited();
    let awaited = table.as_ref()?.values().find(|awaited| awaited.lock == lock)?;
    Some(Arc::clone(&awaited.source))
}

/// A wait for such an object, as long as it lives.
pub(crate) struct Ticket(u32);

impl Ticket {
    pub(crate) fn new(source: Arc<dyn Source>, lock: LockId, waiter: ThreadId) -> Ticket {
        // Relaxed: only uniqueness among the waits under way matters. From 1: 0 is none.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        let awaited = Awaited { waiter, since: Instant::now(), lock, source };
        all_awaited().get_or_insert_default().insert(number, awaited);
        Ticket(number)
    }

    /// What the wait slot refers to it by.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let awaited = all_awaited().as_mut().and_then(|awaited| awaited.remove(&self.0));
        // Freed when the table is free again.
        drop(awaited);
    }
}

/// Who is likely to end the wait with this number.
pub(crate) fn enders(number: u32) -> Enders {
    source(number).map_or(Enders::Anyone, |source| source.enders())
}

/// The calling thread has been parked since then: looks whether anybody waits for what all who are likely to end the wait
/// will never do, because they wait for each other.
///
/// # Panics
///
/// With the report, where a thread that is stuck is to give way and the calling one is.
pub(crate) fn look(since: Instant) {
    let Some(thread) = current_if_known().filter(|_| is_time_to_look(since)) else { return };
    let busy = thread.enter();
    let text = look_around(thread);
    drop(busy);
    if let Some(text) = text {
        standstill::give_way(thread, text);
    }
}

/// What the calling thread is to give way with.
fn look_around(thread: &Thread) -> Option<String> {
    static RESTS_UNTIL: Mutex<Option<Instant>> = Mutex::new(None);
    let began = Instant::now();
    // Whoever finds another one looking leaves it to him.
    let mut rests_until = RESTS_UNTIL.try_lock().ok()?;
    if rests_until.is_some_and(|until| began < until) {
        return None;
    }
    let mut own = None;
    for (waiter, source) in awaited_for_long(thread.id()) {
        let Some(circle) = circle(waiter) else { continue };
        let sides: Vec<ThreadId> = circle.sides.iter().map(|side| side.request.thread).collect();
        let stuck = Stuck { kind: circle.kind, threads: circle.sides };
        let doubt = Some(source.doubt().to_owned());
        let Some(text) = reaction::standstill(stuck, &circle.aside.locks, doubt, began) else { continue };
        if sides.contains(&thread.id()) {
            own = Some(text);
        } else {
            sides.into_iter().any(|side| standstill::make_give_way(side, &text));
        }
    }
    let now = Instant::now();
    *rests_until = now.checked_add((now - began) * REST);
    own
}

/// Who has waited for long for what some are known to be likely to do; the calling thread first.
fn awaited_for_long(own: ThreadId) -> Vec<(ThreadId, Arc<dyn Source>)> {
    // Relaxed: any number does.
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    let mut all: Vec<_> = all_awaited()
        .iter()
        .flat_map(HashMap::values)
        .filter(|awaited| is_long(awaited.since))
        .map(|awaited| (awaited.waiter, Arc::clone(&awaited.source)))
        .collect();
    all.retain(|(_, source)| source.enders() != Enders::Anyone);
    if all.len() > FOLLOWED_MAX {
        let begin = LOOKS.fetch_add(FOLLOWED_MAX as u32, Ordering::Relaxed) as usize % all.len();
        all.rotate_left(begin);
    }
    // Stable: the others stay in turn.
    all.sort_by_key(|(waiter, _)| *waiter != own);
    all.truncate(FOLLOWED_MAX);
    all
}

/// The circle that the waiting thread is in, seen twice, with what it is about.
///
/// A permit or an end of a channel may have been handed to a thread that runs. Who hands his on goes on to wait for the
/// threads that he gave it to, or for the next of the same: so there must be nothing in it but locks and such objects, and
/// nobody who waits for himself.
fn circle(waiter: ThreadId) -> Option<Circle> {
    let mut circle = waits::likely_circle(waiter)?;
    let is_member = circle.sides.iter().any(|side| side.request.thread == waiter);
    let is_whole = is_member && circle.sides.len() > 1;
    if !is_whole || waits::likely_circle(waiter).as_ref() != Some(&circle) {
        return None;
    }
    let known = show_what_is_held(&mut circle.sides);
    known.then_some(circle)
}

/// Adds to each side that waits for such an object what the next side has of it. Whether all sides wait for a lock or for
/// such an object.
fn show_what_is_held(sides: &mut [StuckThread]) -> bool {
    (0..sides.len()).all(|index| {
        let (wanted, next) = (sides[index].request.lock, sides[(index + 1) % sides.len()].request.thread);
        let source = source_of(wanted);
        if let Some(hold) = source.as_ref().and_then(|source| source.held(wanted, next)) {
            sides[index].waits_for.push((next, hold));
        }
        source.is_some() || !sides[index].waits_for.is_empty()
    })
}
