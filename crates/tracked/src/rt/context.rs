//! The calling thread's own state: what it holds, what it already knows, how many operations it made.
//!
//! Written by its own thread only. The hold set is readable by others (relaxed atomics), who may trust it only
//! while the thread is blocked, see [`super::waits`]. A `Thread` is never freed: it goes back to a pool when its
//! thread ends and may serve a later one, under a new id.

use std::cell::{Cell, UnsafeCell};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use lockcheck_events::{Attempt, LockId, LockKind, Mode, ThreadId};

use super::lifecycle;
use super::stack::Captured;
use super::thread::Ended;
use super::waits::WaitSlot;

/// A place in the user's source, by the compiler.
pub(crate) type Place = &'static Location<'static>;

/// Holds that a `Thread` keeps in its own body.
const HELD_INLINE: usize = 32;
/// Holds of one thread that are kept at all; further ones are counted as dropped, and teach nothing: every lock held
/// makes an order with every one that follows.
pub(crate) const HELD_MAX: usize = 1024;

/// One hold, as others may read it.
pub(crate) struct Held {
    id: AtomicU64,
    site: AtomicPtr<Location<'static>>,
    created: AtomicPtr<Location<'static>>,
    /// Event index in the upper half; attempt, mode, kind in the bytes of the lower one.
    tail: AtomicU64,
}

/// One hold, read.
#[derive(Clone, Copy)]
pub(crate) struct HeldLock {
    pub id: LockId,
    pub site: Place,
    pub created: Place,
    pub event: u32,
    pub mode: Mode,
    pub attempt: Attempt,
    pub kind: LockKind,
}

const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];
const ATTEMPTS: [Attempt; 3] = [Attempt::Block, Attempt::Try, Attempt::Timed];
const KINDS: [LockKind; 11] = [
    LockKind::Mutex,
    LockKind::Reentrant,
    LockKind::RwLock,
    LockKind::Semaphore,
    LockKind::Condition,
    LockKind::Event,
    LockKind::Barrier,
    LockKind::Once,
    LockKind::Queue,
    LockKind::Pool,
    LockKind::Thread,
];

/// Packs what a hold says besides its lock and places; the discriminants index the tables above.
#[inline(always)]
fn pack(event: u32, mode: Mode, attempt: Attempt, kind: LockKind) -> u64 {
    u64::from(event) << 32 | (attempt as u64) << 16 | (mode as u64) << 8 | kind as u64
}

impl Held {
    /// Nothing written yet.
    pub(crate) const EMPTY: Held = Held {
        id: AtomicU64::new(0),
        site: AtomicPtr::new(ptr::null_mut()),
        created: AtomicPtr::new(ptr::null_mut()),
        tail: AtomicU64::new(0),
    };

    /// Relaxed: the only readers on other threads acquire the wait slot's sequence first, which is released after.
    #[inline(always)]
    pub(crate) fn write(&self, hold: HeldLock) {
        self.id.store(hold.id.0, Ordering::Relaxed);
        self.site.store(ptr::from_ref(hold.site).cast_mut(), Ordering::Relaxed);
        self.created.store(ptr::from_ref(hold.created).cast_mut(), Ordering::Relaxed);
        self.tail.store(pack(hold.event, hold.mode, hold.attempt, hold.kind), Ordering::Relaxed);
    }

    /// `None` where the entry was never written. A racing reader may see parts of two holds; it must check the wait
    /// slot's sequence afterwards and throw the result away if that moved.
    #[inline(always)]
    pub(crate) fn read(&self) -> Option<HeldLock> {
        let site = self.site.load(Ordering::Relaxed);
        let created = self.created.load(Ordering::Relaxed);
        if site.is_null() || created.is_null() {
            return None;
        }
        let tail = self.tail.load(Ordering::Relaxed);
        Some(HeldLock {
            id: LockId(self.id.load(Ordering::Relaxed)),
            // SAFETY: the pointer is not null and was written from a `&'static Location` in `write`.
            site: unsafe { &*site },
            // SAFETY: as above.
            created: unsafe { &*created },
            event: (tail >> 32) as u32,
            attempt: ATTEMPTS[(tail >> 16 & 0xff) as usize % ATTEMPTS.len()],
            mode: MODES[(tail >> 8 & 0xff) as usize % MODES.len()],
            kind: KINDS[(tail & 0xff) as usize % KINDS.len()],
        })
    }

