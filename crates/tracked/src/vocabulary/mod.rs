//! The threading vocabulary that std lacks: locks without poisoning, re-entrant locks, conditions that carry their
//! lock, semaphores, events. Written once over [`crate::base`], watched or plain.

mod condition;
mod event;
mod lock;
mod rlock;
mod semaphore;

pub use condition::{Condition, ConditionGuard};
pub use event::Event;
pub use lock::{Guard, Lock};
pub use rlock::{RLock, RLockGuard};
pub use semaphore::{BoundedSemaphore, OverRelease, Permit, Semaphore};

use std::time::{Duration, Instant};

/// The moment `timeout` from now; `None` if that is past what the clock can say, which means for ever.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
