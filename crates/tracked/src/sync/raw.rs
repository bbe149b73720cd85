//! The real locks: parking_lot's raw types behind the run-time's one interface.

use std::time::Instant;

use lock_api::{
    RawMutex as _, RawMutexTimed as _, RawRwLock as _, RawRwLockDowngrade as _, RawRwLockRecursive as _,
    RawRwLockRecursiveTimed as _, RawRwLockTimed as _, RawRwLockUpgrade as _, RawRwLockUpgradeDowngrade as _,
    RawRwLockUpgradeTimed as _,
};
use lockcheck_events::{LockKind, Mode};

use super::poison::Flag;
use crate::rt::{self, Manner, Meta, Place, Raw, Target, Token};

/// A watched mutual-exclusion lock without data: 24 bytes.
pub(crate) struct RawTracked {
    meta: Meta,
    /// For locks that can be poisoned; stands here because here is room for it.
    pub(super) poison: Flag,
    /// For locks that one thread may take and another give up: the hold is on nobody's list. Changed by holders only.
    #[cfg(parking_lot_mirrored)]
    unlisted: Flag,
    raw: parking_lot::RawMutex,
}

impl RawTracked {
    #[track_caller]
    pub(crate) const fn new() -> RawTracked {
        RawTracked::created_at(std::panic::Location::caller())
    }

    pub(crate) const fn created_at(place: Place) -> RawTracked {
        RawTracked {
            meta: Meta::new(place),
            poison: Flag::new(),
            #[cfg(parking_lot_mirrored)]
            unlisted: Flag::new(),
            raw: parking_lot::RawMutex::INIT,
        }
    }

    #[inline(always)]
    fn target(&self, kind: LockKind, site: Place) -> Target<'_, RawTracked> {
        Target { lock: self, site, manner: Manner::of(kind, Mode::Exclusive) }
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
        rt::steer::operations::peeks(&self.meta, None);
        self.raw.is_locked()
    }

    /// Whether a holder panicked.
    #[inline]
    pub(crate) fn is_poisoned(&self, site: Place) -> bool {
        rt::steer::operations::peeks(&self.meta, Some(site));
        self.poison.get()
    }

    /// The calling thread lets go of the lock and takes it back at the end of what `wait` waits for.
    pub(crate) fn taking_back<R>(&self, wait: impl FnOnce() -> R) -> R {
        match self.key() {
            Some(key) => rt::steer::operations::taking_back(key, Mode::Exclusive, wait),
            None => wait(),
        }
    }

    /// The lock's id, if it has one.
    pub(crate) fn known_as(&self) -> Option<u64> {
        self.meta.known_as()
    }

    /// What the lock is known by in an exploration, if the calling thread is under control of one.
    pub(crate) fn key(&self) -> Option<u64> {
        rt::steer::me().map(|(_, thread)| self.meta.id(thread).0)
    }

    /// Takes note that the data is read or may be written, by the acquisition that gave `token`.
    #[inline(always)]
    pub(crate) fn touched(&self, token: Token, write: bool, site: Place) {
        if token.is_attended() {
            rt::record::guarded(&self.meta, write, site);
        }
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

    #[cfg(parking_lot_mirrored)]
    fn is_free(&self) -> bool {
        !self.raw.is_locked()
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
    /// As in `RawTracked`.
    pub(super) poison: Flag,
    raw: parking_lot::RawRwLock,
}

impl RawTrackedRw {
    #[track_caller]
    pub(crate) const fn new() -> RawTrackedRw {
        RawTrackedRw::created_at(std::panic::Location::caller())
    }

    pub(crate) const fn created_at(place: Place) -> RawTrackedRw {
        RawTrackedRw { meta: Meta::new(place), poison: Flag::new(), raw: parking_lot::RawRwLock::INIT }
    }

    #[inline(always)]
    fn target(&self, mode: Mode, site: Place) -> Target<'_, RawTrackedRw> {
        Target { lock: self, site, manner: Manner::of(LockKind::RwLock, mode) }
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
            Mode::Upgradable => unsafe { self.raw.unlock_upgradable() },
            // SAFETY: the caller's promise.
            Mode::Shared | Mode::SharedRecursive => unsafe { self.raw.unlock_shared() },
        }
    }

    /// Turns a write or upgradable hold into a read hold, letting no writer in between.
    ///
    /// # Safety
    ///
    /// The lock is held in the mode `from`, one of these two, by the acquisition that gave `token`, which becomes the
    /// shared one.
    pub(crate) unsafe fn downgrade(&self, from: Mode, site: Place, token: Token) -> Token {
        let token = rt::downgraded(self.target(Mode::Shared, site), from, token);
        match from {
            // SAFETY: the caller's promise.
            Mode::Upgradable => unsafe { self.raw.downgrade_upgradable() },
            // SAFETY: the caller's promise.
            _ => unsafe { self.raw.downgrade() },
        }
        token
    }

    /// Turns an upgradable hold into a write hold, however long the readers take.
    ///
    /// # Safety
    ///
    /// The calling thread holds the lock upgradable, by an acquisition that nobody else gives up and whose token is
    /// void from here on.
    pub(crate) unsafe fn upgrade(&self, site: Place) -> Token {
        rt::upgrade(self.upgrading(site))
    }

    fn upgrading(&self, site: Place) -> Target<'_, Upgrading> {
        let manner = Manner::of(LockKind::RwLock, Mode::Exclusive);
        Target { lock: Upgrading::of(self), site, manner }
    }

    /// Whether a writer panicked.
    #[inline]
    pub(crate) fn is_poisoned(&self, site: Place) -> bool {
        rt::steer::operations::peeks(&self.meta, Some(site));
        self.poison.get()
    }

    pub(crate) fn name(&self, name: &str) {
        self.meta.name(LockKind::RwLock, name);
    }

    /// Takes note that the data is read or may be written, by the acquisition that gave `token`.
    #[inline(always)]
    pub(crate) fn touched(&self, token: Token, write: bool, site: Place) {
        if token.is_attended() {
            rt::record::guarded(&self.meta, write, site);
        }
    }
}

