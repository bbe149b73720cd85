//! Who waits for what: published by the thread that blocks, read by any thread that blocks after it.
//!
//! A wait slot is a sequence lock: odd while its thread waits. Its fields and its thread's hold set do not change
//! while the sequence stands still, so a reader that sees the same odd number before and after has read the truth.
//!
//! The thread that closes a circle sees all of it: each member stores its sequence, makes a sequentially consistent
//! fence and then looks at the others; of any two that do this, at least one sees the other (Dekker). So there is no
//! thread that polls, and nothing is shared that independent threads would write.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, fence};
use std::time::Instant;

use lockcheck_checker::waits::{Enders, Snapshot, Stuck, Waiting};
use lockcheck_events::{
    Attempt, Hold, LockId, LockKind, Mode, Request, StackId, StuckKind, StuckThread, ThreadId,
};
use parking_lot::Mutex;

use super::context::{Held, HeldLock, HoldSet, Place, Shared, Thread};
use super::{beside, knowledge, lifecycle, pools, registry, stack, strays};
use crate::base::park::Parker;

/// Threads that are kept by slot number. A process with more at once is never seen to stand still.
const SLOTS: usize = 1024;

/// The threads by slot number, to be looked through without a lock. Written once each.
static BY_SLOT: [AtomicPtr<Shared>; SLOTS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];

/// Slots given out so far. Release and Acquire: below it, every entry of `BY_SLOT` is written.
static SLOTS_USED: AtomicU32 = AtomicU32::new(0);

/// Makes `shared` known under its slot number. Called under the lock of the table of all threads.
pub(crate) fn announce(shared: &'static Shared) {
    if let Some(entry) = BY_SLOT.get(shared.slot as usize) {
        // Release pairs with the Acquire in `by_slot`: the thread is whole.
        entry.store(std::ptr::from_ref(shared).cast_mut(), Ordering::Release);
    }
    SLOTS_USED.fetch_max(shared.slot, Ordering::Release);
}

/// Whether every thread that is known, `but` one, waits for as long as it takes. A look without locks: of any two
/// threads that publish a wait, or leave, and then look, at least one sees the other (the fences).
pub(crate) fn everybody_waits(but: u32) -> bool {
    let used = SLOTS_USED.load(Ordering::Acquire);
    let waits = |slot: u32| {
        let Some(shared) = by_slot(slot) else { return false };
        shared.holds.load(Ordering::Relaxed).is_null() || shared.wait.is_waiting_for_good()
    };
    let hint = SOMEBODY.load(Ordering::Relaxed);
    if used as usize >= SLOTS || (hint != 0 && hint != but && !waits(hint)) {
        return false;
    }
    let somebody = (1..=used).find(|&slot| slot != but && !waits(slot));
    if let Some(slot @ FAR..) = somebody {
        SOMEBODY.store(slot, Ordering::Relaxed);
    }
    somebody.is_none()
}

/// How many threads a thread has started that is known and has a slot of its own.
pub(crate) fn starts_of(thread: ThreadId) -> Option<u32> {
    let used = SLOTS_USED.load(Ordering::Acquire);
    let is_it = |shared: &&Shared| shared.id() == thread && !shared.holds.load(Ordering::Relaxed).is_null();
    let shared = (1..=used).filter_map(by_slot).find(is_it)?;
    Some(shared.starts.load(Ordering::Relaxed))
}

/// How many threads have been known at once, at least.
pub(crate) fn known_threads() -> u32 {
    SLOTS_USED.load(Ordering::Relaxed)
}

/// A thread that did not wait when somebody last looked, if it was a long way to it; 0: none.
static SOMEBODY: AtomicU32 = AtomicU32::new(0);
/// From this slot number on it is worth while to remember it.
const FAR: u32 = 16;

fn by_slot(slot: u32) -> Option<&'static Shared> {
    let shared = BY_SLOT.get(slot as usize)?.load(Ordering::Acquire);
    // SAFETY: only `announce` writes it, from a `&'static`.
    unsafe { shared.as_ref() }
}

/// Whose doing could end a wait, in a word.
const ENDERS_HOLDERS: u32 = 0;
const ENDERS_END_OF: u32 = 1;
const ENDERS_ANYONE: u32 = 2;
const ENDERS_OTHER_HOLDERS: u32 = 3;
const ENDERS_TASKS: u32 = 4;
const ENDERS_WORK: u32 = 5;
const ENDERS_LIKELY: u32 = 6;

