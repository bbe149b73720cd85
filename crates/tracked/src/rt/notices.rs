//! What the run-time notices by itself, besides the order of locks and waits: misuse, leaks, and the lints. Each place
//! is told once in a process, but for what is measured, which is told again when it has grown.
//!
//! Nothing here is on the path of a lock that is free.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use lockcheck_checker::waits::Stuck;
use lockcheck_events::{LockKind, Notice, Record, Request, SiteId, StackId};
use parking_lot::Mutex;

use super::context::{HeldLock, Place, Thread, current};
use super::operation::Meta;
use super::{intent, knowledge, reaction, registry, waits};

/// Places that are told apart; of further ones nothing is told.
const PLACES_MAX: usize = 1 << 12;

/// Where something was noticed already, with the line of the hold it is about.
static NOTICED: Mutex<Option<HashSet<(Notice, SiteId, SiteId)>>> = Mutex::new(None);

/// Whether it is the first time that this is noticed here.
fn is_new(notice: Notice, place: Place, hold: Option<Place>) -> bool {
    let key = (notice, registry::site(place), hold.map_or(SiteId(0), registry::site));
    let mut noticed = NOTICED.lock();
    let noticed = noticed.get_or_insert_default();
    noticed.len() < PLACES_MAX && noticed.insert(key)
}

/// The calling thread does this to `object`, holding what it holds.
#[cold]
pub(crate) fn notice(thread: &Thread, notice: Notice, object: &HeldLock, detail: &str) {
    let busy = thread.enter();
    if !is_new(notice, object.site, apart(thread, object.event)) {
        return;
    }
    let (request, mut records) = knowledge::prepare(thread, object);
    records.push(Record::Notice { notice, sides: vec![request], detail: detail.to_owned() });
    let news = knowledge::file_all(records);
    drop(busy);
    news.iter().for_each(|news| reaction::found(thread, news));
}

/// What tells one notice at a place from another: an `ignore` around it, which is to keep nothing silent that is done
/// outside of it too, or else the line of the innermost hold.
fn apart(thread: &Thread, event: u32) -> Option<Place> {
    intent::ignored(thread, event).or_else(|| thread.holds().iter().last().map(|hold| hold.site))
}

/// These waits for tasks of one pool could all last at once, and leave it no worker. The calling thread makes the
/// first.
pub(crate) fn starvation(thread: &Thread, wanted: &HeldLock, sides: Vec<Request>) {
    let busy = thread.enter();
    let apart = intent::ignored(thread, wanted.event).unwrap_or(wanted.created);
    if !is_new(Notice::ExecutorStarvation, wanted.site, Some(apart)) {
        return;
    }
    let notice = Notice::ExecutorStarvation;
    let stated = sides.iter().find(|side| side.thread == thread.id() && side.event == wanted.event);
    let mut records = Vec::new();
    records.extend(stated.and_then(|side| intent::of_request(thread, side)).map(Record::Intent));
    records.push(Record::Notice { notice, sides, detail: String::new() });
    let news = knowledge::file_all(records);
    drop(busy);
    news.iter().for_each(|news| reaction::found(thread, news));
}

/// The calling thread and others waited for each other until a timeout passed. `locks` are what they hold and want.
pub(crate) fn masked_by_timeout(thread: &Thread, (circle, locks): (Stuck, Vec<HeldLock>)) {
    let busy = thread.enter();
    let own = circle.threads.iter().find(|side| side.request.thread == thread.id());
    let Some(own) = own.map(|side| &side.request) else { return };
    let stated = intent::of_request(thread, own).map(Record::Intent);
    let first = circle.threads.iter().map(|side| side.request.site).min().unwrap_or(own.site);
    let first = intent::ignored(thread, own.event).map_or(first, registry::site);
    let key = (Notice::MaskedByTimeout, own.site, first);
    if !NOTICED.lock().get_or_insert_default().insert(key) {
        return;
    }
    let sides: Vec<Request> = circle.threads.into_iter().map(|side| side.request).collect();
    let mut records = knowledge::announced(&locks, &sides);
    records.extend(stated);
    records.push(Record::Notice { notice: Notice::MaskedByTimeout, sides, detail: String::new() });
    let news = knowledge::file_all(records);
    drop(busy);
    news.iter().for_each(|news| reaction::found(thread, news));
}

/// The thread ends: tells of the locks that it still holds and that nobody else can release, because their guards
/// cannot be sent. Those of parking_lot can be released by anyone, and say nothing of where they were created.
pub(crate) fn leaked(thread: &Thread) {
    let is_leaked = |hold: &HeldLock| {
        let is_lock = matches!(hold.kind, LockKind::Mutex | LockKind::Reentrant | LockKind::RwLock);
        is_lock && !Meta::is_nowhere(hold.created)
    };
    for hold in thread.holds().iter().filter(is_leaked) {
        if !is_new(Notice::LockLeaked, hold.site, None) {
            continue;
        }
        let request = Request {
            thread: thread.id(),
            event: hold.event,
            lock: hold.id,
            mode: hold.mode,
            attempt: hold.attempt,
            site: registry::site(hold.site),
            stack: StackId(0),
            holds: Vec::new(),
        };
        let sides = vec![request];
        let mut records = knowledge::announced(&[hold], &sides);
        records.push(Record::Notice { notice: Notice::LockLeaked, sides, detail: String::new() });
        let news = knowledge::file_all(records);
        news.iter().for_each(|news| reaction::found(thread, news));
    }
}

/// How long a call must block under a lock to be worth a word.
const LONG: Duration = Duration::from_millis(10);

/// The calling thread is about to block on something that is not a lock: the time, if it holds any.
#[inline]
pub(crate) fn about_to_block(thread: &Thread) -> Option<Instant> {
    (thread.held_len() > 0).then(Instant::now)
}

/// It blocked on `object` since then.
#[inline]
pub(crate) fn blocked(thread: &Thread, object: &HeldLock, since: Option<Instant>) {
    if let Some(waited) = since.map(|since| since.elapsed()).filter(|waited| *waited >= LONG) {
        let detail = format!("for {} ms in this run", waited.as_millis());
        notice(thread, Notice::BlockingWhileHolding, object, &detail);
    }
}

/// The calling thread sleeps, at `site`.
pub(crate) fn sleeping(site: Place, duration: Duration, sleep: impl FnOnce()) {
    let thread = current().filter(|thread| thread.held_len() > 0 && duration >= LONG);
    sleep();
    if let Some(thread) = thread
        && would_be_new(Notice::BlockingWhileHolding, site, apart(thread, thread.event()))
    {
        let object = waits::park_hold(thread, site, true);
        let detail = format!("for {} ms", duration.as_millis());
        notice(thread, Notice::BlockingWhileHolding, &object, &detail);
    }
}

fn would_be_new(notice: Notice, place: Place, hold: Option<Place>) -> bool {
    let key = (notice, registry::site(place), hold.map_or(SiteId(0), registry::site));
    NOTICED.lock().as_ref().is_none_or(|noticed| !noticed.contains(&key))
}
