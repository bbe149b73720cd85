//! The watched half of `base`.

use std::time::{Duration, Instant};

use lockcheck_events::{Attempt, LockKind, Mode, TokenId};

use super::{Kind, Site};
pub(crate) use crate::rt::Token;
use crate::rt::{self, HeldLock, Meta, Wait, knowledge};
use crate::sync::raw::RawTracked;

impl Kind {
    const fn lock_kind(self) -> LockKind {
        match self {
            Kind::Lock => LockKind::Mutex,
            Kind::Reentrant => LockKind::Reentrant,
            Kind::Semaphore => LockKind::Semaphore,
            Kind::Condition => LockKind::Condition,
            Kind::Event => LockKind::Event,
            Kind::Barrier => LockKind::Barrier,
            Kind::Queue => LockKind::Queue,
            Kind::Pool => LockKind::Pool,
        }
    }
}

/// A mutual-exclusion lock without data.
pub(crate) struct RawLock {
    raw: RawTracked,
    kind: LockKind,
}

impl RawLock {
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> RawLock {
        RawLock { raw: RawTracked::new(), kind: kind.lock_kind() }
    }

    #[inline(always)]
    pub(crate) fn lock(&self, site: Site) -> Token {
        self.raw.lock(self.kind, site)
    }

    #[inline(always)]
    pub(crate) fn try_lock(&self, site: Site) -> Option<Token> {
        self.raw.try_lock(self.kind, site)
    }

    pub(crate) fn lock_for(&self, site: Site, timeout: Duration) -> Option<Token> {
        self.raw.lock_for(self.kind, site, timeout)
    }

    /// # Safety
    ///
    /// The lock is held, by the acquisition that gave `token`, which nobody else gives up.
    #[inline(always)]
    pub(crate) unsafe fn unlock(&self, token: Token) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock(token) };
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    pub(crate) fn name(&self, name: &str) {
        self.raw.name(self.kind, name);
    }
}

/// The identity of an object that threads wait for.
pub(crate) struct Watch {
    meta: Meta,
    kind: LockKind,
}

impl Watch {
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> Watch {
        Watch { meta: Meta::new(std::panic::Location::caller()), kind: kind.lock_kind() }
    }

    /// For an object made in a constant: where it comes from is not known.
    #[cfg(all(parking_lot_mirrored, feature = "parking_lot_0_13"))]
    pub(crate) const fn nowhere(kind: Kind) -> Watch {
        Watch { meta: Meta::new(Meta::NOWHERE), kind: kind.lock_kind() }
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(self.kind, name);
    }

    /// Runs `block`, visible to others as a wait for this object that any thread could end.
    pub(crate) fn waiting<R>(&self, site: Site, deadline: Option<Instant>, block: impl FnOnce() -> R) -> R {
        let Some(thread) = rt::current() else { return block() };
        let wanted = HeldLock {
            id: self.meta.id(thread),
            site,
            created: self.meta.created(),
            event: thread.next_event(),
            mode: Mode::Exclusive,
            attempt: if deadline.is_some() { Attempt::Timed } else { Attempt::Block },
            kind: self.kind,
        };
        let _wait = rt::publish(thread, Wait::for_anyone(wanted));
        block()
    }
}

/// A point in a thread's life that others come after.
#[derive(Clone, Copy)]
pub(crate) struct Point(Option<TokenId>);

impl Point {
    /// This point of the calling thread's.
    pub(crate) fn here() -> Point {
        Point(rt::current().map(knowledge::before))
    }

    /// What the calling thread does from here on comes after it.
    pub(crate) fn precedes(self) {
        if let (Some(token), Some(thread)) = (self.0, rt::current()) {
            knowledge::after(thread, token);
        }
    }
}
