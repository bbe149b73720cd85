//! The calling thread's own state: what it holds, what it already knows, how many operations it made.
//!
//! [`Thread`] lies in thread-local storage, so that an acquisition reaches it without a pointer, and never leaves its
//! thread. Its hold set is readable by others (relaxed atomics), who may trust it only while the thread is blocked,
//! see [`super::waits`]. They come by way of [`Shared`], which is never freed: it goes back to a pool when its thread
//! ends and may serve a later one, under a new id.

mod hold;
mod hold_set;
mod holding;
mod quick;
#[cfg(test)]
mod tests;
mod token;

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use lockcheck_events::{Hold, LockId, ThreadId};

pub(crate) use self::hold::{Held, HeldLock, IDS, pack, unpack};
use self::hold_set::{BUSY, EVENT, EVENT_SHIFT, LEN, NOT_IDLE, RECORDING, SETTLED, STATED, STEERED, UNSEEN};
pub(crate) use self::hold_set::{HELD_MAX, HoldSet};
pub(crate) use self::quick::Quick;
pub(crate) use self::token::Token;
use super::intent::Intents;
use super::knowledge::Known;
use super::record::Recorder;
use super::stack::Captured;
use super::thread::Ended;
use super::waits::WaitSlot;
use super::{lifecycle, registry};

/// A place in the user's source, by the compiler.
pub type Place = &'static Location<'static>;

/// What other threads may know of a thread. Aligned so that two of them never share a cache line.
#[repr(align(128))]
pub(crate) struct Shared {
    /// The current user's id; 0 between two users.
    id: AtomicU32,
    /// Position in the table of all threads, from 1; fixed for the life of the process.
    pub(crate) slot: u32,
    /// The current user's hold set; null between two users. Changed only by `registry`, whose lock readers hold.
    pub(crate) holds: AtomicPtr<HoldSet>,
    /// What the thread waits for.
    pub(crate) wait: WaitSlot,
    /// How many threads the current user has started. Relaxed: what it did last is seen by those who have seen it wait since.
    pub(crate) starts: AtomicU32,
}

impl Shared {
    pub(crate) fn new(slot: u32) -> Shared {
        Shared {
            id: AtomicU32::new(0),
            slot,
            holds: AtomicPtr::new(ptr::null_mut()),
            wait: WaitSlot::new(),
            starts: AtomicU32::new(0),
        }
    }

    /// The current user's id.
    #[inline(always)]
    pub(crate) fn id(&self) -> ThreadId {
        ThreadId(self.id.load(Ordering::Relaxed))
    }
}

/// The calling thread's state. Has no destructor, so that it stays readable while thread-locals are torn down; what
/// it owns is given back in `end`.
pub(crate) struct Thread {
    holds: HoldSet,
    /// The slot number in `shared`.
    slot: Cell<u32>,
    /// Lock ids of a block reserved for this thread: `next_id..id_limit`.
    next_id: Cell<u64>,
    id_limit: Cell<u64>,
    /// Keys of (hold set, request) pairs that the detector has already learned from.
    known: ManuallyDrop<UnsafeCell<Known>>,
    /// What the program states about its locking.
    intents: ManuallyDrop<UnsafeCell<Intents>>,
    /// The stacks captured so far; made on the first need.
    captured: ManuallyDrop<UnsafeCell<Option<Captured>>>,
    /// Room for the holds of the next request that teaches something, kept from the last one.
    room: ManuallyDrop<Cell<Vec<Hold>>>,
    /// Where the thread's end is to be noted, if anybody may join it.
    ended: ManuallyDrop<Cell<Option<Ended>>>,
    /// Where it records; null unless `RECORDING`.
    recorder: Cell<*mut Recorder>,
    /// What others see of the thread; null before its first and after its last operation.
    shared: Cell<*const Shared>,
}

thread_local! {
    static THREAD: Thread = const { Thread::new() };
}

