//! The calling thread's own state: what it holds, what it already knows, how many operations it made.
//!
//! [`Thread`] lies in thread-local storage, so that an acquisition reaches it without a pointer, and never leaves its
//! thread. Its hold set is readable by others (relaxed atomics), who may trust it only while the thread is blocked,
//! see [`super::waits`]. They come by way of [`Shared`], which is never freed: it goes back to a pool when its thread
//! ends and may serve a later one, under a new id.

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use lockcheck_events::{Attempt, LockId, LockKind, Mode, ThreadId};

use super::hash::fold;
use super::intent::Intents;
use super::knowledge::Known;
use super::record::{self, Recorder};
use super::stack::Captured;
use super::thread::Ended;
use super::waits::WaitSlot;
use super::{lifecycle, registry, steer};

/// A place in the user's source, by the compiler.
pub type Place = &'static Location<'static>;

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
    /// The sum of the fingerprints of this hold and of all below it. Not kept for the lowest one, which most often has
    /// nothing above it. Only for the owning thread.
    context: AtomicU64,
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
const KINDS: [LockKind; 15] = [
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
    LockKind::Gate,
    LockKind::Pipe,
    LockKind::Process,
    LockKind::Variable,
];

/// Packs what a hold says besides its lock and places; the discriminants index the tables above.
#[inline(always)]
fn pack(event: u32, mode: Mode, attempt: Attempt, kind: LockKind) -> u64 {
    u64::from(event) << 32 | (attempt as u64) << 16 | (mode as u64) << 8 | kind as u64
}

