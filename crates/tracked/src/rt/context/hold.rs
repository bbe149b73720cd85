//! One hold, as its thread writes it and as others may read it. Says nothing of who may look when: that is the hold
//! set's matter, and the wait slot's.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use lockcheck_events::{Attempt, LockId, LockKind, Mode};

use super::Place;
use crate::rt::hash::fold;

/// One hold, as others may read it.
pub(crate) struct Held {
    pub(super) id: AtomicU64,
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

/// Packs what a hold says besides its lock and places; the discriminants index the tables above.
#[inline(always)]
pub(crate) const fn pack(event: u32, mode: Mode, attempt: Attempt, kind: LockKind) -> u64 {
    (event as u64) << 32 | (attempt as u64) << 16 | (mode as u64) << 8 | kind as u64
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
        let tail = pack(hold.event, hold.mode, hold.attempt, hold.kind);
        self.write_packed(hold.id, hold.site, hold.created, tail);
    }

    /// The same.
    #[inline(always)]
    pub(super) fn write_packed(&self, id: LockId, site: Place, created: Place, tail: u64) {
        self.id.store(id.0, Ordering::Relaxed);
        self.site.store(ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
        self.created.store(ptr::from_ref(created).cast_mut(), Ordering::Relaxed);
        self.tail.store(tail, Ordering::Relaxed);
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
        let (mode, attempt, kind) = unpack(tail);
        Some(HeldLock {
            id: LockId(self.id.load(Ordering::Relaxed)),
            // SAFETY: the pointer is not null and was written from a `&'static Location` in `write`.
            site: unsafe { &*site },
            // SAFETY: as above.
            created: unsafe { &*created },
            event: (tail >> 32) as u32,
            attempt,
            mode,
            kind,
        })
    }

    /// A hash of what the hold teaches: lock, place and manner, not when.
    #[inline(always)]
    pub(super) fn fingerprint(&self) -> u64 {
        mix(
            self.id.load(Ordering::Relaxed),
            self.site.load(Ordering::Relaxed) as u64,
            self.tail.load(Ordering::Relaxed) & 0xff_ffff,
        )
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
        fingerprint(self.id, self.site, pack(0, self.mode, self.attempt, self.kind))
    }
}

/// The fingerprint of a hold of this lock that was asked for at this place and in this manner.
#[inline(always)]
pub(super) fn fingerprint(id: LockId, site: Place, manner: u64) -> u64 {
    mix(id.0, ptr::from_ref(site) as u64, manner)
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
