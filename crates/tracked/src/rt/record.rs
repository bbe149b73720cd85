//! Mode `record`: every event goes to the file of events, beside what mode `check` does.
//!
//! A thread that records has a flag in its word, so that none of the quick ways of an acquisition or release is open
//! to it, and nobody else pays for it. It writes to a lane of its own, numbered by Lamport's clocks: each event gets a
//! number above that of the thread's previous one and of what the event's object was last left with
//! (`lockcheck_events::event_file` says why).
//!
//! | event | takes the object's number | leaves its own with the object |
//! |---|---|---|
//! | acquire, join, await, after, load | before | - |
//! | release, fork, notify, signal, before, store | - | before the effect is seen |
//! | access of a `Shared`, read-modify-write | under the cell's own lock | under the same |
//!
//! Nothing here allocates, waits or resolves on the way of an event, but for a chunk of the file now and then: the lock
//! that is held may be the allocator's own. When the file can grow no more, threads go on in mode `check` as their
//! chunks run out, and the file says so.

use std::cell::{Cell, UnsafeCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use lockcheck_events::event_file::{self, EventFile, EventKind, Lane, Manner, PLACES_MAX, RecordedEvent};
use lockcheck_events::recorded::{ATOMIC, DATA};
use lockcheck_events::{Attempt, LockId, LockKind, Mode, ThreadId, TokenId};
use parking_lot::Mutex;

use super::context::{HeldLock, Place, Thread, Token, current};
use super::operation::Meta;
use super::{knowledge, mode, output, predicate, registry};
use stacks::{Say, Stacks};

mod stacks;

/// Objects that a thread remembers having described; a power of two.
const MET: usize = 128;
/// Objects with a number of their own: those that a program makes first. Zero pages until they are touched.
const OWN: usize = 1 << 22;
/// The numbers that all other objects share.
const OTHERS: usize = 1 << 14;
/// Names of regions that are kept.
const REGIONS_MAX: usize = 4096;
/// Neighbouring places where a line of source may stand.
const PROBES: usize = 64;

/// The file of events. `None` where it could not be made.
static FILE: OnceLock<Option<EventFile>> = OnceLock::new();

/// What objects were last left with, by id. Written with plain stores only by who has the object to itself. Relaxed
/// throughout: whoever must see a number comes after who left it, by the object itself.
static STAMPS: [AtomicU32; OWN] = [const { AtomicU32::new(0) }; OWN];
/// The same for threads, points and objects beyond: several to an entry, which only ever grows.
static SHARED_STAMPS: [AtomicU32; OTHERS] = [const { AtomicU32::new(0) }; OTHERS];

/// The places that events were at: a place's number is its position here, from 1. Entries are written once.
static PLACES: [AtomicPtr<Location<'static>>; PLACES_MAX as usize] =
    [const { AtomicPtr::new(ptr::null_mut()) }; PLACES_MAX as usize];

/// How many threads of unknown origin have ended. Nobody is known to wait for their ends, yet somebody may: what
/// follows in any thread comes after them. Relaxed: seen late, it orders less, as it would have a moment earlier.
static STRANGERS_ENDED: AtomicU32 = AtomicU32::new(0);
/// The object that their ends are signals of.
const STRANGERS: u64 = 0;

/// What a thread needs to record.
pub(crate) struct Recorder {
    lane: UnsafeCell<Lane>,
    /// The value of `STRANGERS_ENDED` that the thread has heard of.
    heard: Cell<u32>,
    /// Objects that this thread has described.
    met: [Cell<u64>; MET],
    /// The datum accessed by the last event, and how: bit 0 read, bit 1 written. Once is enough.
    accessed: Cell<(u64, u8)>,
    /// The stacks that accesses are made with.
    stacks: Stacks,
}

/// What a number is left with.
#[derive(Clone, Copy)]
enum Stamped {
    /// An object with an id that locks, data and the like share.
    Object(u64),
    /// A thread.
    Thread(u32),
    /// A point.
    Point(u32),
}

impl Stamped {
    /// Where the number is, and whether it is the object's own.
    #[inline(always)]
    fn entry(self) -> (&'static AtomicU32, bool) {
        const LOW: u32 = OWN.trailing_zeros() - 4;
        match self {
            // Neighbours lie far apart: threads that use one each do not share a cache line.
            Stamped::Object(id) if id < OWN as u64 => {
                (&STAMPS[(id as usize & 15) << LOW | id as usize >> 4], true)
            }
            Stamped::Object(id) => (other(id), false),
            Stamped::Thread(id) => (other(1 << 40 | u64::from(id)), false),
            Stamped::Point(id) => (other(2 << 40 | u64::from(id)), false),
        }
    }

    #[inline(always)]
    fn get(self) -> u32 {
        self.entry().0.load(Ordering::Relaxed)
    }

    /// Leaves `stamp`, as one of many who may do so at a time.
    #[inline]
    fn raise(self, stamp: u32) {
        self.entry().0.fetch_max(stamp, Ordering::Relaxed);
    }

    /// Leaves `stamp`, as the only one.
    #[inline(always)]
    fn set(self, stamp: u32) {
        match self.entry() {
            (entry, true) => entry.store(stamp, Ordering::Relaxed),
            (entry, false) => drop(entry.fetch_max(stamp, Ordering::Relaxed)),
        }
    }
}

fn other(key: u64) -> &'static AtomicU32 {
    &SHARED_STAMPS[(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % OTHERS]
}

/// The calling thread has arrived: from here on it records, if the mode says so.
pub(crate) fn arrive(thread: &Thread, started_by_us: bool) {
    if mode::recording() && FILE.get_or_init(create).is_some() {
        begin(thread, started_by_us);
    }
}

/// From here on the calling thread records. On its own, because it has room for recorders on its stack, of which the
/// thread of somebody who does not record may not have so much.
#[cold]
#[inline(never)]
fn begin(thread: &Thread, started_by_us: bool) {
    let recorder = Recorder {
        lane: UnsafeCell::new(Lane::new()),
        heard: Cell::new(STRANGERS_ENDED.load(Ordering::Relaxed)),
        met: [const { Cell::new(u64::MAX) }; MET],
        accessed: Cell::new((0, 0)),
        stacks: Stacks::new(),
    };
    // Busy still: the flag stands for when it no longer is.
    if started_by_us {
        let stamp = Stamped::Thread(thread.id().0).get();
        thread.holds().stamp.store(stamp, Ordering::Relaxed);
        thread.set_recorder(Some(Box::new(recorder)));
        return;
    }
    // Whoever started it did so after all that was recorded so far, for all one knows.
    recorder.append(thread, Manner::of(EventKind::Arrive), 0, 0, latest() + 1);
    thread.set_recorder(Some(Box::new(recorder)));
}

/// The largest number of a thread that has left. Raised before the thread can no longer be seen.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// The largest number that any thread has given.
fn latest() -> u32 {
    let mut latest = 0;
    registry::for_each_thread(|_, holds| latest = latest.max(holds.stamp.load(Ordering::Relaxed)));
    // After the look at the others: one that left meanwhile is in here.
    latest.max(LEFT.load(Ordering::Relaxed))
}

/// The calling thread was unparked by a handle of std's, which nobody watches: this comes after all that was recorded
/// so far.
pub(crate) fn woken(thread: &Thread, site: Place) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    let busy = thread.enter();
    let stamp = latest() + 1;
    drop(busy);
    recorder.append(thread, Manner::of(EventKind::Arrive), 0, number(site), stamp);
}

/// The calling thread leaves; `true` where it was started through the tracked API.
pub(crate) fn leave(thread: &Thread) {
    let Some(recorder) = thread.recorder() else { return };
    let id = thread.id();
    if registry::parent(id).is_none() {
        let stamp = recorder.next(thread);
        Stamped::Object(STRANGERS).raise(stamp);
        recorder.append(thread, Manner::of(EventKind::Signal), STRANGERS, 0, stamp);
        STRANGERS_ENDED.fetch_add(1, Ordering::Relaxed);
    }
    // For who joins it: destructors of thread-locals have moved it on. And for `latest`, which no longer sees it.
    let last = thread.holds().stamp.load(Ordering::Relaxed);
    Stamped::Thread(id.0).raise(last);
    LEFT.fetch_max(last, Ordering::Relaxed);
}

/// The file beside the trace that has the names.
fn create() -> Option<EventFile> {
    let say =
        |why: &str| output::print(&format!("lockcheck: nothing is recorded, the check goes on: {why}\n"));
    let Some(trace) = knowledge::trace_path() else {
        say("LOCKCHECK=record needs a folder that can be written to in LOCKCHECK_OUT");
        return None;
    };
    let path = trace.with_extension(event_file::EXTENSION);
    match EventFile::create(&path, std::process::id(), event_file::FILE_BYTES_MAX) {
        Ok(file) => Some(file),
        Err(error) => {
            say(&format!("{}: {error}", path.display()));
            None
        }
    }
}

/// The process ends in an orderly way.
pub(crate) fn finish() {
    if let Some(Some(file)) = FILE.get() {
        file.finish();
    }
}

/// The number of a place. 0 where there are too many.
#[inline]
fn number(place: Place) -> u32 {
    let address = ptr::from_ref(place).cast_mut();
    let home = (address.addr().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % PLACES_MAX as usize;
    // Acquire pairs with the Release in `new_place`, for what the place says; it does not change.
    if PLACES[home].load(Ordering::Acquire) == address {
        return home as u32 + 1;
    }
    displaced(place, home)
}

#[cold]
fn displaced(place: Place, home: usize) -> u32 {
    let address = ptr::from_ref(place).cast_mut();
    for probe in 0..PROBES {
        let at = (home + probe) % PLACES_MAX as usize;
        let placed =
            PLACES[at].compare_exchange(ptr::null_mut(), address, Ordering::AcqRel, Ordering::Acquire);
        match placed {
            Ok(_) => {
                let number = at as u32 + 1;
                if let Some(Some(file)) = FILE.get() {
                    file.name_place(number, place.file(), place.line(), place.column());
                }
                return number;
            }
            Err(there) if there == address => return at as u32 + 1,
            Err(_) => {}
        }
    }
    0
}

impl Recorder {
    /// The next number of the thread's own.
    #[inline(always)]
    fn next(&self, thread: &Thread) -> u32 {
        thread.holds().stamp.load(Ordering::Relaxed) + 1
    }

    /// The next number above what the object was left with.
    #[inline(always)]
    fn after(&self, thread: &Thread, object: Stamped) -> u32 {
        thread.holds().stamp.load(Ordering::Relaxed).max(object.get()) + 1
    }

    /// Writes the event, whose number this is.
    #[inline(always)]
    fn append(&self, thread: &Thread, manner: Manner, object: u64, place: u32, stamp: u32) {
        // SAFETY: on the owning thread, and what is called below does not come back here.
        let lane = unsafe { &mut *self.lane.get() };
        if lane.is_full() && !refill(thread, lane, stamp) {
            return;
        }
        let index = thread.event();
        lane.append(&RecordedEvent { stamp, thread: 0, manner, object, place, index });
        thread.holds().stamp.store(stamp, Ordering::Relaxed);
    }

    /// Comes after the ends of threads of unknown origin, if there are new ones.
    #[inline(always)]
    fn hear(&self, thread: &Thread) {
        if STRANGERS_ENDED.load(Ordering::Relaxed) != self.heard.get() {
            self.hear_now(thread);
        }
    }

    #[cold]
    fn hear_now(&self, thread: &Thread) {
        self.heard.set(STRANGERS_ENDED.load(Ordering::Relaxed));
        let stamp = self.after(thread, Stamped::Object(STRANGERS));
        self.append(thread, Manner::of(EventKind::Await), STRANGERS, 0, stamp);
    }

    /// Says what an object is, unless this thread has done so lately.
    #[inline(always)]
    fn describe(&self, thread: &Thread, id: u64, kind: u8, created: Place) {
        let met = &self.met[id as usize % MET];
        if met.get() != id {
            met.set(id);
            self.describe_now(thread, id, kind, created);
        }
    }

    /// The same of a lock that is asked for.
    #[inline(always)]
    fn describe_lock(&self, thread: &Thread, lock: &HeldLock) {
        let met = &self.met[lock.id.0 as usize % MET];
        if met.get() != lock.id.0 {
            met.set(lock.id.0);
            self.describe_lock_now(thread, lock);
        }
    }

    #[cold]
    fn describe_lock_now(&self, thread: &Thread, lock: &HeldLock) {
        self.describe_now(thread, lock.id.0, registry::kind_at(lock.kind, lock.site) as u8, lock.created);
    }

    #[cold]
    fn describe_now(&self, thread: &Thread, id: u64, kind: u8, created: Place) {
        let manner = Manner { kind: EventKind::Object, mode: 0, attempt: 0, lock_kind: kind };
        let place = if Meta::is_nowhere(created) { 0 } else { number(created) };
        self.append(thread, manner, id, place, self.next(thread));
    }

    /// Says with which stack the thread is about to access data at this place, unless the file says so already.
    #[inline(always)]
    fn stands(&self, thread: &Thread, place: u32) {
        let marker = 0_usize;
        match self.stacks.at(place, ptr::from_ref(&marker).addr()) {
            Say::Nothing => {}
            say => self.say_stack(thread, place, &say),
        }
    }

    #[cold]
    fn say_stack(&self, thread: &Thread, place: u32, say: &Say) {
        let number = match *say {
            Say::Nothing => return,
            Say::Known(number) => number,
            Say::New(number, entry) => {
                let frame = Manner::of(EventKind::Frame);
                let busy = thread.enter();
                let append = |address| self.append(thread, frame, address, 0, self.next(thread));
                self.stacks.capture(entry, append);
                drop(busy);
                number
            }
        };
        self.append(thread, Manner::of(EventKind::Stack), number.into(), place, self.next(thread));
    }

    /// What comes next is not a repetition of an access.
    #[inline(always)]
    fn moves_on(&self, thread: &Thread) {
        self.accessed.set((0, 0));
        self.hear(thread);
    }
}

/// A chunk for the thread; where there is none, it goes back to mode `check`.
#[cold]
fn refill(thread: &Thread, lane: &mut Lane, stamp: u32) -> bool {
    let _busy = thread.enter();
    let Some(Some(file)) = FILE.get() else { return false };
    let refilled = lane.refill(file, thread.id().0, thread.event(), stamp).is_ok();
    if !refilled {
        // The file says so.
        thread.stop_recording();
    }
    refilled
}

fn manner(kind: EventKind, hold: &HeldLock) -> Manner {
    Manner { kind, mode: hold.mode as u8, attempt: hold.attempt as u8, lock_kind: hold.kind as u8 }
}

/// A lock is had. Gives the token of an acquisition that was recorded.
#[inline(never)]
pub(crate) fn acquired(thread: &Thread, hold: &HeldLock, token: Token) -> Token {
    let Some(recorder) = thread.recorder() else { return token };
    recorder.moves_on(thread);
    recorder.describe_lock(thread, hold);
    let stamp = recorder.after(thread, Stamped::Object(hold.id.0));
    recorder.append(thread, manner(EventKind::Acquire, hold), hold.id.0, number(hold.site), stamp);
    token.recorded()
}

/// A lock is asked for that is not free.
pub(crate) fn requested(thread: &Thread, hold: &HeldLock) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    recorder.describe_lock(thread, hold);
    let stamp = recorder.next(thread);
    recorder.append(thread, manner(EventKind::Request, hold), hold.id.0, number(hold.site), stamp);
}

/// A lock is about to be given up.
#[inline(never)]
pub(crate) fn released(thread: &Thread, hold: &HeldLock) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    let stamp = recorder.next(thread);
    let object = Stamped::Object(hold.id.0);
    match hold.mode {
        Mode::Exclusive => object.set(stamp),
        _ => object.raise(stamp),
    }
    recorder.append(thread, manner(EventKind::Release, hold), hold.id.0, number(hold.site), stamp);
}