/// What a thread waits for, as others may read it.
#[repr(align(128))]
pub(crate) struct WaitSlot {
    /// Odd: the thread waits, and nothing below changes until it is even again.
    sequence: AtomicU32,
    enders: AtomicU32,
    /// The wait ends by itself one day, or another process could end it.
    timed: AtomicBool,
    /// The thread whose end is awaited, or the number of the wait for tasks or the likely, if `enders` says so.
    target: AtomicU32,
    /// The last signal before the wait, if that found nobody and the wait may be one that did not make sure.
    lost: LostSignal,
    /// The signal that ended the thread's last wait, if it made no use of that and waits again.
    unused: LostSignal,
    /// The operating system's number for the thread; 0 until it first waits.
    task: AtomicU32,
    /// Where the thread is parked, if it can be made to look up.
    seat: Mutex<Seat>,
    /// The first of the thread's operations since something may have ordered it after other threads. Its own.
    anchor: AtomicU32,
    /// The stack last captured for a request at these lines.
    stack: AtomicU32,
    wanted: Held,
}

/// A place from which a waiting thread can be roused.
#[derive(Default)]
pub(crate) struct Seat {
    /// Who sits there.
    pub parker: Option<Arc<Parker>>,
    /// Nobody can rouse it, but it looks up by itself before long.
    pub looks_up: bool,
    /// What it is to panic with when it looks up.
    pub give_way: Option<String>,
}

/// A signal that found nobody.
pub(crate) struct LostSignal {
    /// Null: there is none.
    site: AtomicPtr<Location<'static>>,
    thread: AtomicU32,
    event: AtomicU32,
}

impl LostSignal {
    pub(crate) const fn none() -> LostSignal {
        LostSignal {
            site: AtomicPtr::new(std::ptr::null_mut()),
            thread: AtomicU32::new(0),
            event: AtomicU32::new(0),
        }
    }

    /// The calling thread signals, and nobody waits. Relaxed: who reads it has queued since, under a lock that is
    /// held here.
    pub(crate) fn set(&self, thread: &Thread, site: Place) {
        self.write(Some((thread.id(), thread.event(), site)));
    }

    pub(crate) fn clear(&self) {
        if !self.site.load(Ordering::Relaxed).is_null() {
            self.write(None);
        }
    }

    fn write(&self, signal: Option<(ThreadId, u32, Place)>) {
        let (thread, event) = signal.map_or((0, 0), |(thread, event, _)| (thread.0, event));
        self.thread.store(thread, Ordering::Relaxed);
        self.event.store(event, Ordering::Relaxed);
        let site = signal.map_or(std::ptr::null_mut(), |(_, _, site)| std::ptr::from_ref(site).cast_mut());
        self.site.store(site, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Option<(ThreadId, u32, Place)> {
        // SAFETY: null, or written from a `&'static Location` in `write`.
        let site = unsafe { self.site.load(Ordering::Relaxed).as_ref() }?;
        Some((ThreadId(self.thread.load(Ordering::Relaxed)), self.event.load(Ordering::Relaxed), site))
    }
}

/// A wait about to be published.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    wanted: HeldLock,
    enders: u32,
    target: ThreadId,
    lost: Option<(ThreadId, u32, Place)>,
    unused: Option<(ThreadId, u32, Place)>,
    /// Another process could end it.
    outside: bool,
}

impl Wait {
    /// For a lock's holders.
    pub(crate) fn for_lock(wanted: HeldLock) -> Wait {
        Wait { wanted, enders: ENDERS_HOLDERS, target: ThreadId(0), lost: None, outside: false, unused: None }
    }

    /// For a lock's other holders, by one that holds it upgradable.
    pub(crate) fn for_upgrade(wanted: HeldLock) -> Wait {
        Wait {
            wanted,
            enders: ENDERS_OTHER_HOLDERS,
            target: ThreadId(0),
            lost: None,
            outside: false,
            unused: None,
        }
    }

    /// For the end of a thread.
    pub(crate) fn for_thread(wanted: HeldLock, target: ThreadId) -> Wait {
        Wait { wanted, enders: ENDERS_END_OF, target, lost: None, outside: false, unused: None }
    }

    /// For a signal, a permit, an item: whatever any thread could do.
    pub(crate) fn for_anyone(wanted: HeldLock) -> Wait {
        Wait { wanted, enders: ENDERS_ANYONE, target: ThreadId(0), lost: None, outside: false, unused: None }
    }

