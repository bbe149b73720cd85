//! The raw locks of the mirror of parking_lot's 0.12 line, from which lock_api makes its locks and guards: its
//! traits over the run-time's locks.
//!
//! A raw lock is made in a constant, so that where a lock was created is not known; it goes by the line that first
//! met it. The line of an acquisition is the caller's where lock_api passes it on, which is nearly everywhere (not in
//! re-entrant mutexes and not when `unlocked` takes a lock back: those lines are lock_api's own, and the stack tells).

use std::panic::Location;
use std::time::{Duration, Instant};

use lockcheck_events::{LockKind, Mode};

use crate::base::Site;
use crate::rt::Token;
use crate::sync::raw::{RawTracked, RawTrackedRw};

#[cfg(not(feature = "send_guard"))]
type Marker = lock_api::GuardNoSend;
#[cfg(feature = "send_guard")]
type Marker = lock_api::GuardSend;

/// The raw lock of a `Mutex`.
pub struct RawMutex(pub(super) RawTracked);

/// The raw lock of a `FairMutex`: unlocking hands it over to the thread that has waited longest.
pub struct RawFairMutex(RawTracked);

/// The raw lock of an `RwLock`.
pub struct RawRwLock {
    raw: RawTrackedRw,
}

impl RawRwLock {
    pub(super) fn name(&self, name: &str, site: Site) {
        self.raw.name_at(name, site);
    }
}

/// The time left until `deadline`.
fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

// SAFETY: parking_lot's mutex inside excludes others; what stands beside it has no part in that.
unsafe impl lock_api::RawMutex for RawMutex {
    const INIT: RawMutex = RawMutex(RawTracked::nowhere());

    type GuardMarker = Marker;

    #[inline]
    #[track_caller]
    fn lock(&self) {
        self.0.lock_noted(LockKind::Mutex, Location::caller());
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> bool {
        self.0.try_lock_noted(LockKind::Mutex, Location::caller()).is_some()
    }

    #[inline]
    unsafe fn unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(None, false) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawMutex {
    #[inline]
    unsafe fn unlock_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(None, true) };
    }

    #[track_caller]
    unsafe fn bump(&self) {
        self.bump_at(Location::caller(), None);
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawMutex {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_for(&self, timeout: Duration) -> bool {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), timeout).is_some()
    }

    #[track_caller]
    fn try_lock_until(&self, timeout: Instant) -> bool {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), until(timeout)).is_some()
    }
}

impl RawMutex {
    pub(super) fn name(&self, name: &str, site: Site) {
        self.0.name_at(LockKind::Mutex, name, site);
    }

    /// The same, inside a re-entrant mutex.
    pub(super) fn name_reentrant(&self, name: &str, site: Site) {
        self.0.name_at(LockKind::Reentrant, name, site);
    }

    /// Lets another thread have the mutex, if one waits, and takes it back. Called by its holder only.
    fn bump_at(&self, site: Site, token: Option<Token>) -> Token {
        // SAFETY: the caller holds the mutex, by the acquisition that `token` stands for.
        unsafe { self.0.bump(LockKind::Mutex, site, token) }
    }
}

// SAFETY: parking_lot's mutex inside excludes others; what stands beside it has no part in that.
unsafe impl lock_api::RawMutex for RawFairMutex {
    const INIT: RawFairMutex = RawFairMutex(RawTracked::nowhere());

    type GuardMarker = Marker;

    #[inline]
    #[track_caller]
    fn lock(&self) {
        self.0.lock_noted(LockKind::Mutex, Location::caller());
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> bool {
        self.0.try_lock_noted(LockKind::Mutex, Location::caller()).is_some()
    }

    #[inline]
    unsafe fn unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(None, true) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawFairMutex {
    #[inline]
    unsafe fn unlock_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(None, true) };
    }

    #[track_caller]
    unsafe fn bump(&self) {
        self.bump_at(Location::caller(), None);
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawFairMutex {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_for(&self, timeout: Duration) -> bool {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), timeout).is_some()
    }

    #[track_caller]
    fn try_lock_until(&self, timeout: Instant) -> bool {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), until(timeout)).is_some()
    }
}

impl RawFairMutex {
    pub(super) fn name(&self, name: &str, site: Site) {
        self.0.name_at(LockKind::Mutex, name, site);
    }

    /// Lets another thread have the mutex, if one waits, and takes it back. Called by its holder only.
    fn bump_at(&self, site: Site, token: Option<Token>) -> Token {
        // SAFETY: the caller holds the mutex, by the acquisition that `token` stands for.
        unsafe { self.0.bump(LockKind::Mutex, site, token) }
    }
}

// SAFETY: parking_lot's lock inside keeps the promises; what stands beside it has no part in that.
unsafe impl lock_api::RawRwLock for RawRwLock {
    const INIT: Self = Self { raw: RawTrackedRw::nowhere() };

    type GuardMarker = Marker;

