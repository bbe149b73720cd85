//! The raw locks of the mirror of parking_lot's 0.13 line, from which lock_api makes its locks and guards: its
//! traits over the run-time's locks.
//!
//! A raw lock is made in a constant, so that where a lock was created is not known; it goes by the line that first
//! met it. The line of an acquisition is the caller's where lock_api passes it on, which is nearly everywhere (not in
//! re-entrant mutexes and not when `unlocked` takes a lock back: those lines are lock_api's own, and the stack tells).

use std::panic::Location;
use std::time::{Duration, Instant};

use lock_api_0_5 as lock_api;
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

/// The raw lock of an `RwLock`; of a `RecursiveRwLock`, whose readers no queued writer holds back, if `RECURSIVE`.
pub struct RawRwLock<const RECURSIVE: bool = false> {
    raw: RawTrackedRw,
}

/// The raw lock of a `RecursiveRwLock`.
pub type RawRwLockRecursive = RawRwLock<true>;

impl<const RECURSIVE: bool> RawRwLock<RECURSIVE> {
    const READ: Mode = if RECURSIVE { Mode::SharedRecursive } else { Mode::Shared };

    pub(super) fn name(&self, name: &str, site: Site) {
        self.raw.name_at(name, site);
    }
}

/// What a guard remembers of its acquisition.
#[doc(hidden)]
pub struct Held {
    token: Token,
    /// Says whether the guard may be sent to another thread.
    #[expect(dead_code, reason = "its type is all that counts")]
    marker: Marker,
}

impl Held {
    #[inline(always)]
    pub(super) fn of(token: Token) -> Held {
        Held { token, marker: Marker::new() }
    }

    #[inline(always)]
    pub(super) fn token(&self) -> Option<Token> {
        Some(self.token)
    }

    #[inline(always)]
    fn into_token(self) -> Option<Token> {
        Some(self.token)
    }

    pub(super) fn renew(&mut self, token: Token) {
        self.token = token;
    }
}

/// The time left until `deadline`.
fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Gives an upgradable hold up if a panic keeps it from becoming another.
struct StillUpgradable<'a>(&'a RawTrackedRw);

impl Drop for StillUpgradable<'_> {
    fn drop(&mut self) {
        // SAFETY: made by the holder of the upgradable hold, and dropped only if that is all there is.
        unsafe { self.0.unlock_anywhere(Mode::Upgradable, None, false) };
    }
}

// SAFETY: parking_lot's mutex inside excludes others; what stands beside it has no part in that.
unsafe impl lock_api::RawMutex for RawMutex {
    const INIT: RawMutex = RawMutex(RawTracked::nowhere());

    type Guard = Held;