    /// The same wait, which another process could end: nothing in this one can say that nobody will.
    pub(crate) fn ended_from_outside(self) -> Wait {
        Wait { outside: true, ..self }
    }

    /// For tasks, by the number of the wait.
    pub(crate) fn for_tasks(wanted: HeldLock, number: u32) -> Wait {
        Wait {
            wanted,
            enders: ENDERS_TASKS,
            target: ThreadId(number),
            lost: None,
            outside: false,
            unused: None,
        }
    }

    /// For what any thread could do and some are likely to, by the number of the wait (see `beside`).
    pub(crate) fn for_the_likely(wanted: HeldLock, number: u32) -> Wait {
        Wait { enders: ENDERS_LIKELY, target: ThreadId(number), ..Wait::for_anyone(wanted) }
    }

    /// For something to do: whatever any thread could give.
    pub(crate) fn for_work(wanted: HeldLock) -> Wait {
        Wait { wanted, enders: ENDERS_WORK, target: ThreadId(0), lost: None, outside: false, unused: None }
    }

    /// What is waited for.
    pub(crate) fn wanted(&self) -> HeldLock {
        self.wanted
    }

    /// The thread whose end is awaited, if that is it.
    pub(crate) fn target(&self) -> Option<ThreadId> {
        (self.enders == ENDERS_END_OF).then_some(self.target)
    }

    /// Who could end it.
    pub(crate) fn enders(&self) -> Enders {
        enders(self.enders, &self.wanted, self.target)
    }

    /// The signal that has gone by, as evidence.
    pub(crate) fn lost_signal(&self) -> Option<Request> {
        self.lost.map(|(thread, event, site)| signal(thread, event, site, &self.wanted))
    }

    /// The signal after which it was begun again, as evidence.
    pub(crate) fn unused_signal(&self) -> Option<Request> {
        self.unused.map(|(thread, event, site)| signal(thread, event, site, &self.wanted))
    }

    /// The same wait, perhaps for a signal that has gone by.
    pub(crate) fn after(self, lost: &LostSignal) -> Wait {
        Wait { lost: lost.read(), ..self }
    }

    /// The same wait, begun again after this signal, which was of no use.
    pub(crate) fn again_after(self, signal: &LostSignal) -> Wait {
        Wait { unused: signal.read(), ..self }
    }
}

/// What a thread waits for, read.
pub(crate) struct Awaited {
    pub wanted: HeldLock,
    /// The thread, if it waits for the end of one.
    pub target: Option<ThreadId>,
}

impl WaitSlot {
    pub(crate) const fn new() -> WaitSlot {
        WaitSlot {
            sequence: AtomicU32::new(0),
            enders: AtomicU32::new(0),
            timed: AtomicBool::new(false),
            target: AtomicU32::new(0),
            lost: LostSignal::none(),
            unused: LostSignal::none(),
            task: AtomicU32::new(0),
            seat: Mutex::new(Seat { parker: None, looks_up: false, give_way: None }),
            anchor: AtomicU32::new(0),
            stack: AtomicU32::new(0),
            wanted: Held::EMPTY,
        }
    }

    fn is_waiting(&self) -> bool {
        self.sequence() % 2 == 1
    }

    /// Whether the thread waits for as long as it takes.
    pub(crate) fn is_waiting_for_good(&self) -> bool {
        self.is_waiting() && !self.timed.load(Ordering::Relaxed)
    }

    /// What the thread waits for, if it does.
    pub(crate) fn awaited(&self) -> Option<Awaited> {
        let sequence = self.sequence();
        let wanted = self.wanted.read().filter(|_| sequence % 2 == 1)?;
        let end = self.enders.load(Ordering::Relaxed) == ENDERS_END_OF;
        let target = end.then(|| ThreadId(self.target.load(Ordering::Relaxed)));
        // Pairs with the Release fence in `retract`.
        fence(Ordering::Acquire);
        (self.sequence.load(Ordering::Relaxed) == sequence).then_some(Awaited { wanted, target })
    }

    /// Whether the thread waits for the end of `thread`.
    pub(crate) fn waits_for_the_end_of(&self, thread: ThreadId) -> bool {
        self.is_waiting()
            && self.enders.load(Ordering::Relaxed) == ENDERS_END_OF
            && self.target.load(Ordering::Relaxed) == thread.0
    }

    /// Odd while the thread waits.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence.load(Ordering::Acquire)
    }