    /// A hash of what the hold teaches: lock, place and manner, not when.
    #[inline(always)]
    fn fingerprint(&self) -> u64 {
        mix(
            self.id.load(Ordering::Relaxed),
            self.site.load(Ordering::Relaxed) as u64,
            self.tail.load(Ordering::Relaxed) & 0xff_ffff,
        )
    }
}

/// Folds three words into one; a 64 by 64 bit multiplication whose halves are joined spreads every input bit.
#[inline(always)]
fn mix(id: u64, place: u64, manner: u64) -> u64 {
    let product = u128::from(id ^ 0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(u128::from(place.rotate_left(24) ^ manner ^ 0xd6e8_feb8_6659_fd93));
    product as u64 ^ (product >> 64) as u64
}

/// One operation, in a thread's word.
const EVENT: u64 = 1 << 32;
/// The thread is inside the run-time: its operations are not looked at.
const BUSY: u64 = 1 << 16;
/// The bits of a thread's word that count its holds.
const LEN: u64 = 0xffff;
/// All but the operations: zero for a thread that is watched and holds nothing.
const NOT_IDLE: u64 = EVENT - 1;

/// What a guard remembers of its acquisition: whose hold set it stands in, and where. A hint that is checked: other
/// holds may have moved it.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    thread: *const Thread,
    index: u32,
    /// For the guard to keep a bit in, here where there is room.
    mark: bool,
}

// It leads to the run-time's own state only, of which a panic shows nothing to the user.
impl UnwindSafe for Token {}
impl RefUnwindSafe for Token {}

impl Token {
    /// An acquisition that nobody looked at.
    pub(crate) const UNWATCHED: Token = Token { thread: ptr::null(), index: 0, mark: false };

    /// The same, with the guard's bit.
    #[inline(always)]
    pub(crate) fn with_mark(self, mark: bool) -> Token {
        Token { mark, ..self }
    }

    /// The guard's bit.
    #[inline(always)]
    pub(crate) fn mark(self) -> bool {
        self.mark
    }
}

/// Everything the run-time knows of one live thread. Aligned so that two threads never share a cache line.
#[repr(C, align(128))]
pub(crate) struct Thread {
    /// In one word, so that an acquisition reads and writes it once: operations made so far (upper half), flags
    /// (see `BUSY`), and how many entries of the hold set are in use (lower 16 bits). Relaxed for the same reason as
    /// in `Held::write`.
    word: AtomicU64,
    /// Entries `0..hashed` are summed up in `context`. Never above the number of holds.
    hashed: Cell<u32>,
    /// The sum of the fingerprints of the entries `0..hashed`: an order-free hash of the hold set.
    context: Cell<u64>,
    /// Set from the start to the end of one OS thread's use of this `Thread`.
    alive: AtomicU32,
    /// Lock ids of a block reserved for this thread: `next_id..id_limit`.
    next_id: Cell<u64>,
    id_limit: Cell<u64>,
    /// Keys of (hold set, request) pairs that the detector has already learned from.
    known: UnsafeCell<super::knowledge::Known>,
    /// The stacks captured so far.
    captured: UnsafeCell<Captured>,
    /// Where the current user's end is to be noted, if anybody may join it.
    ended: Cell<Option<Ended>>,
    /// The current user's id; 0 between two users.
    id: AtomicU32,
    /// Position in the table of all threads, from 1; fixed for the life of the process.
    pub(crate) slot: u32,
    /// Entries past the inline ones, `HELD_MAX - HELD_INLINE` of them, allocated on the first need and kept.
    overflow: AtomicPtr<Held>,
    inline: [Held; HELD_INLINE],
    /// What the thread waits for. On a line of its own, because other threads read it.
    pub(crate) wait: WaitSlot,
}

// SAFETY: the `Cell`s and the `UnsafeCell` are touched by the one OS thread that `CURRENT` points here for; the rest
// is atomic. A `Thread` changes hands only through the pool, whose mutex orders the two users.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

thread_local! {
    /// No destructor, so it stays readable while thread-locals are torn down.
    static CURRENT: Cell<*const Thread> = const { Cell::new(ptr::null()) };
}