impl Held {
    /// Nothing written yet.
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "fills arrays; each use is an entry of its own"
    )]
    pub(crate) const EMPTY: Held = Held {
        id: AtomicU64::new(0),
        site: AtomicPtr::new(ptr::null_mut()),
        created: AtomicPtr::new(ptr::null_mut()),
        tail: AtomicU64::new(0),
        context: AtomicU64::new(0),
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

    #[inline(always)]
    fn context(&self) -> u64 {
        self.context.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set_context(&self, context: u64) {
        self.context.store(context, Ordering::Relaxed);
    }
}

impl HeldLock {
    /// The same as that of the entry it is written to.
    #[inline(always)]
    fn fingerprint(&self) -> u64 {
        let manner = pack(0, self.mode, self.attempt, self.kind);
        mix(self.id.0, ptr::from_ref(self.site) as u64, manner)
    }
}

/// Folds three words into one.
#[inline(always)]
fn mix(id: u64, place: u64, manner: u64) -> u64 {
    fold(id, place.rotate_left(24) ^ manner)
}

/// The key of a request, by the hold set's context before it and after. The rotation keeps the held side from being
/// exchangeable with the wanted one. 0 is no key.
#[inline(always)]
fn key(before: u64, after: u64) -> u64 {
    (before.rotate_left(17) ^ after) | 1 << 63
}

/// One operation, in a thread's word.
const EVENT: u64 = 1 << 32;
/// The thread is inside the run-time, or not watched: its operations are not looked at.
const BUSY: u64 = 1 << 16;
/// The thread has not been seen before. Only together with `BUSY`.
const UNSEEN: u64 = 1 << 17;
/// The thread is under control of an exploration: the quick ways are not for it.
const STEERED: u64 = 1 << 19;
/// The program states something about what the thread does now (see `intent`): no quick way.
const STATED: u64 = 1 << 18;
/// The thread records what it does, which none of the quick ways does.
const RECORDING: u64 = 1 << 20;
/// The bits of a thread's word that count its holds.
const LEN: u64 = 0xffff;
/// All but the operations: zero for a thread that is watched and holds nothing.
const NOT_IDLE: u64 = EVENT - 1;

/// The locks a thread holds. Laid out so that the word and the first entry share a cache line.
#[repr(C, align(64))]
pub(crate) struct HoldSet {
    /// In one word, so that an acquisition reads and writes it once: operations made so far (upper half), the flags
    /// above, and how many entries are in use (lower 16 bits). Relaxed for the same reason as in `Held::write`.
    word: AtomicU64,
    /// Entries past the inline ones, `HELD_MAX - HELD_INLINE` of them, allocated on the first need.
    overflow: AtomicPtr<Held>,
    /// The number of the thread's last recorded event. Relaxed: others look at it only to number theirs above it.
    pub(super) stamp: AtomicU32,
    inline: [Held; HELD_INLINE],
}

impl HoldSet {
    #[inline(always)]
    fn word(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set_word(&self, word: u64) {
        self.word.store(word, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        (self.word() & LEN) as usize
    }

    /// The `index`th hold's entry. The caller made sure that it is below `len` (or exactly it, after `grow`).
    #[inline(always)]
    fn entry(&self, index: usize) -> &Held {
        if index < HELD_INLINE { &self.inline[index] } else { self.overflow_entry(index) }
    }

    #[cold]
    fn overflow_entry(&self, index: usize) -> &Held {
        assert!((HELD_INLINE..HELD_MAX).contains(&index), "a hold outside the hold set");
        // Acquire pairs with the Release in `grow`: the array's contents are there.
        let overflow = self.overflow.load(Ordering::Acquire);
        assert!(!overflow.is_null(), "a hold past the inline ones before there is room for it");
        // SAFETY: not null and in bounds as asserted; the array is freed only when its thread has left the table of
        // all threads, by which others come here.
        unsafe { &*overflow.add(index - HELD_INLINE) }
    }

    /// An order-free hash of the `len` lowest holds: the sum of their fingerprints.
    #[inline(always)]
    fn context(&self, len: usize) -> u64 {
        match len {
            0 => 0,
            1 => self.inline[0].fingerprint(),
            _ => self.entry(len - 1).context(),
        }
    }

    /// Makes the array for further entries if it is missing.
    fn grow(&self) {
        if self.overflow.load(Ordering::Relaxed).is_null() {
            let entries: Box<[Held]> = (HELD_INLINE..HELD_MAX).map(|_| Held::EMPTY).collect();
            self.overflow.store(Box::into_raw(entries).cast(), Ordering::Release);
        }
    }

    /// Gives the array back. Nobody else can reach the hold set any more.
    fn shrink(&self) {
        let overflow = self.overflow.swap(ptr::null_mut(), Ordering::Relaxed);
        if !overflow.is_null() {
            let entries = ptr::slice_from_raw_parts_mut(overflow, HELD_MAX - HELD_INLINE);
            // SAFETY: made by `grow` from a box of this length, and taken out above, so that it is freed once.
            drop(unsafe { Box::from_raw(entries) });
        }
    }

    /// All holds, oldest first. On another thread, only as true as the wait slot's sequence says.
    pub(crate) fn iter(&self) -> impl Iterator<Item = HeldLock> + '_ {
        let room = if self.overflow.load(Ordering::Acquire).is_null() { HELD_INLINE } else { HELD_MAX };
        (0..self.len().min(room)).filter_map(|index| self.entry(index).read())
    }
}

impl HoldSet {
    /// The thread's own holds, and behind them those that it has given back and that no other has taken the place
    /// of: of each depth the last.
    pub(crate) fn with_given_back(&self) -> impl Iterator<Item = HeldLock> + '_ {
        let len = self.len();
        self.iter().chain(self.inline.iter().skip(len).map_while(Held::read))
    }
}

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
}

impl Shared {
    pub(crate) fn new(slot: u32) -> Shared {
        Shared { id: AtomicU32::new(0), slot, holds: AtomicPtr::new(ptr::null_mut()), wait: WaitSlot::new() }
    }

    /// The current user's id.
    #[inline(always)]
    pub(crate) fn id(&self) -> ThreadId {
        ThreadId(self.id.load(Ordering::Relaxed))
    }
}

/// What a guard remembers of its acquisition: where in its thread's hold set it stands. A hint that is checked: other
/// holds may have moved it.
#[derive(Clone, Copy)]
pub(crate) struct Token(u32);

impl Token {
    /// An acquisition that nobody looked at.
    pub(crate) const UNWATCHED: Token = Token(Token::INDEX);
    /// The bits for the place in the hold set; all of them: none.
    const INDEX: u32 = 0xffff;
    /// A bit for the guard's own use.
    const MARK: u32 = 1 << 31;
    /// The acquisition was recorded: so is what is done with the data.
    const RECORDED: u32 = 1 << 30;