/// A hold goes on in another mode, and lets others in from now on.
pub(crate) fn downgraded(thread: &Thread, hold: &HeldLock, token: Token) -> Token {
    let Some(recorder) = thread.recorder() else { return token };
    recorder.moves_on(thread);
    let stamp = recorder.after(thread, Stamped::Object(hold.id.0));
    Stamped::Object(hold.id.0).raise(stamp);
    recorder.append(thread, manner(EventKind::Downgrade, hold), hold.id.0, number(hold.site), stamp);
    token.recorded()
}

/// A lock that another thread acquired is about to be given up.
#[cfg(parking_lot_mirrored)]
pub(crate) fn released_elsewhere(thread: &Thread, id: LockId) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    let stamp = recorder.after(thread, Stamped::Object(id.0));
    Stamped::Object(id.0).raise(stamp);
    recorder.append(thread, Manner::of(EventKind::Release), id.0, 0, stamp);
}

/// A thread is about to be started.
pub(crate) fn forked(thread: &Thread, child: ThreadId, site: Place) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    let stamp = recorder.next(thread);
    Stamped::Thread(child.0).raise(stamp);
    recorder.append(thread, Manner::of(EventKind::Fork), child.0.into(), number(site), stamp);
}

/// The thread's closure has ended, as others are about to see.
pub(crate) fn ended(thread: &Thread) {
    if thread.is_recording() {
        Stamped::Thread(thread.id().0).raise(thread.holds().stamp.load(Ordering::Relaxed));
    }
}