    #[inline]
    #[track_caller]
    fn lock_shared(&self) {
        self.raw.lock(Mode::Shared, Location::caller());
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared(&self) -> bool {
        self.raw.try_lock(Mode::Shared, Location::caller()).is_some()
    }

    #[inline]
    unsafe fn unlock_shared(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Shared, None, false) };
    }

    #[inline]
    #[track_caller]
    fn lock_exclusive(&self) {
        self.raw.lock(Mode::Exclusive, Location::caller());
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive(&self) -> bool {
        self.raw.try_lock(Mode::Exclusive, Location::caller()).is_some()
    }

    #[inline]
    unsafe fn unlock_exclusive(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Exclusive, None, false) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    #[inline]
    fn is_locked_exclusive(&self) -> bool {
        self.raw.is_locked_exclusive()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockFair for RawRwLock {
    #[inline]
    unsafe fn unlock_shared_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Shared, None, true) };
    }

    #[inline]
    unsafe fn unlock_exclusive_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Exclusive, None, true) };
    }

    #[track_caller]
    unsafe fn bump_shared(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.bump(Mode::Shared, Location::caller(), None) };
    }

    #[track_caller]
    unsafe fn bump_exclusive(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.bump(Mode::Exclusive, Location::caller(), None) };
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockDowngrade for RawRwLock {
    #[track_caller]
    unsafe fn downgrade(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.weaken(Mode::Exclusive, Mode::Shared, Location::caller(), None) };
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockTimed for RawRwLock {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_shared_for(&self, timeout: Duration) -> bool {
        self.raw.lock_for(Mode::Shared, Location::caller(), timeout).is_some()
    }

    #[track_caller]
    fn try_lock_shared_until(&self, timeout: Instant) -> bool {
        self.raw.lock_for(Mode::Shared, Location::caller(), until(timeout)).is_some()
    }

    #[track_caller]
    fn try_lock_exclusive_for(&self, timeout: Duration) -> bool {
        self.raw.lock_for(Mode::Exclusive, Location::caller(), timeout).is_some()
    }

    #[track_caller]
    fn try_lock_exclusive_until(&self, timeout: Instant) -> bool {
        self.raw.lock_for(Mode::Exclusive, Location::caller(), until(timeout)).is_some()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockRecursive for RawRwLock {
    #[inline]
    #[track_caller]
    fn lock_shared_recursive(&self) {
        self.raw.lock(Mode::SharedRecursive, Location::caller());
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared_recursive(&self) -> bool {
        self.raw.try_lock(Mode::SharedRecursive, Location::caller()).is_some()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockRecursiveTimed for RawRwLock {
    #[track_caller]
    fn try_lock_shared_recursive_for(&self, timeout: Duration) -> bool {
        self.raw.lock_for(Mode::SharedRecursive, Location::caller(), timeout).is_some()
    }

    #[track_caller]
    fn try_lock_shared_recursive_until(&self, timeout: Instant) -> bool {
        self.raw.lock_for(Mode::SharedRecursive, Location::caller(), until(timeout)).is_some()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgrade for RawRwLock {
    #[inline]
    #[track_caller]
    fn lock_upgradable(&self) {
        self.raw.lock(Mode::Upgradable, Location::caller());
    }

    #[inline]
    #[track_caller]
    fn try_lock_upgradable(&self) -> bool {
        self.raw.try_lock(Mode::Upgradable, Location::caller()).is_some()
    }

    #[inline]
    unsafe fn unlock_upgradable(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Upgradable, None, false) };
    }

    #[track_caller]
    unsafe fn upgrade(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.upgrade_anywhere(Location::caller(), None) };
    }

    #[track_caller]
    unsafe fn try_upgrade(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.raw.try_upgrade(Location::caller(), None) }.is_some()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeFair for RawRwLock {
    #[inline]
    unsafe fn unlock_upgradable_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Upgradable, None, true) };
    }

    #[track_caller]
    unsafe fn bump_upgradable(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.bump(Mode::Upgradable, Location::caller(), None) };
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeDowngrade for RawRwLock {
    #[track_caller]
    unsafe fn downgrade_upgradable(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.weaken(Mode::Upgradable, Mode::Shared, Location::caller(), None) };
    }

    #[track_caller]
    unsafe fn downgrade_to_upgradable(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.weaken(Mode::Exclusive, Mode::Upgradable, Location::caller(), None) };
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeTimed for RawRwLock {
    #[track_caller]
    fn try_lock_upgradable_for(&self, timeout: Duration) -> bool {
        self.raw.lock_for(Mode::Upgradable, Location::caller(), timeout).is_some()
    }

    #[track_caller]
    fn try_lock_upgradable_until(&self, timeout: Instant) -> bool {
        self.raw.lock_for(Mode::Upgradable, Location::caller(), until(timeout)).is_some()
    }

    #[track_caller]
    unsafe fn try_upgrade_for(&self, timeout: Duration) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.raw.upgrade_for(Location::caller(), timeout, None) }.is_ok()
    }

    #[track_caller]
    unsafe fn try_upgrade_until(&self, timeout: Instant) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.raw.upgrade_for(Location::caller(), until(timeout), None) }.is_ok()
    }
}