/// The calling thread, if it was seen before, is watched now and holds nothing: the case to be quick in.
#[inline(always)]
pub(crate) fn current_if_idle() -> Option<&'static Thread> {
    // SAFETY: only `set_current` writes the pointer, from a `&'static Thread` or as null.
    let thread = unsafe { CURRENT.get().as_ref() }?;
    (thread.word() & NOT_IDLE == 0).then_some(thread)
}

/// The calling thread, if operations of it are to be looked at now.
#[inline]
pub(crate) fn current() -> Option<&'static Thread> {
    // SAFETY: as above.
    match unsafe { CURRENT.get().as_ref() } {
        None => lifecycle::arrive(),
        Some(thread) => (thread.word() & BUSY == 0).then_some(thread),
    }
}

/// The calling thread, busy or not, if it has been seen before.
pub(crate) fn current_if_known() -> Option<&'static Thread> {
    // SAFETY: as in `current`.
    unsafe { CURRENT.get().as_ref() }
}

/// Makes `thread` the calling OS thread's own, or nobody.
pub(crate) fn set_current(thread: Option<&'static Thread>) {
    CURRENT.set(thread.map_or(ptr::null(), ptr::from_ref));
}

/// Keeps the thread busy for as long as it lives.
pub(crate) struct Busy<'a> {
    thread: &'a Thread,
    /// Whether it was busy before: then it stays so.
    before: u64,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.thread.set_word(self.thread.word() & !BUSY | self.before);
    }
}

impl Thread {
    pub(crate) fn new(slot: u32) -> Thread {
        Thread {
            word: AtomicU64::new(0),
            hashed: Cell::new(0),
            context: Cell::new(0),
            alive: AtomicU32::new(0),
            next_id: Cell::new(0),
            id_limit: Cell::new(0),
            known: UnsafeCell::default(),
            captured: UnsafeCell::default(),
            ended: Cell::new(None),
            id: AtomicU32::new(0),
            slot,
            overflow: AtomicPtr::new(ptr::null_mut()),
            inline: [Held::EMPTY; HELD_INLINE],
            wait: WaitSlot::new(),
        }
    }

    /// Prepares for a new user, who calls this.
    pub(crate) fn begin(&self, id: ThreadId, ended: Option<Ended>) {
        self.ended.set(ended);
        self.set_word(0);
        self.hashed.set(0);
        self.context.set(0);
        self.known().forget();
        self.captured().clear();
        self.id.store(id.0, Ordering::Relaxed);
        // Release pairs with the Acquire in `is_alive`: whoever sees it alive sees the new id and the empty hold set.
        self.alive.store(1, Ordering::Release);
    }

    /// The user's last word.
    pub(crate) fn end(&self) {
        self.set_word(0);
        self.alive.store(0, Ordering::Release);
    }

    /// Where the user's end is to be noted; the second time, nowhere.
    pub(crate) fn take_ended(&self) -> Option<Ended> {
        self.ended.take()
    }