/// A thread's end was waited for.
pub(crate) fn joined(thread: &Thread, child: ThreadId, site: Place) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    let stamp = recorder.after(thread, Stamped::Thread(child.0));
    recorder.append(thread, Manner::of(EventKind::Join), child.0.into(), number(site), stamp);
}

/// Something is about to be left in an object that threads wait for, or those who wait are about to be told.
pub(crate) fn left(thread: &Thread, kind: EventKind, object: &HeldLock) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    recorder.describe(thread, object.id.0, object.kind as u8, object.created);
    let stamp = recorder.next(thread);
    Stamped::Object(object.id.0).raise(stamp);
    recorder.append(thread, manner(kind, object), object.id.0, number(object.site), stamp);
}

/// The thread begins to wait for an object, or has received something from it.
pub(crate) fn received(thread: &Thread, kind: EventKind, object: &HeldLock) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    recorder.describe(thread, object.id.0, object.kind as u8, object.created);
    let stamp = recorder.after(thread, Stamped::Object(object.id.0));
    recorder.append(thread, manner(kind, object), object.id.0, number(object.site), stamp);
}

/// This point of the thread comes before others.
pub(crate) fn point(thread: &Thread, token: TokenId) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    let stamp = recorder.next(thread);
    Stamped::Point(token.0).raise(stamp);
    recorder.append(thread, Manner::of(EventKind::Before), token.0.into(), 0, stamp);
}

