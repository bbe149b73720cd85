//! `Once` of parking_lot's kind: std's inside, with the state that parking_lot shows.

use std::fmt;
use std::panic::Location;
use std::sync::Once as StdOnce;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::rt::once::Gate;

/// How far an initialiser has come; see `parking_lot::OnceState`.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum OnceState {
    /// Nothing has been run.
    New,
    /// A closure panicked.
    Poisoned,
    /// A thread is running a closure.
    InProgress,
    /// A closure has run to its end.
    Done,
}

impl OnceState {
    /// Whether a closure panicked.
    #[inline]
    pub const fn is_poisoned(self) -> bool {
        matches!(self, OnceState::Poisoned)
    }

    /// Whether a closure panicked.
    #[inline]
    pub const fn poisoned(self) -> bool {
        self.is_poisoned()
    }

    /// Whether a closure has run to its end.
    #[inline]
    pub const fn is_completed(self) -> bool {
        matches!(self, OnceState::Done)
    }

    /// Whether a closure has run to its end.
    #[inline]
    pub const fn done(self) -> bool {
        self.is_completed()
    }
}

const STATES: [OnceState; 4] = [OnceState::New, OnceState::Poisoned, OnceState::InProgress, OnceState::Done];

/// A watched one-time initialiser; see `parking_lot::Once`.
pub struct Once {
    gate: Gate,
    inner: StdOnce,
    /// An `OnceState`. `Done` is stored with Release, to be seen with Acquire by those who do not ask `inner`.
    state: AtomicU8,
}

/// Says how the closure ended: a panic, unless told otherwise.
struct Ends<'a> {
    once: &'a Once,
    state: OnceState,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.once.state.store(self.state as u8, Ordering::Release);
    }
}

impl Once {
    /// A new initialiser, not begun. The calling line is its creation site.
    #[inline]
    #[track_caller]
    pub const fn new() -> Once {
        Once { gate: Gate::new(), inner: StdOnce::new(), state: AtomicU8::new(OnceState::New as u8) }
    }

    /// An initialiser that counts as done.
    #[inline]
    #[track_caller]
    pub const fn new_completed() -> Once {
        Once { gate: Gate::new(), inner: StdOnce::new(), state: AtomicU8::new(OnceState::Done as u8) }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Once {
        self.gate.name(name);
        self
    }

    /// How far it has come at this moment.
    #[inline]
    #[track_caller]
    pub fn state(&self) -> OnceState {
        self.gate.asked(Location::caller(), |state| *state == OnceState::Done, || self.now())
    }

    /// Whether a closure has run to its end.
    #[inline]
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        self.state() == OnceState::Done
    }

    fn now(&self) -> OnceState {
        STATES[self.state.load(Ordering::Acquire) as usize % STATES.len()]
    }

    fn is_done(&self) -> bool {
        self.now() == OnceState::Done
    }

    /// Waits until a closure has run to its end.
    ///
    /// # Panics
    ///
    /// If one panicked. With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[track_caller]
    pub fn wait(&self) {
        if self.is_done() {
            return self.gate.passed(Location::caller());
        }
        let site = Location::caller();
        if !self.gate.awaited_under_control(site, &|| self.is_done()) {
            let _turn = self.gate.turn(site);
            self.inner.wait();
        }
    }

    /// As [`wait`](Self::wait), past closures that panic.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[track_caller]
    pub fn wait_force(&self) {
        if self.is_done() {
            return self.gate.passed(Location::caller());
        }
        let site = Location::caller();
        if !self.gate.awaited_under_control(site, &|| self.is_done()) {
            let _turn = self.gate.turn(site);
            self.inner.wait_force();
        }
    }

    /// Runs `f` if nothing has been run here before; waits for it if it runs elsewhere.
    ///
    /// # Panics
    ///
    /// If an earlier closure panicked. With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if self.is_done() {
            return self.gate.passed(Location::caller());
        }
        let turn = self.gate.turn(Location::caller());
        self.inner.call_once(move || {
            let _running = turn.begin();
            self.run(f);
        });
    }

    /// As [`call_once`](Self::call_once), also if an earlier closure panicked.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(OnceState),
    {
        if self.is_done() {
            return self.gate.passed(Location::caller());
        }
        let turn = self.gate.turn(Location::caller());
        self.inner.call_once_force(move |state| {
            let before = if state.is_poisoned() { OnceState::Poisoned } else { OnceState::New };
            let _running = turn.begin();
            self.run(move || f(before));
        });
    }

    fn run(&self, f: impl FnOnce()) {
        self.state.store(OnceState::InProgress as u8, Ordering::Relaxed);
        let mut ends = Ends { once: self, state: OnceState::Poisoned };
        f();
        ends.state = OnceState::Done;
    }
}

impl crate::Named for Once {
    fn named(self, name: &str) -> Self {
        Once::named(self, name)
    }
}

impl Default for Once {
    #[inline]
    #[track_caller]
    fn default() -> Once {
        Once::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("state", &self.now()).finish()
    }
}
