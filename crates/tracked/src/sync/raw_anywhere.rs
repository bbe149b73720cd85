//! What the mirrors of parking_lot ask of the real locks beyond what std's do: upgradable reads, fair unlocking, and
//! releases by whoever has the guard.
//!
//! A `Token` is optional here: the older line of lock_api has no place for it, and then the hold is looked for.

use std::panic::Location;
use std::time::Duration;

use lock_api::{
    RawMutex as _, RawMutexFair as _, RawRwLock as _, RawRwLockDowngrade as _, RawRwLockFair as _,
    RawRwLockUpgrade as _, RawRwLockUpgradeDowngrade as _, RawRwLockUpgradeFair as _,
};

use super::*;

/// Does something unless it is forgotten first.
struct OnPanic<F: Fn()>(F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl RawTracked {
    /// A lock made in a constant: where it comes from is not known.
    pub(crate) const fn nowhere() -> RawTracked {
        RawTracked::created_at(Meta::NOWHERE)
    }

    /// Takes note if nobody who is watched has it: a release elsewhere must know whether the hold is listed with anybody.
    #[inline(always)]
    fn noted(&self, token: Token) -> Token {
        if token.is_unwatched() {
            self.unlisted.set();
        }
        token
    }

    #[inline(always)]
    pub(crate) fn lock_noted(&self, kind: LockKind, site: Place) -> Token {
        self.noted(self.lock(kind, site))
    }

    #[inline(always)]
    pub(crate) fn try_lock_noted(&self, kind: LockKind, site: Place) -> Option<Token> {
        self.try_lock(kind, site).map(|token| self.noted(token))
    }

    pub(crate) fn lock_for_noted(&self, kind: LockKind, site: Place, timeout: Duration) -> Option<Token> {
        self.lock_for(kind, site, timeout).map(|token| self.noted(token))
    }

    /// # Safety
    ///
    /// The lock is held, and nobody else gives it up.
    #[inline(always)]
    #[track_caller]
    pub(crate) unsafe fn unlock_anywhere(&self, token: Option<Token>, fair: bool) {
        if !rt::released_at_once(&self.meta, token) {
            self.released_slowly(token, Location::caller());
        }
        if fair {
            // SAFETY: the caller's promise.
            unsafe { self.raw.unlock_fair() };
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.raw.unlock() };
        }
    }

    /// One call for all that is rare: with more in it, the release would no longer be inlined where guards are dropped.
    #[cold]
    #[inline(never)]
    fn released_slowly(&self, token: Option<Token>, site: Place) {
        let target = self.target(LockKind::Mutex, site);
        if !self.unlisted.get() {
            rt::released_by_anyone(target, token);
        } else if self.is_free() {
            rt::released_free(target);
        } else {
            self.unlisted.clear();
        }
    }

    /// Lets another thread have the lock, if one waits, and takes it back.
    ///
    /// # Safety
    ///
    /// The lock is held, by the acquisition that gave `token`, which the one given back replaces. If this panics, the
    /// lock is held, by nobody who is watched.
    pub(crate) unsafe fn bump(&self, kind: LockKind, site: Place, token: Option<Token>) -> Token {
        // SAFETY: the caller's promise.
        unsafe { self.unlock_anywhere(token, true) };
        let take_back = OnPanic(|| self.lock_unwatched());
        let token = self.lock_noted(kind, site);
        std::mem::forget(take_back);
        token
    }

    pub(crate) fn name_at(&self, kind: LockKind, name: &str, created: Place) {
        self.meta.name_at(kind, name, created);
    }

    /// Takes the real lock and nothing else: for a guard that must be whole again while a panic unwinds.
    pub(crate) fn lock_unwatched(&self) {
        self.raw.lock();
        self.unlisted.set();
    }
}

impl RawTrackedRw {
    /// A lock made in a constant: where it comes from is not known.
    pub(crate) const fn nowhere() -> RawTrackedRw {
        RawTrackedRw {
            meta: Meta::new(Meta::NOWHERE),
            poison: Flag::new(),
            raw: parking_lot::RawRwLock::INIT,
        }
    }

    pub(crate) fn lock_for(&self, mode: Mode, site: Place, timeout: Duration) -> Option<Token> {
        rt::lock_for(self.target(mode, site), timeout)
    }

    pub(crate) fn is_locked(&self) -> bool {
        rt::steer::operations::peeks(&self.meta, None);
        self.raw.is_locked()
    }

    pub(crate) fn is_locked_exclusive(&self) -> bool {
        rt::steer::operations::peeks(&self.meta, None);
        self.raw.is_locked_exclusive()
    }