/// This point of the thread comes after those.
pub(crate) fn after_point(thread: &Thread, token: TokenId) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    let stamp = recorder.after(thread, Stamped::Point(token.0));
    recorder.append(thread, Manner::of(EventKind::After), token.0.into(), 0, stamp);
}

/// The data of a lock is read or may be written, through the guard of an acquisition that is attended.
///
/// Does not unwind, and its calling convention says so: a caller who had to be ready for that would keep its guard in
/// memory, at two stores an acquisition, for the sake of a call that is hardly ever made.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn guarded(meta: &Meta, write: bool, site: Place) {
    let recorded = catch_unwind(AssertUnwindSafe(|| guarded_now(meta, write, site)));
    if let Err(panic) = recorded {
        // Whatever it is, dropping it could panic again.
        std::mem::forget(panic);
    }
}

fn guarded_now(meta: &Meta, write: bool, site: Place) {
    let Some(thread) = current() else { return };
    predicate::asked(meta.id(thread).0);
    let Some(recorder) = thread.recorder() else { return };
    recorder.hear(thread);
    let id = meta.id(thread).0;
    let (last, bits) = recorder.accessed.get();
    let done = if last == id { bits } else { 0 };
    // Whoever may write may read first: without that, a predicate under `wait_while` would go unseen.
    let wanted = if write { 3 } else { 1 };
    recorder.accessed.set((id, done | wanted));
    if wanted & !done == 0 {
        return;
    }
    let place = number(site);
    recorder.stands(thread, place);
    for (bit, kind) in [(1, EventKind::Read), (2, EventKind::Write)] {
        if wanted & !done & bit != 0 {
            recorder.append(thread, Manner::of(kind), id, place, recorder.next(thread));
        }
    }
}

