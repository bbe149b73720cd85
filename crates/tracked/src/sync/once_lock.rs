//! `OnceLock`, the mirror of `std::sync::OnceLock`: std's own inside, with the watching around it.

use std::fmt;
use std::panic::Location;
use std::sync::OnceLock as StdOnceLock;

use crate::rt::once::Gate;

/// A watched cell that is written once; see [`std::sync::OnceLock`].
pub struct OnceLock<T> {
    gate: Gate,
    inner: StdOnceLock<T>,
}

impl<T> OnceLock<T> {
    /// A new, empty cell. The calling line is its creation site.
    #[must_use]
    #[track_caller]
    pub const fn new() -> OnceLock<T> {
        OnceLock { gate: Gate::new(), inner: StdOnceLock::new() }
    }

    /// Gives the cell a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> OnceLock<T> {
        self.gate.name(name);
        self
    }

    /// The value, if there is one by now. Never blocks.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Option<&T> {
        self.gate.asked(Location::caller(), Option::is_some, || self.inner.get())
    }

    /// The value, if there is one: the borrow proves that nobody else has the cell.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.get_mut()
    }

    /// The value, as soon as there is one.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> &T {
        if let Some(value) = self.inner.get() {
            self.gate.passed(Location::caller());
            return value;
        }
        let (site, is_set) = (Location::caller(), IsSet(&self.inner));
        if !self.gate.awaited_under_control(site, &|| is_set.now()) {
            let _turn = self.gate.turn(site);
            return self.inner.wait();
        }
        self.inner.wait()
    }

    /// Writes the value if there is none; waits if one is being made elsewhere.
    ///
    /// # Errors
    ///
    /// With `value`, if there was one.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.inner.get().is_some() {
            self.gate.passed(Location::caller());
            return Err(value);
        }
        let turn = self.gate.turn(Location::caller());
        let mut value = Some(value);
        self.inner.get_or_init(|| {
            let _running = turn.begin();
            value.take().expect("std runs the initialiser once")
        });
        value.map_or(Ok(()), Err)
    }

    /// The value, made by `f` if there is none; waits if one is being made elsewhere.
    ///
    /// # Panics
    ///
    /// If `f` does; the cell stays empty then. With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        if let Some(value) = self.inner.get() {
            self.gate.passed(Location::caller());
            return value;
        }
        let turn = self.gate.turn(Location::caller());
        self.inner.get_or_init(move || {
            let _running = turn.begin();
            f()
        })
    }

    /// Consumes the cell and gives its value, if there is one.
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }

    /// Takes the value out, if there is one: the cell is empty again.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        self.inner.take()
    }
}

impl<T> Default for OnceLock<T> {
    #[track_caller]
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    #[track_caller]
    fn clone(&self) -> OnceLock<T> {
        OnceLock { gate: Gate::new(), inner: self.inner.clone() }
    }
}

impl<T> From<T> for OnceLock<T> {
    #[track_caller]
    fn from(value: T) -> OnceLock<T> {
        OnceLock { gate: Gate::new(), inner: StdOnceLock::from(value) }
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    #[inline]
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.inner == other.inner
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

/// Asks whether a value is there, from any thread, without touching the value.
struct IsSet<'a, T>(&'a StdOnceLock<T>);

// SAFETY: it looks at std's own state only, which is made to be looked at from any thread.
unsafe impl<T> Sync for IsSet<'_, T> {}

impl<T> IsSet<'_, T> {
    fn now(&self) -> bool {
        self.0.get().is_some()
    }
}
