//! Poisoning, exactly as std does it: a lock is poisoned when a panic begins while a guard is held.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError};
use std::thread;

use crate::rt::Token;

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

    /// Says so.
    #[cfg(parking_lot_mirrored)]
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Poisons the lock if a panic began since the guard was given `token`.
    #[inline]
    pub(crate) fn leave(&self, token: Token) {
        // Who is sent home from a run that is over has not failed at anything.
        if !token.mark() && thread::panicking() && !crate::rt::steer::operations::is_going_home() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Wraps what a poisoned lock gives out.
    #[inline]
    pub(crate) fn wrap<T>(&self, value: T) -> LockResult<T> {
        if self.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

/// The acquisition, with a note whether the thread is panicking as it takes the lock: such a guard does not poison.
#[inline]
pub(crate) fn entered(token: Token) -> Token {
    token.with_mark(thread::panicking())
}
