//! The real locks: parking_lot's raw types behind the run-time's one interface.

use std::time::Instant;

use lock_api::{
    RawMutex as _, RawMutexTimed as _, RawRwLock as _, RawRwLockDowngrade as _, RawRwLockRecursive as _,
    RawRwLockRecursiveTimed as _, RawRwLockTimed as _, RawRwLockUpgrade as _, RawRwLockUpgradeTimed as _,
};
use lockcheck_events::{LockKind, Mode};

use crate::rt::{self, Manner, Meta, Owner, Place, Raw, Target, Token};

/// A watched mutual-exclusion lock without data: 24 bytes.
pub(crate) struct RawTracked {
    meta: Meta,
    owner: Owner,
    raw: parking_lot::RawMutex,
}

impl RawTracked {
    #[track_caller]
    pub(crate) const fn new() -> RawTracked {
        RawTracked {
            meta: Meta::new(std::panic::Location::caller()),
            owner: Owner::new(),
            raw: parking_lot::RawMutex::INIT,
        }
    }

    #[inline(always)]
    fn target(&self, kind: LockKind, site: Place) -> Target<'_, RawTracked> {
        Target { lock: self, site, manner: Manner { kind, mode: Mode::Exclusive } }
    }

    #[inline(always)]
    pub(crate) fn lock(&self, kind: LockKind, site: Place) -> Token {
        rt::lock(self.target(kind, site))
    }

    #[inline(always)]
    pub(crate) fn try_lock(&self, kind: LockKind, site: Place) -> Option<Token> {
        rt::try_lock(self.target(kind, site))
    }

    pub(crate) fn lock_for(
        &self,
        kind: LockKind,
        site: Place,
        timeout: std::time::Duration,
    ) -> Option<Token> {
        rt::lock_for(self.target(kind, site), timeout)
    }

    /// # Safety
    ///
    /// The lock is held, by the acquisition that gave `token`, which nobody else gives up.
    #[inline(always)]
    pub(crate) unsafe fn unlock(&self, token: Token) {
        rt::released(&self.meta, token);
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock() };
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    pub(crate) fn name(&self, kind: LockKind, name: &str) {
        self.meta.name(kind, name);
    }
}

impl Raw for RawTracked {
    #[inline(always)]
    fn meta(&self) -> &Meta {
        &self.meta
    }

    #[inline(always)]
    fn owner(&self) -> &Owner {
        &self.owner
    }

    #[inline(always)]
    fn try_acquire(&self, _mode: Mode) -> bool {
        self.raw.try_lock()
    }

    #[inline]
    fn acquire(&self, _mode: Mode) {
        self.raw.lock();
    }

    fn acquire_until(&self, _mode: Mode, deadline: Instant) -> bool {
        self.raw.try_lock_until(deadline)
    }
}

/// A watched readers-writer lock without data.
pub(crate) struct RawTrackedRw {
    meta: Meta,
    owner: Owner,
    raw: parking_lot::RawRwLock,
}

impl RawTrackedRw {
    #[track_caller]
    pub(crate) const fn new() -> RawTrackedRw {
        RawTrackedRw {
            meta: Meta::new(std::panic::Location::caller()),
            owner: Owner::new(),
            raw: parking_lot::RawRwLock::INIT,
        }
    }

    #[inline(always)]
    fn target(&self, mode: Mode, site: Place) -> Target<'_, RawTrackedRw> {
        Target { lock: self, site, manner: Manner { kind: LockKind::RwLock, mode } }
    }

    #[inline(always)]
    pub(crate) fn lock(&self, mode: Mode, site: Place) -> Token {
        rt::lock(self.target(mode, site))
    }

    #[inline(always)]
    pub(crate) fn try_lock(&self, mode: Mode, site: Place) -> Option<Token> {
        rt::try_lock(self.target(mode, site))
    }

    /// # Safety
    ///
    /// The lock is held in this mode, by the acquisition that gave `token`, which nobody else gives up.
    #[inline(always)]
    pub(crate) unsafe fn unlock(&self, mode: Mode, token: Token) {
        rt::released(&self.meta, token);
        match mode {
            // SAFETY: the caller's promise.
            Mode::Exclusive => unsafe { self.raw.unlock_exclusive() },
            // SAFETY: the caller's promise.
            _ => unsafe { self.raw.unlock_shared() },
        }
    }

    /// Turns a write hold into a read hold, letting nobody in between.
    ///
    /// # Safety
    ///
    /// The lock is held exclusively, by the acquisition that gave `token`, which becomes the shared one.
    pub(crate) unsafe fn downgrade(&self, site: Place, token: Token) -> Token {
        let token = rt::downgraded(self.target(Mode::Shared, site), token);
        // SAFETY: the caller's promise.
        unsafe { self.raw.downgrade() };
        token
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(LockKind::RwLock, name);
    }
}

impl Raw for RawTrackedRw {
    #[inline(always)]
    fn meta(&self) -> &Meta {
        &self.meta
    }

    #[inline(always)]
    fn owner(&self) -> &Owner {
        &self.owner
    }

    #[inline(always)]
    fn try_acquire(&self, mode: Mode) -> bool {
        match mode {
            Mode::Exclusive => self.raw.try_lock_exclusive(),
            Mode::Shared => self.raw.try_lock_shared(),
            Mode::SharedRecursive => self.raw.try_lock_shared_recursive(),
            Mode::Upgradable => self.raw.try_lock_upgradable(),
        }
    }

    #[inline]
    fn acquire(&self, mode: Mode) {
        match mode {
            Mode::Exclusive => self.raw.lock_exclusive(),
            Mode::Shared => self.raw.lock_shared(),
            Mode::SharedRecursive => self.raw.lock_shared_recursive(),
            Mode::Upgradable => self.raw.lock_upgradable(),
        }
    }

    fn acquire_until(&self, mode: Mode, deadline: Instant) -> bool {
        match mode {
            Mode::Exclusive => self.raw.try_lock_exclusive_until(deadline),
            Mode::Shared => self.raw.try_lock_shared_until(deadline),
            Mode::SharedRecursive => self.raw.try_lock_shared_recursive_until(deadline),
            Mode::Upgradable => self.raw.try_lock_upgradable_until(deadline),
        }
    }
}

#[cfg(parking_lot_mirrored)]
#[path = "raw_anywhere.rs"]
mod anywhere;
