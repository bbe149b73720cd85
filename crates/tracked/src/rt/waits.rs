//! Who waits for what: published by the thread that blocks, read by any thread that blocks after it.
//!
//! A wait slot is a sequence lock: odd while its thread waits. Its fields and its thread's hold set do not change
//! while the sequence stands still, so a reader that sees the same odd number before and after has read the truth.
//!
//! The thread that closes a circle sees all of it: each member stores its sequence, makes a sequentially consistent
//! fence and then looks at the others; of any two that do this, at least one sees the other (Dekker). So there is no
//! thread that polls, and nothing is shared that independent threads would write.

use std::panic::Location;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};
use std::time::Instant;

use lockcheck_checker::waits::{Enders, Snapshot, Waiting};
use lockcheck_events::{LockKind, StackId, StuckThread, ThreadId};

use super::context::{Held, HeldLock, HoldSet, Shared, Thread};
use super::operation::Owner;
use super::{knowledge, registry, stack, strays};

/// Threads that an owner hint can name; the owners of locks beyond are looked for the slow way.
const SLOTS: usize = 1024;

/// The threads by slot number, for owner hints. Written once each.
static BY_SLOT: [AtomicPtr<Shared>; SLOTS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];

/// Makes `shared` known under its slot number.
pub(crate) fn announce(shared: &'static Shared) {
    if let Some(entry) = BY_SLOT.get(shared.slot as usize) {
        // Release pairs with the Acquire in `by_slot`: the thread is whole.
        entry.store(std::ptr::from_ref(shared).cast_mut(), Ordering::Release);
    }
}

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

/// What a thread waits for, as others may read it.
#[repr(align(128))]
pub(crate) struct WaitSlot {
    /// Odd: the thread waits, and nothing below changes until it is even again.
    sequence: AtomicU32,
    enders: AtomicU32,
    /// The thread whose end is awaited, if `enders` says so.
    target: AtomicU32,
    /// The stack last captured for a request at these lines.
    stack: AtomicU32,
    wanted: Held,
}

/// A wait about to be published.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    wanted: HeldLock,
    enders: u32,
    target: ThreadId,
}

impl Wait {
    /// For a lock's holders.
    pub(crate) fn for_lock(wanted: HeldLock) -> Wait {
        Wait { wanted, enders: ENDERS_HOLDERS, target: ThreadId(0) }
    }

    /// For a lock's other holders, by one that holds it upgradable.
    pub(crate) fn for_upgrade(wanted: HeldLock) -> Wait {
        Wait { wanted, enders: ENDERS_OTHER_HOLDERS, target: ThreadId(0) }
    }

    /// For the end of a thread.
    pub(crate) fn for_thread(wanted: HeldLock, target: ThreadId) -> Wait {
        Wait { wanted, enders: ENDERS_END_OF, target }
    }

    /// For a signal, a permit, an item: whatever any thread could do.
    pub(crate) fn for_anyone(wanted: HeldLock) -> Wait {
        Wait { wanted, enders: ENDERS_ANYONE, target: ThreadId(0) }
    }
}

impl WaitSlot {
    pub(crate) const fn new() -> WaitSlot {
        WaitSlot {
            sequence: AtomicU32::new(0),
            enders: AtomicU32::new(0),
            target: AtomicU32::new(0),
            stack: AtomicU32::new(0),
            wanted: Held::EMPTY,
        }
    }

    fn is_waiting(&self) -> bool {
        self.sequence() % 2 == 1
    }

    /// Odd while the thread waits.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence.load(Ordering::Acquire)
    }
}

/// A wait that others can see; it ends when this is dropped.
pub(crate) struct Published {
    slot: &'static WaitSlot,
}

impl Drop for Published {
    fn drop(&mut self) {
        let sequence = self.slot.sequence.load(Ordering::Relaxed);
        self.slot.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // Pairs with the Acquire fence in `read`: whoever sees a later change of the hold set sees the sequence move.
        fence(Ordering::Release);
    }
}