/// The calling thread's state, whatever it is in. The reference must stay on the thread, which its type sees to: a
/// `Thread` is not `Sync`.
#[inline(always)]
fn own() -> &'static Thread {
    // SAFETY: thread-local storage without a destructor lives as long as its thread, and the reference does not
    // leave the thread because `Thread` has `Cell`s in it.
    THREAD.with(|thread| unsafe { &*ptr::from_ref(thread) })
}

/// Whether the calling thread is under control of an exploration.
#[inline(always)]
pub(crate) fn is_steered() -> bool {
    own().is_steered()
}

/// Whether what the calling thread does with an atomic is looked at.
#[inline(always)]
pub(crate) fn is_steered_or_recording() -> bool {
    let word = own().holds.word();
    word & (STEERED | RECORDING) != 0 && word & BUSY == 0
}

/// The calling thread, if operations of it are to be looked at now.
#[inline(always)]
pub(crate) fn current() -> Option<&'static Thread> {
    let thread = own();
    let word = thread.holds.word();
    if word & BUSY == 0 {
        Some(thread)
    } else if word & UNSEEN != 0 {
        lifecycle::arrive(thread)
    } else {
        None
    }
}

/// The calling thread, busy or not, if it has been seen before and has not left.
pub(crate) fn current_if_known() -> Option<&'static Thread> {
    let thread = own();
    (!thread.shared.get().is_null()).then_some(thread)
}

/// The calling thread, if it has not been seen before.
pub(crate) fn newcomer() -> Option<&'static Thread> {
    let thread = own();
    (thread.holds.word() & UNSEEN != 0).then_some(thread)
}

/// Keeps the thread busy for as long as it lives.
pub(crate) struct Busy<'a> {
    thread: &'a Thread,
    /// Whether it was busy before: then it stays so.
    before: u64,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let holds = &self.thread.holds;
        holds.set_word(holds.word() & !BUSY | self.before);
    }
}

impl Thread {
    const fn new() -> Thread {
        Thread {
            holds: HoldSet::unseen(),
            slot: Cell::new(0),
            next_id: Cell::new(0),
            id_limit: Cell::new(0),
            known: ManuallyDrop::new(UnsafeCell::new(Known::new())),
            intents: ManuallyDrop::new(UnsafeCell::new(Intents::new())),
            captured: ManuallyDrop::new(UnsafeCell::new(None)),
            room: ManuallyDrop::new(Cell::new(Vec::new())),
            ended: ManuallyDrop::new(Cell::new(None)),
            recorder: Cell::new(ptr::null_mut()),
            shared: Cell::new(ptr::null()),
        }
    }

    /// Says that the thread has been met; what it does is not looked at until `begin`.
    pub(crate) fn meet(&self) {
        self.holds.set_word(BUSY | SETTLED);
    }

    /// Takes `meet` back: the thread is as good as unseen.
    pub(crate) fn unmeet(&self) {
        self.holds.set_word(BUSY | UNSEEN | SETTLED);
    }

    /// From here on the thread has an id and others can see it. Stays busy.
    pub(crate) fn begin(&self, id: ThreadId, shared: &'static Shared, ended: Option<Ended>) {
        self.ended.set(ended);
        self.slot.set(shared.slot);
        self.shared.set(shared);
        shared.id.store(id.0, Ordering::Relaxed);
        shared.starts.store(0, Ordering::Relaxed);
        registry::show(shared, &self.holds);
    }

    /// From here on the thread goes by another id. What it has learned under the old one it must learn again.
    pub(crate) fn go_by(&self, id: ThreadId) {
        if let Some(shared) = self.shared() {
            shared.id.store(id.0, Ordering::Relaxed);
        }
        self.known().forget();
        self.captured().clear();
    }

