//! `Once`, the mirror of `std::sync::Once`: std's own inside, with the watching around it.

use std::fmt;
use std::panic::Location;
use std::sync::{Once as StdOnce, OnceState};

use crate::rt::once::Gate;

/// A watched one-time initialiser; see [`std::sync::Once`].
pub struct Once {
    gate: Gate,
    inner: StdOnce,
}

/// A fresh `Once`; see [`std::sync::ONCE_INIT`].
#[deprecated(note = "the `Once::new()` function is now preferred")]
#[expect(clippy::declare_interior_mutable_const, reason = "std's constant is one too")]
pub const ONCE_INIT: Once = Once::new();

#[expect(clippy::new_without_default, reason = "std's has none")]
impl Once {
    /// A new initialiser, not begun. The calling line is its creation site.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Once {
        Once { gate: Gate::new(), inner: StdOnce::new() }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Once {
        self.gate.name(name);
        self
    }

    /// Runs `f` if nothing has been run here before; waits for it if it runs elsewhere.
    ///
    /// # Panics
    ///
    /// If an earlier run panicked. With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if self.inner.is_completed() {
            return self.gate.passed(Location::caller());
        }
        let turn = self.gate.turn(Location::caller());
        self.inner.call_once(move || {
            let _running = turn.begin();
            f();
        });
    }

    /// As [`call_once`](Self::call_once), also if an earlier run panicked.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(&OnceState),
    {
        if self.inner.is_completed() {
            return self.gate.passed(Location::caller());
        }
        let turn = self.gate.turn(Location::caller());
        self.inner.call_once_force(move |state| {
            let _running = turn.begin();
            f(state);
        });
    }

    /// Whether something has been run to its end.
    #[inline]
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        self.gate.asked(Location::caller(), |done| *done, || self.inner.is_completed())
    }

    /// Waits until something has been run to its end.
    ///
    /// # Panics
    ///
    /// If a run panicked. With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[track_caller]
    pub fn wait(&self) {
        if self.inner.is_completed() {
            return self.gate.passed(Location::caller());
        }
        let site = Location::caller();
        if !self.gate.awaited_under_control(site, &|| self.inner.is_completed()) {
            let _turn = self.gate.turn(site);
            self.inner.wait();
        }
    }

    /// As [`wait`](Self::wait), past runs that panic.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[track_caller]
    pub fn wait_force(&self) {
        if self.inner.is_completed() {
            return self.gate.passed(Location::caller());
        }
        let site = Location::caller();
        if !self.gate.awaited_under_control(site, &|| self.inner.is_completed()) {
            let _turn = self.gate.turn(site);
            self.inner.wait_force();
        }
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