/// Lets others see that `thread` waits.
pub(crate) fn publish(thread: &Thread, wait: Wait) -> Published {
    let slot = thread.wait_slot();
    slot.enders.store(wait.enders, Ordering::Relaxed);
    slot.target.store(wait.target.0, Ordering::Relaxed);
    slot.stack.store(stack::last_at(thread, &wait.wanted).0, Ordering::Relaxed);
    slot.wanted.write(wait.wanted);
    let sequence = slot.sequence.load(Ordering::Relaxed);
    // Release pairs with the Acquire in `read`: who sees the odd number sees the fields and the hold set.
    slot.sequence.store(sequence.wrapping_add(1), Ordering::Release);
    // Pairs with the same fence of every other waiter, see the module's text.
    fence(Ordering::SeqCst);
    Published { slot }
}

/// Whether the wait just published could be the last of a circle: a look at the owner hint is enough to say no.
pub(crate) fn may_close_a_circle(thread: &Thread, owner: &Owner) -> bool {
    match by_slot(owner.get()) {
        // A running owner will look itself if it ever blocks.
        Some(other) if other.slot != thread.slot() => other.wait.is_waiting(),
        _ => true,
    }
}

/// A circle of waiting threads, and the sequence numbers that prove that they stood still.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Circle {
    pub sides: Vec<StuckThread>,
    sequences: Vec<(ThreadId, u32)>,
    /// When it was first seen.
    pub seen: Seen,
}

/// A moment that does not count for equality.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(pub Instant);

impl PartialEq for Seen {
    fn eq(&self, _: &Seen) -> bool {
        true
    }
}

impl Eq for Seen {}

/// The circle that `thread`, which has published its wait, is caught in or waits behind.
#[cold]
pub(crate) fn circle(thread: &Thread) -> Option<Circle> {
    let _busy = thread.enter();
    circle_behind(thread.id())
}

/// The circle that a waiting thread is caught in or waits behind. The calling thread is busy.
pub(crate) fn circle_behind(thread: ThreadId) -> Option<Circle> {
    let mut sequences = Vec::new();
    let mut snapshot = Snapshot::default();
    registry::for_each_thread(|other, holds| {
        if let Some((waiting, sequence)) = read(other, holds) {
            sequences.push((waiting.request.thread, sequence));
            snapshot.waiting.push(waiting);
        }
    });
    let sides = snapshot.circle_from(thread)?;
    sequences.retain(|(id, _)| sides.iter().any(|side| side.request.thread == *id));
    Some(Circle { sides, sequences, seen: Seen(Instant::now()) })
}

/// What `other` waits for and holds, if it waits and went on waiting while this was read.
fn read(other: &Shared, holds: &HoldSet) -> Option<(Waiting, u32)> {
    let slot = &other.wait;
    let sequence = slot.sequence.load(Ordering::Acquire);
    if sequence.is_multiple_of(2) {
        return None;
    }
    let wanted = slot.wanted.read()?;
    let enders = match slot.enders.load(Ordering::Relaxed) {
        ENDERS_HOLDERS => Enders::Holders(wanted.kind),
        ENDERS_OTHER_HOLDERS => Enders::OtherHolders(wanted.kind),
        ENDERS_END_OF => Enders::EndOf(ThreadId(slot.target.load(Ordering::Relaxed))),
        _ => Enders::Anyone,
    };
    let stack = StackId(slot.stack.load(Ordering::Relaxed));
    let mut request = knowledge::request(other.id(), holds, &wanted, stack);
    strays::leave_out(&mut request.holds);
    // Pairs with the Release fence in `Published::drop`.
    fence(Ordering::Acquire);
    (slot.sequence.load(Ordering::Relaxed) == sequence).then_some((Waiting { request, enders }, sequence))
}

/// What a join looks like as a hold: the thread stands for the lock.
pub(crate) fn join_hold(thread: &Thread, site: &'static Location<'static>) -> HeldLock {
    HeldLock {
        id: thread.next_lock_id(),
        site,
        created: site,
        event: thread.next_event(),
        mode: lockcheck_events::Mode::Exclusive,
        attempt: lockcheck_events::Attempt::Block,
        kind: LockKind::Thread,
    }
}

/// What a park looks like as a hold: a flag of the thread's own, raised by whoever unparks it.
pub(crate) fn park_hold(thread: &Thread, site: &'static Location<'static>, timed: bool) -> HeldLock {
    let attempt = if timed { lockcheck_events::Attempt::Timed } else { lockcheck_events::Attempt::Block };
    HeldLock { attempt, kind: LockKind::Event, ..join_hold(thread, site) }
}