    /// Whether an OS thread uses it.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire) == 1
    }

    /// The current user's id.
    #[inline(always)]
    pub(crate) fn id(&self) -> ThreadId {
        ThreadId(self.id.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn word(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set_word(&self, word: u64) {
        self.word.store(word, Ordering::Relaxed);
    }

    /// Keeps the run-time from looking at the operations it makes itself.
    pub(crate) fn enter(&self) -> Busy<'_> {
        let word = self.word();
        self.set_word(word | BUSY);
        Busy { thread: self, before: word & BUSY }
    }

    /// Never looks at the thread's operations again.
    pub(crate) fn stay_busy(&self) {
        self.set_word(self.word() | BUSY);
    }

    /// The index of the operation about to be made.
    #[inline(always)]
    pub(crate) fn event(&self) -> u32 {
        (self.word() >> 32) as u32
    }

    /// Counts an operation and gives its index.
    #[inline(always)]
    pub(crate) fn next_event(&self) -> u32 {
        let word = self.word();
        self.set_word(word.wrapping_add(EVENT));
        (word >> 32) as u32
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

    #[cold]
    fn reserve_lock_ids(&self) -> LockId {
        const BLOCK: u64 = 4096;
        // Relaxed: only uniqueness matters, which the read-modify-write gives by itself. Starts at 1: 0 is no lock.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let first = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
        self.next_id.set(first + 1);
        self.id_limit.set(first + BLOCK);
        LockId(first)
    }

    #[expect(clippy::mut_from_ref, reason = "owner-thread-only interior state, see `unsafe impl Sync`")]
    pub(crate) fn known(&self) -> &mut super::knowledge::Known {
        // SAFETY: called by the owning thread only and never across a call that could come back here: the table's
        // methods call nothing of ours.
        unsafe { &mut *self.known.get() }
    }

    #[expect(clippy::mut_from_ref, reason = "owner-thread-only interior state, see `unsafe impl Sync`")]
    pub(crate) fn captured(&self) -> &mut Captured {
        // SAFETY: as in `known`; a captured stack is in no way the business of whoever walks it.
        unsafe { &mut *self.captured.get() }
    }

    /// How many locks the thread holds.
    #[inline(always)]
    pub(crate) fn held_len(&self) -> usize {
        (self.word() & LEN) as usize
    }

    /// The `index`th hold's entry. The caller made sure that it is below `held_len` (or exactly it, after `room`).
    #[inline(always)]
    fn entry(&self, index: usize) -> &Held {
        if index < HELD_INLINE { &self.inline[index] } else { self.overflow_entry(index) }
    }

    fn overflow_entry(&self, index: usize) -> &Held {
        debug_assert!((HELD_INLINE..HELD_MAX).contains(&index));
        // Acquire pairs with the Release in `grow`: the array's contents are there.
        let overflow = self.overflow.load(Ordering::Acquire);
        debug_assert!(!overflow.is_null());
        // SAFETY: indices past the inline ones are handed out only after `grow` succeeded, the array has
        // `HELD_MAX - HELD_INLINE` entries, and it is never freed.
        unsafe { &*overflow.add(index - HELD_INLINE) }
    }

    /// Makes sure that one more hold can be pushed.
    #[cold]
    fn grow(&self, len: usize) -> bool {
        if len >= HELD_MAX {
            super::registry::count_dropped_hold();
            return false;
        }
        if self.overflow.load(Ordering::Relaxed).is_null() {
            let _busy = self.enter();
            let entries: Box<[Held]> = (HELD_INLINE..HELD_MAX).map(|_| Held::EMPTY).collect();
            self.overflow.store(Box::leak(entries).as_mut_ptr(), Ordering::Release);
        }
        true
    }

    /// Counts the acquisition of a lock by a thread that held nothing, and adds the hold.
    #[inline(always)]
    pub(crate) fn push_first(&self, hold: HeldLock) -> Token {
        self.inline[0].write(hold);
        self.set_word(self.word().wrapping_add(EVENT + 1));
        Token { thread: self, index: 0, mark: false }
    }

    /// Adds a hold.
    #[inline]
    pub(crate) fn push(&self, hold: HeldLock) -> Token {
        let len = self.held_len();
        if len >= HELD_INLINE && !self.grow(len) {
            return Token::UNWATCHED;
        }
        self.entry(len).write(hold);
        self.set_word(self.word() + 1);
        Token { thread: self, index: len as u32, mark: false }
    }

    /// Takes away the hold of `id` that `token` stands for.
    #[inline(always)]
    pub(crate) fn release(token: Token, id: u64) {
        // SAFETY: a token's pointer comes from a `&'static Thread` or is null. Guards do not leave their thread, so
        // that it is the calling one.
        let Some(thread) = (unsafe { token.thread.as_ref() }) else { return };
        let (word, index) = (thread.word(), token.index as usize);
        let youngest = (word & NOT_IDLE) == u64::from(token.index) + 1;
        if youngest && index < HELD_INLINE && thread.inline[index].id.load(Ordering::Relaxed) == id {
            if thread.hashed.get() > token.index {
                thread.unhash(index);
            }
            thread.set_word(word - 1);
        } else {
            thread.pop(id);
        }
    }

    /// Takes away the youngest hold of `id`, if there is one.
    #[cold]
    #[inline(never)]
    pub(crate) fn pop(&self, id: u64) -> bool {
        self.pop_below(id, self.held_len())
    }

    fn pop_below(&self, id: u64, len: usize) -> bool {
        let Some(index) = (0..len).rev().find(|&index| self.entry(index).id.load(Ordering::Relaxed) == id)
        else {
            return false;
        };
        self.unhash(index);
        for above in index + 1..len {
            if let Some(hold) = self.entry(above).read() {
                self.entry(above - 1).write(hold);
            }
        }
        self.set_word(self.word() - 1);
        true
    }

    /// Takes entry `index`, which is about to go, out of the context.
    #[inline(never)]
    fn unhash(&self, index: usize) {
        let hashed = self.hashed.get() as usize;
        if hashed == 1 && index == 0 {
            self.context.set(0);
            self.hashed.set(0);
        } else if index < hashed {
            self.context.set(self.context.get().wrapping_sub(self.entry(index).fingerprint()));
            self.hashed.set(hashed as u32 - 1);
        }
    }

    /// The key under which what `wanted` teaches in the present hold set is known.
    #[inline(always)]
    pub(crate) fn key(&self, wanted: &HeldLock) -> u64 {
        let len = self.held_len();
        for index in self.hashed.get() as usize..len {
            self.context.set(self.context.get().wrapping_add(self.entry(index).fingerprint()));
        }
        self.hashed.set(len as u32);
        let manner = pack(0, wanted.mode, wanted.attempt, wanted.kind);
        let wanted = mix(wanted.id.0, ptr::from_ref(wanted.site) as u64, manner);
        // The held side must not be exchangeable with the wanted one; the rotation keeps them apart.
        let key = self.context.get().rotate_left(17) ^ wanted;
        key.max(1)
    }

    /// All holds, oldest first. On another thread's `Thread`, only as true as the wait slot's sequence says.
    pub(crate) fn holds(&self) -> impl Iterator<Item = HeldLock> + '_ {
        let len = self.held_len().min(HELD_MAX);
        (0..len).filter_map(|index| self.entry(index).read())
    }

    /// Whether the thread holds `id`, and how: the youngest hold.
    pub(crate) fn hold_of(&self, id: LockId) -> Option<HeldLock> {
        let mut holds: Vec<HeldLock> = self.holds().filter(|hold| hold.id == id).collect();
        holds.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(id: u64) -> HeldLock {
        HeldLock {
            id: LockId(id),
            site: Location::caller(),
            created: Location::caller(),
            event: id as u32,
            mode: MODES[id as usize % 4],
            attempt: ATTEMPTS[id as usize % 3],
            kind: KINDS[id as usize % 11],
        }
    }

    #[test]
    fn a_hold_reads_back_as_it_was_written() {
        for id in 1..200 {
            let entry = Held::EMPTY;
            assert!(entry.read().is_none());
            let written = hold(id);
            entry.write(written);
            let read = entry.read().unwrap();
            assert_eq!((read.id, read.event, read.mode), (written.id, written.event, written.mode));
            assert_eq!((read.attempt, read.kind), (written.attempt, written.kind));
        }
    }

    #[test]
    fn the_context_is_a_function_of_the_set_however_it_came_about() {
        let wanted = hold(99);
        let straight = Thread::new(1);
        straight.push_first(hold(1));
        straight.push(hold(3));
        assert_eq!(straight.event(), 1);
        let expected = straight.key(&wanted);

        let detour = Thread::new(2);
        for id in [1, 2, 3, 4] {
            detour.push(hold(id));
            detour.key(&wanted);
        }
        assert!(detour.pop(2) && detour.pop(4) && !detour.pop(7));
        assert_eq!(detour.key(&wanted), expected);
        assert!(detour.pop(1) && detour.pop(3));
        assert_eq!((detour.context.get(), detour.hashed.get(), detour.held_len()), (0, 0, 0));
    }

    #[test]
    fn held_and_wanted_are_not_exchangeable() {
        let one = Thread::new(1);
        one.push(hold(5));
        let other = Thread::new(2);
        other.push(hold(6));
        assert_ne!(one.key(&hold(6)), other.key(&hold(5)));
    }

    #[test]
    fn holds_past_the_inline_ones_are_kept_up_to_the_limit() {
        let thread = Thread::new(1);
        for id in 1..=HELD_MAX as u64 + 10 {
            thread.push(hold(id));
        }
        assert_eq!(thread.held_len(), HELD_MAX);
        assert!(thread.pop(40) && thread.pop(HELD_MAX as u64) && !thread.pop(HELD_MAX as u64 + 1));
        assert_eq!(thread.holds().count(), HELD_MAX - 2);
        assert!(thread.hold_of(LockId(41)).is_some() && thread.hold_of(LockId(40)).is_none());
    }
}