    #[inline]
    #[track_caller]
    fn lock(&self) -> Held {
        Held::of(self.0.lock_noted(LockKind::Mutex, Location::caller()))
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> Option<Held> {
        self.0.try_lock_noted(LockKind::Mutex, Location::caller()).map(Held::of)
    }

    #[inline]
    unsafe fn unlock(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(guard.into_token(), false) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawMutex {
    #[inline]
    unsafe fn unlock_fair(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(guard.into_token(), true) };
    }

    #[track_caller]
    unsafe fn bump(&self, guard: &mut Held) {
        let token = self.bump_at(Location::caller(), guard.token());
        guard.renew(token);
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawMutex {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_for(&self, timeout: Duration) -> Option<Held> {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), timeout).map(Held::of)
    }

    #[track_caller]
    fn try_lock_until(&self, timeout: Instant) -> Option<Held> {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), until(timeout)).map(Held::of)
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

    type Guard = Held;

    #[inline]
    #[track_caller]
    fn lock(&self) -> Held {
        Held::of(self.0.lock_noted(LockKind::Mutex, Location::caller()))
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> Option<Held> {
        self.0.try_lock_noted(LockKind::Mutex, Location::caller()).map(Held::of)
    }

    #[inline]
    unsafe fn unlock(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(guard.into_token(), true) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawFairMutex {
    #[inline]
    unsafe fn unlock_fair(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.0.unlock_anywhere(guard.into_token(), true) };
    }

    #[track_caller]
    unsafe fn bump(&self, guard: &mut Held) {
        let token = self.bump_at(Location::caller(), guard.token());
        guard.renew(token);
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawFairMutex {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_for(&self, timeout: Duration) -> Option<Held> {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), timeout).map(Held::of)
    }

    #[track_caller]
    fn try_lock_until(&self, timeout: Instant) -> Option<Held> {
        self.0.lock_for_noted(LockKind::Mutex, Location::caller(), until(timeout)).map(Held::of)
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
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLock for RawRwLock<RECURSIVE> {
    const INIT: Self = Self { raw: RawTrackedRw::nowhere() };

    type SharedGuard = Held;
    type ExclusiveGuard = Held;

    #[inline]
    #[track_caller]
    fn lock_shared(&self) -> Held {
        Held::of(self.raw.lock(Self::READ, Location::caller()))
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared(&self) -> Option<Held> {
        self.raw.try_lock(Self::READ, Location::caller()).map(Held::of)
    }

    #[inline]
    unsafe fn unlock_shared(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Self::READ, guard.into_token(), false) };
    }

    #[inline]
    #[track_caller]
    fn lock_exclusive(&self) -> Held {
        Held::of(self.raw.lock(Mode::Exclusive, Location::caller()))
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive(&self) -> Option<Held> {
        self.raw.try_lock(Mode::Exclusive, Location::caller()).map(Held::of)
    }

    #[inline]
    unsafe fn unlock_exclusive(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Exclusive, guard.into_token(), false) };
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
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockFair for RawRwLock<RECURSIVE> {
    #[inline]
    unsafe fn unlock_shared_fair(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Self::READ, guard.into_token(), true) };
    }

    #[inline]
    unsafe fn unlock_exclusive_fair(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Exclusive, guard.into_token(), true) };
    }

    #[track_caller]
    unsafe fn bump_shared(&self, guard: &mut Held) {
        // SAFETY: the caller's promise.
        let token = unsafe { self.raw.bump(Self::READ, Location::caller(), guard.token()) };
        guard.renew(token);
    }

    #[track_caller]
    unsafe fn bump_exclusive(&self, guard: &mut Held) {
        // SAFETY: the caller's promise.
        let token = unsafe { self.raw.bump(Mode::Exclusive, Location::caller(), guard.token()) };
        guard.renew(token);
    }
}

// SAFETY: as above.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockDowngrade for RawRwLock<RECURSIVE> {
    #[track_caller]
    unsafe fn downgrade(&self, guard: Held) -> Held {
        // SAFETY: the caller's promise.
        Held::of(unsafe {
            self.raw.weaken(Mode::Exclusive, Self::READ, Location::caller(), guard.into_token())
        })
    }
}

// SAFETY: as above.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockTimed for RawRwLock<RECURSIVE> {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_shared_for(&self, timeout: Duration) -> Option<Held> {
        self.raw.lock_for(Self::READ, Location::caller(), timeout).map(Held::of)
    }

    #[track_caller]
    fn try_lock_shared_until(&self, timeout: Instant) -> Option<Held> {
        self.raw.lock_for(Self::READ, Location::caller(), until(timeout)).map(Held::of)
    }

    #[track_caller]
    fn try_lock_exclusive_for(&self, timeout: Duration) -> Option<Held> {
        self.raw.lock_for(Mode::Exclusive, Location::caller(), timeout).map(Held::of)
    }

    #[track_caller]
    fn try_lock_exclusive_until(&self, timeout: Instant) -> Option<Held> {
        self.raw.lock_for(Mode::Exclusive, Location::caller(), until(timeout)).map(Held::of)
    }
}

