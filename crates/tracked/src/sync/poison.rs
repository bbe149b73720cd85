//! Poisoning, exactly as std does it: a lock is poisoned when a panic begins while a guard is held.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError};
use std::thread;

/// Whether some holder panicked. Relaxed: the lock itself orders what the flag guards.
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) const fn new() -> Flag {
        Flag(AtomicBool::new(false))
    }

    #[inline]
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Poisons the lock if a panic began since `entered`.
    #[inline]
    pub(crate) fn leave(&self, entered: Entered) {
        if !entered.0 && thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Wraps what a poisoned lock gives out.
    #[inline]
    pub(crate) fn wrap<T>(&self, value: T) -> LockResult<T> {
        if self.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

/// Whether the thread was panicking when it took the lock: such a guard does not poison.
#[derive(Clone, Copy)]
pub(crate) struct Entered(bool);

impl Entered {
    #[inline]
    pub(crate) fn now() -> Entered {
        Entered(thread::panicking())
    }
}