    /// The operating system's number for the thread, as of its last wait.
    pub(crate) fn task(&self) -> u32 {
        self.task.load(Ordering::Relaxed)
    }

    /// What the calling thread has published on its own slot, and the stack of it.
    pub(crate) fn own_wait(&self) -> Option<(HeldLock, StackId)> {
        let wanted = self.wanted.read().filter(|_| self.is_waiting())?;
        Some((wanted, StackId(self.stack.load(Ordering::Relaxed))))
    }

    /// As the field says; the thread asks for itself.
    pub(crate) fn anchor(&self) -> u32 {
        self.anchor.load(Ordering::Relaxed)
    }

    /// The thread has come to a point that may order it after others.
    pub(crate) fn set_anchor(&self, thread: &Thread) {
        self.anchor.store(thread.event(), Ordering::Relaxed);
    }

    pub(crate) fn seat(&self) -> &Mutex<Seat> {
        &self.seat
    }

    /// Ends the published wait, if it has not been ended.
    pub(crate) fn retract(&self) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(sequence % 2), Ordering::Relaxed);
        // Pairs with the Acquire fence in `read`: whoever sees a later change of the hold set sees the sequence move.
        fence(Ordering::Release);
    }
}

/// Buckets of the filter below: as many as the mask of a published wait has bits.
const BUCKETS: usize = u128::BITS as usize;

/// How many waiting threads hold a lock of each bucket: a thread that finds a lock taken sees by one load that nobody who
/// waits has it, which is nearly always so. Relaxed: of two threads that count, make the fence of `publish` and then
/// look, at least one sees the other. The child of a fork keeps the counts of threads that it does not have, which costs
/// it a look more now and then.
static HELD_BY_WAITING: [AtomicU32; BUCKETS] = [const { AtomicU32::new(0) }; BUCKETS];

fn bucket(lock: LockId) -> usize {
    // Fibonacci hashing: the upper seven bits of the product.
    (lock.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57) as usize
}

/// The buckets of a waiting thread's holds, each counted once, until this is dropped.
struct Counted(u128);

impl Counted {
    fn holds_of(thread: &Thread) -> Counted {
        let mask = thread.holds().ids().fold(0, |mask, id| mask | 1 << bucket(id));
        let counted = Counted(mask);
        counted.each(|count| _ = count.fetch_add(1, Ordering::Relaxed));
        counted
    }