/// Data that no lock of the program guards is accessed. The caller has it to itself for as long as this takes, or
/// shares it with others who read.
pub(crate) fn accessed(thread: &Thread, id: LockId, created: Place, kind: EventKind, site: Place) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    recorder.describe(thread, id.0, DATA, created);
    let place = number(site);
    recorder.stands(thread, place);
    let stamp = recorder.after(thread, Stamped::Object(id.0));
    Stamped::Object(id.0).raise(stamp);
    recorder.append(thread, Manner::of(kind), id.0, place, stamp);
}

/// Makes an operation on the atomic at this address; `kind` says, of its result, what it did. While it is made and
/// written down, no other recorded operation on the atomic is: so the numbers are in the order of the operations.
pub(crate) fn atomic<R>(
    address: usize,
    site: Place,
    operation: impl FnOnce() -> R,
    kind: impl FnOnce(&R) -> EventKind,
) -> R {
    let Some(thread) = current() else { return operation() };
    let Some(recorder) = thread.recorder() else { return operation() };
    recorder.moves_on(thread);
    // No lock's or datum's: those count from 1.
    let id = 1 << 39 | address as u64 & ((1 << 39) - 1);
    recorder.describe(thread, id, ATOMIC, site);
    let place = number(site);
    recorder.stands(thread, place);
    // A signal handler that comes now, and uses the same atomic, is not to wait for this very thread.
    let busy = thread.enter();
    let turn = Turn::at(address);
    let result = operation();
    let stamp = recorder.after(thread, Stamped::Object(id));
    Stamped::Object(id).raise(stamp);
    recorder.append(thread, Manner::of(kind(&result)), id, place, stamp);
    drop(turn);
    drop(busy);
    result
}