    /// # Safety
    ///
    /// The lock is held in this mode, and nobody else gives that hold up.
    #[inline(always)]
    #[track_caller]
    pub(crate) unsafe fn unlock_anywhere(&self, mode: Mode, token: Option<Token>, fair: bool) {
        rt::released_by_anyone(self.target(mode, Location::caller()), token);
        // SAFETY: the caller's promise.
        unsafe {
            match (mode, fair) {
                (Mode::Exclusive, false) => self.raw.unlock_exclusive(),
                (Mode::Exclusive, true) => self.raw.unlock_exclusive_fair(),
                (Mode::Upgradable, false) => self.raw.unlock_upgradable(),
                (Mode::Upgradable, true) => self.raw.unlock_upgradable_fair(),
                (_, false) => self.raw.unlock_shared(),
                (_, true) => self.raw.unlock_shared_fair(),
            }
        }
    }

    /// Lets another thread have the lock, if one waits, and takes it back.
    ///
    /// # Safety
    ///
    /// The lock is held in this mode, by the acquisition that gave `token`, which the one given back replaces. If
    /// this panics, the lock is held, by nobody who is watched.
    pub(crate) unsafe fn bump(&self, mode: Mode, site: Place, token: Option<Token>) -> Token {
        // SAFETY: the caller's promise.
        unsafe { self.unlock_anywhere(mode, token, true) };
        let take_back = OnPanic(|| self.acquire(mode));
        let token = self.lock(mode, site);
        std::mem::forget(take_back);
        token
    }

    pub(crate) fn name_at(&self, name: &str, created: Place) {
        self.meta.name_at(LockKind::RwLock, name, created);
    }

    /// Notes that the hold behind `token` is one in `mode` from now on.
    fn becomes(&self, mode: Mode, site: Place, token: Option<Token>) -> Token {
        rt::released_by_anyone(self.target(mode, site), token);
        rt::granted(self.target(mode, site))
    }

    /// Turns a write or upgradable hold into a weaker one, letting no writer in between.
    ///
    /// # Safety
    ///
    /// The lock is held in the mode `from`, which is stronger than `to`, and the hold is this caller's.
    pub(crate) unsafe fn weaken(&self, from: Mode, to: Mode, site: Place, token: Option<Token>) -> Token {
        let token = self.becomes(to, site, token);
        // SAFETY: the caller's promise.
        unsafe {
            match (from, to) {
                (Mode::Exclusive, Mode::Upgradable) => self.raw.downgrade_to_upgradable(),
                (Mode::Exclusive, _) => self.raw.downgrade(),
                _ => self.raw.downgrade_upgradable(),
            }
        }
        token
    }

    /// Turns an upgradable hold into a write hold, however long that takes.
    ///
    /// # Safety
    ///
    /// The lock is held in upgradable mode, and the hold is this caller's. If this panics, it still is.
    pub(crate) unsafe fn upgrade_anywhere(&self, site: Place, token: Option<Token>) -> Token {
        if rt::steer::me().is_some() {
            return rt::upgrade(self.upgrading(site));
        }
        // The request leaves the thread's own upgradable hold out.
        rt::released_by_anyone(self.target(Mode::Upgradable, site), token);
        let still_held = OnPanic(|| {
            rt::granted(self.target(Mode::Upgradable, site));
        });
        let token = rt::lock(self.upgrading(site));
        std::mem::forget(still_held);
        token
    }

    /// As [`upgrade_anywhere`](Self::upgrade_anywhere), if that is possible at once.
    ///
    /// # Safety
    ///
    /// The lock is held in upgradable mode, and the hold is this caller's.
    pub(crate) unsafe fn try_upgrade(&self, site: Place, token: Option<Token>) -> Option<Token> {
        // SAFETY: the caller's promise.
        let upgraded = unsafe { self.raw.try_upgrade() };
        upgraded.then(|| self.becomes(Mode::Exclusive, site, token))
    }

    /// As [`upgrade_anywhere`](Self::upgrade_anywhere), unless `timeout` passes first: then the hold is upgradable as before, under the
    /// token given back as the error.
    ///
    /// # Safety
    ///
    /// The lock is held in upgradable mode, and the hold is this caller's.
    pub(crate) unsafe fn upgrade_for(
        &self,
        site: Place,
        timeout: Duration,
        token: Option<Token>,
    ) -> Result<Token, Token> {
        if rt::steer::me().is_some() {
            return rt::upgrade_for(self.upgrading(site), timeout).ok_or(token.unwrap_or(Token::UNWATCHED));
        }
        rt::released_by_anyone(self.target(Mode::Upgradable, site), token);
        rt::lock_for(self.upgrading(site), timeout)
            .ok_or_else(|| rt::granted(self.target(Mode::Upgradable, site)))
    }
}