    #[inline(always)]
    fn index(self) -> u32 {
        self.0 & Token::INDEX
    }

    /// The same, with the guard's bit.
    #[inline(always)]
    pub(crate) fn with_mark(self, mark: bool) -> Token {
        Token(self.0 & !Token::MARK | if mark { Token::MARK } else { 0 })
    }

    /// The same, of an acquisition that was recorded.
    pub(crate) fn recorded(self) -> Token {
        Token(self.0 | Token::RECORDED)
    }

    /// Whether the acquisition was recorded.
    #[inline(always)]
    pub(crate) fn is_recorded(self) -> bool {
        self.0 & Token::RECORDED != 0
    }

    /// The guard's bit.
    #[inline(always)]
    pub(crate) fn mark(self) -> bool {
        self.0 & Token::MARK != 0
    }

    /// Whether nobody looked at the acquisition.
    #[cfg(parking_lot_mirrored)]
    pub(crate) fn is_unwatched(self) -> bool {
        self.index() == Token::INDEX
    }
}

/// The calling thread's state. Has no destructor, so that it stays readable while thread-locals are torn down; what
/// it owns is given back in `end`.
pub(crate) struct Thread {
    holds: HoldSet,
    /// The slot number in `shared`, for owner hints.
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

/// A thread that is watched and has room for one hold more, and its word as it was read once: what the quick ways of an
/// acquisition work with. The hold is written before the real lock is asked for, where nobody looks as long as it does
/// not count; so little is left to do while others wait for the lock.
#[derive(Clone, Copy)]
pub(crate) struct Quick<'a> {
    thread: &'a Thread,
    word: u64,
}

/// The calling thread, if it was seen before, is watched now and holds nothing: the case to be quickest in.
#[inline(always)]
pub(crate) fn current_if_idle() -> Option<Quick<'static>> {
    let thread = own();
    let word = thread.holds.word();
    (word & NOT_IDLE == 0).then_some(Quick { thread, word })
}

/// The calling thread, if it was seen before, is watched now, holds something and has room for one hold more.
#[inline(always)]
pub(crate) fn current_if_nesting() -> Option<Quick<'static>> {
    let thread = own();
    let word = thread.holds.word();
    (1..HELD_INLINE as u64).contains(&(word & NOT_IDLE)).then_some(Quick { thread, word })
}

