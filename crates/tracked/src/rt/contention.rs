//! Which lock serialises the program: what threads that had to wait for one saw, and nobody else looks at.
//!
//! A thread that finds a lock taken notes the time before it blocks and after, and where the owner took the lock. The
//! first waits of each thread are all looked at, later ones now and then. The union of the waits is a lower bound of
//! the time that the lock was held: its share is told when it is large and has been so for a while.
//!
//! Between the two looks nothing is allocated and no lock is waited for: the lock in question may be the allocator's
//! own. What there is to tell is told by a thread that comes by later with nothing in its hands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lockcheck_events::{Attempt, Mode, Notice, Record, Request, StackId, ThreadId};
use parking_lot::Mutex;

use super::context::{HeldLock, Place, Thread};
use super::{knowledge, reaction, registry};

/// Locks that are looked at; of further ones nothing is said.
const LOCKS_MAX: usize = 64;
/// Lines, and threads, that are kept of each.
const PLACES_MAX: usize = 4;
/// Waits of a thread that are all looked at; of later ones each `EVERY`th.
const ALL_OF_FIRST: u32 = 64;
const EVERY: u32 = 16;
/// Threads that are looked through for the owner of a lock.
const OWNERS_MAX: usize = 256;
/// A pause after which what was seen before counts no more.
const PAUSE: Duration = Duration::from_secs(1);
/// The share from which it is told, in percent.
const SHARE: u128 = 60;
/// How long it must have been held for that, if that is half of the process's life so far; else.
const HELD: Duration = Duration::from_millis(100);
const HELD_LATE: Duration = Duration::from_millis(500);
/// How often one lock is told of, each time when the figure has doubled.
const TOLD_MAX: u32 = 8;

/// A wait under way.
pub(crate) struct Sample {
    began: Instant,
    /// Who has the lock, and the line that took it.
    owner: Option<(ThreadId, Place)>,
}

/// What is known of one lock.
#[derive(Clone, Copy)]
struct Entry {
    lock: HeldLock,
    /// Since when it was waited for without a long pause.
    since: Instant,
    /// The end of the last wait.
    last: Instant,
    /// How long somebody waited: the union of the waits.
    held: Duration,
    waits: u64,
    /// Owners with the line that took the lock, and how long others waited for them.
    owners: [Option<(ThreadId, Place, Duration)>; PLACES_MAX],
    waiters: [Option<(ThreadId, Place)>; PLACES_MAX],
    told: u32,
    /// `held` when it was told last.
    told_at: Duration,
}

static TABLE: Mutex<[Option<Entry>; LOCKS_MAX]> = Mutex::new([None; LOCKS_MAX]);
/// Something is to be told. Relaxed: who sees it late tells it later.
static DUE: AtomicBool = AtomicBool::new(false);