    fn each(&self, act: impl Fn(&AtomicU32)) {
        let mut left = self.0;
        while left != 0 {
            act(&HELD_BY_WAITING[left.trailing_zeros() as usize]);
            left &= left - 1;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.each(|count| _ = count.fetch_sub(1, Ordering::Relaxed));
    }
}

/// A wait that others can see; it ends when this is dropped.
pub(crate) struct Published {
    slot: &'static WaitSlot,
    _held: Counted,
}

impl Drop for Published {
    fn drop(&mut self) {
        self.slot.retract();
    }
}

/// Lets others see that `thread` waits.
pub(crate) fn publish(thread: &Thread, wait: Wait) -> Published {
    let slot = thread.wait_slot();
    slot.enders.store(wait.enders, Ordering::Relaxed);
    slot.timed.store(wait.wanted.attempt != Attempt::Block || wait.outside, Ordering::Relaxed);
    slot.target.store(wait.target.0, Ordering::Relaxed);
    slot.lost.write(wait.lost);
    slot.unused.write(wait.unused);
    slot.task.store(own_task(), Ordering::Relaxed);
    slot.stack.store(stack_of(thread, &wait).0, Ordering::Relaxed);
    slot.wanted.write(wait.wanted);
    let sequence = slot.sequence.load(Ordering::Relaxed);
    // Release pairs with the Acquire in `read`: who sees the odd number sees the fields and the hold set.
    slot.sequence.store(sequence.wrapping_add(1) | 1, Ordering::Release);
    let held = Counted::holds_of(thread);
    // Pairs with the same fence of every other waiter, see the module's text.
    fence(Ordering::SeqCst);
    Published { slot, _held: held }
}

/// The stack of the wait: for a lock, that of the request made before; else captured, once at each place.
fn stack_of(thread: &Thread, wait: &Wait) -> StackId {
    if matches!(wait.enders, ENDERS_HOLDERS | ENDERS_OTHER_HOLDERS) {
        return stack::last_at(thread, &wait.wanted);
    }
    if wait.wanted.attempt != Attempt::Block {
        return StackId(0);
    }
    let _busy = thread.enter();
    let mut records = Vec::new();
    let stack = stack::of_wait(thread, &wait.wanted, &mut records);
    knowledge::file_all(records);
    stack
}

/// Whether a wait just published for this lock could be the last of a circle: whether a thread that has it may be waiting
/// itself. One that runs will look itself if it ever blocks.
pub(crate) fn may_close_a_circle(lock: LockId) -> bool {
    HELD_BY_WAITING[bucket(lock)].load(Ordering::Relaxed) > 0
}

/// The operating system's number for the calling thread, asked for once.
fn own_task() -> u32 {
    thread_local! {
        static TASK: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }
    TASK.with(|task| {
        if task.get() == 0 {
            task.set(lifecycle::os_id() as u32);
        }
        task.get()
    })
}

/// A circle of waiting threads, and the sequence numbers that prove that they stood still.
#[derive(PartialEq, Eq)]
pub(crate) struct Circle {
    pub kind: StuckKind,
    pub sides: Vec<StuckThread>,
    sequences: Vec<(ThreadId, u32)>,
    /// What is known besides.
    pub aside: Aside,
}

/// What does not count for equality.
#[derive(Clone)]
pub(crate) struct Aside {
    /// When the circle was first seen.
    pub seen: Instant,
    /// What its members hold and ask for.
    pub locks: Vec<HeldLock>,
}

impl PartialEq for Aside {
    fn eq(&self, _: &Aside) -> bool {
        true
    }
}

impl Eq for Aside {}

/// All who waited at one moment, each with the sequence number of its wait.
#[derive(Default)]
pub(crate) struct Scene {
    pub snapshot: Snapshot,
    pub sequences: Vec<(ThreadId, u32)>,
    /// What the thread at the same place holds and asks for.
    locks: Vec<Vec<HeldLock>>,
}

impl Scene {
    /// What these threads hold and ask for.
    pub(crate) fn locks_of(&self, sides: &[StuckThread]) -> Vec<HeldLock> {
        let is_side = |id: ThreadId| sides.iter().any(|side| side.request.thread == id);
        let own = self.sequences.iter().zip(&self.locks).filter(|((id, _), _)| is_side(*id));
        own.flat_map(|(_, locks)| locks.iter().copied()).collect()
    }
}

/// Looks at everybody who waits.
pub(crate) fn scene() -> Scene {
    scene_with(enders)
}

/// The same, where `enders` says who could end a wait.
fn scene_with(enders: fn(u32, &HeldLock, ThreadId) -> Enders) -> Scene {
    let mut scene = Scene::default();
    registry::for_each_thread(|other, holds| {
        if let Some((waiting, sequence, wanted)) = read(other, holds, enders) {
            scene.sequences.push((waiting.request.thread, sequence));
            scene.snapshot.waiting.push(waiting);
            scene.locks.push(holds.iter().chain([wanted]).collect());
        }
    });
    scene
}

/// What those hold who have published no wait. To be believed only of threads that sleep.
pub(crate) fn held_aside() -> Vec<Hold> {
    let mut all = Vec::new();
    registry::for_each_thread(|other, holds| {
        if !other.wait.is_waiting() {
            all.extend(holds.iter().map(|held| knowledge::describe(&held)));
        }
    });
    all
}

/// The circle that `thread`, which has published its wait, is caught in or waits behind.
#[cold]
pub(crate) fn circle(thread: &Thread) -> Option<Circle> {
    let _busy = thread.enter();
    circle_behind(thread.id())
}

/// The circle that `thread`, which has published its wait, would be caught in if no wait had a timeout.
#[cold]
pub(crate) fn circle_but_for_timeouts(thread: &Thread) -> Option<(Stuck, Vec<HeldLock>)> {
    let _busy = thread.enter();
    let mut scene = scene();
    for waiting in &mut scene.snapshot.waiting {
        waiting.request.attempt = Attempt::Block;
    }
    let mut circle = scene.snapshot.circle_from(thread.id())?;
    let timed = |id: ThreadId| {
        let own = scene.sequences.iter().zip(&scene.locks).find(|((known, _), _)| *known == id);
        own.and_then(|(_, locks)| locks.last()).is_some_and(|wanted| wanted.attempt == Attempt::Timed)
    };
    for side in &mut circle.threads {
        if timed(side.request.thread) {
            side.request.attempt = Attempt::Timed;
        }
    }
    let is_member = circle.threads.iter().any(|side| side.request.thread == thread.id());
    let locks = scene.locks_of(&circle.threads);
    (is_member && circle.threads.len() > 1).then_some((circle, locks))
}

/// The circle that a waiting thread is caught in or waits behind. The calling thread is busy.
pub(crate) fn circle_behind(thread: ThreadId) -> Option<Circle> {
    circle_in(scene(), thread)
}

/// The same, if waits are ended by none but those who are likely to. The calling thread is busy.
pub(crate) fn likely_circle(thread: ThreadId) -> Option<Circle> {
    let scene = scene_with(|word, wanted, target| match word {
        ENDERS_LIKELY => beside::enders(target.0),
        _ => enders(word, wanted, target),
    });
    circle_in(scene, thread)
}

fn circle_in(scene: Scene, thread: ThreadId) -> Option<Circle> {
    let Stuck { kind, threads: sides } = scene.snapshot.circle_from(thread)?;
    let aside = Aside { seen: Instant::now(), locks: scene.locks_of(&sides) };
    let mut sequences = scene.sequences;
    sequences.retain(|(id, _)| sides.iter().any(|side| side.request.thread == *id));
    Some(Circle { kind, sides, sequences, aside })
}

/// What `other` waits for and holds, if it waits and went on waiting while this was read.
fn read(
    other: &Shared,
    holds: &HoldSet,
    enders: fn(u32, &HeldLock, ThreadId) -> Enders,
) -> Option<(Waiting, u32, HeldLock)> {
    let slot = &other.wait;
    let sequence = slot.sequence.load(Ordering::Acquire);
    if sequence.is_multiple_of(2) {
        return None;
    }
    let wanted = slot.wanted.read()?;
    let target = ThreadId(slot.target.load(Ordering::Relaxed));
    let enders = enders(slot.enders.load(Ordering::Relaxed), &wanted, target);
    let stack = StackId(slot.stack.load(Ordering::Relaxed));
    let mut request = knowledge::request(other.id(), holds, &wanted, stack);
    strays::leave_out(&mut request.holds);
    let signalled =
        |by: &LostSignal| by.read().map(|(thread, event, site)| signal(thread, event, site, &wanted));
    let (lost, unused) = (signalled(&slot.lost), signalled(&slot.unused));
    // Pairs with the Release fence in `retract`.
    fence(Ordering::Acquire);
    let stood_still = slot.sequence.load(Ordering::Relaxed) == sequence;
    stood_still.then_some((Waiting { request, enders, lost, unused }, sequence, wanted))
}

/// The word for those who could end a wait, as the checker knows it.
fn enders(word: u32, wanted: &HeldLock, target: ThreadId) -> Enders {
    match word {
        ENDERS_HOLDERS => Enders::Holders(wanted.kind),
        ENDERS_OTHER_HOLDERS => Enders::OtherHolders(wanted.kind),
        ENDERS_END_OF => Enders::EndOf(target),
        ENDERS_WORK => Enders::Work,
        ENDERS_TASKS => {
            let awaited = pools::awaited(target.0, wanted);
            awaited.map_or(Enders::Anyone, |(tasks, all)| Enders::Tasks { tasks, all })
        }
        _ => Enders::Anyone,
    }
}

/// A signal, as evidence: an operation on the object that does not wait.
pub(crate) fn signal(thread: ThreadId, event: u32, site: Place, object: &HeldLock) -> Request {
    Request {
        thread,
        event,
        lock: object.id,
        mode: Mode::Exclusive,
        attempt: Attempt::Try,
        site: registry::site(site),
        stack: StackId(0),
        holds: Vec::new(),
    }
}

/// What a join looks like as a hold: the thread stands for the lock. `started`: where it was.
pub(crate) fn join_hold(thread: &Thread, target: LockId, started: Place, site: Place) -> HeldLock {
    HeldLock {
        id: target,
        site,
        created: started,
        event: thread.next_event(),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        kind: LockKind::Thread,
    }
}

/// What a park looks like as a hold: a flag of the thread's own, raised by whoever unparks it.
pub(crate) fn park_hold(thread: &Thread, site: &'static Location<'static>, timed: bool) -> HeldLock {
    let attempt = if timed { Attempt::Timed } else { Attempt::Block };
    HeldLock { attempt, kind: LockKind::Event, ..join_hold(thread, thread.next_lock_id(), site, site) }
}