impl Raw for RawTrackedRw {
    #[inline(always)]
    fn meta(&self) -> &Meta {
        &self.meta
    }

    #[cfg(parking_lot_mirrored)]
    fn is_free(&self) -> bool {
        !self.raw.is_locked()
    }

    #[inline(always)]
    fn try_acquire(&self, mode: Mode) -> bool {
        match mode {
            Mode::Exclusive => self.raw.try_lock_exclusive(),
            Mode::Upgradable => self.raw.try_lock_upgradable(),
            Mode::Shared => self.raw.try_lock_shared(),
            Mode::SharedRecursive => self.raw.try_lock_shared_recursive(),
        }
    }

    #[inline]
    fn acquire(&self, mode: Mode) {
        match mode {
            Mode::Exclusive => self.raw.lock_exclusive(),
            Mode::Upgradable => self.raw.lock_upgradable(),
            Mode::Shared => self.raw.lock_shared(),
            Mode::SharedRecursive => self.raw.lock_shared_recursive(),
        }
    }

    fn acquire_until(&self, mode: Mode, deadline: Instant) -> bool {
        match mode {
            Mode::Exclusive => self.raw.try_lock_exclusive_until(deadline),
            Mode::Upgradable => self.raw.try_lock_upgradable_until(deadline),
            Mode::Shared => self.raw.try_lock_shared_until(deadline),
            Mode::SharedRecursive => self.raw.try_lock_shared_recursive_until(deadline),
        }
    }
}

/// A lock whose caller holds it in upgradable mode: to acquire it is to upgrade.
#[repr(transparent)]
struct Upgrading(RawTrackedRw);

impl Upgrading {
    fn of(lock: &RawTrackedRw) -> &Upgrading {
        // SAFETY: `Upgrading` is a transparent wrapper, so that both references have the same meaning.
        unsafe { &*std::ptr::from_ref(lock).cast() }
    }
}

impl Raw for Upgrading {
    fn meta(&self) -> &Meta {
        &self.0.meta
    }

    fn try_acquire(&self, _mode: Mode) -> bool {
        // SAFETY: made only by `upgrading`, whose callers hold the lock in upgradable mode.
        unsafe { self.0.raw.try_upgrade() }
    }

    fn acquire(&self, _mode: Mode) {
        // SAFETY: as above.
        unsafe { self.0.raw.upgrade() };
    }

    fn acquire_until(&self, _mode: Mode, deadline: Instant) -> bool {
        // SAFETY: as above.
        unsafe { self.0.raw.try_upgrade_until(deadline) }
    }
}

#[cfg(parking_lot_mirrored)]
#[path = "raw_anywhere.rs"]
mod anywhere;