thread_local! {
    static WAITS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// The calling thread is about to block for this lock.
pub(crate) fn begin(thread: &Thread, wanted: &HeldLock) -> Option<Sample> {
    if DUE.load(Ordering::Relaxed) && thread.held_len() == 0 {
        tell(thread);
    }
    let number = WAITS.get();
    WAITS.set(number.wrapping_add(1));
    if number >= ALL_OF_FIRST && !number.is_multiple_of(EVERY) {
        return None;
    }
    let owner = registry::try_find_thread(OWNERS_MAX, |shared, holds| {
        let taken = holds.iter().filter(|hold| hold.id == wanted.id).last()?;
        Some((shared.id(), taken.site))
    });
    process_began();
    Some(Sample { began: Instant::now(), owner })
}

/// The calling thread has the lock now.
pub(crate) fn end(thread: &Thread, lock: &HeldLock, sample: Option<Sample>) {
    let Some(Sample { began, owner }) = sample else { return };
    let now = Instant::now();
    let Some(mut table) = TABLE.try_lock() else { return };
    let known = table.iter_mut().find(|entry| entry.is_none_or(|entry| entry.lock.id == lock.id));
    let Some(entry) = known else { return };
    let entry = entry.get_or_insert(Entry::new(*lock, began));
    if began.saturating_duration_since(entry.last) > PAUSE {
        let (told, told_at) = (entry.told, entry.told_at);
        *entry = Entry { told, told_at, ..Entry::new(*lock, began) };
    }
    entry.take(thread.id(), lock.site, began, now, owner);
    if entry.is_due(now) {
        DUE.store(true, Ordering::Relaxed);
    }
}

/// When the process was first seen to wait.
fn process_began() -> Instant {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *BEGAN.get_or_init(Instant::now)
}

impl Entry {
    fn new(lock: HeldLock, began: Instant) -> Entry {
        Entry {
            lock,
            since: began,
            last: began,
            held: Duration::ZERO,
            waits: 0,
            owners: [None; PLACES_MAX],
            waiters: [None; PLACES_MAX],
            told: 0,
            told_at: Duration::ZERO,
        }
    }

    fn take(
        &mut self,
        waiter: ThreadId,
        at: Place,
        began: Instant,
        now: Instant,
        owner: Option<(ThreadId, Place)>,
    ) {
        self.held += now.saturating_duration_since(began.max(self.last));
        self.last = now;
        self.waits += 1;
        if let Some((thread, site)) = owner {
            let own = |slot: &&mut Option<(ThreadId, Place, Duration)>| {
                slot.is_none_or(|(known, place, _)| (known, place) == (thread, site))
            };
            if let Some(slot) = self.owners.iter_mut().find(own) {
                slot.get_or_insert((thread, site, Duration::ZERO)).2 += now - began;
            }
        }
        let own = |slot: &&mut Option<(ThreadId, Place)>| slot.is_none_or(|(known, _)| known == waiter);
        if let Some(slot) = self.waiters.iter_mut().find(own) {
            slot.get_or_insert((waiter, at));
        }
    }

    /// In percent.
    fn share(&self) -> u128 {
        let all = self.last.saturating_duration_since(self.since).as_nanos().max(1);
        (self.held.as_nanos() * 100 / all).min(100)
    }

    fn is_due(&self, now: Instant) -> bool {
        let life = now.saturating_duration_since(process_began());
        let long = self.held >= HELD && self.held * 2 >= life || self.held >= HELD_LATE;
        let several = self.waiters.iter().flatten().count() > 1;
        let news = self.told < TOLD_MAX && self.held >= self.told_at * 2;
        long && several && news && self.share() >= SHARE
    }

    /// The side that holds the lock longest, then those who wait for it.
    fn sides(&self) -> Vec<Request> {
        let longest = self.owners.iter().flatten().max_by_key(|(_, _, waited)| *waited);
        let waits = self.waiters.iter().flatten();
        let side = |thread: ThreadId, site: Place| Request {
            thread,
            event: self.lock.event,
            lock: self.lock.id,
            mode: Mode::Exclusive,
            attempt: Attempt::Block,
            site: registry::site(site),
            stack: StackId(0),
            holds: Vec::new(),
        };
        let holder = longest.map(|&(thread, site, _)| side(thread, site));
        holder.into_iter().chain(waits.map(|&(thread, site)| side(thread, site))).collect()
    }
}

/// Tells what is due. The calling thread holds nothing.
pub(crate) fn tell(thread: &Thread) {
    if !DUE.swap(false, Ordering::Relaxed) {
        return;
    }
    let _busy = thread.enter();
    let now = Instant::now();
    let mut due = Vec::new();
    if let Some(mut table) = TABLE.try_lock() {
        for entry in table.iter_mut().flatten().filter(|entry| entry.is_due(now)) {
            entry.told += 1;
            entry.told_at = entry.held;
            due.push(*entry);
        }
    }
    for entry in due {
        let detail = format!(
            "it was held for at least {} % of {} ms, in which threads had to wait for it {} times or more",
            entry.share(),
            (entry.last - entry.since).as_millis(),
            entry.waits
        );
        let sides = entry.sides();
        let mut records = knowledge::announced(&[entry.lock], &sides);
        records.push(Record::Notice { notice: Notice::Contention, sides, detail });
        let news = knowledge::file_all(records);
        news.iter().for_each(|news| reaction::found(thread, news));
    }
}

/// The same, before a report and when a thread or the process ends.
pub(crate) fn tell_now() {
    if let Some(thread) = super::context::current_if_known() {
        tell(thread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> HeldLock {
        let here = std::panic::Location::caller();
        HeldLock {
            id: lockcheck_events::LockId(1),
            site: here,
            created: here,
            event: 0,
            mode: Mode::Exclusive,
            attempt: Attempt::Block,
            kind: lockcheck_events::LockKind::Mutex,
        }
    }

    /// Waits from and to these milliseconds, by threads in turn: how long the lock was held, and its share.
    fn seen(waits: &[(u64, u64)]) -> (u64, u128) {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut entry = Entry::new(lock(), at(waits[0].0));
        for (number, &(from, to)) in waits.iter().enumerate() {
            entry.take(ThreadId(number as u32 % 3 + 1), lock().site, at(from), at(to), None);
        }
        (entry.held.as_millis() as u64, entry.share())
    }

    #[test]
    fn waits_that_overlap_count_once() {
        assert_eq!(seen(&[(0, 10), (0, 20), (5, 30)]), (30, 100));
        assert_eq!(seen(&[(0, 10), (30, 40)]), (20, 50));
    }

    #[test]
    fn the_longest_holder_comes_first() {
        let (lock, start) = (lock(), Instant::now());
        let mut entry = Entry::new(lock, start);
        for (owner, ms) in [(7, 5), (8, 20), (7, 6)] {
            let (from, to) = (entry.last, entry.last + Duration::from_millis(ms));
            entry.take(ThreadId(owner + 10), lock.site, from, to, Some((ThreadId(owner), lock.site)));
        }
        let sides: Vec<u32> = entry.sides().iter().map(|side| side.thread.0).collect();
        assert_eq!(sides, [8, 17, 18]);
    }
}
