//! What the run-time notices by itself, besides the order of locks and waits: misuse, leaks, and the lints. Each place
//! is told once in a process, but for what is measured, which is told again when it has grown.
//!
//! Nothing here is on the path of a lock that is free.

use std::collections::HashSet;

use lockcheck_events::{Notice, Record, Request, SiteId};
use parking_lot::Mutex;

use super::context::{HeldLock, Place, Thread};
use super::{knowledge, reaction, registry};

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
    let under = thread.holds().iter().last();
    if !is_new(notice, object.site, under.map(|hold| hold.site)) {
        return;
    }
    let (request, mut records) = knowledge::prepare(thread, object);
    records.push(Record::Notice { notice, sides: vec![request], detail: detail.to_owned() });
    let news = knowledge::file_all(records);
    drop(busy);
    news.iter().for_each(|news| reaction::found(thread, news));
}

/// These waits for tasks of one pool could all last at once, and leave it no worker. The calling thread makes the
/// first.
pub(crate) fn starvation(thread: &Thread, wanted: &HeldLock, sides: Vec<Request>) {
    let busy = thread.enter();
    if !is_new(Notice::ExecutorStarvation, wanted.site, Some(wanted.created)) {
        return;
    }
    let notice = Notice::ExecutorStarvation;
    let news = knowledge::file_all(vec![Record::Notice { notice, sides, detail: String::new() }]);
    drop(busy);
    news.iter().for_each(|news| reaction::found(thread, news));
}