/// Whose turn it is with the atomics at some addresses: for a few instructions, in which nothing of the user's runs.
struct Turn(&'static AtomicBool);

impl Turn {
    fn at(address: usize) -> Turn {
        static TAKEN: [AtomicBool; 256] = [const { AtomicBool::new(false) }; 256];
        let taken = &TAKEN[(address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % TAKEN.len()];
        // Acquire pairs with the Release in `drop`: what the object was left with is seen.
        while taken.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        Turn(taken)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A region that is meant to be atomic begins.
pub(crate) fn region_begins(thread: &Thread, name: &str, site: Place) {
    let Some(recorder) = thread.recorder() else { return };
    let region = named_region(thread, name, site);
    recorder.moves_on(thread);
    recorder.append(thread, Manner::of(EventKind::Begin), region, number(site), recorder.next(thread));
}

/// The innermost region ends.
pub(crate) fn region_ends(thread: &Thread) {
    let Some(recorder) = thread.recorder() else { return };
    recorder.moves_on(thread);
    recorder.append(thread, Manner::of(EventKind::End), 0, 0, recorder.next(thread));
}

/// The object that stands for regions of this name. 0 where there are too many.
fn named_region(thread: &Thread, name: &str, site: Place) -> u64 {
    static REGIONS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
    let busy = thread.enter();
    let mut regions = REGIONS.lock();
    if let Some(&id) = regions.get(name) {
        return id;
    }
    if regions.len() >= REGIONS_MAX {
        return 0;
    }
    let id = thread.next_lock_id();
    regions.insert(name.to_owned(), id.0);
    drop(regions);
    registry::name_lock(id, LockKind::Mutex, site, name);
    let (event, mode, attempt) = (0, Mode::Exclusive, Attempt::Block);
    knowledge::announce_one(&HeldLock {
        id,
        site,
        created: site,
        event,
        mode,
        attempt,
        kind: LockKind::Mutex,
    });
    drop(busy);
    id.0
}

/// An object that nobody asks for in a manner that matters.
pub(crate) fn object(meta: &Meta, thread: &Thread, kind: LockKind, site: Place) -> HeldLock {
    HeldLock {
        id: meta.id(thread),
        site,
        created: meta.created(),
        event: thread.event(),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        kind,
    }
}
