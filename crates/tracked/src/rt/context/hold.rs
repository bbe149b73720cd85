//! One hold, as its thread writes it and as others may read it. Says nothing of who may look when: that is the hold
//! set's matter, and the wait slot's.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use lockcheck_events::{Attempt, LockId, LockKind, Mode};

use super::Place;
use super::hold_set::EVENT_SHIFT;
use crate::rt::classes;
use crate::rt::hash::fold;

/// One hold, as others may read it. The quick ways write as few of its words as they can, because the real lock's atomic
/// operation waits for each.
pub(crate) struct Held {
    /// The lock's id, with the number of its creation site, see [`IDS`].
    id: AtomicU64,
    site: AtomicPtr<Location<'static>>,
    /// For an id without that number.
    created: AtomicPtr<Location<'static>>,
    /// Event index as in a thread's word; attempt, mode, kind in the bytes of the lower half.
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

#[cfg(test)]
pub(super) const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];
pub(super) const ATTEMPTS: [Attempt; 3] = [Attempt::Block, Attempt::Try, Attempt::Timed];
pub(super) const KINDS: [LockKind; 15] = [
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

/// Ids of locks are below this, in a trace as well. In a lock and in a hold, the number of the creation site stands above.
pub(crate) const IDS: u64 = 1 << 40;

/// The number of the creation site that stands in a lock's word.
#[inline(always)]
pub(crate) fn class(word: u64) -> u64 {
    word / IDS
}

/// Packs what a hold says besides its lock and places; the discriminants index the tables above.
#[inline(always)]
pub(crate) const fn pack(event: u32, mode: Mode, attempt: Attempt, kind: LockKind) -> u64 {
    (event as u64) << EVENT_SHIFT | (attempt as u64) << 16 | (mode as u64) << 8 | kind as u64
}

/// The mode, attempt and kind that were packed. Anything else that the bits may say gives some of them.
#[inline(always)]
pub(crate) fn unpack(packed: u64) -> (Mode, Attempt, LockKind) {
    let mode = match packed >> 8 & 3 {
        0 => Mode::Exclusive,
        1 => Mode::Shared,
        2 => Mode::SharedRecursive,
        _ => Mode::Upgradable,
    };
    let attempt = ATTEMPTS[(packed >> 16 & 0xff) as usize % ATTEMPTS.len()];
    (mode, attempt, KINDS[(packed & 0xff) as usize % KINDS.len()])
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
        self.set_tail(pack(hold.event, hold.mode, hold.attempt, hold.kind));
    }

    /// Writes which lock, by its word with a creation site in it, and where it was asked for. The tail is to follow.
    #[inline(always)]
    pub(super) fn write_quickly(&self, lock: u64, site: Place) {
        self.id.store(lock, Ordering::Relaxed);
        self.site.store(ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
    }

    /// Writes when and how: `tail` as `pack` gives it, or with a thread's word for the event.
    #[inline(always)]
    pub(super) fn set_tail(&self, tail: u64) {
        self.tail.store(tail, Ordering::Relaxed);
    }

    /// `None` where the entry was never written. A racing reader may see parts of two holds; it must check the wait
    /// slot's sequence afterwards and throw the result away if that moved.
    #[inline(always)]
    pub(crate) fn read(&self) -> Option<HeldLock> {
        self.read_with(self.tail.load(Ordering::Relaxed))
    }

    /// The same, where the tail is known and may not have been written.
    #[inline(always)]
    pub(super) fn read_with(&self, tail: u64) -> Option<HeldLock> {
        let lock = self.id.load(Ordering::Relaxed);
        // SAFETY: null, or written from a `&'static Location` in `write` or `write_quickly`.
        let site: Place = unsafe { self.site.load(Ordering::Relaxed).as_ref() }?;
        let created = match class(lock) {
            // SAFETY: null, or written from a `&'static Location` in `write`.
            0 => unsafe { self.created.load(Ordering::Relaxed).as_ref() }?,
            class => classes::site(class)?,
        };
        let (mode, attempt, kind) = unpack(tail);
        let event = (tail >> EVENT_SHIFT) as u32;
        Some(HeldLock { id: LockId(lock % IDS), site, created, event, attempt, mode, kind })
    }

    /// Which lock.
    #[inline(always)]
    pub(super) fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed) % IDS
    }

    /// A hash of what the hold teaches: lock, place and manner, not when.
    #[inline(always)]
    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint_with(self.tail.load(Ordering::Relaxed))
    }

    /// The same, where the tail is known and may not have been written.
    #[inline(always)]
    pub(super) fn fingerprint_with(&self, tail: u64) -> u64 {
        mix(self.id(), self.site.load(Ordering::Relaxed) as u64, tail & 0xff_ffff)
    }

    #[inline(always)]
    pub(super) fn context(&self) -> u64 {
        self.context.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn set_context(&self, context: u64) {
        self.context.store(context, Ordering::Relaxed);
    }
}

impl HeldLock {
    /// The same as that of the entry it is written to.
    #[inline(always)]
    pub(super) fn fingerprint(&self) -> u64 {
        fingerprint(self.id.0, self.site, pack(0, self.mode, self.attempt, self.kind))
    }
}

/// The fingerprint of a hold of the lock with this word or id that was asked for at this place and in this manner.
#[inline(always)]
pub(super) fn fingerprint(lock: u64, site: Place, manner: u64) -> u64 {
    mix(lock % IDS, ptr::from_ref(site) as u64, manner)
}

/// Folds three words into one.
#[inline(always)]
fn mix(id: u64, place: u64, manner: u64) -> u64 {
    fold(id, place.rotate_left(24) ^ manner)
}

/// The key of a request, by the hold set's context before it and after. The rotation keeps the held side from being
/// exchangeable with the wanted one. 0 is no key.
#[inline(always)]
pub(super) fn key(before: u64, after: u64) -> u64 {
    (before.rotate_left(17) ^ after) | 1 << 63
}