    /// It starts another thread.
    pub(crate) fn starts_a_thread(&self) {
        if let Some(shared) = self.shared() {
            shared.starts.store(self.starts().wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// How many it has started.
    pub(crate) fn starts(&self) -> u32 {
        self.shared().map_or(0, |shared| shared.starts.load(Ordering::Relaxed))
    }

    /// From here on operations are looked at.
    pub(crate) fn watch(&self) {
        self.holds.set_word(self.holds.word() & !BUSY);
    }

    /// The thread's last word: nobody sees it any more, and its later operations are not looked at.
    pub(crate) fn end(&self) {
        self.holds.set_word(BUSY | SETTLED);
        if let Some(shared) = self.shared() {
            registry::hide(shared);
        }
        self.shared.set(ptr::null());
        self.set_recorder(None);
        self.holds.shrink();
        *self.known() = Known::new();
        *self.intents() = Intents::new();
        self.room.take();
        // SAFETY: as in `known`.
        unsafe { *self.captured.get() = None };
    }

    /// Room for the holds of a request; empty.
    pub(crate) fn take_room(&self) -> Vec<Hold> {
        self.room.take()
    }

    /// Keeps the room of a request that is done with for the next.
    pub(crate) fn keep_room(&self, mut holds: Vec<Hold>) {
        holds.clear();
        self.room.set(holds);
    }

    /// What others see of the thread.
    fn shared(&self) -> Option<&'static Shared> {
        // SAFETY: only `begin` and `end` write it, from a `&'static Shared` or as null.
        unsafe { self.shared.get().as_ref() }
    }

    /// What others see of the thread, if it has been seen before and has not left.
    pub(crate) fn visible(&self) -> Option<&'static Shared> {
        self.shared()
    }

    /// Where the thread publishes what it waits for.
    pub(crate) fn wait_slot(&self) -> &'static WaitSlot {
        static NOWHERE: WaitSlot = WaitSlot::new();
        self.shared().map_or(&NOWHERE, |shared| &shared.wait)
    }

    /// The thread's id.
    pub(crate) fn id(&self) -> ThreadId {
        self.shared().map_or(ThreadId(0), Shared::id)
    }

    /// Its position in the table of all threads.
    #[inline(always)]
    pub(crate) fn slot(&self) -> u32 {
        self.slot.get()
    }

    /// Where the thread's end is to be noted; the second time, nowhere.
    pub(crate) fn take_ended(&self) -> Option<Ended> {
        self.ended.take()
    }