// SAFETY: as above.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgrade for RawRwLock<RECURSIVE> {
    type UpgradableGuard = Held;

    #[inline]
    #[track_caller]
    fn lock_upgradable(&self) -> Held {
        Held::of(self.raw.lock(Mode::Upgradable, Location::caller()))
    }

    #[inline]
    #[track_caller]
    fn try_lock_upgradable(&self) -> Option<Held> {
        self.raw.try_lock(Mode::Upgradable, Location::caller()).map(Held::of)
    }

    #[inline]
    unsafe fn unlock_upgradable(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Upgradable, guard.into_token(), false) };
    }

    #[track_caller]
    unsafe fn upgrade(&self, guard: Held) -> Held {
        let alive = StillUpgradable(&self.raw);
        // SAFETY: the caller's promise.
        let token = unsafe { self.raw.upgrade_anywhere(Location::caller(), guard.into_token()) };
        std::mem::forget(alive);
        Held::of(token)
    }

    #[track_caller]
    unsafe fn try_upgrade(&self, guard: Held) -> Result<Held, Held> {
        // SAFETY: the caller's promise.
        let upgraded = unsafe { self.raw.try_upgrade(Location::caller(), guard.token()) };
        upgraded.map(Held::of).ok_or(guard)
    }
}

// SAFETY: as above.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgradeFair for RawRwLock<RECURSIVE> {
    #[inline]
    unsafe fn unlock_upgradable_fair(&self, guard: Held) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_anywhere(Mode::Upgradable, guard.into_token(), true) };
    }

    #[track_caller]
    unsafe fn bump_upgradable(&self, guard: &mut Held) {
        // SAFETY: the caller's promise.
        let token = unsafe { self.raw.bump(Mode::Upgradable, Location::caller(), guard.token()) };
        guard.renew(token);
    }
}

// SAFETY: as above.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgradeDowngrade for RawRwLock<RECURSIVE> {
    #[track_caller]
    unsafe fn downgrade_upgradable(&self, guard: Held) -> Held {
        // SAFETY: the caller's promise.
        Held::of(unsafe {
            self.raw.weaken(Mode::Upgradable, Self::READ, Location::caller(), guard.into_token())
        })
    }

    #[track_caller]
    unsafe fn downgrade_to_upgradable(&self, guard: Held) -> Held {
        // SAFETY: the caller's promise.
        Held::of(unsafe {
            self.raw.weaken(Mode::Exclusive, Mode::Upgradable, Location::caller(), guard.into_token())
        })
    }
}

// SAFETY: as above.
unsafe impl<const RECURSIVE: bool> lock_api::RawRwLockUpgradeTimed for RawRwLock<RECURSIVE> {
    #[track_caller]
    fn try_lock_upgradable_for(&self, timeout: Duration) -> Option<Held> {
        self.raw.lock_for(Mode::Upgradable, Location::caller(), timeout).map(Held::of)
    }

    #[track_caller]
    fn try_lock_upgradable_until(&self, timeout: Instant) -> Option<Held> {
        self.raw.lock_for(Mode::Upgradable, Location::caller(), until(timeout)).map(Held::of)
    }

    #[track_caller]
    unsafe fn try_upgrade_for(&self, guard: Held, timeout: Duration) -> Result<Held, Held> {
        // SAFETY: the caller's promise.
        let upgraded = unsafe { self.raw.upgrade_for(Location::caller(), timeout, guard.into_token()) };
        upgraded.map(Held::of).map_err(Held::of)
    }

    #[track_caller]
    unsafe fn try_upgrade_until(&self, guard: Held, timeout: Instant) -> Result<Held, Held> {
        let timeout = until(timeout);
        // SAFETY: the caller's promise.
        let upgraded = unsafe { self.raw.upgrade_for(Location::caller(), timeout, guard.into_token()) };
        upgraded.map(Held::of).map_err(Held::of)
    }
}