impl<'a> Quick<'a> {
    /// The thread.
    #[inline(always)]
    pub(crate) fn thread(self) -> &'a Thread {
        self.thread
    }

    /// The index of the operation about to be made.
    #[inline(always)]
    pub(crate) fn event(self) -> u32 {
        (self.word >> 32) as u32
    }

    /// Writes the hold that a thread which holds nothing is about to have.
    #[inline(always)]
    pub(crate) fn write_first(self, hold: HeldLock) {
        self.thread.holds.inline[0].write(hold);
    }

    /// Counts the operation and the hold written by `write_first`.
    #[inline(always)]
    pub(crate) fn push_first(self) -> Token {
        self.thread.holds.set_word(self.word.wrapping_add(EVENT + 1));
        Token(0)
    }

    /// Writes the hold that a thread which holds something is about to have; gives the key of what that teaches.
    #[inline(always)]
    pub(crate) fn write_nested(self, hold: HeldLock) -> u64 {
        let (holds, len) = (&self.thread.holds, self.len());
        let before = if len == 1 { holds.inline[0].fingerprint() } else { holds.inline[len - 1].context() };
        let after = before.wrapping_add(hold.fingerprint());
        holds.inline[len].write(hold);
        holds.inline[len].set_context(after);
        key(before, after)
    }

    /// Counts the operation and the hold written by `write_nested`.
    #[inline(always)]
    pub(crate) fn push_nested(self) -> Token {
        self.thread.holds.set_word(self.word.wrapping_add(EVENT + 1));
        Token(self.len() as u32)
    }

    /// How many locks the thread holds.
    #[inline(always)]
    fn len(self) -> usize {
        (self.word & NOT_IDLE) as usize
    }
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
            holds: HoldSet {
                word: AtomicU64::new(BUSY | UNSEEN),
                overflow: AtomicPtr::new(ptr::null_mut()),
                stamp: AtomicU32::new(0),
                inline: [Held::EMPTY; HELD_INLINE],
            },
            slot: Cell::new(0),
            next_id: Cell::new(0),
            id_limit: Cell::new(0),
            known: ManuallyDrop::new(UnsafeCell::new(Known::new())),
            intents: ManuallyDrop::new(UnsafeCell::new(Intents::new())),
            captured: ManuallyDrop::new(UnsafeCell::new(None)),
            ended: ManuallyDrop::new(Cell::new(None)),
            recorder: Cell::new(ptr::null_mut()),
            shared: Cell::new(ptr::null()),
        }
    }

    /// Says that the thread has been met; what it does is not looked at until `begin`.
    pub(crate) fn meet(&self) {
        self.holds.set_word(BUSY);
    }

    /// Takes `meet` back: the thread is as good as unseen.
    pub(crate) fn unmeet(&self) {
        self.holds.set_word(BUSY | UNSEEN);
    }

    /// From here on the thread has an id and others can see it. Stays busy.
    pub(crate) fn begin(&self, id: ThreadId, shared: &'static Shared, ended: Option<Ended>) {
        self.ended.set(ended);
        self.slot.set(shared.slot);
        self.shared.set(shared);
        shared.id.store(id.0, Ordering::Relaxed);
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

    /// From here on operations are looked at.
    pub(crate) fn watch(&self) {
        self.holds.set_word(self.holds.word() & !BUSY);
    }

    /// The thread's last word: nobody sees it any more, and its later operations are not looked at.
    pub(crate) fn end(&self) {
        self.holds.set_word(BUSY);
        if let Some(shared) = self.shared() {
            registry::hide(shared);
        }
        self.shared.set(ptr::null());
        self.set_recorder(None);
        self.holds.shrink();
        *self.known() = Known::new();
        *self.intents() = Intents::new();
        // SAFETY: as in `known`.
        unsafe { *self.captured.get() = None };
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

    /// The number that owner hints name it by.
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
        (self.holds.word() >> 32) as u32
    }

    /// Whether the thread is under control, and what it does now is not the run-time's own.
    #[inline(always)]
    pub(crate) fn is_steered(&self) -> bool {
        self.holds.word() & (STEERED | BUSY) == STEERED
    }

    /// Puts the thread under control, `event` being its next operation; gives how many it had made.
    pub(crate) fn steer(&self, event: u32) -> u32 {
        let word = self.holds.word();
        self.holds.set_word(word & NOT_IDLE | STEERED | u64::from(event) << 32);
        (word >> 32) as u32
    }

    /// Releases the thread from control, as one that has made so many operations and holds so many locks.
    pub(crate) fn unsteer(&self, events: u32, holds: usize) {
        let word = self.holds.word() & NOT_IDLE & !STEERED & !LEN;
        self.holds.set_word(word | u64::from(events) << 32 | holds as u64 & LEN);
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
        let word = self.holds.word();
        self.holds.set_word(word.wrapping_add(EVENT));
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
        let first = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
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

    /// How many locks the thread holds.
    #[inline(always)]
    pub(crate) fn held_len(&self) -> usize {
        self.holds.len()
    }

    /// Sees to it that one more hold does not have to allocate, if it can be kept at all.
    #[inline]
    pub(crate) fn make_room(&self) {
        if (HELD_INLINE..HELD_MAX).contains(&self.holds.len()) {
            let _busy = self.enter();
            self.holds.grow();
        }
    }

    /// Adds a hold.
    #[inline]
    pub(crate) fn push(&self, hold: HeldLock) -> Token {
        let len = self.holds.len();
        if len >= HELD_INLINE {
            if len >= HELD_MAX {
                registry::count_dropped_hold();
                return Token::UNWATCHED;
            }
            let _busy = self.enter();
            self.holds.grow();
        }
        let entry = self.holds.entry(len);
        entry.write(hold);
        if len > 0 {
            entry.set_context(self.holds.context(len).wrapping_add(hold.fingerprint()));
        }
        self.holds.set_word(self.holds.word() + 1);
        Token(len as u32)
    }

    /// The lock `id` is gone. If the calling thread held it, its guard was forgotten: nobody will take the hold away.
    #[inline(always)]
    pub(crate) fn lock_dropped(id: u64) {
        let thread = own();
        if thread.holds.word() & LEN != 0 {
            while thread.pop(id) {}
        }
    }

    /// Takes away the calling thread's hold of `id` that `token` stands for.
    #[inline(always)]
    pub(crate) fn release(token: Token, id: u64) {
        let thread = own();
        let (word, index) = (thread.holds.word(), token.index() as usize);
        let youngest = word & NOT_IDLE == u64::from(token.index()) + 1;
        if youngest && index < HELD_INLINE && thread.holds.inline[index].id.load(Ordering::Relaxed) == id {
            thread.holds.set_word(word - 1);
        } else if token.index() != Token::INDEX {
            thread.pop(id);
        }
    }

    #[cfg(parking_lot_mirrored)]
    /// Takes away the calling thread's youngest hold of `id`, if there is one.
    #[inline]
    pub(crate) fn release_youngest(id: u64) -> bool {
        let thread = own();
        let word = thread.holds.word();
        // Any flag makes it none of the inline ones.
        let index = ((word & NOT_IDLE) as usize).wrapping_sub(1);
        if index < HELD_INLINE && thread.holds.inline[index].id.load(Ordering::Relaxed) == id {
            thread.holds.set_word(word - 1);
            return true;
        }
        thread.pop(id)
    }

    /// Takes away the youngest hold of `id`, if there is one.
    #[cold]
    #[inline(never)]
    pub(crate) fn pop(&self, id: u64) -> bool {
        let holds = &self.holds;
        if self.is_steered() {
            steer::operations::releases(self, id);
        }
        let len = holds.len();
        let is_it = |&index: &usize| holds.entry(index).id.load(Ordering::Relaxed) == id;
        let Some(index) = (0..len).rev().find(is_it) else { return false };
        if self.is_recording()
            && let Some(hold) = holds.entry(index).read()
        {
            record::released(self, &hold);
        }
        self.remove(index);
        true
    }

    /// Takes away the youngest hold of `id` in this mode, and gives it.
    pub(crate) fn take(&self, id: LockId, mode: Mode) -> Option<HeldLock> {
        let (index, hold) = self.find(|hold| hold.id == id && hold.mode == mode)?;
        self.remove(index);
        Some(hold)
    }

    /// Puts `to` in the place of the youngest hold of the same lock in the mode `from`.
    pub(crate) fn change(&self, from: Mode, to: HeldLock) -> Option<Token> {
        let (index, _) = self.find(|hold| hold.id == to.id && hold.mode == from)?;
        self.holds.entry(index).write(to);
        self.sum_up(index, self.holds.len());
        Some(Token(index as u32))
    }

    /// The youngest hold that is as asked, and its place.
    fn find(&self, is_it: impl Fn(&HeldLock) -> bool) -> Option<(usize, HeldLock)> {
        let read = |index| Some((index, self.holds.entry(index).read()?));
        (0..self.holds.len()).rev().filter_map(read).find(|(_, hold)| is_it(hold))
    }

    fn remove(&self, index: usize) {
        let holds = &self.holds;
        if self.is_steered()
            && let Some(hold) = holds.entry(index).read()
        {
            steer::operations::released(self, &hold);
        }
        let last = holds.len() - 1;
        for place in index..last {
            if let Some(hold) = holds.entry(place + 1).read() {
                holds.entry(place).write(hold);
            }
        }
        self.sum_up(index, last);
        holds.set_word(holds.word() - 1);
    }

    /// Puts the contexts of the entries `from..to` right again. The lowest entry keeps none.
    fn sum_up(&self, from: usize, to: usize) {
        let holds = &self.holds;
        for place in from.max(1)..to {
            let entry = holds.entry(place);
            entry.set_context(holds.context(place).wrapping_add(entry.fingerprint()));
        }
    }

    /// The key under which what `wanted` teaches in the present hold set is known.
    #[inline]
    pub(crate) fn key(&self, wanted: &HeldLock) -> u64 {
        let context = self.holds.context(self.holds.len());
        key(context, context.wrapping_add(wanted.fingerprint()))
    }

    /// The locks the thread holds.
    pub(crate) fn holds(&self) -> &HoldSet {
        &self.holds
    }

    /// The thread's own hold that keeps it from ever getting what it wants: the youngest such.
    pub(crate) fn hold_against(&self, wanted: &HeldLock) -> Option<HeldLock> {
        self.find(|hold| hold.id == wanted.id && hold.mode.excludes(wanted.mode)).map(|(_, hold)| hold)
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
            kind: KINDS[id as usize % KINDS.len()],
        }
    }

    fn seen() -> Thread {
        let thread = Thread::new();
        thread.meet();
        thread.watch();
        thread
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
        let straight = seen();
        let idle = Quick { thread: &straight, word: straight.holds.word() };
        idle.write_first(hold(1));
        assert_eq!(idle.push_first().0, 0);
        let nesting = Quick { thread: &straight, word: straight.holds.word() };
        assert_eq!(nesting.write_nested(hold(3)), straight.key(&hold(3)));
        assert_eq!(nesting.push_nested().0, 1);
        assert_eq!(straight.next_event(), 2, "both operations are counted");
        let expected = straight.key(&wanted);

        let detour = seen();
        for id in [1, 2, 3, 4] {
            detour.push(hold(id));
        }
        assert!(detour.pop(2) && detour.pop(4) && !detour.pop(7));
        assert_eq!(detour.key(&wanted), expected);
        assert!(detour.pop(1) && detour.pop(3));
        assert_eq!(detour.held_len(), 0);
    }

    #[test]
    fn held_and_wanted_are_not_exchangeable() {
        let one = seen();
        one.push(hold(5));
        let other = seen();
        other.push(hold(6));
        assert_ne!(one.key(&hold(6)), other.key(&hold(5)));
    }

    #[test]
    fn a_changed_hold_keeps_its_place_and_is_hashed_anew() {
        let with = |id: u64, mode: Mode| HeldLock { mode, ..hold(id) };
        let changed = seen();
        for id in [1, 2, 1, 3] {
            changed.push(with(id, Mode::Upgradable));
        }
        changed.key(&hold(9));
        assert!(changed.change(Mode::Exclusive, with(1, Mode::Shared)).is_none());
        assert!(changed.change(Mode::Upgradable, with(1, Mode::Shared)).is_some());
        let modes: Vec<_> = changed.holds().iter().map(|hold| (hold.id.0, hold.mode)).collect();
        use Mode::{Shared, Upgradable};
        assert_eq!(modes, [(1, Upgradable), (2, Upgradable), (1, Shared), (3, Upgradable)]);

        let straight = seen();
        for &(id, mode) in &modes {
            straight.push(with(id, mode));
        }
        assert_eq!(changed.key(&hold(9)), straight.key(&hold(9)));
        assert_eq!(changed.take(LockId(1), Upgradable).map(|hold| hold.event), Some(1));
        assert!(changed.take(LockId(1), Upgradable).is_none());
        assert_eq!(changed.hold_against(&with(2, Mode::Exclusive)).map(|hold| hold.id.0), Some(2));
        assert!(changed.hold_against(&with(1, Mode::Shared)).is_none(), "readers do not exclude each other");
    }

    #[test]
    fn holds_past_the_inline_ones_are_kept_up_to_the_limit() {
        let thread = seen();
        for id in 1..=HELD_MAX as u64 + 10 {
            thread.push(hold(id));
        }
        assert_eq!(thread.held_len(), HELD_MAX);
        assert!(thread.pop(40) && thread.pop(HELD_MAX as u64) && !thread.pop(HELD_MAX as u64 + 1));
        assert_eq!(thread.holds().iter().count(), HELD_MAX - 2);
        let has = |id: u64| thread.find(|hold| hold.id == LockId(id)).is_some();
        assert!(has(41) && !has(40));
        thread.holds.shrink();
    }
}