    /// Keeps the run-time from looking at the operations it makes itself.
    pub(crate) fn enter(&self) -> Busy<'_> {
        let word = self.holds.word();
        self.holds.set_word(word | BUSY);
        Busy { thread: self, before: word & BUSY }
    }

    /// Never looks at the thread's operations again.
    pub(crate) fn stay_busy(&self) {
        self.holds.set_word(self.holds.word() | BUSY);
    }

    /// Whether what the thread does now is to be recorded.
    #[inline(always)]
    pub(crate) fn is_recording(&self) -> bool {
        self.holds.word() & (RECORDING | BUSY) == RECORDING
    }

    /// Where it records, if what it does now is to be recorded.
    #[inline(always)]
    pub(super) fn recorder(&self) -> Option<&Recorder> {
        // SAFETY: the flag says that the pointer is one that `set_recorder` made; only the thread itself takes it
        // back, at its end.
        self.is_recording().then(|| unsafe { &*self.recorder.get() })
    }

    /// From here on the thread records there, or no longer does.
    pub(super) fn set_recorder(&self, recorder: Option<Box<Recorder>>) {
        let flag = if recorder.is_some() { RECORDING } else { 0 };
        let new = recorder.map_or(ptr::null_mut(), Box::into_raw);
        self.holds.set_word(self.holds.word() & !RECORDING | flag);
        let old = self.recorder.replace(new);
        if !old.is_null() {
            // SAFETY: made by `Box::into_raw` above; nobody has it any more, for nothing keeps it across this.
            drop(unsafe { Box::from_raw(old) });
        }
    }

    /// Stops recording, while the recorder may be in use.
    pub(super) fn stop_recording(&self) {
        self.holds.set_word(self.holds.word() & !RECORDING);
    }

    /// The index of the operation about to be made.
    #[inline(always)]
    pub(crate) fn event(&self) -> u32 {
        (self.holds.word() >> EVENT_SHIFT) as u32
    }

    /// Whether the thread is under control, and what it does now is not the run-time's own.
    #[inline(always)]
    pub(crate) fn is_steered(&self) -> bool {
        self.holds.word() & (STEERED | BUSY) == STEERED
    }

    /// Puts the thread under control, `event` being its next operation; gives how many it had made.
    pub(crate) fn steer(&self, event: u32) -> u32 {
        self.holds.settle();
        let word = self.holds.word();
        self.holds.set_word(word & (NOT_IDLE | SETTLED) | STEERED | u64::from(event) << EVENT_SHIFT);
        (word >> EVENT_SHIFT) as u32
    }

    /// Releases the thread from control, as one that has made so many operations and holds so many locks.
    pub(crate) fn unsteer(&self, events: u32, holds: usize) {
        self.holds.settle();
        let word = self.holds.word() & (NOT_IDLE | SETTLED) & !STEERED & !LEN;
        self.holds.set_word(word | u64::from(events) << EVENT_SHIFT | holds as u64 & LEN);
    }

    /// Lets go of the thread for the time of a call.
    pub(crate) fn unsteer_for_now(&self) {
        self.holds.set_word(self.holds.word() & !STEERED);
    }

    /// The call is over.
    pub(crate) fn steer_again(&self) {
        self.holds.set_word(self.holds.word() | STEERED);
    }

    /// Counts an operation and gives its index.
    #[inline(always)]
    pub(crate) fn next_event(&self) -> u32 {
        self.holds.settle();
        let word = self.holds.word();
        self.holds.set_word(word.wrapping_add(EVENT));
        (word >> EVENT_SHIFT) as u32
    }

    /// A lock id nobody else has.
    #[inline(always)]
    pub(crate) fn next_lock_id(&self) -> LockId {
        let next = self.next_id.get();
        if next == self.id_limit.get() {
            return self.reserve_lock_ids();
        }
        self.next_id.set(next + 1);
        LockId(next)
    }

    /// Whether the next lock id needs no reservation.
    #[inline(always)]
    pub(crate) fn has_lock_id(&self) -> bool {
        self.next_id.get() != self.id_limit.get()
    }

    #[cold]
    fn reserve_lock_ids(&self) -> LockId {
        const BLOCK: u64 = 4096;
        // Relaxed: only uniqueness matters, which the read-modify-write gives by itself. Starts at 1: 0 is no lock.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // After a trillion locks the first ids come again.
        let first = NEXT.fetch_add(BLOCK, Ordering::Relaxed) % IDS;
        self.next_id.set(first + 1);
        self.id_limit.set(first + BLOCK);
        LockId(first)
    }

    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "state of one thread, which a `Thread` never leaves")]
    pub(crate) fn known(&self) -> &mut Known {
        // SAFETY: on the owning thread only, and never across a call that could come back here: the table's methods
        // call nothing of ours.
        unsafe { &mut *self.known.get() }
    }

    /// What the program states about the thread's locking.
    #[expect(clippy::mut_from_ref, reason = "state of one thread, which a `Thread` never leaves")]
    pub(crate) fn intents(&self) -> &mut Intents {
        // SAFETY: as in `known`: the methods call nothing of ours, and the thread is busy while they allocate.
        unsafe { &mut *self.intents.get() }
    }

    /// Whether the program states something about what the thread does now.
    #[inline(always)]
    pub(crate) fn is_stated(&self) -> bool {
        self.holds.word() & STATED != 0
    }

    /// From here on it does, or does not.
    pub(crate) fn set_stated(&self, stated: bool) {
        let word = self.holds.word();
        self.holds.set_word(if stated { word | STATED } else { word & !STATED });
    }

    #[expect(clippy::mut_from_ref, reason = "state of one thread, which a `Thread` never leaves")]
    pub(crate) fn captured(&self) -> &mut Captured {
        // SAFETY: as in `known`; the stacks captured so far are no business of whoever walks a stack.
        unsafe { &mut *self.captured.get() }.get_or_insert_default()
    }
}
